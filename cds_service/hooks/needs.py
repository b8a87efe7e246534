"""What a call leaves to be read from the client's FHIR server: templates filled, references that lead nowhere. Pure.

Compares, fills and names; fetches nothing. Table F of the conformance checklist says which states are worth asking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from cds_service.hooks.call import HookCall
from cds_service.hooks.prefetch import MEANING
from cds_service.hooks.services import Service

_TOKEN = re.compile(r"\{\{\s*context\.(\w+)\s*\}\}")
_REFERENCE = re.compile(r"[A-Z][A-Za-z]{2,39}/[A-Za-z0-9\-.]{1,64}", re.ASCII)
_READABLE = frozenset(
    (
        *("Medication", "Practitioner", "PractitionerRole", "QuestionnaireResponse"),
        *("Condition", "Observation", "DiagnosticReport"),
    )
)
"""Types that a draft may refer to and that bear on what we judge."""
_WHERE: tuple[tuple[str, ...], ...] = (
    ("medicationReference",),
    ("medication", "reference"),  # R5
    ("requester",),
    ("requester", "agent"),  # STU3
    ("prescriber",),  # DSTU2
    ("supportingInformation",),
    ("reasonReference",),
    ("reason", "reference"),  # R5
)
"""Where an order of any version keeps its references; a test holds these together with the look-alikes of `fhir`."""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing to read: under which key it belongs, and the relative FHIR read or search."""

    key: str
    query: str
    template: bool = False
    """The key is one of our templates; else the key is only a name for what is read."""

    @property
    def is_search(self) -> bool:
        """A type-level search, not a read."""
        return "?" in self.query


@dataclass(frozen=True, slots=True)
class Access:
    """Where a call allows us to read, and its token."""

    base: str
    token: str | None = field(default=None, repr=False)
    servers: tuple[str, ...] | None = None
    """Bases that this client may have read; None: those of the setting `fhir_servers`."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was read, by key (None: the server has no such resource), and why the rest was not."""

    values: Mapping[str, Any] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


class Fetch(Protocol):
    """How guidance reads what is missing; `seconds` is what is left of the call's budget."""

    def __call__(self, access: Access, needs: Sequence[Need], *, seconds: float) -> Fetched:
        """Read these needs."""


def template_needs(service: Service, call: HookCall) -> tuple[Need, ...]:
    """The templates whose values are missing, broken or cut short, filled for this call.

    A template whose token has no value in this call (no user id) cannot be asked.
    """
    tokens = {"patientId": call.patient_id, "userId": call.user_id, "encounterId": call.encounter_id}
    wanted = (key for key, state in call.states.items() if MEANING[state].worth_fetching)
    return tuple(
        Need(key, filled, template=True)
        for key in wanted
        if (filled := fill(service.prefetch[key], tokens)) is not None
    )


def fill(template: str, tokens: Mapping[str, str | None]) -> str | None:
    """A template with its context tokens replaced; None where one has no value. Values are quoted for a URL."""
    names = _TOKEN.findall(template)
    if any(not tokens.get(name) for name in names):
        return None
    return _TOKEN.sub(lambda match: quote(str(tokens[match.group(1)]), safe="/"), template)


def reference_needs(drafts: Iterable[Mapping[str, Any]], call: HookCall) -> tuple[Need, ...]:
    """What these drafts refer to and the call does not hold: medication, requester, supporting information.

    The roles of a requester who is not the user are asked for too: our template brings the user's only.
    """
    found = dict.fromkeys(reference for draft in drafts for reference in _references(draft, call.fhir_server))
    requesters = [
        reference for reference in found if reference.startswith("Practitioner/") and reference != call.user_id
    ]
    roles = [Need(f"roles of {each}", f"PractitionerRole?practitioner={each}&_count=20") for each in requesters]
    return (*(Need(reference, reference) for reference in _missing(found, call)), *roles)


def _missing(references: Iterable[str], call: HookCall) -> tuple[str, ...]:
    """Those that no resource of the call answers to; looks no further than it must."""
    missing = dict.fromkeys(references)
    kinds = [reference.partition("/")[0] for reference in missing]
    for found in resources([*call.drafts, *call.prefetch.values()]) if missing else ():
        if found["resourceType"] in kinds and found.get("id"):
            missing.pop(f"{found['resourceType']}/{found['id']}", None)
            if not missing:
                break
    return tuple(missing)


def resources(values: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Every resource among these values, however deep its Bundle; the outer ones first."""
    level = list(values)
    while level:
        found = [value for value in level if isinstance(value, dict) and value.get("resourceType")]
        yield from found
        lists = [entries for value in found if isinstance(entries := value.get("entry"), list)]
        level = [entry.get("resource") for entries in lists for entry in entries if isinstance(entry, dict)]


def _references(draft: Mapping[str, Any], base: str | None) -> Iterator[str]:
    """References (`Type/id`) that may be read; contained and odd ones, and those of other servers, are left alone."""
    for path in _WHERE:
        for item in _at(draft, path):
            written = item.get("reference")
            if isinstance(written, str) and (found := _relative(written, base)):
                yield found


def _at(parent: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    """The objects at the end of a path, whether a member on it holds a list or a single object."""
    value = parent.get(path[0])
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, Mapping):
            yield from _at(item, path[1:]) if path[1:] else (item,)


def _relative(written: str, base: str | None) -> str | None:
    """`Type/id` of a reference to something that bears on what we judge, on the client's own server."""
    plain = written.strip().partition("/_history/")[0]
    if base and plain.startswith(f"{base.rstrip('/')}/"):
        plain = plain[len(base.rstrip("/")) + 1 :]
    return plain if _REFERENCE.fullmatch(plain) and plain.split("/")[0] in _READABLE else None
