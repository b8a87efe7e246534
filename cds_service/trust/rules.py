"""The rules a token has to pass, in order, as one table: a code for the log, words for the operator, and the test.

The same table admits callers (up to the first rule that fails) and explains to an operator (all that can be judged).
A claim is believed only once the signature is proved; rules before it read claims to find the key, no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import jwt

from cds_service.trust import reading
from cds_service.trust.caller import Door
from cds_service.trust.clients import Client
from cds_service.trust.keys import ALGORITHMS, LONGEST_NAME, Key

_JWS = jwt.PyJWS(algorithms=list(ALGORITHMS))
_LATEST = 253_402_300_799
"""The last second of the year 9999."""
_REFUSED_HEADERS = {
    "crit": "it demands extensions that are not understood here",
    "b64": "its payload is not encoded as in a JWT",
    "jwk": "it brings its own key; keys come from the registration",
    "x5c": "it brings its own certificates; keys come from the registration",
    "x5u": "it names certificates elsewhere; keys come from the registration",
    "cty": "it is a token inside a token",
    "enc": "it is encrypted",
    "zip": "it is compressed",
}


class FailedError(Exception):
    """A rule that a token fails; the text is for the operator and may quote a claim, never for a log or a caller."""


@dataclass(frozen=True, slots=True)
class Limits:
    """In seconds: how far clocks may be apart, and how long a token may live."""

    leeway: int = 30
    lifetime: int = 3600


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a token is judged by, besides itself."""

    door: Door
    now: float
    """Seconds since 1970."""
    limits: Limits
    find_client: Callable[[str, str | None], Client | None]
    find_key: Callable[[Client, str], Key | None]
    is_fresh: Callable[[Examined], bool]
    """Has it not been used before? The one who admits uses it up by asking."""


@dataclass(slots=True)
class Examined:
    """What is known of a token so far."""

    token: str = field(repr=False)
    parts: tuple[str, str, str] = field(default=("", "", ""), repr=False)
    header: Mapping[str, Any] = field(default_factory=dict, repr=False)
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)
    client: Client | None = None
    key: Key | None = None

    @property
    def spent_key(self) -> str:
        """What stands for this token among the used ones: a hash of its issuer and its `jti`."""
        said = f"{self.claims['iss']}\0{self.claims['jti']}"
        return hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def until(self) -> int:
        """Its `exp`, in seconds since 1970."""
        return int(self.claims["exp"])


