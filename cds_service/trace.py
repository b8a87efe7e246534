"""What is noticed of one request while it is answered: seconds by stage, reads, and facts for its line of the log.

The clock is read here, at the rim; the rooms that judge are given `lap` as a plain function and know of no clock. A
leaf: knows nothing of ours, and nothing that is put here may be about a patient.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

_TRACE_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")
_REQUEST_ID = re.compile(r"[0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""32 hexadecimal digits or a UUID: what proxies make. Any other text could be a name or a number of a record."""
_NONE = "0" * 32

Fact = str | int | float


def request_id(trace_parent: str | None, given: str | None) -> str:
    """The id of a request: that of its trace (W3C), else its own, where they are well-formed; else a new one."""
    traced = _TRACE_PARENT.fullmatch(trace_parent.strip()) if trace_parent else None
    if traced and traced.group(1) != _NONE:
        return traced.group(1)
    bare = (given or "").strip()
    return bare.lower() if _REQUEST_ID.fullmatch(bare) else secrets.token_hex(16)


@dataclass(slots=True)
class Trace:
    """Of one request; used by one thread at a time."""

    request: str = field(default_factory=lambda: secrets.token_hex(16))
    client: str | None = None
    """The registered name of the caller, once its token is proved."""
    started: float = field(default_factory=time.perf_counter)
    """When the request was there as a whole."""
    has_left: Callable[[], bool] = lambda: False
    """Does the caller not wait any more?"""
    stages: dict[str, float] = field(default_factory=dict)
    """Seconds by stage, in the order in which they were gone through."""
    facts: dict[str, Fact] = field(default_factory=dict)
    """For the log: words of ours, ids of ours and counts."""
    reads: Mapping[str, str] = field(default_factory=dict)
    """By key: what became of each read from the client's FHIR server, as a word of ours."""
    _since: float = 0.0

    def lap(self, stage: str) -> None:
        """The stage of this name has just ended; it began where the one before ended."""
        now = time.perf_counter()
        self.stages[stage] = self.stages.get(stage, 0.0) + now - (self._since or self.started)
        self._since = now

    def note(self, **facts: Fact) -> None:
        """Add facts to the line of this request."""
        self.facts.update(facts)

    def seconds(self) -> float:
        """Since the request began."""
        return time.perf_counter() - self.started
