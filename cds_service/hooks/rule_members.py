"""What each member of discovery and of an answer has to be, and the rule it stands under, as tables. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cds_service.hooks.rules import Breach, breach
from cds_service.hooks.schemas import path_text

Json = Mapping[str, Any]
Step = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """What one member of an object has to be, the rule it stands under, and the words when it is not."""

    rule: str
    fits: Callable[[Any], bool]
    must_be: str
    required: bool = False
    missing: str = ""
    """The rule it breaks by not being there, where that is another one."""


def is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _object(value: Any) -> bool:
    return isinstance(value, Mapping)


def _objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, Mapping) for each in value)


def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _absolute(value: Any) -> bool:
    if not is_text(value):
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.scheme not in ("http", "https"))) and " " not in value


def is_object_of_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(is_text(each) for each in value.values())


def _one_of(*values: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in values


_ANY = Member("P-01", _object, "is not an object")
_WORDS = "is not a text"
ENTRY: Mapping[str, Member] = {
    "hook": Member("B-06", is_text, _WORDS, required=True),
    "title": Member("B-07", is_text, _WORDS, required=True),
    "description": Member("B-08", is_text, _WORDS, required=True),
    "id": Member("B-09", is_text, _WORDS, required=True),
    "prefetch": Member("B-11", is_object_of_texts, "is not an object of strings"),
    "usageRequirements": Member("B-18", is_text, _WORDS),
    "version": Member("B-18", is_text, _WORDS),
    "hookVersion": Member("B-18", is_text, _WORDS),
    "extension": _ANY,
}
ROOT: Mapping[str, Member] = {
    "cards": Member("G-01", lambda value: isinstance(value, list), "is not an array", required=True),
    "systemActions": Member("N-01", _objects, "is not an array of objects"),
    "extension": _ANY,
}
_LIST = "is not an array of objects"
CARD: Mapping[str, Member] = {
    "uuid": Member("H-01", is_text, _WORDS),
    "summary": Member("H-02", is_text, _WORDS, required=True),
    "detail": Member("H-04", lambda value: isinstance(value, str), _WORDS),
    "indicator": Member(
        "H-07", _one_of("info", "warning", "critical"), "is not info, warning or critical", required=True
    ),
    "source": Member("H-08", _object, "is not an object", required=True),
    "suggestions": Member("H-09", _objects, _LIST),
    "selectionBehavior": Member("H-11", _one_of("at-most-one", "any"), "is not at-most-one or any"),
    "overrideReasons": Member("H-09", _objects, _LIST),
    "links": Member("H-09", _objects, _LIST),
    "extension": _ANY,
}
_URL = "is not an absolute URL"
SOURCE: Mapping[str, Member] = {
    "label": Member("I-01", is_text, _WORDS, required=True),
    "url": Member("I-03", _absolute, _URL),
    "icon": Member("I-05", _absolute, _URL),
    "topic": Member("I-07", _object, "is not an object"),
    "extension": _ANY,
}
TOPIC: Mapping[str, Member] = {
    "code": Member("I-07", is_text, _WORDS, required=True),
    "system": Member("I-07", is_text, _WORDS, required=True),
    "display": Member("I-07", is_text, _WORDS),
    "version": Member("I-07", is_text, _WORDS),
    "extension": _ANY,
}
SUGGESTION: Mapping[str, Member] = {
    "label": Member("J-01", is_text, _WORDS, required=True),
    "uuid": Member("J-02", is_text, _WORDS),
    "isRecommended": Member("J-03", _boolean, "is not true or false"),
    "actions": Member("J-05", _objects, _LIST),
    "actionSelectionBehavior": Member("J-08", lambda _: False, "is used"),
    "extension": _ANY,
}
ACTION: Mapping[str, Member] = {
    "type": Member("K-01", _one_of("create", "update", "delete"), "is not create, update or delete", required=True),
    "description": Member("K-02", is_text, _WORDS, required=True),
    "resource": Member("K-03", lambda _: True, ""),
    "resourceId": Member("K-07", lambda _: True, ""),
    "extension": _ANY,
}
SYSTEM_ACTION: Mapping[str, Member] = {**ACTION, "description": Member("N-02", is_text, _WORDS, required=True)}
REASON: Mapping[str, Member] = {
    name: Member("L-02", is_text, _WORDS, required=True) for name in ("code", "system", "display")
} | {"version": Member("L-02", is_text, _WORDS), "extension": _ANY}
LINK: Mapping[str, Member] = {
    "label": Member("M-01", is_text, _WORDS, required=True),
    "url": Member("M-03", _absolute, _URL, required=True, missing="M-01"),
    "type": Member("M-02", _one_of("absolute", "smart"), "is not absolute or smart", required=True, missing="M-01"),
    "appContext": Member("M-05", is_text, _WORDS),
    "autolaunchable": Member("M-07", _boolean, "is not true or false"),
    "extension": _ANY,
}


def member_breaches(found: Json, table: Mapping[str, Member], at: Step, *, unknown: str = "H-12") -> Iterator[Breach]:
    """Missing, misshapen and unknown members. Null and empty ones that need not be there are `hollow_breaches`'s."""
    for name, member in table.items():
        value, where = found.get(name), path_text((*at, name))
        if name not in found:
            if member.required:
                yield breach(member.missing or member.rule, where, "is missing")
        elif not member.fits(value) and (member.required or value not in (None, "", [], {})):
            yield breach(member.rule, where, member.must_be)
    for name in found:
        if name not in table:
            yield breach(unknown, path_text((*at, name)), "is not a member the standard knows")


def hollow_breaches(node: Any, at: Step, *, allowed: Sequence[str] = ()) -> Iterator[Breach]:
    """Nulls and empty values, however deep; not inside FHIR resources, where they may have a place."""
    pairs = node.items() if isinstance(node, Mapping) else enumerate(node)
    for step, value in pairs:
        path: Step = (*at, step)
        if value is None:
            yield breach("A-06", path_text(path), "is null")
        elif value in ("", [], {}) and step not in allowed:
            yield breach("A-07", path_text(path), "is empty")
        elif isinstance(value, Mapping | list) and step != "resource":
            yield from hollow_breaches(value, path)
