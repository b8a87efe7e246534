"""Small defensive accessors over FHIR as plain JSON. Each checks what it touches; none raises on odd data.

Knows the data types of FHIR R4 (Coding, Quantity, Reference …) and nothing clinical.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

from cds_service.dates import PartialDate

Json = Mapping[str, Any]
EMPTY: Json = {}
_SOME = 200
"""No list of a resource is read further than this: a chart entry with more is not a chart entry."""


class Quantity(NamedTuple):
    """A number and its unit, as code and as text; the comparator where the number is a bound."""

    value: Decimal
    unit: str | None = None
    code: str | None = None
    comparator: str | None = None

    @property
    def units(self) -> tuple[str, ...]:
        """What to read the unit from: the UCUM code first, then the text."""
        return tuple(dict.fromkeys(text for text in (self.code, self.unit) if text))

    def __str__(self) -> str:
        number = plain(self.value)
        unit = self.unit or self.code or ""
        return f"{self.comparator or ''} {number} {unit if unit != '1' else ''}".strip()


def items(value: object) -> tuple[Any, ...]:
    """A list as it is, a single object as a list of one, nothing as an empty list."""
    if value is None:
        return ()
    return tuple(value[:_SOME]) if isinstance(value, list) else (value,)


def objects(parent: object, name: str) -> tuple[Json, ...]:
    """The JSON objects under a member, whether it holds a list or a single object."""
    value = parent.get(name) if isinstance(parent, dict) else None
    if isinstance(value, list):
        return tuple([item for item in value[:_SOME] if isinstance(item, dict)])
    return (value,) if isinstance(value, dict) else ()


def first(parent: object, name: str) -> Json:
    """The first JSON object under a member; an empty one when there is none."""
    value = parent.get(name) if isinstance(parent, dict) else None
    if isinstance(value, list):
        return next((item for item in value[:_SOME] if isinstance(item, dict)), EMPTY)
    return value if isinstance(value, dict) else EMPTY


def text(parent: object, name: str) -> str | None:
    """A non-blank string member, trimmed."""
    value = parent.get(name) if isinstance(parent, dict) else None
    return (value.strip() or None) if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def partial(written: str | None) -> PartialDate | None:
    """A FHIR date as precise as it is written; None when it is none."""
    return PartialDate.parse(written)


_IN_QUOTES = re.compile(r"-?(?:\d{1,20}(?:\.\d{1,20})?|\d{1,15},\d{1,2}|0,\d{1,20})", re.ASCII)
"""A number in quotes that can mean one thing only: 1,200 may be a thousand, or one and two tenths."""


def number(value: object) -> Decimal | None:
    """A finite JSON number, or one in quotes, also with a decimal comma where it is no thousands separator."""
    if type(value) is int:
        value = Decimal(value)
    elif type(value) is not Decimal:
        if isinstance(value, str) and _IN_QUOTES.fullmatch(value.strip()):
            value = value.strip().replace(",", ".")
        elif isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            value = Decimal(str(value))
        except InvalidOperation:
            return None
    return value if value.is_finite() and abs(value.adjusted()) < 30 else None


def quantity(value: object) -> Quantity | None:
    """A Quantity with a number; None without one."""
    if not isinstance(value, dict):
        return None
    amount = number(value.get("value"))
    if amount is None:
        return None
    return Quantity(amount, *_three_words(value.get("unit"), value.get("code"), value.get("comparator")))


def codings(concept: object) -> tuple[tuple[str | None, str | None, str | None], ...]:
    """(system, code, display) of every coding of a CodeableConcept, or of a bare Coding."""
    if not isinstance(concept, dict):
        return ()
    found = concept.get("coding")
    if not isinstance(found, list):
        found = [found] if isinstance(found, dict) else [concept] if "code" in concept else []
    read = []
    for coding in found[:_SOME]:
        if isinstance(coding, dict):
            read.append(_three_words(coding.get("system"), coding.get("code"), coding.get("display")))
    return tuple(read)


def _three_words(first: object, second: object, third: object) -> tuple[str | None, str | None, str | None]:
    try:
        return _words(first, second, third)
    except TypeError:  # an object or a list where a word belongs
        return _word(first), _word(second), _word(third)


@lru_cache(maxsize=4096)
def _words(first: object, second: object, third: object) -> tuple[str | None, str | None, str | None]:
    """Charts say the same few hundred codings and units again and again."""
    return _word(first), _word(second), _word(third)


def _word(value: object) -> str | None:
    return (value.strip() or None) if isinstance(value, str) else None


def words(concept: object) -> str:
    """Everything a CodeableConcept says in words: its text, then its displays; '' when it says nothing."""
    if not isinstance(concept, dict):
        return ""
    said = [_word(concept.get("text")), *[display for _, _, display in codings(concept)]]
    return "; ".join(dict.fromkeys([word for word in said if word]))


def has_code(concept: object, *codes: str) -> bool:
    """Does any coding carry one of these codes? For FHIR's own required codes, where the system is often left out.

    A bare string counts as its code: older clients send `"verificationStatus": "refuted"`.
    """
    return concept in codes if isinstance(concept, str) else any(code in codes for _, code, _ in codings(concept))


def first_code(concept: object) -> str | None:
    """The first code of a concept, for FHIR's own required codes; a bare string is its code."""
    if isinstance(concept, str):
        return _word(concept)
    return next((code for _, code, _ in codings(concept) if code), None)


def reference(parent: object, name: str) -> str | None:
    """The literal reference of the first Reference under a member."""
    return text(first(parent, name), "reference")


def references(parent: object, name: str) -> tuple[str, ...]:
    """The literal references of every Reference under a member."""
    return tuple(found for item in objects(parent, name) if (found := text(item, "reference")))


def local(written: str | None) -> str | None:
    """`Type/id` of a reference, without base URL and version; contained (#) and URN references as they are."""
    if not written:
        return None
    if written.startswith(("#", "urn:")):
        return written
    parts = written.strip().partition("/_history/")[0].partition("?")[0].rstrip("/").split("/")
    return "/".join(parts[-2:])


def when(resource: object, *names: str) -> str | None:
    """The first of these members that holds a date: a dateTime, or the end (else start) of a Period."""
    for name in names:
        value = resource.get(name) if isinstance(resource, dict) else None
        if isinstance(value, dict):
            value = value.get("end") or value.get("start")
        if isinstance(value, str) and partial(value):
            return value.strip()
    return None


def day(written: str | None) -> date | None:
    """The day of a date or dateTime that is known to the day."""
    found = partial(written)
    return found.exact if found else None


def moment(written: str | None) -> datetime | None:
    """A dateTime with a time of day, in UTC (no zone is read as UTC); None for a bare date."""
    if not written or not re.match(r"\d{4}-\d{2}-\d{2}T\d", written):
        return None
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def plain(value: Decimal) -> str:
    """A number as people write it: no exponent, no trailing zeros."""
    written = f"{value:f}"
    return written.rstrip("0").rstrip(".") if "." in written else written
