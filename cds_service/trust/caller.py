"""Who calls, and at which door: what the web room knows of trust, and all it knows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cds_service.errors import NotAdmittedError
from cds_service.outbound import NotPermittedError, parse


@dataclass(frozen=True, slots=True)
class Door:
    """An endpoint that takes a token: the service it belongs to, and the public URL that `aud` has to name."""

    service: str
    url: str


@dataclass(frozen=True, slots=True)
class Caller:
    """A client whose token was accepted; `fhir_servers` None: the setting of that name holds (no client is known)."""

    name: str
    fhir_servers: tuple[str, ...] | None = None

    def bring(self, fhir_server: str | None) -> None:
        """Raises NotAdmittedError for a FHIR server that is not the client's.

        A client without servers of its own is answered from its prefetch: whatever it names is never read.
        """
        if fhir_server and self.fhir_servers and _base(fhir_server) not in map(_base, self.fhir_servers):
            raise NotAdmittedError("fhir-server")


ANYONE = Caller("anyone")
"""The caller of a service that is open to all."""
Admit = Callable[[str | None, Door], Caller]
"""The Authorization header and the door -> the caller. Raises NotAdmittedError, and UnavailableError."""


def _base(url: str) -> str:
    """The one spelling of a base; of a text that is no plain URL, nothing that a registered one has."""
    try:
        return parse(url).base
    except NotPermittedError:
        return ""
