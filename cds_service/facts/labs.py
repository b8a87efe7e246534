"""Laboratory values and pregnancy tests: the newest final result of each, its printed upper limit, and its age.

An upper limit is taken from the same Observation or not at all. Percentages of neutrophils and direct bilirubin are
other tests and not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

from cds_service import units
from cds_service.facts import answers as results
from cds_service.facts.agreement import Told, agreed
from cds_service.facts.model import Fact, LabResult
from cds_service.facts.record import Observed, Record, newness
from cds_service.fhir import codes, reader
from cds_service.fhir.reader import Json, Quantity

NAMES = (
    *("alt", "ast", "bilirubin", "ggt", "anc", "platelets", "hemoglobin", "wbc", "potassium", "phosphate"),
    *("calcium", "urate", "lipase", "amylase", "creatinine", "igg", "hcg"),
)
_PRINTED = {"alt": "ALT", "ast": "AST", "ggt": "GGT", "anc": "ANC", "wbc": "WBC", "igg": "IgG", "hcg": "hCG test"}
IN_WORDS = ("hcg",)
"""Tests whose result may be a word."""
PREGNANT, NOT_PREGNANT = "pregnant", "not-pregnant"
_TERM = timedelta(weeks=42)
"""A pregnancy recorded longer ago than this is over."""
_NEVER = (date.min, "")
_WORDED = re.compile(
    r"(?P<comparator>[<>]=?)?\s*(?P<number>\d[\d.,]{0,12})\s*(?P<unit>(?:x ?)?10\S{2,12}|[A-Za-z/%µ]\S{0,12})"
)


def read_labs(record: Record, start: date, *, latest: date) -> tuple[LabResult, ...]:
    """The newest result of each test, dated by `latest` at most."""
    found = []
    for name in NAMES:
        newest = _newest(record.by_concept.get(f"lab.{name}", ()), latest)
        if newest is not None:
            found.append(_lab(record, name, newest, start))
    return tuple(found)


def _newest(results_on_file: Sequence[Observed], latest: date) -> Observed | None:
    """The newest final result with a value, dated by `latest` at most; the first of several as new."""
    newest, age = None, _NEVER
    for one in results_on_file:
        found = newness(one.written) if one.final else _NEVER
        if (newest is None or found > age) and one.final and found[0] <= latest and _has_value(one):
            newest, age = one, found
    return newest


def _has_value(observed: Observed) -> bool:
    return any(name.startswith("value") for name in observed.resource)


def _lab(record: Record, name: str, observed: Observed, start: date) -> LabResult:
    quantity = reader.quantity(observed.resource.get("valueQuantity")) or _in_words(observed.resource)
    words = None
    if quantity is None:
        said = results.qualitative(observed.resource, record.value_sets)
        words = said or record.chart.quote(reader.text(observed.resource, "valueString"), 60)
    unit = (quantity.unit or quantity.code) if quantity else None
    shown = str(quantity)[:40] if quantity else words
    return LabResult(
        name=name,
        value=quantity.value if quantity else None,
        unit=unit[:30] if unit else None,
        upper_limit=_upper_limit(observed.resource, unit),
        date=observed.day,
        stale=_too_old(observed.written, start, record.settings.laboratory_stale_days),
        evidence=observed.evidence(_PRINTED.get(name, name.capitalize()), shown),
        text=shown if quantity and quantity.comparator else words,
    )


def _in_words(resource: Json) -> Quantity | None:
    """ "250 U/L" as a quantity, where the words say that and nothing else."""
    said = reader.text(resource, "valueString") if "valueString" in resource else None
    match = _WORDED.fullmatch(said) if said else None
    value = reader.number(match["number"]) if match else None
    return Quantity(value, match["unit"], None, match["comparator"]) if match and value is not None else None


def _upper_limit(resource: Json, unit: str | None) -> Decimal | None:
    """`referenceRange.high` in the unit of the value; None when none, another unit, or several ranges differ."""
    highs = set()
    for limits in reader.objects(resource, "referenceRange"):
        high = reader.quantity(limits.get("high"))
        if high is None or ("type" in limits and not reader.has_code(limits["type"], "normal")):
            continue
        written = high.unit or high.code
        highs.add(high.value if written is None or units.same_unit(written, unit) else None)
    return highs.pop() if len(highs) == 1 else None


def _too_old(written: str | None, start: date, days: int) -> bool:
    taken = reader.partial(written)
    return taken is None or (start - taken.earliest).days > days


def read_pregnancy(record: Record, start: date, *, latest: date) -> Fact[str]:
    """pregnant or not-pregnant: tests and status within the window, and active conditions. Sex alone says nothing."""
    told: list[Told[str]] = []
    days = record.settings.laboratory_stale_days
    for concept, what in (("lab.hcg", "hCG test"), ("status.pregnancy", "Pregnancy status")):
        newest = _newest(record.by_concept.get(concept, ()), latest)
        if newest is not None:
            told.append(_told(record, newest, what, _too_old(newest.written, start, days)))
    for condition in record.conditions:
        begun = reader.day(condition.onset) or reader.day(condition.recorded)
        if "problem.pregnancy" in condition.concepts and not condition.past:
            over = begun is not None and start - begun > _TERM
            evidence = condition.evidence("Diagnosis", condition.display("problem.pregnancy"))
            told.append(Told(None if over else PREGNANT, evidence, "recorded too long ago" if over else None))
    return agreed(told, topic="pregnancy records")


def _told(record: Record, observed: Observed, what: str, old: bool) -> Told[str]:
    value = _pregnancy(record, observed)
    shown = (value or "unclear").replace("-", " ")
    evidence = observed.evidence(what, shown)
    if old and value == NOT_PREGNANT:
        return Told(None, evidence, "the pregnancy test is too old")
    return Told(value, evidence, None if value else "the result does not tell")


def _pregnancy(record: Record, observed: Observed) -> str | None:
    """By answer code or words. A number of hCG needs a threshold that the laboratory does not print: not read."""
    names = codes.names(observed.resource.get("valueCodeableConcept"), record.value_sets)
    if "pregnancy.unclear" in names:
        return None
    if "pregnancy.pregnant" in names:
        return PREGNANT
    if "pregnancy.not-pregnant" in names:
        return NOT_PREGNANT
    if "lab.hcg" not in observed.concepts:
        return None
    said = results.qualitative(observed.resource, record.value_sets)
    return {results.POSITIVE: PREGNANT, results.NEGATIVE: NOT_PREGNANT}.get(said or "")
