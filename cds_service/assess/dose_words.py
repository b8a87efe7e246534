"""Numbers and ranges as the dose's sentences print them. Pure; knows nothing of judgement.

Doses of the label are cut to 0.1 mcg, never rounded up; what was ordered is printed as it was ordered.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from cds_service.units import WIDE

_TENTH = Decimal("0.1")
_FINE = Decimal("0.0001")


def cut_dose(number: Decimal) -> str:
    """'14.8' for 14.8113: rounded down to a tenth."""
    return _plain(number.quantize(_TENTH, ROUND_DOWN, WIDE))


def as_ordered(number: Decimal) -> str:
    """'28.05' for 28.0500: at most four decimals, rounded down, no trailing zeros."""
    return _plain(number.quantize(_FINE, ROUND_DOWN, WIDE))


def times(ratio: Decimal) -> str:
    """'1.89' for 1.8904: cut at two decimals; 'just over 1' where that would hide an excess."""
    if 1 < ratio < Decimal("1.01"):
        return "just over 1"
    return _plain(ratio.quantize(Decimal("0.01"), ROUND_DOWN, WIDE))


def area(number: Decimal) -> str:
    """'0.98' for 0.98742 m²."""
    return _plain(number.quantize(Decimal("0.001"), ROUND_DOWN, WIDE))


def days(first: int, last: int | None) -> str:
    """'1-7', '8' for one day, 'from 8' when no end is stated."""
    if last is None:
        return f"from {first}"
    return str(first) if first == last else f"{first}-{last}"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
