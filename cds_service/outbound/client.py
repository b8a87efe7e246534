"""The calls themselves: to the very number that was checked, over verified TLS, up to a deadline, never redirected.

A name is resolved once for each connection, by us; each number it gives is judged, and the connection is made to a
number that passed. A name that changes between check and call therefore changes nothing. The certificate is still that
of the name. No proxy, `.netrc` or cookie is used.
"""

from __future__ import annotations

import io
import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPResponse
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, ClassVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cds_service import forgetting
from cds_service.outbound.address import (
    Address,
    Network,
    NotPermittedError,
    OutboundError,
    is_among,
    is_public,
    parse,
    within,
)
from cds_service.outbound.lookup import Lookups, Resolve, resolve
from cds_service.settings import Settings

logging.getLogger("urllib3").setLevel(logging.CRITICAL)  # its lines quote addresses, which name patients
_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "::1")
_CHUNK = 65536
IDLE_SECONDS = 30.0
"""A connection that was not used for so long is made anew."""


class LateError(OutboundError):
    """The answer did not come in time."""


class UnreachableError(OutboundError):
    """No connection, no certificate that stands for the name, or no HTTP."""


class TooMuchError(OutboundError):
    """The answer is larger than may be read."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far calls may go, whoever asks."""

    networks: tuple[Network, ...] = ()
    """Networks that are not public and may be called all the same."""
    http: bool = False
    """Without TLS too, to addresses that are listed with `http:`."""
    loopback: bool = False
    """Any server on this machine, listed or not: sandboxes only."""
    ca_file: Path | None = None
    """Certificates (PEM) that vouch for servers; by default those that the system trusts."""

    @classmethod
    def of(cls, settings: Settings, *, loopback: bool = False) -> Reach:
        """As far as the settings say."""
        networks = tuple(ip_network(text) for text in settings.outbound_networks)
        return cls(networks, settings.outbound_http, loopback, settings.outbound_ca_file)

    def allows(self, number: str) -> bool:
        """May a connection go to this number, which a name was resolved to?"""
        found = ip_address(number.partition("%")[0])
        return is_public(found) or is_among(found, self.networks) or (self.loopback and is_among(found, _LOOPBACK))

    def is_loopback(self, address: Address) -> bool:
        """Is this a server on this machine that may be called without being listed?"""
        return self.loopback and address.host in _LOOPBACK_HOSTS

    def may(self, address: Address, base: Address) -> bool:
        """May this address be called, for somebody who may call what is at and below `base`?"""
        return within(address, base) and (address.scheme == "https" or self.http or self.is_loopback(address))


@dataclass(frozen=True, slots=True)
class Ask:
    """One call. The address has to be `within`, or below it: a listed base, and the exact URL of a key set."""

    url: str
    within: str
    max_bytes: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: str | None = None
    """The body of a POST; without one, GET."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and the body where the status is 200."""

    status: int
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class Outbound:
    """Pooled connections within a reach. Safe to use from several threads."""

    def __init__(self, reach: Reach, *, connections: int = 32, resolve: Resolve = resolve) -> None:
        """Raises OSError when the certificates of the reach cannot be read."""
        self.reach = reach
        context = ssl.create_default_context(cafile=str(reach.ca_file) if reach.ca_file else None)
        self._pools = urllib3.PoolManager(16, maxsize=connections, ssl_context=context, retries=False)
        self._pools.pool_classes_by_scheme = _pool_classes(reach, Lookups(resolve))

    def permits(self, url: str, bases: Iterable[str]) -> bool:
        """May this be called, for somebody who may call what is at and below these bases? Resolves nothing."""
        try:
            address = parse(url)
            return self.reach.is_loopback(address) or any(self.reach.may(address, parse(base)) for base in bases)
        except NotPermittedError:
            return False

    def read(self, ask: Ask, *, deadline: float) -> Answer:
        """Call, and read the body of a 200, all before `deadline` (of `time.monotonic`). Raises OutboundError."""
        address, base = parse(ask.url), parse(ask.within)
        if not self.reach.may(address, base):
            raise NotPermittedError("the address is not below one that may be called")
        seconds = deadline - time.monotonic()
        if seconds <= 0:
            raise LateError("no time is left")
        _PACE.deadline = deadline
        try:
            return self._read(ask, address, seconds)
        except (urllib3.exceptions.TimeoutError, TimeoutError):
            raise LateError("the server did not answer in time") from None
        except (urllib3.exceptions.HTTPError, OSError, ValueError):
            late = time.monotonic() >= deadline
            raise (LateError if late else UnreachableError)("the server could not be reached or read") from None

    def _read(self, ask: Ask, address: Address, seconds: float) -> Answer:
        pool = self._pools.connection_from_host(address.host, address.port, address.scheme)
        headers = {"Accept-Encoding": "gzip", "User-Agent": "blinatumomab-cds", **ask.headers}
        response = pool.urlopen(
            "GET" if ask.form is None else "POST",
            address.target,
            body=ask.form,
            headers=headers,
            retries=False,
            redirect=False,
            timeout=urllib3.Timeout(total=seconds),
            preload_content=False,
        )
        found = dict(response.headers.items())
        if response.status != 200:
            response.close()
            return Answer(response.status, headers=found)
        try:
            return Answer(200, _body(response, ask.max_bytes), found)
        except BaseException:
            response.close()
            raise


