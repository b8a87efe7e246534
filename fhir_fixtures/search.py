"""FHIR R4 search over resources in memory: the parameters that prefetch templates use, and no others.

A parameter that is not known for a type is refused: a demo server that ignores what it does not understand would make a
wrong template look right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

Json = Mapping[str, Any]


class SearchError(Exception):
    """The search cannot be run; the text says which parameter and what is known instead."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: how it compares, and which elements it looks at."""

    kind: str
    elements: tuple[str, ...]


def _rows(kind: str, *rows: str) -> dict[str, Parameter]:
    """'code: code' or 'date: effectiveDateTime effectivePeriod' as parameters."""
    pairs = (row.split(": ") for row in rows)
    return {name: Parameter(kind, tuple(elements.split())) for name, elements in pairs}


_ID: Final = _rows("token", "_id: id")
_SUBJECT: Final = _rows("reference", "patient: subject", "subject: subject", "encounter: encounter")
_PATIENT: Final = _rows("reference", "patient: patient")
_TAKEN: Final = "effectiveDateTime effectivePeriod"

PARAMETERS: Final[dict[str, dict[str, Parameter]]] = {
    "Patient": _ID | _rows("token", "identifier: identifier", "gender: gender") | _rows("date", "birthdate: birthDate"),
    "Practitioner": _ID | _rows("token", "identifier: identifier"),
    "PractitionerRole": _ID | _rows("reference", "practitioner: practitioner") | _rows("token", "specialty: specialty"),
    "Encounter": _ID | _SUBJECT | _rows("token", "status: status", "class: class") | _rows("date", "date: period"),
    "Condition": _ID
    | _SUBJECT
    | _rows("token", "code: code", "category: category")
    | _rows("token", "clinical-status: clinicalStatus", "verification-status: verificationStatus")
    | _rows("date", "onset-date: onsetDateTime", "recorded-date: recordedDate"),
    "Observation": _ID
    | _SUBJECT
    | _rows("token", "code: code", "category: category", "status: status")
    | _rows("date", f"date: {_TAKEN} effectiveInstant"),
    "DiagnosticReport": _ID
    | _SUBJECT
    | _rows("token", "code: code", "category: category", "status: status")
    | _rows("date", f"date: {_TAKEN}"),
    "MedicationRequest": _ID
    | _SUBJECT
    | _rows("token", "code: medicationCodeableConcept", "status: status", "intent: intent", "category: category")
    | _rows("date", "authoredon: authoredOn"),
    "MedicationStatement": _ID
    | _SUBJECT
    | _rows("token", "code: medicationCodeableConcept", "status: status")
    | _rows("date", f"effective: {_TAKEN}"),
    "MedicationAdministration": _ID
    | _SUBJECT
    | _rows("token", "code: medicationCodeableConcept", "status: status")
    | _rows("date", f"effective-time: {_TAKEN}"),
    "AllergyIntolerance": _ID
    | _PATIENT
    | _rows("token", "code: code", "clinical-status: clinicalStatus", "verification-status: verificationStatus")
    | _rows("date", "date: recordedDate"),
    "Immunization": _ID
    | _PATIENT
    | _rows("token", "vaccine-code: vaccineCode", "status: status")
    | _rows("date", "date: occurrenceDateTime"),
    # R4 has no `patient` for AdverseEvent
    "AdverseEvent": _ID
    | _rows("reference", "subject: subject")
    | _rows("token", "event: event")
    | _rows("date", "date: date"),
    "Coverage": _ID
    | _rows("reference", "patient: beneficiary", "beneficiary: beneficiary")
    | _rows("token", "status: status", "type: type"),
    "QuestionnaireResponse": _ID
    | _SUBJECT
    | _rows("canonical", "questionnaire: questionnaire")
    | _rows("token", "status: status")
    | _rows("date", "authored: authored"),
}

_ONE_DAY: Final = timedelta(days=1)
Span = tuple[datetime, datetime]


