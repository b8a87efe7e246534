"""The body behind the dose: weight, height, body surface area. Pure; knows nothing of labels.

No source names a formula for body surface area: Mosteller is used and printed (√(cm × kg / 3600)). All numbers stay
unrounded decimals.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal, localcontext
from typing import Any

from cds_service.facts.model import Case, Evidence
from cds_service.units import WIDE

FORMULA = "Mosteller"
CHARTED_TOLERANCE = Decimal("0.05")
"""A charted surface area further off than this is a conflict: the dose is judged against both (input contract)."""
_DIGITS = 18
"""Digits of a root: enough for any body, and few enough that products with doses and tolerances stay exact."""
_SHOWN = Decimal("1e-10")
_TENTH = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Body:
    """What is usable of weight (kg), height (cm) and body surface area (m²), and what is wrong with them."""

    weight_kg: Decimal | None
    height_cm: Decimal | None
    bsa_m2: Decimal | None
    """Mosteller, unrounded; None unless weight and height are both usable."""
    charted_m2: Decimal | None
    conflict: bool
    """The charted area is more than 5 % off the computed one."""
    weight_date: date | None
    height_date: date | None
    weight_stale: bool
    height_stale: bool
    doubts: tuple[str, ...]
    """Measures refused as implausible, and those that do not fit each other or the age, in words."""
    evidence: tuple[Evidence, ...]

    def document(self) -> dict[str, Any] | None:
        """The `bsa` object of the assessment document; None when neither computed nor charted."""
        if self.bsa_m2 is None and self.charted_m2 is None:
            return None
        return {
            "m2": cut(self.bsa_m2),
            "formula": FORMULA,
            "charted_m2": self.charted_m2,
            "conflict": self.conflict,
        }

    @property
    def bsa_values(self) -> tuple[Decimal, ...]:
        """The areas a dose is judged against: one, two when the charted one conflicts, none when unknown."""
        if self.bsa_m2 is None:
            return ()
        if self.conflict and self.charted_m2 is not None:
            return (self.bsa_m2, self.charted_m2)
        return (self.bsa_m2,)


def cut(number: Decimal | None) -> Decimal | None:
    """A number as the document shows it: roots and what rests on them are cut at ten decimals, all others kept."""
    if number is None:
        return None
    cut_off = number.quantize(_SHOWN, ROUND_DOWN, WIDE)
    return number if cut_off == number else cut_off


def rounded_down(number: Decimal) -> Decimal:
    """A dose as it is offered: to 0.1, never up; a whole number without a decimal point."""
    shown = number.quantize(_TENTH, ROUND_DOWN, WIDE)
    return shown.quantize(Decimal(1), None, WIDE) if shown == shown.to_integral_value() else shown


def mosteller(weight_kg: Decimal, height_cm: Decimal) -> Decimal:
    """Body surface area in m², to 18 digits."""
    with localcontext() as context:
        context.prec = _DIGITS
        return (weight_kg * height_cm / 3600).sqrt()


def body(case: Case) -> Body:
    """The measures of this case. A measure the reader refused (implausible, conflicting) is None with its problem."""
    patient = case.patient
    weight = patient.weight.value.value if patient.weight.value else None
    height = patient.height.value.value if patient.height.value else None
    charted = patient.charted_bsa.value.value if patient.charted_bsa.value else None
    area = mosteller(weight, height) if weight and height else None
    facts = (patient.weight, patient.height, patient.charted_bsa)
    refused = [fact.problem for fact in facts if fact.value is None and fact.problem and "implausible" in fact.problem]
    return Body(
        weight_kg=weight,
        height_cm=height,
        bsa_m2=area,
        charted_m2=charted,
        conflict=bool(area and charted and abs(charted - area) > CHARTED_TOLERANCE * area),
        weight_date=patient.weight.value.date if patient.weight.value else None,
        height_date=patient.height.value.date if patient.height.value else None,
        weight_stale=patient.weight.stale,
        height_stale=patient.height.stale,
        doubts=(*refused, *patient.body_warnings),
        evidence=patient.weight.evidence + patient.height.evidence + patient.charted_bsa.evidence,
    )
