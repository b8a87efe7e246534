"""Orders that the label's checks ask for and the call does not show: one set, tests, measurements.

Pure. A check is left out where an order for it or a fresh result is in the call. Tests of the disease are named only
where they would settle what is open: what only an old record can tell is asked for elsewhere, not ordered anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cds_service.assess.safety_item import SafetyItem
from cds_service.assess.track import Track
from cds_service.facts.model import Case, Fact, LabResult
from cds_service.knowledge.label import Label

ACTIVE_DISEASE = ("newly-diagnosed", "relapsed", "refractory", "not-in-remission")
_PANEL = "order.metabolic-panel"


@dataclass(frozen=True, slots=True)
class Check:
    """One order of the set: where the label asks for it, what counts as ordered, which results as on file."""

    topic: str
    ordered: tuple[frozenset[str], ...]
    """Any of these groups of concepts, whole, is this check ordered."""
    results: tuple[str, ...] = ()
    """All of these, fresh, are this check on file; none: it is never on file."""


def _any(*concepts: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset((concept,)) for concept in concepts)


CHECKS: Mapping[str, Check] = {
    "counts": Check("blood-counts", _any("order.cbc", "lab.anc"), ("anc",)),
    "liver-panel": Check(
        "liver-panel",
        (*_any("order.hepatic-panel", _PANEL), frozenset(("lab.alt", "lab.ast", "lab.bilirubin"))),
        ("alt", "ast", "bilirubin"),
    ),
    "ggt": Check("liver-panel", _any("lab.ggt"), ("ggt",)),
    "potassium": Check("tumour-lysis-prophylaxis", _any("lab.potassium", _PANEL), ("potassium",)),
    "phosphate": Check("tumour-lysis-prophylaxis", _any("lab.phosphate"), ("phosphate",)),
    "calcium": Check("tumour-lysis-prophylaxis", _any("lab.calcium", _PANEL), ("calcium",)),
    "urate": Check("tumour-lysis-prophylaxis", _any("lab.urate"), ("urate",)),
    "pregnancy-test": Check("pregnancy", _any("lab.hcg")),
    "neurologic-checks": Check("neurotoxicity-watch", _any("order.neuro-check")),
}
"""The set, in its order."""
TOPICS = frozenset(check.topic for check in CHECKS.values())
"""The topics a label file must have for this module."""


def order_set(
    case: Case, label: Label, safety: Sequence[SafetyItem], halts: Sequence[str], *, checks_per_day: int | None
) -> list[dict[str, Any]]:
    """The checks before and during the infusion that are neither ordered nor on file. None while a halt stands."""
    if halts:
        return []
    ordered = frozenset(concept for request in case.requests for concept in request.concepts)
    on_file = frozenset(lab.name for lab in case.patient.labs if _is_fresh(lab))
    cited = _cited(label)
    return [
        {"key": key, "citation": cited[key], "per_day": checks_per_day if key == "neurologic-checks" else None}
        for key, check in CHECKS.items()
        if not _seen(check, ordered, on_file) and (key != "pregnancy-test" or _pregnancy_open(case, safety))
    ]


@lru_cache(maxsize=16)
def _cited(label: Label) -> Mapping[str, str]:
    """Where the label asks for each check."""
    return {key: label.topic(check.topic).citation for key, check in CHECKS.items()}


def _seen(check: Check, ordered: frozenset[str], on_file: frozenset[str]) -> bool:
    if check.results and on_file.issuperset(check.results):
        return True
    return bool(ordered) and any(group <= ordered for group in check.ordered)


def _is_fresh(lab: LabResult) -> bool:
    """Dated within the site's days, and with a result."""
    return not lab.stale and lab.date is not None and (lab.value is not None or bool(lab.text))


