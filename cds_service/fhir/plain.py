"""Is an order plainly valid FHIR R4? A yes costs a tenth of what the models take for it; all else is theirs to judge.

The tables are made from the fields of the fhir.resources models, one by one as elements occur. A "no" says nothing:
extensions of primitive elements, contained resources, the rarer types and deep nesting are never plain. A test holds
the two together: what is plain here has no problem there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, get_args, get_origin

Model = Any
"""A class of fhir.resources."""
Check = Callable[[object], bool]

_CODE = re.compile(r"\S+( \S+)*")
_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")
_DATE = re.compile(r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[12][0-9]{3}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{3})?(Z|[+-]0[0-9]:[0-5][0-9])"
)
_MOST = 2**31 - 1
_LARGEST = 10**64
_DEEPEST = 20
_RESOURCES = ("contained",)
"""Members that hold a whole resource, of whatever type it says."""


@dataclass(frozen=True, slots=True)
class Element:
    """What one type of FHIR may hold."""

    members: Mapping[str, tuple[Check | None, Model, bool]]
    """By its name in JSON: how a value is checked, or else its model; and whether there may be several."""
    required: tuple[str, ...]
    choices: tuple[tuple[frozenset[str], bool], ...]
    """Members of which there may be one, and whether there has to be."""


def plainly_valid(resource: Mapping[str, Any], model: Model) -> bool:
    """Would the model find nothing wrong? False where that is not plain to see. Raises nothing."""
    members = dict(resource)
    return members.pop("resourceType", None) == model.get_resource_type() and _fits(model, members, 0)


def _fits(model: Model, value: object, depth: int) -> bool:
    if type(value) is not dict or not value or depth > _DEEPEST:
        return False
    element = _element(model)
    known = element.members
    for name, given in value.items():
        if name not in known:
            return False
        check, inner, several = known[name]
        for item in _items(given) if several else (given,):
            if not (check(item) if check else _fits(inner, item, depth + 1)):
                return False
    if not all(name in value for name in element.required):
        return False
    for names, needed in element.choices:
        here = len(names & value.keys())
        if here > 1 or (needed and not here):
            return False
    return True


def _items(value: object) -> tuple[object, ...] | list[object]:
    """Of a list; what is none, or empty, is not plain: an item that nothing accepts stands for it."""
    return value if type(value) is list and value else (None,)


# --- values of primitive types -----------------------------------------------------------------------------


def _text(value: object) -> bool:
    """Something to read; half a character (a lone surrogate) is neither ASCII nor printable."""
    return type(value) is str and (value.isascii() or value.isprintable()) and not value.isspace() and value != ""


def _like(pattern: re.Pattern[str]) -> Check:
    return lambda value: type(value) is str and value.isascii() and pattern.fullmatch(value) is not None


def _whole(least: int) -> Check:
    return lambda value: type(value) is int and least <= value <= _MOST


def _decimal(value: object) -> bool:
    return (type(value) is int and abs(value) < _LARGEST) or (type(value) is Decimal and value.is_finite())


def _day(value: object) -> bool:
    return type(value) is str and _DATE.fullmatch(value) is not None and _exists(date.fromisoformat, value)


def _moment(value: object) -> bool:
    return type(value) is str and _MOMENT.fullmatch(value) is not None and _exists(datetime.fromisoformat, value)


def _exists(read: Callable[[str], object], value: str) -> bool:
    try:
        read(value)
    except ValueError:
        return False
    return True


_PRIMITIVES: Mapping[str, Check] = {
    "boolean": lambda value: type(value) is bool,
    "canonical": _text,
    "code": _like(_CODE),
    "date": _day,
    "dateTime": lambda value: _moment(value) or _day(value),
    "decimal": _decimal,
    "id": _like(_ID),
    "instant": _moment,
    "integer": _whole(-_MOST),
    "markdown": _text,
    "positiveInt": _whole(1),
    "string": _text,
    "unsignedInt": _whole(0),
    "uri": _text,
}


# --- the tables --------------------------------------------------------------------------------------------


@cache
def _element(of: Model) -> Element:
    """What this model, or type of a field, may hold, from the fields of the model."""
    members: dict[str, tuple[Check | None, Model, bool]] = {}
    required, needed = list[str](), set[str]()
    choices: dict[str, set[str]] = {}
    for name, field in getattr(of, "get_model_klass", lambda: of)().model_fields.items():
        told, called = field.json_schema_extra or {}, field.alias or name
        kind, several = _kind(field.annotation)
        if isinstance(kind, str):
            members |= {called: (_PRIMITIVES[kind], None, several)} if kind in _PRIMITIVES else {}
        elif told.get("element_property") and called not in _RESOURCES:
            members[called] = (None, kind, several)
        if field.is_required() or told.get("element_required"):
            required.append(called)
        if group := told.get("one_of_many"):
            choices.setdefault(group, set()).add(called)
            needed |= {group} if told.get("one_of_many_required") else set()
    one_of = tuple((frozenset(names), group in needed) for group, names in choices.items())
    return Element(members, tuple(required), one_of)


def _kind(annotation: Any) -> tuple[Any, bool]:
    """The name of a primitive type, else the type; and whether there may be several."""
    several = False
    while (origin := get_origin(annotation)) is not None:
        if origin is Annotated:
            return getattr(get_args(annotation)[1], "__visit_name__", ""), several
        several = several or origin is list
        annotation = get_args(annotation)[0]
    return "boolean" if annotation is bool else annotation, several