def _span(text: str) -> Span:
    """The first moment and the end (exclusive) of a FHIR date, as precise as it was written. Raises SearchError."""
    try:
        if "T" in text:
            moment = datetime.fromisoformat(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            return moment, moment + timedelta(seconds=1)
        if len(text) == 4:
            return _midnight(date(int(text), 1, 1)), _midnight(date(int(text) + 1, 1, 1))
        if len(text) == 7:
            first = date.fromisoformat(f"{text}-01")
            return _midnight(first), _midnight((first + 31 * _ONE_DAY).replace(day=1))
        day = date.fromisoformat(text)
    except ValueError as problem:
        raise SearchError(f"{text!r} is not a FHIR date") from problem
    return _midnight(day), _midnight(day + _ONE_DAY)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _spans(resource: Json, elements: Iterable[str]) -> Iterator[Span]:
    for element in elements:
        value = resource.get(element)
        if isinstance(value, str):
            yield _span(value)
        elif isinstance(value, Mapping):
            first, last = value.get("start"), value.get("end")
            yield (
                _span(first)[0] if first else datetime.min.replace(tzinfo=UTC),
                _span(last)[1] if last else datetime.max.replace(tzinfo=UTC),
            )


_COMPARE: Final[dict[str, Callable[[Span, Span], bool]]] = {
    "eq": lambda held, asked: asked[0] <= held[0] and held[1] <= asked[1],
    "ge": lambda held, asked: held[1] > asked[0],
    "le": lambda held, asked: held[0] < asked[1],
    "gt": lambda held, asked: held[1] > asked[1],
    "lt": lambda held, asked: held[0] < asked[0],
}


def _date_matches(resource: Json, parameter: Parameter, wanted: str) -> bool:
    prefix, text = (wanted[:2], wanted[2:]) if wanted[:1].isalpha() else ("eq", wanted)
    if prefix not in _COMPARE:
        raise SearchError(f"the date prefix {prefix!r} is not known here; these are: {', '.join(_COMPARE)}")
    asked = _span(text)
    return any(_COMPARE[prefix](held, asked) for held in _spans(resource, parameter.elements))


def _codings(value: Any) -> Iterator[tuple[str | None, str]]:
    """(system, code) of a code, a Coding, a CodeableConcept, an Identifier, or a list of them."""
    if isinstance(value, str):
        yield None, value
    elif isinstance(value, list):
        for each in value:
            yield from _codings(each)
    elif isinstance(value, Mapping):
        if "coding" in value:
            yield from _codings(value["coding"])
        elif text := value.get("code") or value.get("value"):
            yield value.get("system"), str(text)


def _token_matches(resource: Json, parameter: Parameter, wanted: str) -> bool:
    """`code`, `system|code`, `|code` (no system) or `system|` (any code of it)."""
    system, bar, code = wanted.rpartition("|")
    for element in parameter.elements:
        for held_system, held_code in _codings(resource.get(element)):
            plain = isinstance(resource.get(element), str)
            system_fits = not bar or plain or (held_system == system if system else held_system is None)
            if system_fits and (held_code == code or (bool(bar) and not code)):
                return True
    return False


def _reference_matches(resource: Json, parameter: Parameter, wanted: str) -> bool:
    """A bare id, `Type/id`, or an absolute URL that ends so."""
    target = "/".join(wanted.rsplit("/", 2)[-2:])
    for element in parameter.elements:
        held = (resource.get(element) or {}).get("reference", "")
        if held == target or ("/" not in target and held.rpartition("/")[2] == target):
            return True
    return False


def _canonical_matches(resource: Json, parameter: Parameter, wanted: str) -> bool:
    """With `|version` that version, without it any."""
    held = str(resource.get(parameter.elements[0], ""))
    return held == wanted or held.partition("|")[0] == wanted


_KINDS: Final[dict[str, Callable[[Json, Parameter, str], bool]]] = {
    "date": _date_matches,
    "token": _token_matches,
    "reference": _reference_matches,
    "canonical": _canonical_matches,
}


def _parameter(kind: str, name: str) -> Parameter:
    known = PARAMETERS.get(kind, {})
    if name not in known:
        raise SearchError(f"{kind} cannot be searched by {name!r} here; it can by: {', '.join(sorted(known))}")
    return known[name]


def _sorted(kind: str, found: list[Json], order: str) -> list[Json]:
    never = datetime.min.replace(tzinfo=UTC)
    for key in reversed(order.split(",")):
        name = key.removeprefix("-")
        parameter = _parameter(kind, name)
        if parameter.kind != "date":
            raise SearchError(f"_sort by {name!r} is not known here; only by dates")
        found.sort(
            key=lambda each: max((s[0] for s in _spans(each, parameter.elements)), default=never),
            reverse=key.startswith("-"),
        )
    return found


def search(resources: Iterable[Json], kind: str, query: Sequence[tuple[str, str]]) -> list[Json]:
    """The resources of a type that fit every (name, value) of the query; `a,b` is either, a repeated name is both.

    `_sort` is applied; `_count` and other paging is the caller's. Raises SearchError for what is not known.
    """
    wanted = [
        (name, _parameter(kind, name), value) for name, value in query if name not in ("_sort", "_count", "_format")
    ]
    found = [
        each
        for each in resources
        if all(any(_KINDS[p.kind](each, p, one) for one in value.split(",")) for _, p, value in wanted)
    ]
    for name, value in query:
        if name == "_sort":
            found = _sorted(kind, found, value)
    return found