def _pregnancy_open(case: Case, safety: Sequence[SafetyItem]) -> bool:
    """Where the pregnancy status is asked for loudly, and the patient is not recorded as male."""
    if case.patient.sex.value == "male" or case.patient.childbearing_potential.value is False:
        return False
    return any(item.code == "pregnancy" and item.status == "unknown" and item.severity == "warning" for item in safety)


def tests(case: Case, track: Track, policies: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Tests of the disease that would settle what is open: MRD, BCR::ABL1, CD19."""
    wanted = (
        ("mrd", _mrd_wanted(case, track, policies), ("mrd",)),
        ("bcr-abl1", _bcr_abl1_wanted(case, policies), ("bcr-abl1.fish", "bcr-abl1.p210", "bcr-abl1.p190")),
        ("cd19", _cd19_wanted(case), ("immunophenotype",)),
    )
    return [{"key": key} for key, holds, counts in wanted if holds and not _requested(case, key, counts)]


def _begun(case: Case) -> bool:
    """Has this course begun? Then a new marrow would show what it did, not what it was begun for."""
    course = case.course
    later = (course.cycle.value or 1) > 1 or (course.day.value or 1) > 1 or course.request_type.value == "continuation"
    return later or course.restart_reason.known or course.restart_interruption_hours.known


_SAID = {"mrd": ("residual disease", "mrd"), "bcr-abl1": ("bcr", "philadelphia"), "cd19": ("cd19", "immunophenotyp")}
"""Words by which an order without a code of ours is the same test."""


def _requested(case: Case, key: str, concepts: tuple[str, ...]) -> bool:
    return any(
        bool(request.concepts & set(concepts)) or any(word in request.said for word in _SAID[key])
        for request in case.requests
    )


def _open(policies: Sequence[Mapping[str, Any]], *criteria: str) -> bool:
    """Does the edition in force still want information, and is one of these criteria unknown?"""
    return any(
        policy["role"] == "current"
        and policy["overall"] == "insufficient_information"
        and any((policy["criteria"].get(name) or {}).get("status") == "unknown" for name in criteria)
        for policy in policies
    )


def _lacking(fact: Fact[Any]) -> bool:
    """Nothing usable is there, and it is not that sources disagree: then the sources are to be looked at."""
    return (fact.value is None or fact.stale) and not fact.conflict


def _mrd_wanted(case: Case, track: Track, policies: Sequence[Mapping[str, Any]]) -> bool:
    status = case.course.disease_status.value or ""
    if not _lacking(case.patient.mrd) or not status.startswith("remission"):
        return False
    if case.course.mrd_availability.value == "unavailable" or _begun(case):
        return False
    return track.name is None or _open(policies, "I.A.4.a", "I.A.4.c.iii")


def _bcr_abl1_wanted(case: Case, policies: Sequence[Mapping[str, Any]]) -> bool:
    """A specimen taken in remission proves nothing: only in active disease does a new test settle it."""
    active = case.course.disease_status.value in ACTIVE_DISEASE and not _begun(case)
    return active and _lacking(case.patient.bcr_abl1) and _open(policies, "I.A.4.b", "I.A.4.c", "I.A.4.d")


def _cd19_wanted(case: Case) -> bool:
    active = case.course.disease_status.value in ACTIVE_DISEASE
    residual = case.patient.mrd.value is not None and case.patient.mrd.value.detected is True
    return (active or residual) and _lacking(case.patient.cd19)


def measures(case: Case, label: Label) -> list[dict[str, Any]]:
    """Weight and height without which no dose can be told, or that are too old to rest one on."""
    patient = case.patient
    found = []
    if _lacking(patient.weight) and not _measured_on_order(case, "measure.weight"):
        found.append({"key": "weight"})
    under = patient.weight.value is not None and patient.weight.value.value < label.weight_line_kg
    if under and _lacking(patient.height) and not _measured_on_order(case, "measure.height"):
        found.append({"key": "height"})
    return found


def _measured_on_order(case: Case, concept: str) -> bool:
    return any(concept in request.concepts for request in case.requests)
