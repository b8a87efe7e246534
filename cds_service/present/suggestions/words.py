"""The words of the buttons and of the orders they make: `cards/suggestions.toml`, read and checked at start-up."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from string import Formatter

from cards.never import forbidden
from cds_service.errors import KnowledgeError

FILE = "suggestions.toml"
KINDS: Mapping[str, frozenset[str]] = {
    "dose": frozenset({"label", "description"}),
    "premedication": frozenset(
        {"label", "moment", "open_route", "description", "text", "at_start", "at_step", "reason"}
    ),
    "checks": frozenset({"label", "description", "when", "when_timed", "reason"}),
    "admission": frozenset({"label", "description", "text", "reason"}),
    "supervision": frozenset({"label", "description", "text", "reason"}),
    "tests": frozenset({"label", "description", "when", "reason"}),
    "measures": frozenset({"label", "description", "reason"}),
}
_NAMES: Mapping[str, frozenset[str]] = {
    "dose": frozenset({"doses", "row"}),
    "premedication": frozenset({"agent", "dose", "doses", "route", "moments", "moment", "lead", "timing", "citation"}),
    "checks": frozenset({"names", "name", "when", "count", "citation"}),
    "admission": frozenset({"days", "all_days", "cycle", "citation"}),
    "supervision": frozenset({"moment", "citation"}),
    "tests": frozenset({"names", "name", "when"}),
    "measures": frozenset({"names", "name"}),
}
_ORDER = frozenset({"name", "text", "concept", "code", "when"})


@dataclass(frozen=True, slots=True)
class Named:
    """One order that a button may make: its words, and which code of our value sets it carries."""

    name: str
    text: str | None
    concept: str | None
    code: str | None
    when: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """Every text by kind of suggestion and part, and the orders by key."""

    texts: Mapping[str, Mapping[str, str]]
    orders: Mapping[str, Named]

    def fill(self, kind: str, part: str, **values: str) -> str:
        """One text with its names filled in."""
        return self.texts[kind][part].format_map(values)


def load_words(folder: Traversable | None = None) -> Words:
    """Read and check the file. Raises KnowledgeError naming what is wrong."""
    file = (folder if folder is not None else files("cards")) / FILE
    text = file.read_text(encoding="utf-8")
    for line, said, why in forbidden(text):
        raise KnowledgeError(FILE, f"line {line}", f"a card never says '{said}': {why}")
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as mistake:
        raise KnowledgeError(FILE, "", f"not readable as TOML: {mistake}") from mistake
    if unknown := read.keys() - KINDS - {"orders"}:
        raise KnowledgeError(FILE, ", ".join(sorted(unknown)), "unknown here")
    for kind, parts in KINDS.items():
        _check(kind, read.get(kind, {}), parts)
    orders = {key: _order(key, each) for key, each in read.get("orders", {}).items()}
    return Words({kind: read[kind] for kind in KINDS}, orders)


def _check(kind: str, found: Mapping[str, str], parts: frozenset[str]) -> None:
    if set(found) != parts:
        raise KnowledgeError(FILE, kind, f"must have {', '.join(sorted(parts))} and nothing else")
    for part, words in found.items():
        used = {name for _, name, _, _ in Formatter().parse(words) if name is not None}
        if unknown := used - _NAMES[kind]:
            raise KnowledgeError(FILE, f"{kind}.{part}", f"unknown name: {', '.join(sorted(unknown))}")


def _order(key: str, found: Mapping[str, str]) -> Named:
    if not found.get("name") or set(found) - _ORDER:
        raise KnowledgeError(
            FILE, f"orders.{key}", "must have a name, and of text, concept, code and when what it needs"
        )
    return Named(found["name"], found.get("text"), found.get("concept"), found.get("code"), found.get("when"))
