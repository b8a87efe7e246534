"""Weight, height and body surface: the newest usable measurement, its plausibility and its age.

Usable is a final, amended or corrected Observation with a known unit; stated, usual, ideal, birth and dry values never
are. Limits of plausibility and of age come from the settings. Body warnings use rough limits of our own, meant to
catch typing errors and swapped units, not disease: body mass index 8 to 70 kg/m², and per age the widest weights and
heights of `_BY_AGE`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cds_service import units
from cds_service.dates import PartialDate, at_least_months_old, days_between
from cds_service.facts.measure_words import measured
from cds_service.facts.model import Evidence, Fact, Measurement
from cds_service.facts.record import Observed, Record, newness
from cds_service.fhir import reader

_UNSUITABLE_WORDS = re.compile(
    r"\b(?:stated|reported|usual|ideal|birth|dry|estimated|target|adjusted|pre-?pregnan\w*)\b"
)
_WEIGHT = re.compile(r"(?:body |patient |current )?(?:weight|wt)\b(?: \(?kg\)?)?")
_HEIGHT = re.compile(r"(?:body |patient |current )?(?:height|ht)\b(?: \(?cm\)?)?")
_SAME = Decimal("0.01")
"""Two values of one moment within 1 % are one measurement in two units, not two."""
_BMI = (Decimal(8), Decimal(70))
_BY_AGE: tuple[tuple[int, tuple[int, int], tuple[int, int]], ...] = (
    # under so many months, weight in kg, height in cm
    (3, (1, 10), (30, 75)),
    (12, (2, 18), (40, 95)),
    (60, (4, 45), (55, 140)),
    (120, (8, 110), (75, 185)),
    (216, (12, 300), (90, 225)),
    (10_000, (20, 300), (90, 230)),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One body measure: its concept, its unit, how to convert to it, its limits."""

    name: str
    concept: str
    unit: str
    convert: Callable[[Decimal, str | None], Decimal | None]
    limits: tuple[Decimal, Decimal]
    stale_days: int | None
    """None: never too old."""
    words: re.Pattern[str] | None = None
    """What it is called where it carries no code."""


@dataclass(frozen=True, slots=True)
class Body:
    """What the chart says of the patient's body at one moment."""

    weight: Fact[Measurement]
    height: Fact[Measurement]
    bsa: Fact[Measurement]
    warnings: tuple[str, ...]


def read_body(record: Record, birth: PartialDate | None, start: date, *, latest: date) -> Body:
    """Weight, height and charted BSA as of the planned start. Values dated after `latest` are not read."""
    weight, height, bsa = (_read(record, kind, start, latest) for kind in _kinds(record, birth, start))
    return Body(weight, height, bsa, _warnings(weight.value, height.value, birth, start))


def _kinds(record: Record, birth: PartialDate | None, start: date) -> tuple[Kind, Kind, Kind]:
    settings = record.settings
    under_one = birth is not None and at_least_months_old(birth, 12, start) is not True
    grown = birth is not None and at_least_months_old(birth, 216, start) is True
    weight_days = settings.weight_stale_days_infant if under_one else settings.weight_stale_days
    height_days = settings.height_stale_days_infant if under_one else settings.height_stale_days_child
    kilograms, centimetres = units.mass_in_kilograms, units.length_in_centimetres
    return (
        Kind("Weight", "measure.weight", "kg", kilograms, settings.weight_plausible_kg, weight_days, _WEIGHT),
        Kind(
            "Height",
            "measure.height",
            "cm",
            centimetres,
            settings.height_plausible_cm,
            None if grown else height_days,
            _HEIGHT,
        ),
        Kind("BSA", "measure.bsa", "m2", units.area_in_square_metres, settings.bsa_plausible_m2, weight_days),
    )


def _read(record: Record, kind: Kind, start: date, latest: date) -> Fact[Measurement]:
    usable: list[Observed] = []
    unusable: list[Observed] = []
    for observed in _candidates(record, kind):
        (unusable if _unsuitable(observed, kind) else usable).append(observed)
    due = [observed for observed in usable if newness(observed.written)[0] <= latest]
    usable = [observed for observed in due if observed.final]
    if due and not usable:
        return Fact(None, _evidence(due[:1], kind), f"only a {kind.name.lower()} that is not final is on file")
    taken = [observed for observed in usable if any(name.startswith("value") for name in observed.resource)]
    if usable and not taken:  # a recorded absence: nothing was measured, and it hides no earlier measurement
        return Fact(None, _evidence(usable[:1], kind), f"the {kind.name.lower()} on file has no value")
    usable = taken
    if not usable:
        what = f"only a stated, usual, dry or birth {kind.name.lower()} is on file, which is not used for dosing"
        return Fact(None, _evidence(unusable[:1], kind), what) if unusable else _without_code(record, kind)
    newest = max(newness(observed.written) for observed in usable)
    return _judge([observed for observed in usable if newness(observed.written) == newest], kind, start)


