"""A small exact subset of UCUM on Decimal, with the spellings that charts really use. A leaf: knows nothing of ours.

Every function converts or returns None: it never guesses. Prefixes are read where a chart of this drug can hold them
and nowhere else, so `Mg` (megagram in UCUM, a slip of the pen in a chart) is refused. Body surface (m2) and body
weight (kg, in the denominator) are kept apart from length and mass.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from functools import lru_cache

MINUTES_PER_DAY = 1440
WIDE = Context(prec=250)
"""For rounding: a call may hold any number up to 1e100, and with the usual 28 digits its rounding would fail."""
_LONGEST_UNIT = 40

_MASS: Mapping[str, Decimal] = {  # in micrograms
    "ng": Decimal("0.001"),
    "ug": Decimal(1),
    "mg": Decimal(1000),
    "g": Decimal(1_000_000),
    "kg": Decimal(1_000_000_000),
    "[lb_av]": Decimal("453592370"),
    "[oz_av]": Decimal("28349523.125"),
}
_LENGTH: Mapping[str, Decimal] = {"mm": Decimal("0.1"), "cm": Decimal(1), "m": Decimal(100), "[in_i]": Decimal("2.54")}
_TIME: Mapping[str, Decimal] = {  # in minutes
    "min": Decimal(1),
    "h": Decimal(60),
    "d": Decimal(1440),
    "wk": Decimal(10080),
}
_VOLUME = frozenset({"mL", "L", "dL", "uL"})
_SPELLINGS: Mapping[str, str] = {
    **dict.fromkeys(("mcg", "mcgs", "microgram", "micrograms", "mikrogramm"), "ug"),
    **dict.fromkeys(("milligram", "milligrams", "mgs"), "mg"),
    **dict.fromkeys(("gram", "grams", "gm", "gms"), "g"),
    **dict.fromkeys(("kgs", "kilogram", "kilograms", "kilo"), "kg"),
    **dict.fromkeys(("lb", "lbs", "pound", "pounds", "lb_av"), "[lb_av]"),
    **dict.fromkeys(("oz", "ounce", "ounces", "oz_av"), "[oz_av]"),
    **dict.fromkeys(("in", "ins", "inch", "inches", "in_i"), "[in_i]"),
    **dict.fromkeys(("centimeter", "centimeters", "centimetre", "centimetres", "cms"), "cm"),
    **dict.fromkeys(("meter", "meters", "metre", "metres"), "m"),
    **dict.fromkeys(("day", "days", "24h", "24hr", "24hrs"), "d"),
    **dict.fromkeys(("hour", "hours", "hr", "hrs"), "h"),
    **dict.fromkeys(("minute", "minutes", "mins"), "min"),
    **dict.fromkeys(("week", "weeks", "wks"), "wk"),
    **dict.fromkeys(("ml", "cc", "milliliter", "milliliters", "millilitre", "millilitres"), "mL"),
    **dict.fromkeys(("sqm", "m^2", "m²"), "m2"),
}
_KEPT_CASES: Mapping[str, str] = {
    **dict.fromkeys(("MG",), "mg"),
    **dict.fromkeys(("KG", "Kg"), "kg"),
    **dict.fromkeys(("CM", "Cm"), "cm"),
    **dict.fromkeys(("UG",), "ug"),
    **dict.fromkeys(("M2",), "m2"),
    **dict.fromkeys(("H", "Hr", "HR"), "h"),
    **dict.fromkeys(("D",), "d"),
    **dict.fromkeys(("Mg", "G", "M", "MM"), "refused"),
}
"""Capitals with a meaning of their own in UCUM (Mg, G, M), and those that can only be a habit of writing."""
RAISED = str.maketrans({**dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)), "⁻": "^-", "−": "-"})
"""Powers of ten as they are raised in print, written as 10^-4."""
_TERM = re.compile(r"(?P<count>\d+(?:\.\d+)?)?(?P<unit>[^\d].*)?")


@dataclass(frozen=True, slots=True)
class Dose:
    """An amount of drug: micrograms, per m² or per kg of body weight where `per` says so."""

    micrograms: Decimal
    per: str | None = None


@dataclass(frozen=True, slots=True)
class DoseRate:
    """An amount of drug per day: micrograms per day, per m² or per kg of body weight where `per` says so."""

    micrograms_per_day: Decimal
    per: str | None = None


@dataclass(frozen=True, slots=True)
class _Shape:
    """A unit taken apart: what it measures above and below the line. `factor` scales to µg and minutes."""

    factor: Decimal = Decimal(1)
    minutes: Decimal | None = None
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


def mass_in_micrograms(value: Decimal, unit: str | None) -> Decimal | None:
    """A mass in µg; None for anything that is not plainly a mass."""
    factor = _MASS.get(spelled(unit))
    return None if factor is None else value * factor


def mass_in_kilograms(value: Decimal, unit: str | None) -> Decimal | None:
    """A mass in kg, exact (45000 g = 45 kg; 99 [lb_av] = 44.90564463 kg)."""
    micrograms = mass_in_micrograms(value, unit)
    return None if micrograms is None else micrograms / _MASS["kg"]


def mass_in_grams(value: Decimal, unit: str | None) -> Decimal | None:
    """A mass in g, exact."""
    micrograms = mass_in_micrograms(value, unit)
    return None if micrograms is None else micrograms / _MASS["g"]


def length_in_centimetres(value: Decimal, unit: str | None) -> Decimal | None:
    """A length in cm, exact."""
    factor = _LENGTH.get(spelled(unit))
    return None if factor is None else value * factor


def area_in_square_metres(value: Decimal, unit: str | None) -> Decimal | None:
    """A body surface in m²; no other area is known here."""
    return value if spelled(unit) == "m2" else None


def time_in_minutes(value: Decimal, unit: str | None) -> Decimal | None:
    """A time span in minutes. Months and years have no fixed length: None."""
    factor = _TIME.get(spelled(unit))
    return None if factor is None else value * factor


def dose(value: Decimal, unit: str | None) -> Dose | None:
    """An amount of drug (ug, mg, ug/m2, ug/kg …); None where the unit is another."""
    shape = _shape(unit)
    if shape is None or shape.above != ("mass",) or shape.minutes is not None or len(shape.below) > 1:
        return None
    return Dose(value * shape.factor, shape.below[0] if shape.below else None)


def dose_rate(value: Decimal, unit: str | None) -> DoseRate | None:
    """An amount of drug per time (ug/d, ug/h, mg/d, ug/m2/d, ug/(m2.d), ug/(24.h) …); None for any other unit."""
    shape = _shape(unit)
    if shape is None or shape.above != ("mass",) or shape.minutes is None or len(shape.below) > 1:
        return None
    per_day = value * shape.factor * MINUTES_PER_DAY / shape.minutes
    return DoseRate(per_day, shape.below[0] if shape.below else None)


def is_volume_rate(unit: str | None) -> bool:
    """mL/h and kin: a pump rate, which gives no dose without the concentration."""
    shape = _shape(unit)
    return shape is not None and shape.above == ("volume",) and shape.minutes is not None


def is_volume(unit: str | None) -> bool:
    """mL and kin: no dose without the concentration."""
    return spelled(unit) in _VOLUME


def refusal(unit: str | None) -> str:
    """Why a unit gives no dose, in words for a clinician."""
    if not unit or not unit.strip():
        return "no unit is stated"
    if is_volume_rate(unit):
        return "a pump rate gives no dose without the concentration"
    if is_volume(unit):
        return "a volume gives no dose without the concentration"
    if re.search(r"vial|bag|each|\bea\b|tab|cap|unit|kit|pump|syringe|\{", unit, re.IGNORECASE):
        return "a number of containers or units gives no dose"
    return "the unit is not one we can turn into a dose"


def per_cent(value: Decimal, unit: str | None) -> Decimal | None:
    """A share in per cent: %, 10*-n, per million, parts per million. A bare number or `1` is not guessed: None."""
    text = re.sub(r"[\s{}]", "", unit or "").lower().translate(RAISED)
    if re.fullmatch(r"(%|percent|pct)(of\w*|cells)?", text):
        return value
    power = re.fullmatch(r"[x×*]?10(?:\*\*?|\^)?-([1-9])", text)
    if power:
        return value.scaleb(2 - int(power[1]))
    if re.fullmatch(r"(\w*/)(10[*^]6|1000000|million)(cells)?|\[?ppm\]?|\w*per(1?million|1000000)\w*", text):
        return value.scaleb(-4)
    return value.scaleb(-3) if re.fullmatch(r"(\w*/)(10[*^]5|100000)(cells)?", text) else None


def count_per_microlitre(value: Decimal, unit: str | None) -> Decimal | None:
    """A cell count per µL: 10*3/uL, 10*9/L, K/uL, /uL, /mm3. None for anything else."""
    text = re.sub(r"[\s{}]|cells", "", (unit or "").replace("µ", "u").replace("μ", "u")).lower()
    text = text.replace("x10", "10").replace("^", "*").replace("cumm", "mm3")
    if text in ("10*3/ul", "10*9/l", "k/ul", "1000/ul", "10*3/mm3", "thou/ul", "10e3/ul", "10e9/l", "th/ul"):
        return value * 1000
    if text in ("/ul", "/mm3", "10*6/l", "1/ul", "#/ul"):
        return value
    return None


def same_unit(one: str | None, other: str | None) -> bool:
    """Do two laboratory units mean the same, letter case, brackets and blanks apart (U/L, IU/L, [IU]/L)?"""
    return _laboratory(one) == _laboratory(other)


def spelled(unit: str | None) -> str:
    """The UCUM spelling of a simple unit; '' when there is none. Unknown units come back as they are, trimmed."""
    text = (unit or "").strip().replace("µ", "u").replace("μ", "u")
    if text in _KEPT_CASES:
        return _KEPT_CASES[text]
    return _SPELLINGS.get(text.lower().rstrip("."), text)


@lru_cache(maxsize=512)
def _laboratory(unit: str | None) -> str:
    text = re.sub(r"[\s\[\]{}]", "", (unit or "").replace("µ", "u").replace("μ", "u")).lower()
    return text.replace("iu/", "u/")


@lru_cache(maxsize=512)
def _shape(unit: str | None) -> _Shape | None:
    """The parts of a unit such as ug/m2/d, ug/(m2.d) or ug/(24.h); None when any part is not known here."""
    text = _tidy(unit)
    if not text or len(text) > _LONGEST_UNIT:
        return None
    above, *below = _split(text)
    shape: _Shape | None = _with_amount(above)
    for part in below:
        shape = shape and _under(shape, part)
    return shape


def _tidy(unit: str | None) -> str:
    """Words such as 'mcg per m2 per day' written as a unit, without blanks."""
    text = " ".join((unit or "").split()).replace("µ", "u").replace("μ", "u").replace("²", "2")
    text = re.sub(r"\s*\bper\b\s*", "/", text, flags=re.IGNORECASE)
    text = re.sub(r"/\s*(24)[\s.-]*(h|hr|hrs|hours?)\b", r"/(24.h)", text, flags=re.IGNORECASE)
    text = re.sub(r"\s+daily$", "/d", text.strip(), flags=re.IGNORECASE)
    text = re.sub(r"\bsq\.?\s*m\b", "m2", text, flags=re.IGNORECASE)
    text = re.sub(r"/1\.(?=\w)", "/", text)
    return re.sub(r"\s+", "", text)


def _split(text: str) -> list[str]:
    """`a/b/(c.d)` → [a, b, c, d]: the first above the line, the others below. Stray brackets make parts unknown."""
    first, *rest = re.split(r"/(?![^(]*\))", text)
    parts = [first]
    for part in rest:
        inner = part[1:-1] if part.startswith("(") and part.endswith(")") else part
        factors = inner.split(".") if inner != part else [inner]
        parts += _joined_counts(factors)
    return parts


def _joined_counts(factors: list[str]) -> list[str]:
    """`24`, `h` → `24h`: a number multiplies the unit after it."""
    joined: list[str] = []
    for factor in factors:
        if joined and re.fullmatch(r"\d+", joined[-1]):
            joined[-1] += factor
        else:
            joined.append(factor)
    return joined


def _with_amount(text: str) -> _Shape | None:
    unit = spelled(text)
    if unit in _VOLUME:
        return _Shape(above=("volume",))
    factor = _MASS.get(unit)
    return None if factor is None else _Shape(factor=factor, above=("mass",))


def _under(shape: _Shape, text: str) -> _Shape | None:
    """The shape with one more part below the line: a time, m2, or kg of body weight."""
    match = _TERM.fullmatch(text)
    unit = spelled(match["unit"]) if match and match["unit"] else ""
    count = Decimal(match["count"]) if match and match["count"] else Decimal(1)
    if unit in ("m2", "kg") and count == 1:
        return _Shape(shape.factor, shape.minutes, shape.above, (*shape.below, unit))
    if unit in _TIME and shape.minutes is None and count > 0:
        return _Shape(shape.factor, count * _TIME[unit], shape.above, shape.below)
    return None
