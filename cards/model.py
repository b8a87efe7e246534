"""A CDS Hooks card as types: what 1.0, 2.0 and 3.0 clients all accept. Knows nothing of drugs or policies.

Each type checks itself when made (CardError names the member) and leaves out of `to_json()` what it does not
have: the standard forbids null, "" and [] for absent members.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

SUMMARY_LIMIT = 140
"""A summary has fewer characters than this."""

ON_THIS_MACHINE = ("http://127.0.0.1:", "http://localhost:")
"""A sandbox on the reader's own machine has no certificate: links to it are the only ones without TLS."""

Json = dict[str, Any]


class CardError(ValueError):
    """A card that the standard does not allow: a bug of ours, never the caller's."""


class Indicator(StrEnum):
    """How grave; `critical` is for a stop rule, a contraindication, a dose over its ceiling or a missing step."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class SelectionBehavior(StrEnum):
    """How many suggestions may be taken; 1.0 clients know only the first."""

    AT_MOST_ONE = "at-most-one"
    ANY = "any"


def _require(holds: bool, says: str) -> None:
    if not holds:
        raise CardError(says)


def _text(value: str, member: str) -> None:
    if not value.strip():
        raise CardError(f"{member}: must not be blank")


def _line(value: str, member: str) -> None:
    _text(value, member)
    if len(value.splitlines()) != 1:
        raise CardError(f"{member}: must be one line")


def _absolute(url: str, member: str) -> None:
    parts = urlsplit(url)
    _require(parts.scheme == "https" and bool(parts.netloc), f"{member}: must be an absolute https address")


def _present(members: Mapping[str, object]) -> Json:
    return {name: value for name, value in members.items() if value or value is False}


@dataclass(frozen=True, slots=True)
class Topic:
    """A Coding that tells clients what kind of card this is."""

    code: str
    system: str
    display: str | None = None

    def __post_init__(self) -> None:
        _line(self.code, "topic.code")
        _line(self.system, "topic.system")

    def to_json(self) -> Json:
        """As the standard writes it."""
        return _present({"system": self.system, "code": self.code, "display": self.display})


@dataclass(frozen=True, slots=True)
class OverrideReason:
    """A reason the user may give for setting the card aside; here the display is required."""

    code: str
    system: str
    display: str

    def __post_init__(self) -> None:
        for member in ("code", "system", "display"):
            _line(getattr(self, member), f"overrideReasons.{member}")

    def to_json(self) -> Json:
        """As the standard writes it."""
        return {"system": self.system, "code": self.code, "display": self.display}


@dataclass(frozen=True, slots=True)
class Source:
    """Which document the guidance rests on, edition included."""

    label: str
    url: str | None = None
    topic: Topic | None = None

    def __post_init__(self) -> None:
        _line(self.label, "source.label")
        if self.url is not None:
            _absolute(self.url, "source.url")

    def to_json(self) -> Json:
        """As the standard writes it."""
        return _present({"label": self.label, "url": self.url, "topic": self.topic and self.topic.to_json()})


@dataclass(frozen=True, slots=True)
class Link:
    """A page to open (`absolute`) or a SMART app to launch (`smart`, the client adds the launch parameters)."""

    label: str
    url: str
    type: str = "absolute"
    app_context: str | None = None

    def __post_init__(self) -> None:
        _line(self.label, "links.label")
        if not self.url.startswith(ON_THIS_MACHINE):
            _absolute(self.url, "links.url")
        _require(self.type in ("absolute", "smart"), "links.type: must be absolute or smart")
        _require(self.app_context is None or self.type == "smart", "links.appContext: only on smart links")

    def to_json(self) -> Json:
        """As the standard writes it."""
        return _present({"label": self.label, "url": self.url, "type": self.type, "appContext": self.app_context})


@dataclass(frozen=True, slots=True)
class Action:
    """One change to one resource. `description` always, because 1.0 clients require it."""

    type: str
    description: str
    resource: Mapping[str, Any] | None = None
    resource_id: str | None = None

    def __post_init__(self) -> None:
        _require(self.type in ("create", "update", "delete"), "actions.type: must be create, update or delete")
        _text(self.description, "actions.description")
        if self.type == "delete":
            _require(bool(self.resource_id) and self.resource is None, "actions: delete takes resourceId only")
        else:
            _require(bool(self.resource) and self.resource_id is None, f"actions: {self.type} takes a resource only")

    def to_json(self) -> Json:
        """As the standard writes it; the resource goes out as it came, digit by digit."""
        members = {"type": self.type, "description": self.description, "resource": self.resource}
        return _present({**members, "resourceId": self.resource_id})


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A button: its actions belong together."""

    label: str
    uuid: str | None = None
    is_recommended: bool | None = None
    actions: tuple[Action, ...] = ()

    def __post_init__(self) -> None:
        _line(self.label, "suggestions.label")

    def to_json(self) -> Json:
        """As the standard writes it."""
        actions = [action.to_json() for action in self.actions]
        members = {"label": self.label, "uuid": self.uuid, "isRecommended": self.is_recommended, "actions": actions}
        return _present(members)


@dataclass(frozen=True, slots=True)
class Card:
    """One piece of guidance. `summary` is plain text, `detail` GitHub Flavored Markdown without raw HTML."""

    summary: str
    indicator: Indicator
    source: Source
    detail: str | None = None
    uuid: str | None = None
    suggestions: tuple[Suggestion, ...] = ()
    selection_behavior: SelectionBehavior = SelectionBehavior.AT_MOST_ONE
    """Sent only beside suggestions."""
    links: tuple[Link, ...] = ()
    override_reasons: tuple[OverrideReason, ...] = ()

    def __post_init__(self) -> None:
        _line(self.summary, "summary")
        size = len(self.summary)
        if size >= SUMMARY_LIMIT:
            raise CardError(f"summary: {size} characters, must be fewer than {SUMMARY_LIMIT}")
        _require(isinstance(self.indicator, Indicator), "indicator: must be info, warning or critical")
        recommended = [suggestion for suggestion in self.suggestions if suggestion.is_recommended]
        one = self.selection_behavior is SelectionBehavior.AT_MOST_ONE
        _require(not one or len(recommended) <= 1, "suggestions: at most one may be recommended")

    def to_json(self) -> Json:
        """As the standard writes it, absent members left out."""
        members = {
            "uuid": self.uuid,
            "summary": self.summary,
            "detail": self.detail,
            "indicator": self.indicator.value,
            "source": self.source.to_json(),
            "suggestions": [suggestion.to_json() for suggestion in self.suggestions],
            "selectionBehavior": self.selection_behavior.value if self.suggestions else None,
            "overrideReasons": [reason.to_json() for reason in self.override_reasons],
            "links": [link.to_json() for link in self.links],
        }
        return _present(members)
