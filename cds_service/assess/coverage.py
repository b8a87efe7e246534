"""One policy edition against one case: every paragraph's finding, the contested readings, the overall result. Pure.

The words "approved" and "denied" have no place here: the result says which criteria are met, not met, unknown or for
review, by which text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from cds_service.assess.clauses import Done, Text
from cds_service.assess.findings import Finding, Status, all_of
from cds_service.assess.judged import Judged
from cds_service.facts.model import Case, Fact
from cds_service.knowledge.policy import Contested, Policy, Reading, Section, rules

OVERALL = {
    Status.NOT_MET: "criteria_not_met",
    Status.UNKNOWN: "insufficient_information",
    Status.REVIEW: "manual_review",
    Status.MET: "criteria_met",
}


@dataclass(frozen=True, slots=True)
class ContestedResult:
    """A contested clause: its status under each reading, the reading of the file first."""

    clause: Contested
    statuses: tuple[tuple[str, Status], ...]
    decides: bool
    """True when a use would come out differently under another reading."""
    asks: tuple[str, ...] = ()
    """The order questions that would settle a reading that is not known."""

    @property
    def matters(self) -> bool:
        """Do the readings differ, or does one of them come to something else than not met or unknown?"""
        found = {status for _, status in self.statuses}
        return len(found) > 1 or bool(found & {Status.MET, Status.REVIEW})


class PolicyResult(NamedTuple):
    """What one edition says of this order."""

    policy: Policy
    section: str | None
    overall: str
    findings: Mapping[str, Finding]
    contested: tuple[ContestedResult, ...]
    top: tuple[str, ...]
    """The paragraphs the overall result is taken over."""
    decisive: tuple[str, ...]
    """The paragraphs (or contested clauses) that make the overall result."""
    route: str | None = None
    route_paragraph: str | None = None
    months: int | None = None
    notes: tuple[str, ...] = ()


def assess_policy(policy: Policy, section_id: str | None, judged: Judged, *, done: Done | None = None) -> PolicyResult:
    """Judge every computed paragraph of one edition. `section_id` None: which section applies is itself unknown.

    `done` is what other editions have judged for this case already, and is added to.
    """
    text = Text(policy.computed, policy.rules, judged, section_id, {} if done is None else done)
    findings = text.evaluate()
    section = next((item for item in policy.section if item.id == section_id), None)
    top = section.requires if section else tuple(name for item in policy.section for name in item.requires)
    contested = tuple(_contested(item, text, findings, top) for item in policy.contested)
    contested = tuple(item for item in contested if item.matters)
    result = PolicyResult(policy, section_id, OVERALL[Status.UNKNOWN], findings, contested, top, ("section",))
    return _over_the_top(result, section, text) if section else result


def _over_the_top(result: PolicyResult, section: Section, text: Text) -> PolicyResult:
    """The overall result, over the top level only."""
    status = all_of(result.findings[name] for name in result.top).status
    decisive = [name for name in result.top if result.findings[name].status is status and status is not Status.MET]
    undecided = [item.clause.criterion for item in result.contested if item.decides]
    if undecided and status in (Status.MET, Status.REVIEW):
        status, decisive = Status.REVIEW, undecided + decisive
    route = _route(section, result.findings) if status is Status.NOT_MET else None
    return result._replace(
        overall=OVERALL[status],
        decisive=tuple(decisive),
        route=route,
        route_paragraph=section.route_paragraph if route else None,
        months=section.months if status is Status.MET else None,
        notes=_notes(text, result),
    )


def _contested(item: Contested, text: Text, findings: Mapping[str, Finding], top: tuple[str, ...]) -> ContestedResult:
    results = [_under(reading, item.limb, text, findings) for reading in item.reading]
    required = [name for name in top if item.criterion.startswith(f"{name}.")]
    decides = any(len({found[name].status for found in results}) > 1 for name in required)
    statuses = [
        (reading.name, found[item.criterion].status) for reading, found in zip(item.reading, results, strict=True)
    ]
    under = [text.conditions(reading.asks) for reading in item.reading if decides and reading.conditions]
    asks = (link_id for finding in under if finding.status is Status.UNKNOWN for link_id in finding.asks)
    return ContestedResult(item, tuple(statuses), decides, tuple(dict.fromkeys(asks)))


def _under(reading: Reading, limb: str, text: Text, findings: Mapping[str, Finding]) -> Mapping[str, Finding]:
    """Every finding, with the limb read this way; those of the file where that changes nothing."""
    if not reading.conditions or findings[limb].status is Status.NOT_APPLICABLE:
        return findings
    if text.conditions(reading.asks).status is findings[limb].status:
        return findings
    read = replace(text.paragraphs[limb], conditions=reading.conditions)
    paragraphs = {**text.paragraphs, limb: read}
    return replace(text, paragraphs=paragraphs, rules=rules(paragraphs)).evaluate()


def _route(section: Section, findings: Mapping[str, Finding]) -> str:
    special = (route for name, route in section.route_when_not_met.items() if findings[name].status is Status.NOT_MET)
    return next(special, section.route)


def _notes(text: Text, result: PolicyResult) -> tuple[str, ...]:
    found = [_assumed(text.judged.case), *(_either_way(text, name, result.findings) for name in result.top)]
    return tuple(note for note in found if note)


def _assumed(case: Case) -> str:
    """Section I was assumed, and yet an answer speaks of treatment under way."""
    first, course = case.course.first_dose_date.value, case.course
    began = first is not None and first.latest < case.start
    if course.request_type.known or not (course.response.known or began or (course.cycle.value or 1) > 1):
        return ""
    return (
        "Judged as an initial request, because nobody answered; the answers speak of treatment under way (section II)."
    )


def _either_way(text: Text, name: str, findings: Mapping[str, Finding]) -> str:
    """No case analysis over an unknown: BCR::ABL1 stays unknown even where either answer would do; but say so."""
    if text.judged.case.patient.bcr_abl1.known or findings[name].status is not Status.UNKNOWN:
        return ""
    met = [_with_bcr(text, value).evaluate()[name].status is Status.MET for value in ("positive", "negative")]
    return f"BCR::ABL1 is not known; either result would meet {name}." if all(met) else ""


def _with_bcr(text: Text, value: str) -> Text:
    patient = replace(text.judged.case.patient, bcr_abl1=Fact(value), bcr_abl1_like=Fact())
    return replace(text, judged=replace(text.judged, case=replace(text.judged.case, patient=patient)), done={})


def section_of(case: Case) -> tuple[str | None, tuple[str, ...]]:
    """Which section the request goes by, and flags. Unanswered: section I only where the record shows no earlier dose.

    A record that was not asked shows nothing, and two answers that disagree are not silence: then the section itself
    is unknown.
    """
    asked = case.course.request_type
    if asked.value:
        return {"initial": "I", "continuation": "II"}.get(asked.value), ()
    if case.patient.earlier_blinatumomab.value is False and not asked.conflict:
        return "I", ("request-type-assumed",)
    return None, ("request-type-unknown",)


def differences(current: PolicyResult, previous: PolicyResult) -> tuple[tuple[str, str | None, str | None], ...]:
    """The clauses that come out differently: (id, status now, status then); None where the edition has no such clause.

    Limbs inside a sentence are left out, and so is a clause whose own sub-clauses in both editions already show it.
    """
    limbs = current.policy.limbs | previous.policy.limbs
    now, then = current.findings, previous.findings
    both = [name for name in now if name in then and name not in limbs and now[name].status is not then[name].status]
    lowest = [name for name in both if not any(other.startswith(f"{name}.") for other in both)]
    only = [name for name in (*now, *then) if (name in now) != (name in then) and name not in limbs]
    explains = [name for name in only if _explains(name, now, then, both)]
    return tuple((name, _status(now, name), _status(then, name)) for name in (*lowest, *explains))


def _status(side: Mapping[str, Finding], name: str) -> str | None:
    return str(side[name].status) if name in side else None


def _explains(name: str, now: Mapping[str, Finding], then: Mapping[str, Finding], both: list[str]) -> bool:
    """Does a clause that only one edition has explain why its parent differs?"""
    parent, side = name.rpartition(".")[0], now if name in now else then
    return parent in both and side[name].status is side[parent].status
