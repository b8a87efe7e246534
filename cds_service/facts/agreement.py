"""How several sources of one fact are joined: the same value from all that speak, else unknown with the conflict shown.

Pure; knows nothing of FHIR and nothing clinical.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from cds_service.facts.model import Evidence, Fact

T = TypeVar("T")


class Told(NamedTuple, Generic[T]):
    """What one source says: a value, or None where it was looked at and settles nothing (`problem` says why)."""

    value: T | None
    evidence: Evidence
    problem: str | None = None


def agreed(told: Iterable[Told[T]], *, topic: str = "the sources") -> Fact[T]:
    """One fact from all sources. Two different values: None, `conflict`, and a problem that says so."""
    sources = tuple(told)
    if not sources:
        return Fact()
    evidence = tuple(dict.fromkeys([source.evidence for source in sources]))
    values = list(dict.fromkeys([source.value for source in sources if source.value is not None]))
    if len(values) > 1:
        return Fact(None, evidence, f"{topic} disagree", conflict=True)
    if values:
        return Fact(values[0], evidence)
    problems = dict.fromkeys(source.problem for source in sources if source.problem)
    return Fact(None, evidence, "; ".join(problems) or None)


def only_evidence(told: Iterable[Told[T]], problem: str) -> tuple[Told[T], ...]:
    """The same sources, shown but not used."""
    return tuple(Told(None, source.evidence, source.problem or problem) for source in told)
