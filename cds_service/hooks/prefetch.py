"""What became of each prefetch template: decision table F of the conformance checklist, as data.

Pure: compares the templates with the values that came. Fetches nothing and reads no clinical content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a state of a key allows."""

    usable: bool
    """Resources are here and may be used."""
    answered: bool
    """The question was answered: that nothing more was found may be concluded."""
    worth_fetching: bool
    """Asking the FHIR server may help. False where the caller has asked already (F: do not repeat the query)."""


class State(StrEnum):
    """What arrived for one template."""

    ABSENT = "absent"
    """The key is missing, or the whole `prefetch` is: the caller chose not to, or could not."""
    NULL = "null"
    """`null`: the query was run and found nothing."""
    EMPTY = "empty"
    """A Bundle without entries: the same."""
    COMPLETE = "complete"
    """A resource, or a Bundle without a next page."""
    PAGED = "paged"
    """The first page only: what is here may be used, absence may not be concluded."""
    FAILED = "failed"
    """An OperationOutcome: the caller tried and failed."""
    INVALID = "invalid"
    """Not a resource, not of the type asked for, or `null` for the patient, who must exist: as if absent."""


MEANING: Mapping[State, Meaning] = {
    State.ABSENT: Meaning(usable=False, answered=False, worth_fetching=True),
    State.NULL: Meaning(usable=False, answered=True, worth_fetching=False),
    State.EMPTY: Meaning(usable=False, answered=True, worth_fetching=False),
    State.COMPLETE: Meaning(usable=True, answered=True, worth_fetching=False),
    State.PAGED: Meaning(usable=True, answered=False, worth_fetching=True),
    State.FAILED: Meaning(usable=False, answered=False, worth_fetching=False),
    State.INVALID: Meaning(usable=False, answered=False, worth_fetching=True),
}

_USERS = ("Practitioner", "PractitionerRole", "Patient", "RelatedPerson")
_FAILURES = ("error", "fatal")


@dataclass(frozen=True, slots=True)
class Template:
    """A template, read: the resource types it may bring, and whether it is a search."""

    types: tuple[str, ...]
    search: bool
    only_newest: bool
    """`_sort` with `_count=1`: a next page is normal there and means nothing."""
    must_exist: bool
    """A read of the patient of the call."""

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read one of our own templates."""
        if text.startswith("{{context.userId"):
            return cls(_USERS, search=False, only_newest=False, must_exist=False)
        path, _, query = text.partition("?")
        kind = path.partition("/")[0]
        parameters = query.split("&")
        newest = "_count=1" in parameters and any(item.startswith("_sort=") for item in parameters)
        return cls((kind,), search=bool(query), only_newest=newest, must_exist=kind == "Patient" and not query)


def classify(templates: Mapping[str, str], prefetch: Mapping[str, Any]) -> dict[str, State]:
    """The state of every template key, in the order of the templates. Keys we never asked for are not ours to judge."""
    return {
        key: state_of(_template(text), prefetch[key]) if key in prefetch else State.ABSENT
        for key, text in templates.items()
    }


@lru_cache(maxsize=64)
def _template(text: str) -> Template:
    return Template.parse(text)


def state_of(template: Template, value: object) -> State:
    """The state of one value that is present."""
    if value is None:
        return State.INVALID if template.must_exist else State.NULL
    if not isinstance(value, Mapping):
        return State.INVALID
    kind = value.get("resourceType")
    if kind == "OperationOutcome":
        return State.FAILED
    if kind == "Bundle":
        return _state_of_bundle(template, value)
    return State.COMPLETE if kind in template.types else State.INVALID


def _state_of_bundle(template: Template, bundle: Mapping[str, Any]) -> State:
    entries = bundle.get("entry") or []
    if not isinstance(entries, list):
        return State.INVALID
    held = [entry.get("resource") for entry in entries if isinstance(entry, dict)]
    kinds = [resource.get("resourceType") for resource in held if isinstance(resource, dict)]
    if "OperationOutcome" in kinds and any(_is_failure(resource) for resource in held):
        return State.FAILED
    paged = _has_next_page(bundle) and not template.only_newest
    if any(kind in kinds for kind in template.types):
        return State.PAGED if paged else State.COMPLETE
    if kinds.count("OperationOutcome") < len(entries):
        return State.INVALID
    return State.PAGED if paged else State.INVALID if template.must_exist else State.EMPTY


def _is_failure(resource: object) -> bool:
    if not isinstance(resource, dict) or resource.get("resourceType") != "OperationOutcome":
        return False
    issues = resource.get("issue")
    listed = issues if isinstance(issues, list) else []
    return any(isinstance(issue, Mapping) and issue.get("severity") in _FAILURES for issue in listed)


def _has_next_page(bundle: Mapping[str, Any]) -> bool:
    links = bundle.get("link")
    if not links:
        return False
    listed = links if isinstance(links, list) else []
    return any(isinstance(link, Mapping) and link.get("relation") == "next" for link in listed)
