"""Which addresses may be called at all, told from their text and from the number they resolve to. Pure.

One spelling only is understood: what a parser might read in two ways is refused, not repaired. Hosts are compared as
whole names, bases by whole path segments; what is called is the text that was checked, written anew from its parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import unquote

Network = IPv4Network | IPv6Network
Number = IPv4Address | IPv6Address

_URL = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>/[A-Za-z0-9._~%!$&'()*+,;=:@/-]*)?(?:\?(?P<query>[A-Za-z0-9._~%!$&'()*+,;=:@/?|\[\]-]*))?",
    re.ASCII,  # without it, (?i:https) takes a long s for an s
)
_LONGEST = 8000
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_TWO_READINGS = re.compile(r"%(?:2[ef5]|5c|[01][0-9a-f]|7f|(?![0-9a-f]{2}))", re.IGNORECASE)
"""Escaped dots, slashes, percent signs, backslashes and control characters: a server behind may unescape them again."""
_DEFAULT_PORT = {"http": 80, "https": 443}
_NEVER_PUBLIC = tuple(
    ip_network(text)
    for text in (
        *("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16"),  # an IPv4 address inside an IPv6 one
        *("fec0::/10", "3fff::/20", "5f00::/16", "192.0.0.0/24", "192.88.99.0/24"),
    )
)
"""Not for calling, though the standard library takes some of them for global."""


class OutboundError(Exception):
    """A call that was not made or not finished. Its text is ours and quotes no address."""


class NotPermittedError(OutboundError):
    """An address that may not be called."""


@dataclass(frozen=True, slots=True)
class Address:
    """A URL taken apart: scheme and host in lower case, the port always told, no user, no fragment."""

    scheme: str
    host: str
    port: int
    path: str
    query: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What has to be the same for two addresses to be one server."""
        return self.scheme, self.host, self.port

    @property
    def number(self) -> Number | None:
        """The host, where it is a number and no name."""
        return _number(self.host)

    @property
    def target(self) -> str:
        """Path and query, as they go into the first line of a request."""
        return f"{self.path or '/'}?{self.query}" if self.query else self.path or "/"

    @property
    def base(self) -> str:
        """The address without query and closing slash, in the one spelling in which bases are compared."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORT[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path.rstrip('/')}"


def parse(url: str) -> Address:
    """An address from its text. Raises NotPermittedError for every text that is not plainly one."""
    found = _URL.fullmatch(url) if len(url) <= _LONGEST else None
    if found is None:
        raise NotPermittedError("the address is not a plain http or https URL")
    scheme, path = found["scheme"].lower(), found["path"] or ""
    port = int(found["port"]) if found["port"] else _DEFAULT_PORT[scheme]
    if port > 65535 or not _plain_path(path):
        raise NotPermittedError("the address has a port or a path that may be read in two ways")
    return Address(scheme, _host(found["host"].lower()), port, path, found["query"] or "")


def within(address: Address, base: Address) -> bool:
    """Is this the base itself, or below it by whole path segments, on the same server?"""
    if address.origin != base.origin:
        return False
    root = base.path.rstrip("/")
    return address.path.rstrip("/") == root or address.path.startswith(f"{root}/")


def is_public(number: Number) -> bool:
    """A number of the open internet: not private, loopback, link-local, shared, reserved, multicast or wrapped."""
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    return number.is_global and not number.is_multicast and not is_among(number, _NEVER_PUBLIC)


def is_among(number: Number, networks: tuple[Network, ...]) -> bool:
    """Is the number in one of these networks? An IPv4 number inside an IPv6 one counts as IPv4."""
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    return any(number.version == network.version and number in network for network in networks)


def _host(text: str) -> str:
    """The host in its one spelling. Raises NotPermittedError for numbers written otherwise, and for odd names."""
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1]))
        except ValueError:
            raise NotPermittedError("the address has a host that is no IPv6 number") from None
    labels = text.split(".")
    if _NUMERIC.fullmatch(labels[-1]) and _number(text) is None:
        raise NotPermittedError("the address has a number for a host in an unusual spelling")
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise NotPermittedError("the address has a host that is no plain name")
    return text


def _number(host: str) -> Number | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _plain_path(path: str) -> bool:
    """No segment that goes up or nowhere, escaped or not."""
    if _TWO_READINGS.search(path):
        return False
    return not any(unquote(segment).partition(";")[0] in (".", "..") for segment in path.split("/"))
