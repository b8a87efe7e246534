"""The label edition as data: dosing rows, toxicity rules, premedication, supervision, bags, safety topics.

Knows the shape of `labels/<drug>/<edition>.toml` and nothing of patients. Every value has a unit in its name, a
citation, and a grade of evidence: V seen in a public copy, V-old in an older copy only, K reviewer's knowledge,
B the clinical overview only. Grades K and B are "to be confirmed by a pharmacist".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

CONFIRM_GRADES = frozenset({"K", "B"})


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """A value that differs from what a source document prints, and why we do not use that."""

    item: str
    """D1 to D40 of our reading of the sources."""
    document: str
    prints: str
    used: str
    why: str
    show: str = ""
    """What the card says once; empty when nothing need be said."""
    topic: str = ""
    """The card that says it: dose, premedication, monitoring, safety or coverage; empty where another text says it."""
    when: tuple[str, ...] = ()
    """Said only where all of these hold: names of `assess.corrections.CONDITIONS`."""


@dataclass(frozen=True, slots=True)
class DosingRow:
    """One row: in this track, these cycles, these days of the cycle, this dose."""

    id: str
    track: str
    """mrd, relapsed-refractory or consolidation"""
    phase: str
    first_cycle: int
    last_cycle: int
    first_day: int
    last_day: int
    mcg_per_day: Decimal
    """Fixed dose from 45 kg on; a ceiling."""
    mcg_per_m2_per_day: Decimal
    """Under 45 kg."""
    cap_mcg_per_day: Decimal
    citation: str
    grade: str
    step: bool = False
    also_later_cycles: bool = False
    """Cycles after `last_cycle` take this row too: the label defines one cycle, not how many there are (D11)."""
    treatment_free_first_day: int | None = None
    treatment_free_last_day: int | None = None


@dataclass(frozen=True, slots=True)
class CourseShape:
    """What a course of one track looks like."""

    track: str
    title: str
    indication: str
    cycles: int
    cycles_up_to: int
    days: int
    days_up_to: int
    citation: str
    grade: str
    note: str = ""
    mcg_first_cycle: Decimal | None = None
    """At the fixed dose; with J9039 (1 mcg per unit) also the billing units a cycle should come to."""
    mcg_later_cycle: Decimal | None = None
    mcg_course: Decimal | None = None
    mcg_course_up_to: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ToxicityRule:
    """One line of the dose-modification table (CTCAE grades only)."""

    id: str
    event: str
    """crs, neurotoxicity, seizure, other-toxicity, any"""
    grades: tuple[int, ...]
    action: str
    """continue, interrupt, restart-stepped, discontinue, consider-discontinuation"""
    says: str
    citation: str
    grade: str
    restart_mcg_per_day: Decimal | None = None
    restart_mcg_per_m2_per_day: Decimal | None = None
    restart_days: int | None = None
    resolved_to_grade: int | None = None
    minimum_days_at_grade: int | None = None
    discontinue_if_days_to_resolve_over: int | None = None
    discontinue_if_at_step_dose: bool = False


@dataclass(frozen=True, slots=True)
class PremedicationRow:
    """What goes before the drug for one track and age group."""

    id: str
    track: str
    age_group: str
    """adult or pediatric"""
    agent: str
    route: str
    timing: str
    each_cycle: bool
    """True: before the first dose of each cycle; False: of the first cycle only."""
    before_step: bool
    restart_any_cycle: bool
    citation: str
    grade: str
    dose_mg: Decimal | None = None
    dose_mg_per_m2: Decimal | None = None
    cap_mg: Decimal | None = None
    restart_hours: Decimal | None = None
    """From this length of interruption on; None: the row says nothing about restarts."""
    hours_before: Decimal | None = None
    """Hours before the first dose, where the row names them exactly."""
    lead: str = "before"
    """How the row says it in an order: 'before', '1 hour before', 'within 1 hour before' (the first dose)."""
    alternatives: tuple[str, ...] = ()
    restart_says: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Supervision:
    """Days in hospital by track and cycle."""

    track: str
    cycle1_days: int
    cycle2_days: int
    otherwise: str
    citation: str
    grade: str


@dataclass(frozen=True, slots=True)
class Bag:
    """One infusion bag: how long it runs, how fast, with which diluent, and from which weight on."""

    id: str
    """24h-preservative-free, 48h-preservative-free, 72h-preserved, 96h-preserved, 7d-preserved"""
    hours: int
    ml_per_hour: Decimal
    preserved: bool
    citation: str
    grade: str
    minimum_kg: Decimal | None = None
    older_label_minimum_kg: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Guidance:
    """One topic of safety or monitoring in our words."""

    code: str
    section: str
    """safety, monitoring-crs, monitoring-neurotoxicity, before-and-during, preparation, interruption, grading"""
    title: str
    says: str
    citation: str
    grade: str
    applies: str = "all"
    """'all', or 'patient': then `assess.safety` judges it by its code."""
    short: str = ""
    """A few words for the 'before and during' list; empty when it does not stand there."""
    limits: dict[str, Decimal] | None = None
    """Numbers the judgement needs, unit in the key (`times_upper_limit`, `days_before_start`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Label:
    """One edition of the prescribing information, in the order of its sections. Loaded once: equal to itself only."""

    id: str
    drug: str
    title: str
    edition: str
    from_date: date
    url: str
    weight_line_kg: Decimal
    bsa_tolerance: Decimal
    """0.05: BSA doses match within 5 % either side"""
    vial_mcg: Decimal
    minimum_age_months: int
    courses: tuple[CourseShape, ...]
    rows: tuple[DosingRow, ...]
    toxicity_rules: tuple[ToxicityRule, ...]
    premedication: tuple[PremedicationRow, ...]
    supervision: tuple[Supervision, ...]
    bags: tuple[Bag, ...]
    guidance: tuple[Guidance, ...]
    discrepancies: tuple[Discrepancy, ...]

    def topic(self, code: str) -> Guidance:
        """The guidance with this code. Raises KeyError: the loader has checked that those we use are there."""
        for item in self.guidance:
            if item.code == code:
                return item
        raise KeyError(code)
