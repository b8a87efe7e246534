"""Where the calls of `try` come from, the synthetic patients or own files, and a row for what became of each.

A fixture call is sent as an EHR would send it to that very service: its templates, and only its own, are filled from
the synthetic charts. A file of the caller's own is sent byte by byte as it is.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from cds_service.commands import configured
from cds_service.commands.assessing import looks_like_lines
from cds_service.errors import CallError
from cds_service.harness import Offer
from cds_service.hooks.needs import fill
from cds_service.hooks.services import services
from cds_service.web.json_body import dump_json, parse_json
from fhir_fixtures import expectations, hook_calls, patients
from fhir_fixtures.search import SearchError
from fhir_fixtures.store import Store, searchset

Json = Mapping[str, Any]
_BASE = "https://ehr.example.org/fhir"
_ANOTHER_DRUG = "levothyroxine 50 mcg tablet"
_FIRST = "child-30kg-flat-28-mcg-mrd-positive"


@dataclass(frozen=True, slots=True)
class Trial:
    """One call to send: its name for people, its content, and what is expected of a fixture."""

    name: str
    call: Json | None
    """None: it cannot be read, and `problem` says why."""
    raw: bytes | None = None
    """The caller's own bytes; None for a fixture."""
    expected: Json | None = None
    problem: str = ""

    @property
    def hook(self) -> str:
        """The hook of the call; empty where there is none."""
        hook = self.call.get("hook") if self.call else None
        return hook if isinstance(hook, str) else ""

    def body(self, offer: Offer) -> tuple[bytes, Json]:
        """What is sent to this service, as bytes and as read."""
        assert self.call is not None  # noqa: S101 - unreadable trials are not sent
        if self.raw is not None:
            return self.raw, self.call
        call = _for_service(self.call, offer)
        return dump_json(call).encode(), call


@dataclass(frozen=True, slots=True)
class Tried:
    """One call that was sent, and what became of it: a row of the table."""

    name: str
    service: str = ""
    status: int | None = None
    milliseconds: float | None = None
    cards: int | None = None
    failures: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    checked: int = 0
    """How many things were expected of the cards and looked for."""
    skipped: str = ""


def fixture_trials(only: str | None) -> tuple[Trial, ...]:
    """Every fixture call whose name, or patient, fits the pattern; and an order for another drug, for each hook."""
    expected = expectations()
    found = [Trial(name, call, expected=expected[name.split("--", 1)[1]]) for name, call in hook_calls().items()]
    return tuple(trial for trial in (*found, *_other_drug()) if only is None or _fits(trial.name, only))


def own_trials(files: Sequence[str], only: str | None) -> tuple[Trial, ...]:
    """The calls of these files ('-': standard input), one each or one per line (NDJSON). Unreadable ones say so."""
    found = (trial for file in files for trial in _of_file(file))
    return tuple(trial for trial in found if only is None or _fits(trial.name, only))


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name.split("--", 1)[-1], pattern)


def _other_drug() -> Iterator[Trial]:
    """Nothing is in scope, so nothing is to be said."""
    for hook in ("order-select", "order-sign"):
        call = hook_calls()[f"{hook}--{_FIRST}"]
        for entry in call["context"]["draftOrders"]["entry"]:
            entry["resource"]["medicationCodeableConcept"] = {"text": _ANOTHER_DRUG}
            entry["resource"].pop("dosageInstruction", None)
        yield Trial(f"{hook}--another-drug", call, expected={"assessments": 0})


def _of_file(file: str) -> Iterator[Trial]:
    name = "standard input" if file == "-" else file
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as mistake:
        yield Trial(name, None, problem=f"cannot be read: {mistake.strerror or 'not a file'}")
        return
    if not looks_like_lines(data):
        yield _own(name, data)
        return
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            yield _own(f"{name}:{number}", line)


def _own(name: str, data: bytes) -> Trial:
    try:
        call = parse_json(data)
    except CallError as mistake:
        return Trial(name, None, problem=mistake.message.replace("the body cannot be read", "cannot be read"))
    if not isinstance(call, dict):
        return Trial(name, None, problem="is not a hook call: not a JSON object")
    return Trial(name, call, raw=data)


def _for_service(call: Json, offer: Offer) -> dict[str, Any]:
    """The call with an id of its own and the prefetch that this service asks for."""
    made = {key: value for key, value in call.items() if key != "prefetch"} | {"hookInstance": str(uuid.uuid4())}
    if offer.prefetch:
        filled = ((key, _answer(key, template, call)) for key, template in offer.prefetch.items())
        made["prefetch"] = {key: value for key, value in filled if value is not None}
    return made


def _answer(key: str, template: str, call: Json) -> Any:
    """The value of one template: the fixture's own where it is our question, else the synthetic chart's; None: none."""
    prefetch, ours = call["prefetch"], _our_types().get(key)
    if key in prefetch and ours == template.partition("?")[0].partition("/")[0]:
        return prefetch[key]
    query = fill(template, call["context"])
    if query is None or "{{" in query:
        return None
    path, _, parameters = query.partition("?")
    kind, _, identity = path.partition("/")
    if identity:
        return _charts().get(kind, identity)
    try:
        return searchset(_charts(), _BASE, kind, parse_qsl(parameters, keep_blank_values=True))
    except SearchError:
        return None


@cache
def _our_types() -> Mapping[str, str]:
    offered = services(configured.settings().canonical_base)
    return {key: text.partition("?")[0].partition("/")[0] for one in offered for key, text in one.prefetch.items()}


@cache
def _charts() -> Store:
    return Store(patients())