Test = Callable[[Examined, Surroundings], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `after` are the codes of the rules without which it cannot be judged."""

    code: str
    title: str
    test: Test
    after: tuple[str, ...] = ()


# --- the token as text -------------------------------------------------------------------------------------------


def _form(token: Examined, _: Surroundings) -> None:
    token.parts = _readable(reading.parts, token.token)


def _header(token: Examined, _: Surroundings) -> None:
    token.header = _readable(reading.json_object, token.parts[0])


def _claims(token: Examined, _: Surroundings) -> None:
    token.claims = _readable(reading.json_object, token.parts[1])


def _readable(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except reading.UnreadableError as mistake:
        raise FailedError(str(mistake)) from None


# --- the header --------------------------------------------------------------------------------------------------


def _algorithm(token: Examined, _: Surroundings) -> None:
    if token.header.get("alg") not in ALGORITHMS:
        raise FailedError(f"it is {_shown(token.header.get('alg'))}; taken are {' and '.join(ALGORITHMS)}")


def _type(token: Examined, _: Surroundings) -> None:
    kind = token.header.get("typ")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        raise FailedError(f"it is {_shown(kind)}; CDS Hooks wants JWT")


def _extensions(token: Examined, _: Surroundings) -> None:
    for name, why in _REFUSED_HEADERS.items():
        if name in token.header:
            raise FailedError(f"{name}: {why}")


def _kid(token: Examined, _: Surroundings) -> None:
    _name(token.header.get("kid"))


# --- who it says it is, and the proof ----------------------------------------------------------------------------


def _issuer(token: Examined, _: Surroundings) -> None:
    _name(token.claims.get("iss"))
    if "tenant" in token.claims:
        _name(token.claims["tenant"], "tenant")


def _client(token: Examined, around: Surroundings) -> None:
    issuer, tenant = token.claims["iss"], token.claims.get("tenant")
    token.client = around.find_client(issuer, tenant)
    if token.client is None:
        who = f"{_shown(issuer)} with tenant {_shown(tenant)}" if tenant is not None else _shown(issuer)
        raise FailedError(f"no client is registered for {who}")


def _jku(token: Examined, _: Surroundings) -> None:
    listed = _client_of(token).record.jku
    if "jku" in token.header and (listed is None or token.header["jku"] != listed):
        raise FailedError(f"it is {_shown(token.header['jku'])}; registered is {listed or 'none'}")


def _key(token: Examined, around: Surroundings) -> None:
    token.key = around.find_key(_client_of(token), token.header["kid"])
    if token.key is None:
        raise FailedError(f"no usable key of this client has the kid {_shown(token.header['kid'])}")
    if token.key.algorithm != token.header["alg"]:
        raise FailedError(f"the key is for {token.key.algorithm}, the token says {token.header['alg']}")


def _signature(token: Examined, _: Surroundings) -> None:
    if token.key is None:
        raise FailedError("there is no key")
    try:
        _JWS.decode(token.token, key=token.key.public, algorithms=[token.key.algorithm])
    except jwt.PyJWTError:
        raise FailedError("the signature is not by this key over this header and these claims") from None


# --- what it is for ----------------------------------------------------------------------------------------------


def _audience(token: Examined, around: Surroundings) -> None:
    audience, url = token.claims.get("aud"), around.door.url
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
        raise FailedError("it is neither a string nor an array of strings")
    if url not in named and f"{url}/" not in named:
        raise FailedError(f"it is {_shown(audience)}; the address called is {url}")


def _expiry(token: Examined, around: Surroundings) -> None:
    moment = _moment(token, "exp")
    if around.now >= moment + around.limits.leeway:
        raise FailedError(f"it expired {_seconds(around.now - moment)} ago")


def _issued(token: Examined, around: Surroundings) -> None:
    moment = _moment(token, "iat")
    if moment > around.now + around.limits.leeway:
        raise FailedError(f"it was issued {_seconds(moment - around.now)} in the future")


def _not_before(token: Examined, around: Surroundings) -> None:
    if "nbf" in token.claims and (moment := _moment(token, "nbf")) > around.now + around.limits.leeway:
        raise FailedError(f"it is valid only in {_seconds(moment - around.now)}")


def _lifetime(token: Examined, around: Surroundings) -> None:
    seconds = _moment(token, "exp") - _moment(token, "iat")
    if seconds <= 0:
        raise FailedError("it ends before it begins")
    if seconds > around.limits.lifetime:
        raise FailedError(f"it is {_seconds(seconds)}; taken are up to {_seconds(around.limits.lifetime)}")


def _nonce(token: Examined, _: Surroundings) -> None:
    _name(token.claims.get("jti"))


def _service(token: Examined, around: Surroundings) -> None:
    if not _client_of(token).may_call(around.door.service):
        raise FailedError(f"the client may call {', '.join(_client_of(token).record.services)} only")


def _replay(token: Examined, around: Surroundings) -> None:
    if not around.is_fresh(token):
        raise FailedError("a token with this jti has been used before")


RULES = (
    Rule("form", "three parts of base64url, not too long", _form),
    Rule("header", "the header is a JSON object, each key once", _header, ("form",)),
    Rule("claims", "the claims are a JSON object, each key once", _claims, ("form",)),
    Rule("alg", "the algorithm is one that is taken", _algorithm, ("header",)),
    Rule("typ", "the type is JWT", _type, ("header",)),
    Rule("extensions", "the header brings no key, certificate or extension", _extensions, ("header",)),
    Rule("kid", "the header names its key (kid)", _kid, ("header",)),
    Rule("iss", "the claims name their issuer", _issuer, ("claims",)),
    Rule("client", "the issuer (and tenant) is a registered client", _client, ("iss",)),
    Rule("jku", "a jku in the header is the registered one", _jku, ("header", "client")),
    Rule("key", "the client has this key, and it is for this algorithm", _key, ("alg", "kid", "client", "jku")),
    Rule("signature", "the signature is by that key", _signature, ("key",)),
    Rule("aud", "the audience is the address that is called", _audience, ("claims",)),
    Rule("exp", "not expired", _expiry, ("claims",)),
    Rule("iat", "issued, and not in the future", _issued, ("claims",)),
    Rule("nbf", "valid already", _not_before, ("claims",)),
    Rule("lifetime", "not valid for longer than is taken", _lifetime, ("claims",)),
    Rule("jti", "the claims hold a nonce (jti)", _nonce, ("claims",)),
    Rule("service", "the client may call this service", _service, ("client",)),
    Rule("replay", "not used before", _replay, ("signature", "jti", "iss")),
)


def _client_of(token: Examined) -> Client:
    if token.client is None:
        raise FailedError("there is no client")
    return token.client


def _name(value: object, what: str = "it") -> None:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME:
        raise FailedError(f"{what} is not a text of 1 to {LONGEST_NAME} characters")


def _moment(token: Examined, claim: str) -> int:
    value = token.claims.get(claim)
    if type(value) is not int or not 0 <= value <= _LATEST:
        raise FailedError(f"{claim} is not a whole number of seconds since 1970")
    return value


def _seconds(seconds: float) -> str:
    """Hours, minutes and seconds; days before them."""
    return str(timedelta(seconds=round(seconds)))


def _shown(value: object) -> str:
    """For the operator's terminal: short, and without characters that would steer it."""
    text = ascii(value)
    return text if len(text) <= 120 else f"{text[:117]}..."
