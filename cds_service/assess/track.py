"""Which use of the label this course is: the row family, by status, phase, BCR::ABL1 and MRD. Pure.

Status and MRD are those when this course began; a good response does not move cycle 2 to another row. A use without
a row never borrows one: its track is 'none'. Too little known: None, with the tracks that stay possible.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from cds_service.assess.disease_criteria import MRD_QUESTIONS, bcr_abl1_status
from cds_service.assess.judged import spoken
from cds_service.facts.model import Case, Evidence, Mrd

MRD, RELAPSED, CONSOLIDATION, NONE = "mrd", "relapsed-refractory", "consolidation", "none"
LABELLED_MRD_PERCENT = Decimal("0.1")
"""The labelled use starts at this level; criterion I.A.4.a of the policy names none (D31)."""

PHASE_STATUS_CONFLICT = "phase-status-conflict"
PHASE_NOT_USED = "phase-not-used-for-track"
BCR_UNKNOWN = "bcr-abl1-unknown-for-track"
MRD_ROW_UNDECIDED = "mrd-row-undecided"
MRD_STALE = "mrd-stale-for-track"
MRD_BELOW_LABEL = "mrd-below-label-level"
THIRD_REMISSION = "third-or-later-remission"
REMISSION_NUMBER_UNKNOWN = "remission-number-unknown"
INDUCTION_IN_REMISSION = "induction-stated-in-remission"
FLAG_SAYS = {
    PHASE_STATUS_CONFLICT: "the stated phase and the stated disease status contradict each other",
    PHASE_NOT_USED: "the stated phase is not used for the row",
    BCR_UNKNOWN: "BCR::ABL1 is not known, and the labelled use is BCR::ABL1-negative disease",
    MRD_ROW_UNDECIDED: "with MRD of at least 0.1 % in first or second remission the MRD-positive row would apply",
    MRD_STALE: "the MRD result is old",
    MRD_BELOW_LABEL: "the MRD level is below the labelled 0.1 %",
    THIRD_REMISSION: "the labelled use is the first or second remission",
    REMISSION_NUMBER_UNKNOWN: "which remission is not stated",
    INDUCTION_IN_REMISSION: "induction is stated",
}
"""What each flag says, once, in the track's reason."""

_STATUS_QUESTION = ("disease-status",)
_FLAG_ASKS = {
    BCR_UNKNOWN: ("bcr-abl1",),
    MRD_ROW_UNDECIDED: MRD_QUESTIONS,
    REMISSION_NUMBER_UNKNOWN: _STATUS_QUESTION,
}
"""The order questions that would lift a flag."""

_ACTIVE = ("relapsed", "refractory")
_FIRST_OR_SECOND = ("remission-1", "remission-2")
_REMISSION = (*_FIRST_OR_SECOND, "remission-3-or-later", "remission")
_WITHOUT_ROW = ("maintenance", "post-consolidation")
_POSSIBLE = {
    "newly-diagnosed": (CONSOLIDATION,),
    "not-in-remission": (RELAPSED, CONSOLIDATION),
    **dict.fromkeys(_REMISSION, (MRD, CONSOLIDATION)),
}
"""Tracks that a status does not exclude; without a status none is excluded. A stated induction excludes none: of new
disease it has no row, so the rows that are left would make a missing step of what may be none."""


@dataclass(frozen=True, slots=True)
class Track:
    """The row family, how it was reached, and what stays possible when it is not known."""

    name: str | None
    """mrd, relapsed-refractory, consolidation, none (no row for this use), or None (not known)"""
    reason: str
    flags: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    possible: tuple[str, ...] = ()
    """When the name is None: the tracks that the stated facts do not exclude."""
    asks: tuple[str, ...] = ()
    """The order questions that would settle it: whether it is another one, or what it is flagged for."""
    also: tuple[str, ...] = ()
    """A track that fits as well and is shown beside this one (same dose, other adult premedication)."""

    @property
    def flagged(self) -> bool:
        """Was this track reached with a reservation? Then the policy's footnote goes to review."""
        return bool(self.flags)


@dataclass(frozen=True, slots=True)
class _Use:
    """The four facts a track is read from."""

    status: str | None
    phase: str | None
    bcr_abl1: str | None
    mrd: Mrd | None
    mrd_stale: bool
    evidence: tuple[Evidence, ...]

    @property
    def mrd_positive(self) -> bool | None:
        """Positive or above zero, and not reported negative; None when no result says so either way."""
        if self.mrd is None:
            return None
        if self.mrd.reported == "negative":
            return False
        level = self.mrd.percent is not None and self.mrd.comparator not in ("<", "<=")
        if self.mrd.reported == "positive" or self.mrd.detected or (level and self.mrd.percent):
            return True
        return None if self.mrd.detected is None and not level else False

    @property
    def mrd_at_label_level(self) -> bool:
        """A stated level of at least 0.1 %, not reported negative."""
        level = self.mrd.percent if self.mrd and self.mrd.comparator not in ("<", "<=") else None
        return bool(self.mrd_positive and level is not None and level >= LABELLED_MRD_PERCENT)

    def track(self, name: str | None, reason: str, *flags: str | None, **more: tuple[str, ...]) -> Track:
        """A track on this evidence; flags that are None do not hold, the others are told in the reason."""
        held = tuple(flag for flag in flags if flag)
        asks = (*more.pop("asks", ()), *(link_id for flag in held for link_id in _FLAG_ASKS.get(flag, ())))
        says = "; ".join((reason, *(FLAG_SAYS[flag] for flag in held)))
        return Track(name, says, held, self.evidence, asks=asks, **more)


