"""Signs tokens as a client does, a fresh one for each call: for `try`, against a service that asks for them.

The service itself signs nothing. The private key is read from a file, held in memory, and shown nowhere.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cds_service.trust.keys import ALGORITHM_OF, RSA_BITS

SECONDS = 300
"""For which a token is good."""
PrivateKey = EllipticCurvePrivateKey | RSAPrivateKey


class SigningKeyError(ValueError):
    """A key that cannot sign; the text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the claims that are the same in each token, and the key."""

    key: PrivateKey = field(repr=False)
    kid: str
    issuer: str
    tenant: str | None = None
    jku: str | None = None

    def token(self, audience: str, now: float) -> str:
        """A token for this address, good from `now` (seconds since 1970) for some minutes, and for one call."""
        claims = {"iss": self.issuer, "aud": audience, "iat": int(now), "exp": int(now) + SECONDS}
        claims |= {"jti": str(uuid.uuid4())} | ({"tenant": self.tenant} if self.tenant else {})
        headers = {"typ": "JWT", "kid": self.kid} | ({"jku": self.jku} if self.jku else {})
        algorithm = ALGORITHM_OF["RSA" if isinstance(self.key, RSAPrivateKey) else "EC"]
        return jwt.encode(claims, self.key, algorithm, headers=headers)


def read_private_key(data: bytes, kid: str | None) -> tuple[PrivateKey, str]:
    """A private key, from a JWK or from PEM, and its kid: the one given, else that of the JWK.

    Raises SigningKeyError.
    """
    jwk = None if data.lstrip().startswith(b"-----BEGIN") else _jwk(data)
    found = _of_pem(data) if jwk is None else _of_jwk(jwk)
    named = kid or (jwk or {}).get("kid")
    if not isinstance(named, str):
        raise SigningKeyError("the key has no kid; give the one under which the service knows it with --kid")
    usable = found.key_size == 384 if isinstance(found, EllipticCurvePrivateKey) else found.key_size >= RSA_BITS[0]
    if not usable or (isinstance(found, EllipticCurvePrivateKey) and found.curve.name != "secp384r1"):
        raise SigningKeyError(f"the key is neither EC on P-384 (ES384) nor RSA of {RSA_BITS[0]} bits or more (RS384)")
    return found, named


def _jwk(data: bytes) -> Mapping[str, object]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise SigningKeyError("the key is neither a JWK (JSON) nor PEM") from None
    listed = found.get("keys") if isinstance(found, dict) else None
    found = listed[0] if isinstance(listed, list) and len(listed) == 1 else found
    if not isinstance(found, dict) or "d" not in found:
        raise SigningKeyError("not one private JWK: an object with kty, kid and d")
    return found


def _of_jwk(jwk: Mapping[str, object]) -> PrivateKey:
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in ALGORITHM_OF:
        raise SigningKeyError("the key's kty is neither EC nor RSA")
    try:
        found = jwt.PyJWK(dict(jwk), ALGORITHM_OF[kind]).key
    except (jwt.PyJWTError, ValueError, TypeError, AttributeError):
        raise SigningKeyError("the key's numbers are no key") from None
    return _private(found)


def _of_pem(data: bytes) -> PrivateKey:
    try:
        return _private(load_pem_private_key(data, password=None))
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise SigningKeyError("not a private key in PEM that can be read without a password") from None


def _private(found: object) -> PrivateKey:
    if not isinstance(found, EllipticCurvePrivateKey | RSAPrivateKey):
        raise SigningKeyError("the key is neither EC nor RSA, or not private")
    return found
