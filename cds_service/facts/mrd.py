"""Measurable residual disease: which results are MRD, what each says, and which one decides.

Recognised by the site's own codes (setting), or by the words of its code: "minimal / measurable residual disease" or
the word MRD; never "matched related donor", never limits of detection or numbers of cells analysed. Levels are per
cent. The newest specimen before the first dose decides, except that a negative blood never overrides a positive marrow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from cds_service.dates import PartialDate, days_between
from cds_service.facts import specimens
from cds_service.facts.disease import Timeline
from cds_service.facts.disease_words import MRD
from cds_service.facts.model import Evidence, Fact, Mrd
from cds_service.facts.mrd_value import read_value
from cds_service.facts.questions import Answers
from cds_service.facts.record import Observed, Record, newness, printed
from cds_service.facts.reports import EVIDENCE_ONLY, report_mentions
from cds_service.fhir import reader

_NOT_MRD = re.compile(
    r"donor|matched|\blo[dq]\b|\blloq\b|limit of|sensitivity|analy[sz]ed|acquired|events|total (?:cells|nucleated)|"
    r"cells counted|threshold|cut-?off"
)
_OTHER_DISEASE = re.compile(
    r"myeloma|\baml\b|myeloid|\bcll\b|chronic lymph|\bcml\b|lymphoma|\bt[- ]?all\b|\bt[- ](?:cell|lymph)|plasma cell"
)


@dataclass(frozen=True, slots=True)
class _Candidate:
    mrd: Mrd
    evidence: Evidence
    written: str | None
    problem: str | None = None
    final: bool = True
    """A result that was reported; others are shown and passed over."""

    @property
    def day(self) -> PartialDate | None:
        return reader.partial(self.written)

    @property
    def age(self) -> tuple[date, str]:
        return newness(self.written)


def read_mrd(record: Record, answers: Answers, timeline: Timeline) -> Fact[Mrd]:
    """The MRD result that decides for this course, with all others as evidence."""
    found = [*_answered(answers), *_observed(record)]
    texts = report_mentions(record, MRD, "MRD")
    evidence = tuple(dict.fromkeys((*(candidate.evidence for candidate in found), *texts)))
    usable = [candidate for candidate in found if candidate.final]
    in_time = [candidate for candidate in usable if _before_first_dose(candidate, timeline)]
    if not in_time:
        why = next((candidate.problem for candidate in found if candidate.problem), None)
        why = why or (EVIDENCE_ONLY if texts else None)
        late = "the MRD results on file were taken after this course began" if usable else why
        return Fact(None, evidence, late)
    decided = _deciding(in_time)
    if decided is None:
        return Fact(None, evidence, "two MRD results of the same day disagree", conflict=True)
    if decided.problem is not None:
        return Fact(None, evidence, decided.problem, unreadable=decided.evidence.reference)
    if timeline.running and timeline.first_dose is None and decided.mrd.detected is False:
        why = "this course has begun and its first dose is not dated: the result may be the response to it"
        return Fact(None, evidence, why)
    ordered = (decided.evidence, *(shown for shown in evidence if shown != decided.evidence))
    return _aged(Fact(decided.mrd, ordered), decided, record, timeline)


def _before_first_dose(candidate: _Candidate, timeline: Timeline) -> bool:
    """Taken by the first dose of this course; by its planned start where none is dated."""
    limit = timeline.first_dose or (timeline.start if not timeline.running else None)
    return limit is None or candidate.day is None or candidate.day.earliest <= limit


def _deciding(candidates: Sequence[_Candidate]) -> _Candidate | None:
    """The newest; of one day marrow before blood; None where results of one day and specimen disagree."""
    newest = _newest(candidates)
    if newest is None or newest.mrd.specimen != "blood" or newest.mrd.detected is not False:
        return newest
    marrow = [candidate for candidate in candidates if candidate.mrd.specimen == "marrow"]
    older = _newest(marrow) if marrow else None
    return older if older is not None and older.mrd.detected else newest


def _newest(candidates: Sequence[_Candidate]) -> _Candidate | None:
    latest = max(candidate.age for candidate in candidates)
    same = [candidate for candidate in candidates if candidate.age[0] == latest[0]]
    marrow = [candidate for candidate in same if candidate.mrd.specimen == "marrow"]
    chosen = marrow or [candidate for candidate in same if candidate.age == latest]
    verdicts = {candidate.mrd.detected for candidate in chosen} - {None}
    levels = {candidate.mrd.percent for candidate in chosen} - {None}
    if len(verdicts) > 1 or len(levels) > 1:
        return None
    first = max(chosen, key=lambda candidate: (candidate.mrd.percent is not None, candidate.mrd.detected is not None))
    words = [candidate.mrd.reported for candidate in chosen if candidate.mrd.reported]
    if first.mrd.reported is None and words and len(set(words)) == 1:
        return replace(first, mrd=replace(first.mrd, reported=words[0]))
    return first


def _aged(fact: Fact[Mrd], decided: _Candidate, record: Record, timeline: Timeline) -> Fact[Mrd]:
    """Too old by the setting, older than the latest relapse, or not dated."""
    if decided.mrd.detected is None and decided.mrd.percent is None:
        problem = "the unit of the MRD level is not stated"
        fact = fact._replace(problem=problem, unreadable=decided.evidence.reference)
    if decided.day is None:
        return fact._replace(stale=True, problem="the MRD result is not dated")
    taken = decided.day.earliest
    begun = min(timeline.start, timeline.first_dose or timeline.start)
    if timeline.relapse and taken < timeline.relapse:
        return fact._replace(stale=True, problem=f"the MRD result is older than the relapse of {timeline.relapse}")
    age = days_between(taken, begun)
    if age > record.settings.mrd_stale_days:
        return fact._replace(stale=True, problem=f"the MRD result is {age} days old")
    return fact


def _answered(answers: Answers) -> Iterator[_Candidate]:
    """The result typed into the order questions, in per cent."""
    dated: PartialDate | None = answers.fact("mrd-date").value
    specimen: str | None = answers.fact("mrd-specimen").value
    for told in answers.told("mrd-result"):
        percent = told.value
        written = str(dated) if dated else None
        shown = told.evidence._replace(what=_what(specimen), date=written)
        detected = percent > 0 if percent is not None else None
        day = dated.exact if dated else None
        mrd = Mrd(detected, percent, None, None, specimen, day)
        yield _Candidate(mrd, shown, written, told.problem, told.value is not None)


def _observed(record: Record) -> Iterator[_Candidate]:
    for observed in record.disease_results:
        unit = _site_unit(record, observed)
        panel = _is_mrd(observed.said) or unit is not None
        if panel:
            candidate = _candidate(record, observed, unit)
            if candidate is not None:
                yield candidate
        for part in record.components(observed):
            part_unit = _site_unit(record, part)
            if part_unit is not None or _is_mrd(part.said):
                candidate = _candidate(record, part, part_unit)
                if candidate is not None:
                    yield candidate


@lru_cache(maxsize=2048)
def _is_mrd(said: str) -> bool:
    return bool(MRD.search(said)) and not _NOT_MRD.search(said) and not _OTHER_DISEASE.search(said)


def _site_unit(record: Record, observed: Observed) -> str | None:
    """The unit of the site's own MRD code ('system|code', or 'system|code|unit'); per cent unless it says otherwise."""
    if not record.settings.mrd_codes:
        return None
    coded = {f"{system}|{code}" for system, code, _ in reader.codings(observed.resource.get("code"))}
    for listed in record.settings.mrd_codes:
        system, _, rest = listed.partition("|")
        code, _, unit = rest.partition("|")
        if f"{system}|{code}" in coded:
            return unit or "%"
    return None


