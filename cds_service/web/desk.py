"""What the routes are given: the services, the way to an answer, and today's date. No Flask here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol

from cds_service.errors import StoreError, UnknownServiceError
from cds_service.hooks.call import HookCall
from cds_service.hooks.feedback import Feedback
from cds_service.hooks.services import Service
from cds_service.trace import Trace


def local_today() -> date:
    """The day of the call, where the service runs. The only clock of the service is read here."""
    return datetime.now(UTC).astimezone().date()


class Kept(Protocol):
    """What became of feedback."""

    @property
    def new(self) -> int:
        """Entries that had not come before."""

    @property
    def unmatched(self) -> int:
        """Entries about cards that are not on record."""


def keeps_nothing(_service: str, _given: Sequence[Feedback]) -> Kept:
    """For a service without a database. Raises StoreError."""
    raise StoreError("this service is run without a database")


@dataclass(frozen=True, slots=True)
class Desk:
    """Handed to every route once, at start-up."""

    services: tuple[Service, ...]
    answer: Callable[[HookCall, date, Trace], Mapping[str, Any]]
    """A call, the day and what is noticed of it -> the body of the response."""
    health: Mapping[str, Any]
    database: Callable[[], str] = lambda: "none"
    """Its state: `ok`, `failing` or `none`; soon."""
    silent: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By hook, the cards that are not shown."""
    today: Callable[[], date] = local_today
    check: Callable[[Any], None] = lambda _: None
    """Of a body: raises CallError where it holds more than is looked at."""
    keep_feedback: Callable[[str, Sequence[Feedback]], Kept] = keeps_nothing
    """A service id and its feedback: durable when this returns. Raises StoreError: then nothing is acknowledged."""

    def service(self, service_id: str) -> Service:
        """The service with this id. Raises UnknownServiceError, without repeating the id."""
        for service in self.services:
            if service.id == service_id:
                return service
        raise UnknownServiceError(
            "no service has this id", field="id", mend="Take one of the ids that GET /cds-services lists."
        )
