"""The patient, the course and the order in our words. No FHIR here, no judgement either.

Absence is unknown (`value is None`), never negative. Where two sources disagree the value is None and
`conflict` is true, unless the input contract says which source wins. Every fact carries its evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Generic, NamedTuple, TypeVar

from cds_service.dates import PartialDate
from cds_service.facts.as_written import Requested, Restated, Writing
from cds_service.facts.on_file import (
    Allergy,
    ConcomitantDrug,
    Evidence,
    LabResult,
    Problem,
    SteroidOrder,
    Vaccine,
)

__all__ = [
    "Allergy",
    "Case",
    "ConcomitantDrug",
    "Course",
    "Evidence",
    "Fact",
    "LabResult",
    "Measurement",
    "Mrd",
    "Order",
    "OrderedStep",
    "OtherOrder",
    "PatientFacts",
    "Problem",
    "Requested",
    "Restated",
    "SteroidOrder",
    "Unreadable",
    "Vaccine",
    "Writing",
]

T = TypeVar("T")


class Fact(NamedTuple, Generic[T]):
    """A value or None for unknown, with what was looked at. A named tuple: many are made per order."""

    value: T | None = None
    evidence: tuple[Evidence, ...] = ()
    problem: str | None = None
    """Why it is unknown or doubtful, in plain words without names or identifiers of people."""
    conflict: bool = False
    stale: bool = False
    """Known, but too old to rest on: what it would make met becomes review; a dose resting on it says so."""
    unreadable: str | None = None
    """The source that would have settled it and cannot be read."""

    @property
    def known(self) -> bool:
        """Is there a value?"""
        return self.value is not None


_UNKNOWN: Fact[Any] = Fact()


@dataclass(frozen=True, slots=True)
class Mrd:
    """One MRD result. `percent` is the level in per cent as far as it was stated as a number with a unit."""

    detected: bool | None
    """True: reported positive, or a level above zero. False: reported negative, not detected, zero, or `< x` with
    x ≤ 0.01 %. None: another `<`, or a number whose unit is not stated."""
    percent: Decimal | None = None
    comparator: str | None = None
    reported: str | None = None
    """'positive' or 'negative' when the report says so in words, code or interpretation (not by the number)."""
    specimen: str | None = None
    """'marrow', 'blood' or None."""
    date: date | None = None


@dataclass(frozen=True, slots=True)
class Measurement:
    """Weight in kg, height in cm or BSA in m²; unrounded."""

    value: Decimal
    date: date | None
    as_written: str


@dataclass(frozen=True, slots=True)
class PatientFacts:
    """What the chart says of the patient, whichever order is looked at."""

    reference: str | None
    birth_date: Fact[PartialDate] = _UNKNOWN
    sex: Fact[str] = _UNKNOWN
    # disease
    lineage: Fact[str] = _UNKNOWN
    """b, t, mixed, or other (Burkitt, CML, …)"""
    diagnosis_date: Fact[PartialDate] = _UNKNOWN
    bcr_abl1: Fact[str] = _UNKNOWN
    """positive or negative"""
    bcr_abl1_like: Fact[str] = _UNKNOWN
    kmt2a: Fact[str] = _UNKNOWN
    cd19: Fact[str] = _UNKNOWN
    """positive, partial-or-dim or negative, on blasts"""
    prior_cd19_therapy: Fact[str] = _UNKNOWN
    mrd: Fact[Mrd] = _UNKNOWN
    # body
    weight: Fact[Measurement] = _UNKNOWN
    height: Fact[Measurement] = _UNKNOWN
    charted_bsa: Fact[Measurement] = _UNKNOWN
    body_warnings: tuple[str, ...] = ()
    """Where height and weight do not fit each other or the age: a plausibility doubt, in words."""
    # safety
    childbearing_potential: Fact[bool] = _UNKNOWN
    pregnancy: Fact[str] = _UNKNOWN
    """pregnant, not-pregnant (test or status within the window)"""
    allergies: tuple[Allergy, ...] = ()
    allergies_asked: bool = False
    """True when the allergy query was answered (even with nothing): only then can 'none recorded' be said."""
    labs: tuple[LabResult, ...] = ()
    problems: tuple[Problem, ...] = ()
    vaccines: tuple[Vaccine, ...] = ()
    concomitant: tuple[ConcomitantDrug, ...] = ()
    steroid_orders: tuple[SteroidOrder, ...] = ()
    birth_weight_g: Fact[Decimal] = _UNKNOWN
    gestational_age_days: Fact[int] = _UNKNOWN
    # the people around
    prescriber: Fact[str] = _UNKNOWN
    """qualifying, ask or not-qualifying (by specialty)"""
    payer: Fact[str] = _UNKNOWN
    """'lhcc' (a payer id of the knowledge base), or 'other'"""
    earlier_blinatumomab: Fact[bool] = _UNKNOWN
    """Doses or orders before this one are on file (True); False only when it was asked and nothing is there."""


@dataclass(frozen=True, slots=True)
class Course:
    """What the order questions say of this course of treatment, and what the chart adds (disease status).

    Names follow the linkIds of the questionnaire with `_` for `-`. All values are the codes listed there.
    """

    request_type: Fact[str] = _UNKNOWN
    disease_status: Fact[str] = _UNKNOWN
    """newly-diagnosed, remission-1, remission-2, remission-3-or-later, relapsed, refractory; from the chart also
    'remission' (which one is not said) and 'not-in-remission' (new and refractory cannot be told apart)"""
    treatment_phase: Fact[str] = _UNKNOWN
    regimen: Fact[str] = _UNKNOWN
    regimen_partners: tuple[str, ...] = ()
    cycle: Fact[int] = _UNKNOWN
    day: Fact[int] = _UNKNOWN
    treatment_setting: Fact[str] = _UNKNOWN
    dose_increase: Fact[bool] = _UNKNOWN
    infusion_bag: Fact[str] = _UNKNOWN
    response: Fact[str] = _UNKNOWN
    restart_interruption_hours: Fact[Decimal] = _UNKNOWN
    restart_reason: Fact[str] = _UNKNOWN
    toxicity_grade: Fact[int] = _UNKNOWN
    toxicity_scale: Fact[str] = _UNKNOWN
    toxicity_grade_now: Fact[int] = _UNKNOWN
    toxicity_days_to_resolve: Fact[int] = _UNKNOWN
    toxicity_days_at_grade_1_or_less: Fact[int] = _UNKNOWN
    toxicity_at_step_dose: Fact[bool] = _UNKNOWN
    seizures: Fact[str] = _UNKNOWN
    specialist_consulted: Fact[bool] = _UNKNOWN
    supporting_literature: Fact[bool] = _UNKNOWN
    first_dose_date: Fact[PartialDate] = _UNKNOWN
    current_use_documented: Fact[bool] = _UNKNOWN
    paid_by_this_plan: Fact[bool] = _UNKNOWN
    mrd_availability: Fact[str] = _UNKNOWN


@dataclass(frozen=True, slots=True)
class OrderedStep:
    """One dose of the order over some of its days. Rates are micrograms per day, per m² or kg where `per` says so."""

    rate: Decimal | None
    """mcg/day (or mcg/m²/day, mcg/kg/day); None when it cannot be told, with `problem` saying why."""
    as_written: str
    per: str | None = None
    """None, 'm2' or 'kg'"""
    high_rate: Decimal | None = None
    """Upper end of an ordered range; `rate` is then the lower end."""
    first_day: int = 1
    """Days of this order, counted from its own start (1 = first)."""
    last_day: int | None = None
    """None: no end stated."""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class OtherOrder:
    """Another blinatumomab order: active on file, or drafted beside this one."""

    reference: str
    steps: tuple[OrderedStep, ...]
    start: date | None
    same_course: bool
    """A step order and its continuation: consecutive, not overlapping."""
    overlapping: bool | None
    draft: bool
    evidence: Evidence
    why: str | None = None
    """Why it cannot be told whether it runs on the same days, where `overlapping` is None."""


@dataclass(frozen=True, slots=True)
class Order:
    """One draft order for the drug."""

    reference: str
    """'MedicationRequest/…'; the entry's fullUrl or 'draftOrders.entry[n]' where there is no id."""
    drug: str
    matched_by: str
    """rxnorm, ndc, hcpcs, snomed, atc or text"""
    steps: tuple[OrderedStep, ...] = ()
    max_per_day: Decimal | None = None
    """maxDosePerPeriod in mcg/day"""
    text: str | None = None
    """Free text of the dosage instruction and notes, quoted as data."""
    start: date | None = None
    duration_days: Decimal | None = None
    status: str | None = None
    others: tuple[OtherOrder, ...] = ()
    evidence: Evidence = field(default_factory=lambda: Evidence(None, "order"))
    writing: Writing = field(default_factory=lambda: Writing("how the order is written is not known"))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An entry of the record that could not be read, and why (no values quoted)."""

    reference: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Case:
    """All that judgement may look at for one order."""

    patient: PatientFacts
    course: Course
    order: Order
    as_of: date
    unreadable: tuple[Unreadable, ...] = ()
    answered: frozenset[str] = frozenset()
    """The order questions (linkIds) whose answers are used for this order."""
    requests: tuple[Requested, ...] = ()
    """Tests, checks and admissions that the call shows as drafted or active."""

    @property
    def start(self) -> date:
        """The day the infusion is planned to start: what ages, staleness and vaccine windows count to."""
        return self.order.start or self.as_of
