"""Cases straight from the dataclasses of `facts.model`, in words a clinician can read.

    case(weight_kg="30", height_cm="117", status="remission-1", mrd_percent="0.5", dose="28", cycle=1, day=1)

Every keyword is a shorthand below, or the name of a field of PatientFacts, Course or Order. A bare value for a
field that holds a Fact is wrapped as a known fact with evidence; None means unknown; a ready-made Fact is taken
as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

from cds_service.dates import PartialDate
from cds_service.facts.model import (
    Case,
    Course,
    Evidence,
    Fact,
    Measurement,
    Mrd,
    Order,
    OrderedStep,
    OtherOrder,
    PatientFacts,
)

AS_OF = date(2025, 10, 1)
MEASURED = date(2025, 9, 28)

SHORTHAND: Mapping[str, str] = {
    "status": "disease_status",
    "phase": "treatment_phase",
    "birth": "birth_date",
    "toxicity_days_at_grade_1": "toxicity_days_at_grade_1_or_less",
    "bsa_m2": "charted_bsa",
    "weight_kg": "weight",
    "height_cm": "height",
}
UNITS = {"weight": "kg", "height": "cm", "charted_bsa": "m2"}
DEFAULTS: Mapping[str, Any] = {
    "weight_kg": "30",
    "height_cm": "117",
    "birth": "2016-05-01",
    "sex": "female",
    "lineage": "b",
    "cd19": "positive",
    "status": "remission-1",
    "regimen": "single-agent",
    "mrd_percent": "0.5",
    "cycle": 1,
    "day": 1,
}


def case(*, dose: str | None = "28", steps: tuple[OrderedStep, ...] | None = None, **given: Any) -> Case:
    """One case: a child of 30 kg in first remission, MRD 0.5 %, single agent, cycle 1 day 1, unless told otherwise.

    `dose` is mcg/day for the whole order ("28", "15/m2", "0.5/kg", or a range "25-28"; None = no dose stated);
    `steps` replaces it. `as_of`, `mrd_percent`, `mrd_detected`, `mrd_reported`, `mrd` are understood too.
    """
    words = {SHORTHAND.get(name, name): value for name, value in {**DEFAULTS, **given}.items()}
    as_of = words.pop("as_of", AS_OF)
    words.setdefault("mrd", _mrd(words))
    for name in ("mrd_percent", "mrd_detected", "mrd_reported"):
        words.pop(name, None)
    ordered = steps if steps is not None else (step(dose),) if dose is not None else ()
    words.setdefault("steps", ordered)
    for name, value in {"reference": "Patient/example", "drug": "blinatumomab", "matched_by": "rxnorm"}.items():
        words.setdefault(name, value)
    patient, course = _some(PatientFacts, words), _some(Course, words)
    order = _some(Order, {**words, "reference": words.get("order_reference", "MedicationRequest/example")})
    unknown = set(words) - set(patient) - set(course) - set(order) - {"order_reference"}
    if unknown:
        raise TypeError(f"no such fact: {', '.join(sorted(unknown))}")
    return Case(PatientFacts(**patient), Course(**course), Order(**order), as_of)


def step(
    dose: str | None, first_day: int = 1, last_day: int | None = None, *, problem: str | None = None, **more: Any
) -> OrderedStep:
    """One step of an order: step("9", 1, 7), step("15/m2", 8, 28), step("25-28"), step(None, problem="no unit")."""
    if dose is None:
        return OrderedStep(None, more.pop("as_written", ""), None, None, first_day, last_day, problem)
    amount, _, per = dose.partition("/")
    low, _, high = amount.partition("-")
    unit = f"ug/{per}/d" if per else "ug/d"
    return OrderedStep(
        Decimal(low),
        more.pop("as_written", f"{amount} {unit}"),
        per or None,
        Decimal(high) if high else None,
        first_day,
        last_day,
        problem,
    )


def other_order(
    *steps: OrderedStep, overlapping: bool | None = True, same_course: bool = False, **more: Any
) -> OtherOrder:
    """Another blinatumomab order beside the one under judgement."""
    reference = more.pop("reference", "MedicationRequest/other")
    return OtherOrder(
        reference,
        steps,
        more.pop("start", None),
        same_course,
        overlapping,
        more.pop("draft", False),
        Evidence(reference, "order"),
        more.pop("why", None),
    )


def known(value: Any, what: str = "stated", **more: Any) -> Fact[Any]:
    """A known fact with one piece of evidence. Keywords go to Fact (`stale=True`, `problem=…`)."""
    return Fact(value, (Evidence("Observation/example", what, str(value), MEASURED.isoformat()),), **more)


def measured(value: str, unit: str, day: date | None = MEASURED, **more: Any) -> Fact[Measurement]:
    """A weight, height or BSA: measured("44.9", "kg", stale=True)."""
    written = f"{value} {unit}"
    evidence = Evidence("Observation/example", "measured", written, day.isoformat() if day else None)
    return Fact(Measurement(Decimal(value), day, written), (evidence,), **more)


def mrd_result(percent: str | None = None, *, detected: bool | None = None, reported: str | None = None) -> Mrd:
    """One MRD result; `detected` follows from the level or the words when not told."""
    level = Decimal(percent) if percent is not None else None
    if detected is None and reported is not None:
        detected = reported == "positive"
    elif detected is None and level is not None:
        detected = level > 0
    return Mrd(detected, level, None, reported, "marrow", MEASURED)


def _mrd(words: Mapping[str, Any]) -> Mrd | None:
    percent, detected = words.get("mrd_percent"), words.get("mrd_detected")
    reported = words.get("mrd_reported")
    if percent is None and detected is None and reported is None:
        return None
    return mrd_result(percent, detected=detected, reported=reported)


def _some(cls: type, words: Mapping[str, Any]) -> dict[str, Any]:
    """The words that are fields of this dataclass, wrapped as facts where the field holds one."""
    names = {item.name: str(item.type) for item in fields(cls)}
    return {name: _wrap(name, names[name], value) for name, value in words.items() if name in names}


def _wrap(name: str, kind: str, value: Any) -> Any:
    if not kind.startswith("Fact[") or isinstance(value, Fact):
        return value
    if value is None:
        return Fact()
    if name in UNITS:
        return measured(value, UNITS[name])
    if kind == "Fact[PartialDate]" and isinstance(value, str):
        return known(PartialDate.parse(value), name)
    if kind == "Fact[Decimal]":
        return known(Decimal(str(value)), name)
    return known(value, name)
