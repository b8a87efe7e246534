"""One MRD result as it is written → detected or not, and the level in per cent where it is stated with its unit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from cds_service import units
from cds_service.facts import answers as results
from cds_service.fhir import reader
from cds_service.fhir.reader import Json, Quantity
from cds_service.terminology import ValueSets

POSITIVE_FROM_PERCENT = Decimal("0.1")
"""A level from here on is that of the labelled use; no report calls it negative."""
NEGATIVE_BELOW_PERCENT = Decimal("0.01")
"""`< x` counts as negative up to this x (input contract, row MRD); another `<` is unknown."""
_COMPARED = {
    **dict.fromkeys(("less than", "fewer than", "below", "under"), "<"),
    **dict.fromkeys(("greater than", "more than", "above", "over"), ">"),
    "≤": "<=",
    "≥": ">=",
}
_NUMBER = r"(?<![\d.,])(?P<number>\d+(?:[.,]\d+)?|\.\d+)(?![.,]?\d)"
_COUNT = r"(?<![\d.,])(?P<number>\d{1,3}(?:[ ,]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\d+,\d{1,2})(?![.,]?\d)"
_COMPARATOR = rf"(?P<comparator>[<>]=?|{'|'.join(_COMPARED)})?\s*"
_POWER = r"\s*[-−–]\s*(?P<power>\d{1,2})\b"
_MILLION = r"(?:per|/|in)\s*(?:1 ?)?(?:million|10\s*[*^]6|1,?000,?000)"
_OF = r"(?:10\s*(?:\^|\*\*?)\s*(?P<in_power>[3-7])\b|(?P<in_all>10{0,2}(?:[ ,]?000){1,2}))(?!\d|[.,]\d)"
_FORMS: tuple[tuple[re.Pattern[str], int | None], ...] = (
    # words, and the power of ten that makes a fraction per cent; None: the text states its own power
    (re.compile(rf"{_COMPARATOR}{_NUMBER}\s*(?:%|per ?cent)"), 0),
    (re.compile(rf"{_COMPARATOR}{_NUMBER}(?:e|\s*[x×*·]\s*10\s*(?:\^|\*\*?)?){_POWER}"), None),
    (re.compile(rf"{_COMPARATOR}(?<![\d.])10\s*(?:\^|\*\*?){_POWER}"), None),
    (re.compile(rf"{_COMPARATOR}{_COUNT}[\w\s]*?{_MILLION}"), -4),
    (re.compile(rf"{_COMPARATOR}{_COUNT}\s*(?:[a-z]+ ){{0,3}}(?:in|per|of|:|/)\s*{_OF}"), None),
)
_READ = "#"
"""Stands where a level has been read: no other form may find a piece of it again."""
_UNCERTAIN = re.compile(
    r"\blo[dq]\b|limit of|sensitiv|threshold|cut-?off|dilut|\d\s*(?:-|–|to)\s*\.?\d[\d.]*\s*%|"
    r"\d\s*to\s*\d[\d., ]*(?:in|per|:|/)|(?<![x×*·]10)(?<![x×*·] 10)(?<=\d)\s*[-–]\s*\d[\d., ]*(?:in|per|:|/)"
)
"""Words beside which a number may be something else than the level, and ranges."""
_LONGEST = 1000
"""A level is not looked for in more than a few sentences."""
_DOWN_TO = re.compile(r"\b(?:at|to|level of)\b")
"""In a negative result: how far was looked, not what was found."""


@dataclass(frozen=True, slots=True)
class MrdValue:
    """What one result says."""

    detected: bool | None
    percent: Decimal | None
    comparator: str | None
    reported: str | None
    as_written: str
    problem: str | None = None


def read_value(resource: Json, value_sets: ValueSets, *, unit_if_none: str | None = None) -> MrdValue | None:
    """The value of an MRD observation; None where it has none. A bare number has no unit and is not guessed, unless
    the site says what its code is measured in (`unit_if_none`).
    """
    said = results.qualitative(resource, value_sets)
    reported = said if said in (results.POSITIVE, results.NEGATIVE) else None
    text = reader.text(resource, "valueString")
    level = _level(resource, unit_if_none) or (_in_words(text) if text else None)
    if level and text and reported == results.NEGATIVE and not level.comparator and _DOWN_TO.search(text.lower()):
        level = None
    if level is None and said is None and text is None:
        return None
    if level is None:
        detected = None if reported is None else reported == results.POSITIVE
        words = text or reported or "neither positive nor negative"
        return MrdValue(detected, None, None, reported, words, None if reported else "the MRD result is not clear")
    return _with_level(level, reported, text)


@dataclass(frozen=True, slots=True)
class _Level:
    number: Decimal
    percent: Decimal | None
    comparator: str | None
    as_written: str


def _with_level(level: _Level, reported: str | None, text: str | None) -> MrdValue:
    detected = _detected(level)
    if reported is not None:
        problem = _contradiction(level, reported)
        if problem:
            return MrdValue(None, None, level.comparator, None, level.as_written, problem)
        detected = reported == results.POSITIVE
    words = text or (f"{level.as_written}, {reported}" if reported else level.as_written)
    return MrdValue(detected, level.percent, level.comparator, reported, words)


def _contradiction(level: _Level, reported: str) -> str | None:
    """Zero that is called positive, or a level of the labelled use that is called negative."""
    if level.comparator in ("<", "<="):
        return None
    if level.number == 0 and level.comparator is None and reported == results.POSITIVE:
        return "the MRD result contradicts itself: zero, and reported positive"
    if level.percent is not None and level.percent >= POSITIVE_FROM_PERCENT and reported == results.NEGATIVE:
        return f"the MRD result contradicts itself: {level.as_written}, and reported negative"
    return None


def _detected(level: _Level) -> bool | None:
    """Above zero: detected. Zero, or below a limit of 0.01 % or less: not detected. Else unknown."""
    if level.comparator in ("<", "<="):
        low = level.percent is not None and level.percent <= NEGATIVE_BELOW_PERCENT
        return False if low else None
    if level.number == 0 and level.comparator is None:
        return False
    return True if level.percent is not None else None


def _level(resource: Json, unit_if_none: str | None) -> _Level | None:
    ratio = resource.get("valueRatio")
    if isinstance(ratio, dict):
        return _of_ratio(ratio)
    quantity = reader.quantity(resource.get("valueQuantity"))
    integer = reader.number(resource.get("valueInteger"))
    if quantity is None and integer is not None:
        quantity = Quantity(integer)
    if quantity is None or quantity.value < 0:
        return None
    found = {units.per_cent(quantity.value, unit) for unit in quantity.units} - {None}
    percent = found.pop() if len(found) == 1 else None
    if percent is not None and percent > 100:  # more than all cells: a slip of the unit
        percent = None
    elif percent is None and unit_if_none and not [unit for unit in quantity.units if unit != "1"]:
        percent = units.per_cent(quantity.value, unit_if_none)
    return _Level(quantity.value, _normal(percent), quantity.comparator, str(quantity)[:40])


def _of_ratio(ratio: Json) -> _Level | None:
    """So many cells of so many."""
    part, whole = reader.quantity(ratio.get("numerator")), reader.quantity(ratio.get("denominator"))
    if part is None or whole is None or whole.value <= 0 or part.value < 0:
        return None
    fits = part.unit is None or whole.unit is None or units.same_unit(part.unit, whole.unit)
    percent = part.value * 100 / whole.value if fits else None
    return _Level(part.value, _normal(percent), part.comparator, f"{part} / {whole}")


def _in_words(text: str) -> _Level | None:
    """A level written in a sentence: 0.12 %, 1.2 x 10^-3, 1E-3, 10^-4, 1200 cells per million, 12 in 10,000.

    None where the sentence holds none, or several that differ: which is the level is not ours to guess.
    """
    if len(text) > _LONGEST:
        return None
    said = re.sub(r"(?<=10)(?=[¹²³⁴-⁹])", "^", " ".join(text.lower().split())).translate(units.RAISED)
    if _UNCERTAIN.search(said):
        return None
    found: list[_Level | None] = []
    for form, power in _FORMS:
        found += [_of_words(match, power, text) for match in form.finditer(said)]
        said = form.sub(_READ, said)
    levels = {(level.percent, level.comparator) if level else None for level in found}
    return found[0] if len(levels) == 1 else None


def _of_words(match: re.Match[str], power: int | None, text: str) -> _Level | None:
    groups = match.groupdict()
    counted = power == -4 or "in_all" in groups
    number = _number(groups.get("number") or "1", counted=counted)
    if number is None:
        return None
    comparator = groups.get("comparator")
    percent = number.scaleb(_power_of(groups) if power is None else power)
    return _Level(number, _normal(percent), _COMPARED.get(comparator, comparator) if comparator else None, text)


def _power_of(groups: Mapping[str, str | None]) -> int:
    """The power of ten that makes the number per cent: of 1.2 x 10^-3, 1 in 10^4, 1 in 10,000."""
    if "power" in groups:
        return 2 - int(groups["power"] or 0)
    return 2 - int(groups["in_power"] or (groups["in_all"] or "").count("0"))


def _number(written: str, *, counted: bool) -> Decimal | None:
    """A number of a sentence. In a count of cells 1,200 is twelve hundred; in a share it is not guessed: None."""
    if counted and re.fullmatch(r"\d{1,3}(?:[ ,]\d{3})+(?:\.\d+)?", written):
        written = re.sub("[ ,]", "", written)
    return reader.number(f"0{written}" if written.startswith(".") else written)


def _normal(percent: Decimal | None) -> Decimal | None:
    """Without the trailing zeros that a shift of the point leaves behind."""
    return None if percent is None else Decimal(reader.plain(percent))