def _candidate(record: Record, observed: Observed, unit: str | None) -> _Candidate | None:
    """One result; None where it states nothing at all (a panel that leaves it to its components)."""
    value = read_value(observed.resource, record.value_sets, unit_if_none=unit)
    stated = [name for name in observed.resource if name.lstrip("_").startswith(("value", "interpretation"))]
    absent = "dataAbsentReason" in observed.resource or all(name.startswith("_") for name in stated)
    if value is None and not stated and "dataAbsentReason" not in observed.resource:
        return None
    said = specimens.words(record, observed)
    written = specimens.collected(record, observed)
    specimen = specimens.site(said)
    shown = record.chart.quote(value.as_written if value else "no result given" if absent else "not readable", 80)
    evidence = Evidence(observed.reference, _what(specimen), shown, printed(written))
    day = reader.day(written)
    if value is None:
        mrd = Mrd(None, None, None, None, specimen, day)
    else:
        mrd = Mrd(value.detected, value.percent, value.comparator, value.reported, specimen, day)
    if not observed.final:
        return _Candidate(mrd, evidence, written, "the MRD result is not final", False)
    if value is None and absent:
        return _Candidate(mrd, evidence, written, "the MRD result is absent from the report", False)
    if value is None:
        return _Candidate(mrd, evidence, written, "the MRD result cannot be read")
    return _Candidate(mrd, evidence, written, value.problem)


def _what(specimen: str | None) -> str:
    return {"marrow": "MRD, bone marrow", "blood": "MRD, blood"}.get(specimen or "", "MRD")
