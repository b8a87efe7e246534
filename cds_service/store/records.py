"""The records that are kept, as plain data. Whoever makes them has masked them: nothing here can tell what is PHI."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class SuggestionShown:
    """A button of a card; feedback names it by its uuid."""

    uuid: str
    label: str


@dataclass(frozen=True, slots=True)
class CardShown:
    """One card of an answer; feedback names it by its uuid."""

    uuid: str | None
    topic: str
    indicator: str
    summary: str
    suggestions: tuple[SuggestionShown, ...] = ()
    shown: bool = True
    """False: decided, and kept from the user (silent mode)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided on one call, and why. `at` is an aware moment; `document` is JSON of our own codes and words."""

    id: str
    at: datetime
    hook: str
    service: str
    instance: str | None
    patient_key: str
    user_key: str | None
    cards: tuple[CardShown, ...]
    document: Mapping[str, Any] = field(default_factory=dict)
    client: str | None = None
    """The registered name of who called; None where nobody is told apart."""


@dataclass(frozen=True, slots=True)
class FeedbackEntry:
    """What became of one card, by one message. `at` is the client's moment, `received` ours; both aware."""

    service: str
    card: str
    accepted: bool
    at: datetime
    received: datetime
    suggestions: tuple[str, ...] = ()
    reason_system: str | None = None
    reason_code: str | None = None
    commented: bool = False
    comment: str | None = None

    @property
    def id(self) -> str:
        """The same message gives the same id, whenever it comes: that is what makes it idempotent."""
        said = [
            self.service,
            self.card,
            self.accepted,
            self.at.astimezone(UTC).isoformat(),
            sorted(self.suggestions),
            self.reason_system,
            self.reason_code,
        ]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch of feedback: how many entries are new, and how many are of cards not on record."""

    entries: int
    new: int
    unmatched: int


@dataclass(frozen=True, slots=True)
class ClientRecord:
    """A registered client, as an operator described it. Public keys only; whoever makes it has checked that.

    `id` is of this registration: one that is changed has another. `services` are ids or `*`; `fhir_servers` are bases.
    """

    id: str
    name: str
    issuer: str
    added: datetime
    tenant: str | None = None
    services: tuple[str, ...] = ("*",)
    fhir_servers: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = None
    jku: str | None = None
    sandbox_key: bool = False
    """Keys whose private half is public are taken as well."""