def _body(response: urllib3.BaseHTTPResponse, most: int) -> bytes:
    """The body, unpacked piece by piece, so that a small one that unpacks to a huge one is noticed."""
    told = response.headers.get("Content-Length", "")
    if told.isdecimal() and int(told) > most:
        raise TooMuchError("the server is about to send more than is read")
    found = bytearray()
    for chunk in response.stream(_CHUNK, decode_content=True):
        found += chunk
        if len(found) > most:
            raise TooMuchError("the server sent more than is read")
    response.release_conn()
    forgetting.took(len(found))
    return bytes(found)


# --- connections: to the number that was checked, and paced ------------------------------------------------------


class _Pace(threading.local):
    deadline: float = 0.0
    """Of the call that this thread is making."""


_PACE = _Pace()


def _left(deadline: float) -> float:
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("the server did not answer in time")
    return seconds


class _PacedSocket(io.RawIOBase):
    """Reads a socket up to one deadline for all reads together: dripping wins a server no time."""

    def __init__(self, sock: socket.socket, raw: Any) -> None:
        super().__init__()
        self._sock, self._raw = sock, raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(_PACE.deadline))
        found: int | None = self._raw.readinto(buffer)
        return found

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PacedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *options: Any, **named: Any) -> None:
        super().__init__(sock, *options, **named)
        self.fp = io.BufferedReader(_PacedSocket(sock, self.fp.detach()))


class _Checked(HTTPConnection):
    """A connection that resolves, judges and connects in one step."""

    reach: ClassVar[Reach]
    lookups: ClassVar[Lookups]
    response_class = _PacedResponse
    _used = 0.0

    @property
    def is_connected(self) -> bool:
        """Not after a rest: a firewall on the way may have forgotten the connection, and tells nobody."""
        return super().is_connected and time.monotonic() - self._used < IDLE_SECONDS

    def getresponse(self) -> Any:
        """The answer; now the connection is in use."""
        self._used = time.monotonic()
        return super().getresponse()

    def _new_conn(self) -> socket.socket:
        literal = parse(f"http://[{self.host}]" if ":" in self.host else f"http://{self.host}").number
        numbers = [str(literal)] if literal else self._looked_up()
        # A number that stands in the list is listed; what a name leads to is judged, each number of it.
        if not literal and not all(self.reach.allows(number) for number in numbers):
            raise NotPermittedError("the name leads to a number that may not be called")
        return self._connected(numbers)

    def _looked_up(self) -> list[str]:
        return list(dict.fromkeys(self.lookups.numbers(self.host, self.port, seconds=_left(_PACE.deadline))))

    def _connected(self, numbers: Sequence[str]) -> socket.socket:
        failed: OSError = OSError("the name leads nowhere")
        for number in numbers:
            try:
                found = socket.create_connection((number, self.port), _left(_PACE.deadline))
            except TimeoutError:
                raise
            except OSError as mistake:
                failed = mistake
            else:
                found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                found.settimeout(_left(_PACE.deadline))  # what is left, for the TLS handshake
                return found
        raise failed


class _CheckedTls(_Checked, HTTPSConnection):
    """The same with TLS; the certificate is checked against the name."""


def _pool_classes(reach: Reach, lookups: Lookups) -> dict[str, Any]:
    told = {"reach": reach, "lookups": lookups}
    return {
        "http": type("Pool", (HTTPConnectionPool,), {"ConnectionCls": type("Plain", (_Checked,), told)}),
        "https": type("TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": type("Tls", (_CheckedTls,), told)}),
    }
