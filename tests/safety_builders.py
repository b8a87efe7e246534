"""Safety items of one built case, and the records they are judged from, in words a clinician can read."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any

from cds_service.assess.safety import assess_safety
from cds_service.assess.safety_item import SafetyItem
from cds_service.facts.model import Allergy, Evidence, LabResult, Problem, Vaccine
from cds_service.knowledge.labels import load_label
from tests.case_builders import case

LABEL = load_label(files("cds_service.knowledge") / "labels/blinatumomab/2025-04.toml")
START = date(2025, 10, 1)
SEEN = Evidence("Observation/seen", "seen", "value", "2025-09-30")


def items(**given: Any) -> dict[str, SafetyItem]:
    given.setdefault("start", START)
    return {item.code: item for item in assess_safety(case(**given), LABEL)}


def verdict(code: str, **given: Any) -> tuple[str, str]:
    item = items(**given)[code]
    return item.status, item.severity


def lab(name: str, value: str, limit: str | None, day: date | None = START, **more: Any) -> LabResult:
    more.setdefault("stale", False)
    return LabResult(name, Decimal(value), "U/L", Decimal(limit) if limit else None, day, evidence=SEEN, **more)


def problem(kind: str, active: bool | None = True, **more: Any) -> Problem:
    words = {"onset": None, "grade": None, "scale": None, "in_this_cycle": None} | more
    return Problem(kind, active, evidence=SEEN, **words)


def allergy(substance: str, **more: Any) -> Allergy:
    words = {"active": True, "confirmed": True, "intolerance": False, "reaction": None} | more
    return Allergy(substance, evidence=SEEN, **words)


def vaccine(days_before: int | None = None, *, ordered: bool = False, ambiguous: bool = False) -> Vaccine:
    day = START - timedelta(days=days_before) if days_before is not None else None
    return Vaccine("MMR", day, ordered, ambiguous, SEEN)


# topic, kind of problem, severity when it is active
PROBLEMS = [
    ("crs-active", "crs", "warning"),
    ("crs-active", "hlh", "warning"),
    ("neurotoxicity-active", "icans", "warning"),
    ("neurotoxicity-active", "neurotoxicity", "warning"),
    ("cns-disease", "cns-disease", "warning"),
    ("cns-disease", "seizure", "warning"),
    ("infection", "infection", "warning"),
    ("pancreatitis", "pancreatitis", "warning"),
    ("tumour-lysis", "tumour-lysis", "warning"),
    ("lactation", "lactation", "warning"),
    ("leukoencephalopathy", "leukoencephalopathy", "warning"),
    ("permanent-stop", "permanent-stop", "critical"),
    ("pregnancy", "pregnancy", "warning"),
    ("neutropenia", "neutropenia", "warning"),
]
