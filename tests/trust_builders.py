"""Keys, clients and tokens for the tests of trust. Tokens are made by hand, so that wrong ones can be made too."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from cds_service.store import ClientRecord
from tests.hook_builders import MISSING, SIGN_URL

PUBLIC = "https://cds.example.org"
URL = PUBLIC + SIGN_URL
ISSUER = "https://ehr.example.org"
EHR = "https://ehr.example.org/r4"
NOW = 1_760_000_000
CURVES: Mapping[str, tuple[type[ec.EllipticCurve], type[hashes.HashAlgorithm]]] = {
    "ES256": (ec.SECP256R1, hashes.SHA256),
    "ES384": (ec.SECP384R1, hashes.SHA384),
    "ES512": (ec.SECP521R1, hashes.SHA512),
}
NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def private(kid: str) -> PrivateKey:
    """A private key; its kind stands before the dash: `ec`, `p256`, `p521`, `rsa`, `rsa1024`."""
    kind = kid.partition("-")[0]
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa") or 2048))
    curve = {"ec": "ES384", "p256": "ES256", "p521": "ES512"}[kind]
    return ec.generate_private_key(CURVES[curve][0]())


def jwk(kid: str, /, **members: Any) -> dict[str, Any]:
    """The public JWK of a key; members set to MISSING are left out."""
    key = private(kid)
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        made = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), "alg": "RS384"}
    else:
        point, size = key.public_key().public_numbers(), (key.key_size + 7) // 8
        alg = next(name for name, (curve, _) in CURVES.items() if isinstance(key.curve, curve))
        made = {"kty": "EC", "crv": NAMES[alg], "x": number(point.x, size), "y": number(point.y, size), "alg": alg}
    return without_missing({"kid": kid, "use": "sig", **made, **members})


def jwks(*keys: str | Mapping[str, Any]) -> dict[str, Any]:
    """A JWK Set."""
    return {"keys": [jwk(key) if isinstance(key, str) else dict(key) for key in keys]}


def number(value: int, size: int = 0) -> str:
    return encoded(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def encoded(data: bytes | str) -> str:
    """Base64url without padding."""
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def without_missing(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not MISSING}


def header(**changes: Any) -> dict[str, Any]:
    return without_missing({"alg": "ES384", "typ": "JWT", "kid": "ec-1", **changes})


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims of a token for order-sign that was made ten seconds ago."""
    good = {"iss": ISSUER, "aud": URL, "iat": NOW - 10, "exp": NOW + 290, "jti": str(uuid.uuid4())}
    return without_missing(good | changes)


def signature(alg: str, key: PrivateKey, signed: bytes) -> bytes:
    """As the algorithm wants it: `r || s` for EC."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), hashes.SHA384())
    der = key.sign(signed, ec.ECDSA(CURVES[alg][1]()))
    size = (key.key_size + 7) // 8
    return b"".join(part.to_bytes(size, "big") for part in decode_dss_signature(der))


def compact(head: Mapping[str, Any] | str, payload: Mapping[str, Any] | str, signer: str = "ec-1") -> str:
    """A token, signed with that key by the algorithm its header names; texts go in as they are."""
    parts = [part if isinstance(part, str) else json.dumps(part) for part in (head, payload)]
    signed = ".".join(map(encoded, parts)).encode()
    alg = head.get("alg") if isinstance(head, Mapping) else None
    fitting = alg if isinstance(alg, str) and alg in CURVES else "ES384"
    return f"{signed.decode()}.{encoded(signature(fitting, private(signer), signed))}"


def token(head: Mapping[str, Any] | None = None, *, signer: str | None = None, **changes: Any) -> str:
    """A good token, but for these changes of its header and its claims."""
    made = header(**(head or {}))
    kid = made.get("kid")
    return compact(made, claims(**changes), signer or (kid if isinstance(kid, str) and "-" in kid else "ec-1"))


def by_hmac(secret: bytes, head: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """A token signed symmetrically."""
    signed = f"{encoded(json.dumps(head))}.{encoded(json.dumps(payload))}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384}[str(head["alg"])]
    return f"{signed}.{encoded(hmac.new(secret, signed.encode(), digest).digest())}"


def pem(kid: str) -> bytes:
    """The public key as text."""
    public = private(kid).public_key()
    return public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def client(name: str = "st-anna", **members: Any) -> ClientRecord:
    """A registered client; with the keys `ec-1`, `ec-2` and `rsa-1` unless told otherwise."""
    given = {"issuer": ISSUER, "jwks": jwks("ec-1", "ec-2", "rsa-1")} | members
    return ClientRecord(id=str(uuid.uuid4()), name=name, added=datetime.fromtimestamp(NOW, UTC), **given)