def _without_code(record: Record, kind: Kind) -> Fact[Measurement]:
    """Nothing on file by code. What is only called so is not used: it is named, so that a code can be given to it."""
    called = next((one for one in record.observations if kind.words and kind.words.fullmatch(one.said)), None)
    if called is None:
        return Fact()
    problem = f"a {kind.name.lower()} on file carries no code that we know, and is not used"
    return Fact(None, (called.evidence(kind.name, None),), problem, unreadable=called.reference)


def _candidates(record: Record, kind: Kind) -> Iterable[Observed]:
    found = record.by_concept
    return (*found.get(kind.concept, ()), *found.get(f"{kind.concept}-unsuitable", ()))


def _unsuitable(observed: Observed, kind: Kind) -> bool:
    """Is it stated, usual, ideal, birth or dry, by its code, its words or its method?"""
    if f"{kind.concept}-unsuitable" in observed.concepts or "measure.birth-weight" in observed.concepts:
        return True
    words = f"{observed.said}; {reader.words(observed.resource.get('method')).lower()}"
    return _UNSUITABLE_WORDS.search(words) is not None


def _judge(newest: Sequence[Observed], kind: Kind, start: date) -> Fact[Measurement]:
    """The newest measurement: one value with a unit, plausible, and how old it is."""
    evidence = _evidence(newest, kind)
    read = [measured(observed.resource, kind.convert) for observed in newest]
    values = [value for value in read if value is not None]
    if not values:
        problem = f"the newest {kind.name.lower()} has no readable value or unit"
        return Fact(None, evidence, problem, unreadable=newest[0].reference)
    if max(values) - min(values) > _SAME * max(values):
        return Fact(None, evidence, f"two different values of {kind.name.lower()} on the same day", conflict=True)
    low, high = kind.limits
    if not low <= values[0] <= high:
        limits = f"{reader.plain(low)} to {reader.plain(high)} {kind.unit}"
        shown = f"{reader.plain(values[0])} {kind.unit}"
        return Fact(None, evidence, f"implausible {kind.name.lower()}: {shown} is outside {limits}")
    place = read.index(values[0])
    found = Measurement(values[0], newest[place].day, evidence[place].value or "")
    return _aged(Fact(found, evidence), newest[place], kind, start)


def _aged(fact: Fact[Measurement], observed: Observed, kind: Kind, start: date) -> Fact[Measurement]:
    if kind.stale_days is None:
        return fact
    when = reader.partial(observed.written)
    if when is None:
        return fact._replace(stale=True, problem=f"the {kind.name.lower()} is not dated")
    age = days_between(when.earliest, start)
    if age <= kind.stale_days:
        return fact
    return fact._replace(stale=True, problem=f"the {kind.name.lower()} is {age} days old at the planned start")


def _evidence(observations: Iterable[Observed], kind: Kind) -> tuple[Evidence, ...]:
    """Each with its value as written, cut to what a unit can be; words only where they are a measure."""
    shown = []
    for observed in observations:
        said: object = reader.quantity(observed.resource.get("valueQuantity"))
        if said is None and measured(observed.resource, kind.convert) is not None:
            said = reader.text(observed.resource, "valueString")
        shown.append(observed.evidence(kind.name, str(said)[:40] if said else None))
    return tuple(shown)


def _warnings(
    weight: Measurement | None, height: Measurement | None, birth: PartialDate | None, start: date
) -> tuple[str, ...]:
    """Where height and weight do not fit each other, or one of them the age."""
    found = []
    if weight and height:
        index = weight.value / (height.value / 100) ** 2
        if not _BMI[0] <= index <= _BMI[1]:
            found.append(f"weight and height do not fit each other (body mass index {index:.0f} kg/m²)")
    limits = _limits_for_age(birth, start)
    if limits:
        weights, heights = limits
        if weight and not weights[0] <= weight.value <= weights[1]:
            found.append(f"a weight of {reader.plain(weight.value)} kg does not fit the age")
        if height and not heights[0] <= height.value <= heights[1]:
            found.append(f"a height of {reader.plain(height.value)} cm does not fit the age")
    return tuple(found)


def _limits_for_age(birth: PartialDate | None, start: date) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """The widest weights and heights of this age; None while the birth date leaves the age band open."""
    if birth is None or start < birth.earliest:
        return None
    for months, weights, heights in _BY_AGE:
        older = at_least_months_old(birth, months, start)
        if older is None:
            return None
        if not older:
            return weights, heights
    return None
