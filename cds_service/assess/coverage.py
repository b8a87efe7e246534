"""One policy edition against one case: every paragraph's finding, the contested readings, the overall result. Pure.

The words "approved" and "denied" have no place here: the result says which criteria are met, not met, unknown or for
review, by which text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cds_service.assess.criteria import judge_condition
from cds_service.assess.findings import Finding, Status, all_of, any_of
from cds_service.assess.judged import Judged
from cds_service.assess.request_criteria import answer
from cds_service.facts.model import Case, Fact
from cds_service.knowledge.policy import Contested, Paragraph, Policy, Reading, Section

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

    @property
    def matters(self) -> bool:
        """Do the readings differ, or does one of them come to something else than not met or unknown?"""
        found = {status for _, status in self.statuses}
        return len(found) > 1 or bool(found & {Status.MET, Status.REVIEW})


@dataclass(frozen=True, slots=True)
class PolicyResult:
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


Find = Callable[[str], Finding]


def assess_policy(policy: Policy, section_id: str | None, judged: Judged) -> PolicyResult:
    """Judge every computed paragraph of one edition. `section_id` None: which section applies is itself unknown."""
    paragraphs = {paragraph.id: paragraph for paragraph in policy.paragraph if not paragraph.not_computed}
    elsewhere = Finding(Status.NOT_APPLICABLE, f"the request goes by section {section_id}") if section_id else None
    text = _Text(paragraphs, judged, section_id, elsewhere=elsewhere)
    findings = text.evaluate()
    section = next((item for item in policy.section if item.id == section_id), None)
    top = section.requires if section else tuple(name for item in policy.section for name in item.requires)
    contested = tuple(_contested(item, text, findings, top) for item in policy.contested)
    contested = tuple(item for item in contested if item.matters)
    result = PolicyResult(policy, section_id, OVERALL[Status.UNKNOWN], findings, contested, top, ("section",))
    return _over_the_top(result, section, text) if section else result


def _over_the_top(result: PolicyResult, section: Section, text: _Text) -> PolicyResult:
    """The overall result, over the top level only."""
    status = all_of(result.findings[name] for name in result.top).status
    decisive = [name for name in result.top if result.findings[name].status is status and status is not Status.MET]
    undecided = [item.clause.criterion for item in result.contested if item.decides]
    if undecided and status in (Status.MET, Status.REVIEW):
        status, decisive = Status.REVIEW, undecided + decisive
    route = _route(section, result.findings) if status is Status.NOT_MET else None
    return replace(
        result,
        overall=OVERALL[status],
        decisive=tuple(decisive),
        route=route,
        route_paragraph=section.route_paragraph if route else None,
        months=section.months if status is Status.MET else None,
        notes=_notes(text, result),
    )


@dataclass(frozen=True, slots=True)
class _Text:
    """The computed paragraphs of an edition (or of one reading of it), ready to be judged for a case."""

    paragraphs: Mapping[str, Paragraph]
    judged: Judged
    section_id: str | None
    memo: dict[int, Finding] = field(default_factory=dict)
    """Conditions already judged for this case, by identity: the readings of a clause share nearly all of them."""
    elsewhere: Finding | None = None
    """What is found of every paragraph of another section; None while the section is unknown."""

    def evaluate(self) -> dict[str, Finding]:
        """The finding of every paragraph, in the document's order; the other section's are not applicable."""
        done: dict[str, Finding] = {}

        def find(name: str) -> Finding:
            if name not in done:
                done[name] = self._paragraph(self.paragraphs[name], find)
            return done[name]

        return {name: find(name) for name in self.paragraphs}

    def _paragraph(self, paragraph: Paragraph, find: Find) -> Finding:
        if self.elsewhere and not paragraph.id.startswith(f"{self.section_id}."):
            return self.elsewhere
        if paragraph.only_if:
            asked = answer(self.judged, {"of": paragraph.only_if})
            if asked.status is not Status.MET:
                relevance = {Status.NOT_MET: Status.NOT_APPLICABLE, Status.UNKNOWN: Status.UNKNOWN}[asked.status]
                return replace(asked, status=relevance)
        own = [self.conditions(paragraph.conditions)] if paragraph.conditions else []
        if paragraph.any_of:
            own.append(_one_of({name: find(name) for name in paragraph.any_of}))
        own += [find(name) for name in paragraph.all_of]
        return own[0] if len(own) == 1 else all_of(own)

    def conditions(self, conditions: tuple[dict[str, Any], ...]) -> Finding:
        """All of these conditions."""
        return all_of(self._condition(condition) for condition in conditions)

    def _condition(self, condition: dict[str, Any]) -> Finding:
        key = id(condition)
        if key not in self.memo:
            self.memo[key] = judge_condition(self.judged, condition)
        return self.memo[key]


def _one_of(found: Mapping[str, Finding]) -> Finding:
    """One of these paragraphs; the reason names the ones that decide."""
    joined = any_of(found.values())
    if joined.status is Status.NOT_MET:
        return replace(joined, reason=_why_none(found))
    deciding = {name: finding.reason for name, finding in found.items() if finding.status is joined.status}
    reasons = [reason if reason.startswith(name) else f"{name}: {reason}" for name, reason in deciding.items()]
    return replace(joined, reason="; ".join(reasons))


def _why_none(found: Mapping[str, Finding]) -> str:
    """What rules every one of them out, where that is one thing; else the first thing that rules out each."""
    reasons = {name: finding.reason.split("; ") for name, finding in found.items() if finding.status is Status.NOT_MET}
    common = [reason for reason in next(iter(reasons.values())) if all(reason in each for each in reasons.values())]
    if common:
        return "; ".join(common)
    return "; ".join(each[0] if each[0].startswith(name) else f"{name}: {each[0]}" for name, each in reasons.items())


def _contested(item: Contested, text: _Text, findings: Mapping[str, Finding], top: tuple[str, ...]) -> ContestedResult:
    results = [_under(reading, item.limb, text, findings) for reading in item.reading]
    required = [name for name in top if item.criterion.startswith(f"{name}.")]
    decides = any(len({found[name].status for found in results}) > 1 for name in required)
    statuses = [
        (reading.name, found[item.criterion].status) for reading, found in zip(item.reading, results, strict=True)
    ]
    return ContestedResult(item, tuple(statuses), decides)


def _under(reading: Reading, limb: str, text: _Text, findings: Mapping[str, Finding]) -> Mapping[str, Finding]:
    """Every finding, with the limb read this way; those of the file where that changes nothing."""
    if not reading.conditions or findings[limb].status is Status.NOT_APPLICABLE:
        return findings
    if text.conditions(reading.conditions).status is findings[limb].status:
        return findings
    read = replace(text.paragraphs[limb], conditions=reading.conditions)
    return replace(text, paragraphs={**text.paragraphs, limb: read}).evaluate()


def _route(section: Section, findings: Mapping[str, Finding]) -> str:
    special = (route for name, route in section.route_when_not_met.items() if findings[name].status is Status.NOT_MET)
    return next(special, section.route)


def _notes(text: _Text, result: PolicyResult) -> tuple[str, ...]:
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


def _either_way(text: _Text, name: str, findings: Mapping[str, Finding]) -> str:
    """No case analysis over an unknown: BCR::ABL1 stays unknown even where either answer would do; but say so."""
    if text.judged.case.patient.bcr_abl1.known or findings[name].status is not Status.UNKNOWN:
        return ""
    met = [_with_bcr(text, value).evaluate()[name].status is Status.MET for value in ("positive", "negative")]
    return f"BCR::ABL1 is not known; either result would meet {name}." if all(met) else ""


def _with_bcr(text: _Text, value: str) -> _Text:
    patient = replace(text.judged.case.patient, bcr_abl1=Fact(value), bcr_abl1_like=Fact())
    return replace(text, judged=replace(text.judged, case=replace(text.judged.case, patient=patient)), memo={})


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
    limbs = {item.id for policy in (current.policy, previous.policy) for item in policy.paragraph if item.limb}
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
