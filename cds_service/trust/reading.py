"""Reads a compact JWS into header and claims, strictly: what can be understood in two ways is refused.

Proves nothing: the signature is for `rules`. Bounded by the length of the token.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

LONGEST = 8192
"""Characters of a token: a JWT with an RSA signature of 8192 bits has some two thousand."""
_AUTHORIZATION = re.compile(r"bearer +(\S+)", re.IGNORECASE | re.ASCII)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


class UnreadableError(ValueError):
    """Not a token of ours to read; says why in our own words."""


def bearer(authorization: str) -> str:
    """The token of an Authorization header; the scheme in any case (RFC 9110). Raises UnreadableError."""
    found = _AUTHORIZATION.fullmatch(authorization)
    if not found:
        raise UnreadableError("the header is not one 'Bearer <token>'")
    return found[1]


def parts(token: str) -> tuple[str, str, str]:
    """Header, payload and signature, still encoded. Raises UnreadableError."""
    if len(token) > LONGEST:
        raise UnreadableError(f"longer than {LONGEST} characters")
    if not _COMPACT.fullmatch(token):
        what = "encrypted (JWE)" if token.count(".") == 4 else "not three base64url parts, each with something in it"
        raise UnreadableError(what)
    header, payload, signature = token.split(".")
    return header, payload, signature


def json_object(part: str) -> Mapping[str, Any]:
    """The JSON object in a base64url part: each key once, no NaN. Raises UnreadableError."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        found = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except UnreadableError:
        raise
    except (binascii.Error, ValueError, RecursionError):
        raise UnreadableError("not JSON in base64url") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        raise UnreadableError("base64url with stray bits at its end")
    if not isinstance(found, dict):
        raise UnreadableError("not a JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableError("a key is there twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise UnreadableError("NaN and Infinity are not JSON")
