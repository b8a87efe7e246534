"""What stands on file and bears on safety: results, allergies, problems, vaccines, other drugs. Part of `facts.model`.

No FHIR here, no judgement either. Everybody takes these from `facts.model`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from cds_service.dates import PartialDate


class Evidence(NamedTuple):
    """One thing that was looked at: which resource, what it is, its value and its date, all fit to print.

    A named tuple: cheap to make and to compare, and some hundred are compared per order.
    """

    reference: str | None
    what: str
    value: str | None = None
    date: str | None = None


class LabResult(NamedTuple):
    """One laboratory value, its unit as written, and the upper limit printed with it (never assumed)."""

    name: str
    """alt, ast, bilirubin, ggt, anc, platelets, hemoglobin, wbc, potassium, phosphate, calcium, urate, lipase,
    amylase, creatinine, igg, hcg"""
    value: Decimal | None
    unit: str | None
    upper_limit: Decimal | None
    """`referenceRange.high` in the same unit; None when not given."""
    date: date | None
    stale: bool
    evidence: Evidence
    text: str | None = None
    """For coded or worded results: 'positive', 'negative' or the words."""

    @property
    def multiple(self) -> Decimal | None:
        """How many times the upper limit; None when either is missing."""
        if self.value is None or not self.upper_limit:
            return None
        return self.value / self.upper_limit


@dataclass(frozen=True, slots=True)
class Allergy:
    """An AllergyIntolerance that bears on this order (entered-in-error and refuted ones are not read)."""

    substance: str
    """blinatumomab, benzyl-alcohol, dexamethasone, prednisone, or corticosteroid (another one, or the class)"""
    active: bool
    confirmed: bool
    intolerance: bool
    reaction: str | None
    """The recorded manifestation, when it is CRS or fever this is a toxicity, not an allergy."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Problem:
    """A Condition or AdverseEvent that bears on safety."""

    kind: str
    """crs, icans, neurotoxicity, seizure, cns-disease, infection, pancreatitis, tumour-lysis, neutropenia,
    leukoencephalopathy, hlh, gvhd, pregnancy, lactation, preterm, very-low-birth-weight, permanent-stop"""
    active: bool | None
    onset: PartialDate | None
    grade: int | None
    scale: str | None
    """ctcae, astct or None (the scale is not stated)"""
    in_this_cycle: bool | None
    """Began on or after the first day of this cycle; None when either date is missing."""
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Vaccine:
    """A live vaccine given or ordered (or one whose code leaves live or not live open: `ambiguous`)."""

    name: str
    day: date | None
    ordered: bool
    ambiguous: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class ConcomitantDrug:
    """Another drug on file or drafted: evidence, never proof of a regimen."""

    kind: str
    """tki, ask-tki (asciminib), pomp, interfant, steroid, high-dose-methotrexate, intrathecal, uric-acid"""
    name: str
    ordered: bool
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class SteroidOrder:
    """A dexamethasone or prednisone order that may be the premedication."""

    drug: str
    dose_mg: Decimal | None
    route: str | None
    """systemic (IV, PO), other (eye, intrathecal, topical, inhaled) or None"""
    day: date | None
    single: bool | None
    """One dose, or one dose at a named moment. False: a taper, a block or a daily course. None: not told."""
    as_written: str
    evidence: Evidence
