"""A body measure written in words: "30 kg", "30,5 kg", "66 lb", "117 cm", "3 ft 10 in". Read where it says one thing
only; anything beside the number and its unit makes it none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal

from cds_service.fhir.reader import Json, number, quantity, text

Convert = Callable[[Decimal, str | None], Decimal | None]
_LONGEST = 40
_UNIT = r"[a-zA-Z][a-zA-Z²^]*2?|\[[a-z]+_[a-z]+\]|'|\"|′|″"
_ONE = re.compile(rf"(?P<number>[\d.,]+)\s*(?P<unit>{_UNIT})\.?")
_TWO = re.compile(rf"(?P<first>\d{{1,3}})\s*(?P<large>{_UNIT})\.?,?\s*(?P<second>[\d.,]+)\s*(?P<small>{_UNIT})\.?")
_FEET, _POUNDS = ("ft", "foot", "feet", "'", "′"), ("lb", "lbs", "pound", "pounds")
_INCHES = ("in", "inch", "inches", '"', "″")
_SIGNS: Mapping[str, str] = {'"': "[in_i]", "″": "[in_i]"}
_IN_TWO: tuple[tuple[tuple[str, ...], tuple[str, ...], int, str], ...] = (
    # larger unit, smaller unit, how many of it make one, what the smaller is called
    (_FEET, _INCHES, 12, "[in_i]"),
    (_POUNDS, ("oz", "ounce", "ounces"), 16, "[oz_av]"),
    (("m",), ("cm",), 100, "cm"),
    (("kg",), ("g",), 1000, "g"),
)


def measured(resource: Json, convert: Convert) -> Decimal | None:
    """The value of a measure in the wanted unit: its quantity, else its words. None where neither says it, where code
    and text of the unit mean different things, or where a bound is stated.
    """
    stated = quantity(resource.get("valueQuantity"))
    if stated is None:
        return in_words(text(resource, "valueString"), convert) if "valueQuantity" not in resource else None
    found = set() if stated.comparator else {convert(stated.value, unit) for unit in stated.units} - {None}
    return found.pop() if len(found) == 1 else None


def in_words(said: str | None, convert: Convert) -> Decimal | None:
    """The measure that a text states, in the wanted unit; None unless it states that and nothing else."""
    if not said or len(said) > _LONGEST:
        return None
    line = " ".join(said.split())
    if one := _ONE.fullmatch(line):
        value = number(one["number"])
        return None if value is None else convert(value, _SIGNS.get(one["unit"], one["unit"]))
    return _in_two(match, convert) if (match := _TWO.fullmatch(line)) else None


def _in_two(match: re.Match[str], convert: Convert) -> Decimal | None:
    large, small, second = match["large"].lower(), match["small"].lower(), number(match["second"])
    for larger, smaller, many, unit in _IN_TWO:
        if large in larger and small in smaller and second is not None and second < many:
            return convert(Decimal(match["first"]) * many + second, unit)
    return None
