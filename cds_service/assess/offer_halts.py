"""What keeps every offer back that goes with giving the drug: a stop, an active toxicity, sources that disagree.

Pure. Each reason is said in a few words; when in doubt nothing is offered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

from cds_service.assess.safety_item import SafetyItem
from cds_service.assess.track import PHASE_STATUS_CONFLICT, Track
from cds_service.facts.model import Case, Course, PatientFacts

TOXICITIES = {
    "crs": "cytokine release syndrome",
    "hlh": "HLH/MAS",
    "icans": "ICANS",
    "neurotoxicity": "neurotoxicity",
    "seizure": "a seizure",
}
"""Kinds of problem that, unless recorded as over, keep everything back."""


def halts(case: Case, track: Track, safety: Sequence[SafetyItem]) -> tuple[str, ...]:
    """Why nothing is offered that goes with giving the drug; empty when nothing stands against it."""
    return tuple(
        dict.fromkeys((*stops(safety), *_active(case), *_disease(case), *conflicts(case, track), *_unread(case)))
    )


def stops(safety: Sequence[SafetyItem]) -> Iterator[str]:
    """Every stop found for this patient."""
    for item in safety:
        if item.status == "applies" and item.severity == "critical":
            yield f"a stop stands: {item.short or item.title}"


def _active(case: Case) -> Iterator[str]:
    for problem in case.patient.problems:
        if problem.kind in TOXICITIES and problem.active is not False:
            yield f"{TOXICITIES[problem.kind]} is on record and not recorded as over"


def _disease(case: Case) -> Iterator[str]:
    if case.patient.lineage.value in _NOT_B:
        yield "the disease on record is not B-cell ALL"


_NOT_B = ("t", "other")


def conflicts(case: Case, track: Track) -> Iterator[str]:
    """Every fact on which two sources disagree: which of them holds is not for a button to say."""
    for source, names in ((case.patient, _OF_PATIENT), (case.course, _OF_COURSE)):
        for name in names:
            if getattr(source, name).conflict:
                yield f"sources disagree on the {WORDS.get(name, name.replace('_', ' '))}"
    if PHASE_STATUS_CONFLICT in track.flags:
        yield "sources disagree on treatment phase and disease status"


COVERAGE_ONLY = frozenset(
    {
        *("payer", "prescriber", "request_type", "specialist_consulted", "supporting_literature"),
        *("current_use_documented", "paid_by_this_plan", "earlier_blinatumomab"),
    }
)
"""Facts that bear on the payer's criteria alone: they do not change what is given."""
WORDS = {
    "bcr_abl1": "BCR::ABL1 result",
    "bcr_abl1_like": "BCR::ABL1-like result",
    "kmt2a": "KMT2A result",
    "cd19": "CD19 result",
    "mrd": "MRD result",
    "charted_bsa": "body surface area",
}
"""Facts whose names are not their words."""


def _unread(case: Case) -> Iterator[str]:
    """What FHIR has no element for is kept as it came and stands against nothing; a broken dosage does."""
    for item in case.unreadable:
        if item.reference == case.order.reference and "dosageInstruction" in item.why and _UNKNOWN not in item.why:
            yield "part of the dosage could not be read"


_UNKNOWN = "is no element of FHIR"


def _facts(kind: type) -> tuple[str, ...]:
    """The fields that hold a fact which bears on what is given."""
    found = (item.name for item in fields(kind) if str(item.type).startswith("Fact["))
    return tuple(name for name in found if name not in COVERAGE_ONLY)


_OF_PATIENT, _OF_COURSE = _facts(PatientFacts), _facts(Course)
