"""The footnote to the dose criterion: is the regimen plainly a labelled one? Met, or for review; never not met. Pure.

The service knows the label. It makes no claim about what a guideline lists: a person confirms that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from cds_service.assess.ages import born, reached
from cds_service.assess.disease_criteria import MRD_LEVEL_PERCENT, MRD_QUESTIONS, bcr_abl1_status
from cds_service.assess.dosing import DoseResult
from cds_service.assess.findings import Finding, Status
from cds_service.assess.safety_population import cd19_questions
from cds_service.assess.track import Track
from cds_service.facts.model import Case, Evidence
from cds_service.knowledge.label import Label

_SETTLED = "A person's confirmation that the regimen is labelled or guideline-listed"
_CONSOLIDATION_REGIMENS = frozenset(
    {
        "single-agent",
        "alternating-multiagent",
        "alternating-pomp",
        "combination-multiagent",
        "combination-interfant",
        "combination-other",
    }
)
"""`with-tki` is not a combination of the labelled consolidation use."""
_DOSE_DOUBT = {
    "above_label": "the ordered dose is above the label row",
    "below_label": "the ordered dose is below the label row",
    "no_label_row": "there is no label row to compare the ordered dose with",
    "unknown": "whether the ordered dose is that of a label row cannot be told",
}
_FACTS_USED = ("birth_date", "lineage", "cd19", "weight")
_FACTS_USED_BY = {"mrd": ("mrd",), "consolidation": ("bcr_abl1",), "bsa": ("height",)}
_ANSWERS_USED = ("disease_status", "treatment_phase", "regimen", "cycle", "day")


def labelled_regimen(case: Case, label: Label, track: Track, dose: DoseResult) -> Finding:
    """Met only when the use is a labelled one on this date, without a flag or conflict, and the dose is the row's."""
    doubts = tuple(doubts_about_use(case, label, track)) + tuple(_conflicts(case, track, dose.basis))
    evidence = _evidence(case)
    if dose.verdict != "matches_label":
        doubts += (_DOSE_DOUBT[dose.verdict],)
    if doubts:
        return Finding(Status.REVIEW, "; ".join(doubts), evidence, _SETTLED, _asks(case, track, dose))
    return Finding(Status.MET, f"labelled use and dose ({label.title})", evidence)


def _asks(case: Case, track: Track, dose: DoseResult) -> tuple[str, ...]:
    """The order questions whose answers would lift a doubt: those on a fact of this use that is not known."""
    course, mrd = case.course, case.patient.mrd.value
    levels = track.name == "mrd" and mrd is not None and mrd.percent is None
    undated = track.name != "none" and dose.verdict == "unknown"
    labelled = track.name in ("mrd", "relapsed-refractory", "consolidation")
    wanted = (
        (not case.patient.lineage.known and not case.patient.lineage.conflict, ("lineage",)),
        (True, cd19_questions(case.patient.cd19)),
        (True, track.asks),
        (labelled and not course.regimen.known, ("regimen",)),
        (levels, MRD_QUESTIONS),
        (undated and not course.cycle.known, ("cycle",)),
        (undated and not course.day.known, ("day",)),
    )
    return tuple(link_id for holds, asks in wanted if holds for link_id in asks)


def doubts_about_use(case: Case, label: Label, track: Track) -> Iterator[str]:
    """Each reason why this is not plainly a labelled use, in words. None: it is."""
    if case.start < label.from_date:
        yield f"the label edition on file begins on {_iso(label.from_date)}"
    old_enough = reached(case, label.minimum_age_months)
    if not old_enough:
        yield "the age of one month is not documented" if old_enough is None else "under one month of age"
    if case.patient.lineage.value != "b":
        yield "B-ALL is not documented"
    cd19 = case.patient.cd19.value
    if cd19 != "positive":
        found = cd19.replace("-", " ") if cd19 else "not documented as positive"
        yield f"CD19 on the blasts is {found}"
    yield from _track_doubts(case, track)


def _track_doubts(case: Case, track: Track) -> Iterator[str]:
    if track.name not in ("mrd", "relapsed-refractory", "consolidation"):
        yield "this use has no label row" if track.name == "none" else "the labelled use is not known"
        return
    if track.flagged:
        yield track.reason
    yield from {"mrd": _mrd_doubts, "relapsed-refractory": _relapsed_doubts, "consolidation": _consolidation_doubts}[
        track.name
    ](case)


def _relapsed_doubts(case: Case) -> Iterator[str]:
    if case.course.regimen.value != "single-agent":
        yield "the labelled use in relapsed or refractory disease is as a single agent"


def _mrd_doubts(case: Case) -> Iterator[str]:
    if case.course.regimen.value != "single-agent":
        yield "the labelled use in MRD-positive remission is as a single agent"
    if case.course.disease_status.value not in ("remission-1", "remission-2"):
        yield "the label names the first or second remission"
    mrd = case.patient.mrd
    if mrd.value is None or mrd.value.percent is None or mrd.value.percent < MRD_LEVEL_PERCENT:
        yield f"an MRD level of at least {MRD_LEVEL_PERCENT} % is not documented"
    elif mrd.stale:
        yield "the MRD result is old"


def _consolidation_doubts(case: Case) -> Iterator[str]:
    if bcr_abl1_status(case)[0] != "negative":
        yield "BCR::ABL1-negative disease is not documented"
    if case.course.regimen.value not in _CONSOLIDATION_REGIMENS:
        yield "the regimen is not one of the labelled consolidation phase"


def _conflicts(case: Case, track: Track, basis: str | None) -> Iterator[str]:
    """A conflict on a fact that this use or this dose rests on."""
    facts = _FACTS_USED + _FACTS_USED_BY.get(track.name or "", ()) + _FACTS_USED_BY.get(basis or "", ())
    for source, names in ((case.patient, facts), (case.course, _ANSWERS_USED)):
        yield from (f"sources disagree on {name.replace('_', ' ')}" for name in names if getattr(source, name).conflict)


def _evidence(case: Case) -> tuple[Evidence, ...]:
    facts = (case.patient.cd19, case.course.disease_status, case.course.regimen)
    return tuple(dict.fromkeys((*born(case), *(item for fact in facts for item in fact.evidence))))


def _iso(day: date) -> str:
    return day.isoformat()
