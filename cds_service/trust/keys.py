"""Public keys from a JWK Set (RFC 7517): which of them we verify with, and why the others are left alone.

One algorithm for each kind of key, fixed by the key and never by the token: EC on P-384 is for ES384, RSA for RS384.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PublicKey = EllipticCurvePublicKey | RSAPublicKey

ALGORITHMS = ("ES384", "RS384")
ALGORITHM_OF = {"EC": "ES384", "RSA": "RS384"}
_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
RSA_BITS = (2048, 8192)
LONGEST_NAME = 256
MOST_KEYS = 100

PUBLISHED = {
    "s9fOe-KDYD1myZ8YCzleUqJQgrYZL49kVijBxhnZvZc": "the public CDS Hooks Sandbox",
}
"""RFC 7638 thumbprints of keys whose private half anyone can download, and where it comes from."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key and the one algorithm it is for."""

    kid: str
    algorithm: str
    public: PublicKey = field(repr=False)
    thumbprint: str = ""

    @property
    def published_by(self) -> str | None:
        """Who has published the private half, so that anyone can sign with it."""
        return PUBLISHED.get(self.thumbprint)


@dataclass(frozen=True, slots=True)
class KeySet:
    """The keys of one JWK Set that can be used, and what is wrong with the others."""

    keys: Mapping[str, Key] = field(default_factory=dict)
    """By kid."""
    problems: tuple[str, ...] = ()
    secret: bool = False
    """A private or symmetric key is in it."""

    def without_published(self) -> KeySet:
        """The same without the keys that anyone can sign with."""
        return KeySet({kid: key for kid, key in self.keys.items() if not key.published_by}, self.problems, self.secret)


class KeySetError(ValueError):
    """Not a JWK Set."""


def read_key_set(document: object) -> KeySet:
    """The keys of a parsed JWK Set. Raises KeySetError where it is none at all; single keys are problems."""
    listed = document.get("keys") if isinstance(document, Mapping) else None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise KeySetError(f"not a JWK Set: an object with an array 'keys' of at most {MOST_KEYS}")
    keys: dict[str, Key] = {}
    problems: list[str] = []
    twice: set[str] = set()
    for place, jwk in enumerate(listed):
        try:
            key = _read(jwk)
        except KeySetError as mistake:
            problems.append(f"keys[{place}]: {mistake}")
            continue
        if key.kid in keys:
            twice.add(key.kid)
            problems.append(f"keys[{place}]: another key has the same kid; neither is used")
        keys[key.kid] = key
    secret = any(isinstance(jwk, Mapping) and (_SECRET & set(jwk) or jwk.get("kty") == "oct") for jwk in listed)
    return KeySet({kid: key for kid, key in keys.items() if kid not in twice}, tuple(problems), secret)


def _read(jwk: object) -> Key:
    if not isinstance(jwk, Mapping):
        raise KeySetError("not an object")
    for mistake in _mistakes(jwk):
        raise KeySetError(mistake)
    kind = jwk["kty"]
    public_part = {name: jwk[name] for name in _MEMBERS[kind]}
    algorithm = ALGORITHM_OF[kind]
    try:
        public: PublicKey = jwt.PyJWK(public_part, algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        raise KeySetError("its numbers are no key") from None
    if kind == "RSA" and not RSA_BITS[0] <= public.key_size <= RSA_BITS[1]:
        raise KeySetError(f"RSA of {public.key_size} bits; used are {RSA_BITS[0]} to {RSA_BITS[1]}")
    return Key(jwk["kid"], algorithm, public, thumbprint(public))


def _mistakes(jwk: Mapping[str, Any]) -> Iterator[str]:
    """Why a key is not used, judged by its members."""
    kind, kid = jwk.get("kty"), jwk.get("kid")
    if not isinstance(kind, str) or kind not in _MEMBERS:
        yield "kty is neither EC nor RSA"
        return
    if _SECRET & set(jwk):
        yield "a private key: whoever reads it can sign"
    if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_NAME:
        yield "no kid"
    if kind == "EC" and jwk.get("crv") != "P-384":
        yield "crv is not P-384, which ES384 needs"
    if jwk.get("alg", ALGORITHM_OF[kind]) != ALGORITHM_OF[kind]:
        yield f"alg is not {ALGORITHM_OF[kind]}"
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not (isinstance(operations, list) and "verify" in operations):
        yield "not for signatures"
    if not all(isinstance(jwk.get(name), str) for name in _MEMBERS[kind]):
        yield f"one of {', '.join(_MEMBERS[kind])} is missing"


def key_set_of_pem(data: bytes, kid: str) -> dict[str, Any]:
    """A JWK Set with the public key of this PEM text under this kid. Raises KeySetError, which quotes nothing of it."""
    if b"PRIVATE KEY" in data:
        raise KeySetError("a private key: register the public one only, and replace that one if it was sent to you")
    if b"BEGIN CERTIFICATE" in data:
        raise KeySetError("a certificate; its key comes out with: openssl x509 -pubkey -noout -in FILE")
    try:
        public = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise KeySetError("not a public key in PEM") from None
    if not isinstance(public, EllipticCurvePublicKey | RSAPublicKey):
        raise KeySetError("neither an EC nor an RSA key")
    return {"keys": [_jwk(public) | {"kid": kid, "use": "sig"}]}


def _jwk(public: PublicKey) -> dict[str, Any]:
    if isinstance(public, RSAPublicKey):
        return RSAAlgorithm.to_jwk(public, as_dict=True)
    return ECAlgorithm.to_jwk(public, as_dict=True)


def thumbprint(public: PublicKey) -> str:
    """The RFC 7638 thumbprint, from the key itself: a JWK can write the same numbers in several ways."""
    made = _jwk(public)
    required = {name: made[name] for name in sorted(_MEMBERS[made["kty"]])}
    text = json.dumps(required, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
