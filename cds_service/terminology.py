"""Code lists as the rest of the service meets them. A leaf: loaded elsewhere, matched by system and code only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Code:
    """One code of a value set, with its display and where it was verified."""

    system: str
    code: str
    display: str
    role: str
    source: str


@dataclass(frozen=True, eq=False)
class ValueSets:
    """Named code lists. `aliases` maps other URIs seen in the wild to the canonical system."""

    sets: Mapping[str, tuple[Code, ...]]
    aliases: Mapping[str, str] = field(default_factory=dict)
    _index: Mapping[tuple[str, str], tuple[tuple[str, Code], ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index: dict[tuple[str, str], list[tuple[str, Code]]] = {}
        for concept, codes in self.sets.items():
            for code in codes:
                index.setdefault((code.system, code.code), []).append((concept, code))
        object.__setattr__(self, "_index", {key: tuple(found) for key, found in index.items()})

    def canonical(self, system: str) -> str:
        """The canonical URI of a code system, whatever spelling the caller used."""
        return self.aliases.get(system, system)

    def concepts(self, system: str | None, code: str | None) -> tuple[tuple[str, Code], ...]:
        """Every (concept, code) this coding stands for; empty when we do not know it."""
        if not system or not code:
            return ()
        return self._index.get((self.canonical(system), code), ())

    def matches(self, codings: Iterable[tuple[str | None, str | None]], concept: str) -> bool:
        """Does any coding belong to the named concept?"""
        return any(found == concept for system, code in codings for found, _ in self.concepts(system, code))