def track_of(case: Case) -> Track:
    """The track of this order. Never raises; None in `name` means that too little is known."""
    patient, course = case.patient, case.course
    facts = (course.disease_status, course.treatment_phase, patient.bcr_abl1, patient.bcr_abl1_like, patient.mrd)
    use = _Use(
        course.disease_status.value,
        course.treatment_phase.value,
        bcr_abl1_status(case)[0],
        patient.mrd.value,
        patient.mrd.stale,
        tuple(dict.fromkeys(item for fact in facts for item in fact.evidence)),
    )
    if use.status in _ACTIVE or use.phase == RELAPSED:
        return _relapsed(use)
    if use.phase == CONSOLIDATION:
        return _consolidation(use)
    if use.phase in _WITHOUT_ROW:
        return use.track(NONE, f"{spoken(use.phase)} is a use without a row in the label")
    if use.status in _REMISSION and use.mrd_positive:
        return _mrd(use)
    return _without_row_or_unknown(use)


def _relapsed(use: _Use) -> Track:
    if use.status not in _ACTIVE:
        clash = use.status not in (None, "not-in-remission")
        reason = "the treatment phase is stated as relapsed or refractory"
        return use.track(RELAPSED, reason, PHASE_STATUS_CONFLICT if clash else None)
    clash = use.phase not in (None, RELAPSED)
    unused = use.phase in ("induction", "consolidation")
    reason = f"the disease was {use.status} when this course began"
    if unused:
        reason += f"; the stated phase ({use.phase}) is not used for the row"
    return use.track(RELAPSED, reason, PHASE_STATUS_CONFLICT if clash else None, PHASE_NOT_USED if unused else None)


def _consolidation(use: _Use) -> Track:
    if use.bcr_abl1 == "positive":
        return _consolidation_bcr_positive(use)
    fits = use.status in _REMISSION and use.mrd_positive
    both: tuple[str, ...] = (MRD,) if fits else ()
    if use.bcr_abl1 is None:
        return use.track(CONSOLIDATION, "consolidation phase", BCR_UNKNOWN, also=both)
    return use.track(CONSOLIDATION, "consolidation phase, BCR::ABL1-negative", also=both)


def _consolidation_bcr_positive(use: _Use) -> Track:
    if use.status in _FIRST_OR_SECOND and use.mrd_at_label_level:
        reason = "consolidation of BCR::ABL1-positive disease in remission with MRD of at least 0.1 %"
        return use.track(MRD, reason, MRD_STALE if use.mrd_stale else None)
    # The contract's "otherwise none" holds with MRD unknown too; the flag says what would change it.
    undecided = use.status in (*_FIRST_OR_SECOND, "remission", None) and use.mrd_positive is not False
    reason = "consolidation of BCR::ABL1-positive disease is a use without a row in the label"
    return use.track(NONE, reason, MRD_ROW_UNDECIDED if undecided else None)


def _mrd(use: _Use) -> Track:
    level = use.mrd.percent if use.mrd else None
    return use.track(
        MRD,
        "in remission with MRD positive",
        THIRD_REMISSION if use.status == "remission-3-or-later" else None,
        REMISSION_NUMBER_UNKNOWN if use.status == "remission" else None,
        MRD_BELOW_LABEL if level is not None and not use.mrd_at_label_level else None,
        INDUCTION_IN_REMISSION if use.phase == "induction" else None,
        MRD_STALE if use.mrd_stale else None,
    )


def _without_row_or_unknown(use: _Use) -> Track:
    induction = use.phase == "induction"
    if induction and use.status == "newly-diagnosed":
        return use.track(NONE, "induction of new disease is a use without a row in the label")
    if induction and use.status in _REMISSION and use.mrd_positive is False:
        return use.track(NONE, "induction in remission with MRD negative is a use without a row in the label")
    possible = _POSSIBLE.get(use.status or "", (MRD, RELAPSED, CONSOLIDATION))
    if use.mrd_positive is False:
        possible = tuple(name for name in possible if name != MRD)
    missing = {
        words: asks
        for words, asks, lacking in (
            ("the disease status when this course began", _STATUS_QUESTION, use.status is None),
            ("the treatment phase", ("treatment-phase",), use.phase is None),
            ("the MRD result", MRD_QUESTIONS, use.status in _REMISSION and use.mrd_positive is None),
        )
        if lacking
    } or {"whether the disease is new or refractory": _STATUS_QUESTION}
    asked = tuple(link_id for asks in missing.values() for link_id in asks)
    return use.track(None, f"not known: {', '.join(missing)}", possible=possible, asks=asked)
