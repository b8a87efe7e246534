"""Who may call, over real HTTP: every forged or faulty token gets the one answer, every good one gets in."""

from __future__ import annotations

import http.client
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from cds_service.app import create_app, running
from cds_service.errors import SettingsError
from cds_service.guidance import Guidance
from cds_service.outbound import Outbound, Reach
from cds_service.settings import Settings
from cds_service.store import ClientRecord, Registry, Store
from cds_service.trust.gatekeeper import Gatekeeper
from tests.hook_builders import MISSING, SELECT_URL, SIGN_URL, draft, order_select, order_sign
from tests.little_service import Little, little_service
from tests.trust_builders import (
    EHR,
    ISSUER,
    NOW,
    PUBLIC,
    URL,
    by_hmac,
    claims,
    client,
    compact,
    encoded,
    header,
    jwk,
    jwks,
    pem,
    private,
    token,
)

FEEDBACK_URL = SIGN_URL + "/feedback"
FEEDBACK = {"feedback": [{"card": "c", "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:05:31Z"}]}
MARK = "Jane-Roe"
"""In what a caller sends; must never come out."""
REMOTE = "https://remote.example.org"


@dataclass
class Site:
    """A running service, its registry, and a server that publishes keys."""

    address: str
    registry: Registry
    remote: Little
    clients: dict[str, ClientRecord] = field(default_factory=dict)


Headers = list[tuple[str, str]]
Request = tuple[str, Headers, Any]
"""Path, headers, body."""


def echo(call: Any, _today: Any) -> Guidance:
    return Guidance((), {"cards": [{"servers": call.servers}]})


@contextmanager
def guarded(database: Path, **settings: Any) -> Iterator[tuple[Flask, Registry]]:
    """An app that asks for tokens, at the moment NOW."""
    chosen = Settings(
        public_url=PUBLIC, outbound_http=True, outbound_networks=("127.0.0.0/8",), jwks_timeout_seconds=1.0, **settings
    )
    with closing(Store(str(database))) as store:
        registry = Registry(store)
        keeper = Gatekeeper(registry, Outbound(Reach.of(chosen)).read, chosen, now=lambda: NOW)
        yield create_app(chosen, advise=echo, admit=keeper.admit), registry


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database = tmp_path_factory.mktemp("trust") / "store.sqlite3"
    with little_service(discovery=jwks("ec-r1")) as remote, guarded(database) as (app, registry), running(app) as url:
        made = Site(urlsplit(url).netloc, registry, remote)
        for each in registered(remote.url):
            assert registry.add(each) is None
            made.clients[each.name] = each
        registry.remove("gone")
        yield made


def registered(remote: str) -> list[ClientRecord]:
    return [
        client(fhir_servers=(EHR,)),
        client("other", issuer="https://other.example.org", jwks=jwks("ec-other")),
        client("gone", issuer="https://gone.example.org", jwks=jwks("ec-gone")),
        client("select-only", issuer="https://select.example.org", services=("blinatumomab-order-select",)),
        client("published", issuer=REMOTE, jwks=None, jku=f"{remote}/keys"),
        client("moved", issuer="https://moved.example.org", jwks=None, jku=f"{remote}/moved"),
        client("inside", issuer="https://inside.example.org", jwks=None, jku="https://10.11.12.13/keys"),
        client("metadata", issuer="https://meta.example.org", jwks=None, jku="http://169.254.169.254/keys"),
        client("north", issuer="https://vendor.example.org", tenant="north", jwks=jwks("ec-vendor")),
        client("south", issuer="https://vendor.example.org", tenant="south", jwks=jwks("ec-south")),
        client("weak", issuer="https://weak.example.org", jwks=jwks("p256-1", "rsa1024-1", "p521-1")),
        client(
            "mixed",
            issuer="https://mixed.example.org",
            jwks=jwks(jwk("p256-2", alg="ES384"), jwk("ec-3", alg="RS384"), jwk("ec-4", use="enc")),
        ),
    ]


def ask(site: Site, request: Request) -> tuple[int, dict[str, str], bytes]:
    path, headers, body = request
    with closing(http.client.HTTPConnection(site.address, timeout=20)) as connection:
        data = json.dumps(body).encode()
        connection.putrequest("POST", path)
        for name, value in [("Content-Type", "application/json"), ("Content-Length", str(len(data))), *headers]:
            connection.putheader(name, value)
        connection.endheaders(data)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def bearing(made: str, *, scheme: str = "Bearer", path: str = SIGN_URL, body: Any = None) -> Request:
    return path, [("Authorization", f"{scheme} {made}")], order_sign() if body is None else body


# --- all of these are refused ---------------------------------------------------------------------------------------

RSA_PEM, EC_JWK = pem("rsa-1"), json.dumps(jwk("ec-1")).encode()
TWICE_ISS = json.dumps(claims())[:-1] + f', "iss": "{ISSUER}"}}'
TWICE_ALG = '{"alg": "none", "typ": "JWT", "kid": "ec-1", "alg": "ES384"}'
NOT_A_NUMBER = json.dumps(claims()).replace(f'"exp": {NOW + 290}', '"exp": NaN')
INFINITE = json.dumps(claims()).replace(f'"exp": {NOW + 290}', '"exp": Infinity')
HUGE_NUMBER = json.dumps(claims()).replace(f'"exp": {NOW + 290}', '"exp": ' + "9" * 5000)
DEEP = '{"iss": ' + "[" * 2500 + "]" * 2500 + "}"


def unsigned(alg: str) -> str:
    return f"{encoded(json.dumps(header(alg=alg)))}.{encoded(json.dumps(claims()))}."


def with_der_signature() -> str:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    signed = token().rpartition(".")[0]
    key = private("ec-1")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return f"{signed}.{encoded(key.sign(signed.encode(), ec.ECDSA(hashes.SHA384())))}"


def with_claims_of_another() -> str:
    mine, theirs = token().split("."), token(jti="another").split(".")
    return ".".join((mine[0], theirs[1], mine[2]))


def last_bits_changed() -> str:
    """The signature's last character stands for six bits, of which the last are not used in 96 bytes plus one."""
    head, payload, _ = token().split(".")
    return f"{head}.{payload}.{encoded(bytes(96))}"


def from_other(kid: str = "ec-other", **changes: Any) -> str:
    return token({"kid": kid}, iss="https://other.example.org", **changes)


def remote_token(jku: Any = MISSING, kid: str = "ec-r1", **changes: Any) -> Callable[[Site], Request]:
    return lambda site: bearing(
        token({"kid": kid, "jku": jku(site) if callable(jku) else jku}, **({"iss": REMOTE} | changes))
    )


def moved_keys(site: Site) -> Request:
    """Its address answers with a redirect to where the keys are."""
    return bearing(token({"kid": "ec-r1"}, iss="https://moved.example.org"))


def replayed(site: Site) -> Request:
    made = bearing(token())
    assert ask(site, made)[0] == 200
    return made


def replayed_at_another_door(site: Site) -> Request:
    both = token(aud=[URL, PUBLIC + FEEDBACK_URL])
    assert ask(site, bearing(both))[0] == 200
    return bearing(both, path=FEEDBACK_URL, body=FEEDBACK)


def replayed_with_another_signature(site: Site) -> Request:
    same = claims()
    assert ask(site, bearing(compact(header(), same)))[0] == 200
    return bearing(compact(header(), same))


def removed_a_moment_ago(site: Site) -> Request:
    leaving = client("leaving", issuer="https://leaving.example.org")
    assert site.registry.add(leaving) is None
    known = token(iss=leaving.issuer)
    site.registry.remove("leaving")
    return bearing(known)


def two_headers(site: Site) -> Request:
    return SIGN_URL, [("Authorization", f"Bearer {token()}"), ("Authorization", f"Bearer {token()}")], order_sign()


def a_good_and_a_basic_header(site: Site) -> Request:
    return SIGN_URL, [("Authorization", f"Bearer {token()}"), ("Authorization", "Basic eDp5")], order_sign()


def in_the_query(site: Site) -> Request:
    return f"{SIGN_URL}?access_token={token()}", [], order_sign()


def in_another_header(site: Site) -> Request:
    return SIGN_URL, [("X-Authorization", f"Bearer {token()}"), ("X-Forwarded-Authorization", token())], order_sign()


def for_the_host_header(site: Site) -> Request:
    headers = [("Authorization", f"Bearer {token(aud='https://evil.example.org' + SIGN_URL)}")]
    return SIGN_URL, [*headers, ("X-Forwarded-Host", "evil.example.org")], order_sign()


def reading_from(server: str) -> Request:
    return bearing(token(), body=order_sign(fhirServer=server))


HMAC = {"kid": "ec-1", "typ": "JWT"}
FAULTS: Mapping[str, tuple[str, str | Request | Callable[[Site], Request]]] = {
    # --- the header of the request
    "no token": ("no-token", (SIGN_URL, [], order_sign())),
    "an empty header": ("authorization", (SIGN_URL, [("Authorization", "")], order_sign())),
    "a scheme alone": ("authorization", (SIGN_URL, [("Authorization", "Bearer")], order_sign())),
    "a token without scheme": ("authorization", (SIGN_URL, [("Authorization", token())], order_sign())),
    "basic authentication": ("authorization", (SIGN_URL, [("Authorization", "Basic eDp5")], order_sign())),
    "another scheme": ("authorization", bearing(token(), scheme="JWT")),
    "two headers": ("authorization", two_headers),
    "a good and a basic header": ("authorization", a_good_and_a_basic_header),
    "two tokens in one header": ("authorization", bearing(f"{token()}, Bearer {token()}")),
    "a token in the query": ("no-token", in_the_query),
    "a token in another header": ("no-token", in_another_header),
    "quotes around it": ("form", f'"{token()}"'),
    "white space inside": ("authorization", bearing(token().replace(".", ". ", 1))),
    "a tab after the scheme": ("authorization", (SIGN_URL, [("Authorization", f"Bearer\t{token()}")], order_sign())),
    # --- the token as text
    "no token at all": ("form", "x"),
    "a huge token": ("form", token(name="x" * 20_000)),
    "truncated": ("signature", token()[:-8]),
    "cut to two parts": ("form", token().rpartition(".")[0]),
    "a part too many": ("form", f"{token()}.AAAA"),
    "encrypted (JWE)": ("form", ".".join((encoded('{"alg":"RSA-OAEP","enc":"A256GCM"}'), "AA", "AA", "AA", "AA"))),
    "padded": ("form", f"{token()}=="),
    "not base64url": ("form", token().replace(".", ".+/", 1)),
    "letters that only look so": ("form", token().replace("e", "é", 1).encode().decode("latin-1")),
    "stray bits at the end of the header": ("header", "eyJhbGciOiJFUzM4NCJ9".replace("J9", "J-") + "." + "e30.AA"),
    "header that is no JSON": ("header", compact("no JSON", claims())),
    "header that is an array": ("header", compact('["ES384"]', claims())),
    "header that is empty": ("alg", compact("{}", claims())),
    "claims that are no JSON": ("claims", compact(header(), "no JSON")),
    "claims that are a text": ("claims", compact(header(), '"claims"')),
    "claims with a byte order mark": ("claims", compact(header(), "\ufeff" + json.dumps(claims()))),
    "claims nested 2500 deep": ("claims", compact(header(), DEEP)),
    "a claim twice": ("claims", compact(header(), TWICE_ISS)),
    "alg twice": ("header", compact(TWICE_ALG, claims())),
    "exp is NaN": ("claims", compact(header(), NOT_A_NUMBER)),
    "exp is infinite": ("claims", compact(header(), INFINITE)),
    "exp of 5000 digits": ("claims", compact(header(), HUGE_NUMBER)),
    "a token inside a token": ("extensions", compact(header(cty="JWT"), claims())),
    "a token as claims": ("claims", compact(header(), token())),
    # --- algorithm and proof
    "alg none": ("form", unsigned("none")),
    "alg none with a signature": ("alg", token({"alg": "none"})),
    "alg NoNe": ("alg", token({"alg": "NoNe"})),
    "alg in lower case": ("alg", token({"alg": "es384"})),
    "alg is null": ("alg", token({"alg": None})),
    "alg is an array": ("alg", token({"alg": ["ES384"]})),
    "no alg": ("alg", token({"alg": MISSING})),
    "HS256 with the public key (PEM)": ("alg", by_hmac(RSA_PEM, {"alg": "HS256", **HMAC}, claims())),
    "HS384 with the public key (PEM)": ("alg", by_hmac(pem("ec-1"), {"alg": "HS384", **HMAC}, claims())),
    "HS384 with the public key (JWK)": ("alg", by_hmac(EC_JWK, {"alg": "HS384", **HMAC}, claims())),
    "HS256 with an empty key": ("alg", by_hmac(b"", {"alg": "HS256", **HMAC}, claims())),
    "ES256 by the P-384 key": ("alg", token({"alg": "ES256"})),
    "ES256 by a P-256 key of the client": (
        "alg",
        token({"alg": "ES256", "kid": "p256-1"}, iss="https://weak.example.org"),
    ),
    "ES512 by a P-521 key of the client": (
        "alg",
        token({"alg": "ES512", "kid": "p521-1"}, iss="https://weak.example.org"),
    ),
    "ES384 by a P-256 key of the client": ("key", token({"kid": "p256-1"}, iss="https://weak.example.org")),
    "ES384 by a P-256 key that says ES384": ("key", token({"kid": "p256-2"}, iss="https://mixed.example.org")),
    "a P-384 key that says RS384": ("key", token({"kid": "ec-3"}, iss="https://mixed.example.org")),
    "a key for encryption": ("key", token({"kid": "ec-4"}, iss="https://mixed.example.org")),
    "RSA of 1024 bits": ("key", token({"alg": "RS384", "kid": "rsa1024-1"}, iss="https://weak.example.org")),
    "RS384 with the kid of the EC key": ("key", token({"alg": "RS384"}, signer="rsa-1")),
    "ES384 with the kid of the RSA key": ("key", token({"kid": "rsa-1"}, signer="ec-1")),
    "PS384 by the RSA key": ("alg", token({"alg": "PS384", "kid": "rsa-1"})),
    "signature stripped": ("form", token().rpartition(".")[0] + "."),
    "signature of DER": ("signature", with_der_signature()),
    "signature of nought": ("signature", last_bits_changed()),
    "claims of another token": ("signature", with_claims_of_another()),
    "signed by a key of nobody": ("signature", token(signer="ec-nobody")),
    "signed by another client's key": ("signature", token(signer="ec-other")),
    "another client's kid": ("key", token({"kid": "ec-other"})),
    "another client's name": ("key", token(iss="https://other.example.org")),
    # --- which key
    "no kid": ("kid", token({"kid": MISSING})),
    "kid is empty": ("kid", token({"kid": ""})),
    "kid is a number": ("kid", token({"kid": 1})),
    "kid is null": ("kid", token({"kid": None})),
    "kid is an object": ("kid", token({"kid": {"ec-1": 1}})),
    "kid is a path": ("key", token({"kid": "../../../../dev/null"}, signer="ec-1")),
    "kid is SQL": ("key", token({"kid": "x' UNION SELECT 'ec-1' --"}, signer="ec-1")),
    "kid is a command": ("key", token({"kid": "ec-1|/bin/true"}, signer="ec-1")),
    "kid is very long": ("kid", token({"kid": "k" * 3000}, signer="ec-1")),
    "kid with a NUL": ("key", token({"kid": "ec-1\0"}, signer="ec-1")),
    "an embedded key (jwk)": ("extensions", token({"jwk": jwk("ec-nobody")}, signer="ec-nobody")),
    "an embedded key beside the right one": ("extensions", token({"jwk": jwk("ec-1")})),
    "certificates elsewhere (x5u)": ("extensions", token({"x5u": "https://evil.example.org/chain.pem"})),
    "certificates (x5c)": ("extensions", token({"x5c": ["MIIB"]})),
    "crit": ("extensions", token({"crit": ["exp"]})),
    "crit, empty": ("extensions", token({"crit": []})),
    "b64 is false": ("extensions", token({"b64": False, "crit": ["b64"]})),
    "compressed": ("extensions", token({"zip": "DEF"})),
    "typ is missing": ("typ", token({"typ": MISSING})),
    "typ of an access token": ("typ", token({"typ": "at+jwt"})),
    "typ is null": ("typ", token({"typ": None})),
    "jku that is not registered": ("jku", token({"jku": "https://evil.example.org/keys"})),
    "jku of another client": ("jku", remote_token(lambda site: "https://ehr.example.org/keys")),
    "jku over http for https": ("jku", token({"jku": "http://ehr.example.org/keys"})),
    "jku that goes on": ("jku", remote_token(lambda site: f"{site.remote.url}/keys/../evil")),
    "jku with a user": ("jku", remote_token(lambda site: site.remote.url.replace("//", "//x@") + "/keys")),
    "jku with another case": ("jku", remote_token(lambda site: f"{site.remote.url}/KEYS")),
    "jku is null": ("jku", remote_token(lambda site: None)),
    "jku is an array": ("jku", remote_token(lambda site: [f"{site.remote.url}/keys"])),
    "jku of a private address": ("key", token({"jku": "https://10.11.12.13/keys"}, iss="https://inside.example.org")),
    "jku of the cloud's metadata": ("key", token(iss="https://meta.example.org")),
    "jku that redirects": ("key", moved_keys),
    "a kid that is not published": ("key", remote_token(kid="ec-unpublished")),
    # --- claims
    "no iss": ("iss", token(iss=MISSING)),
    "iss is null": ("iss", token(iss=None)),
    "iss is an array": ("iss", token(iss=[ISSUER])),
    "iss is a number": ("iss", token(iss=1)),
    "iss is an object": ("iss", token(iss={"iss": ISSUER})),
    "iss is of nobody": ("client", token(iss="https://nobody.example.org")),
    "iss with a slash more": ("client", token(iss=f"{ISSUER}/")),
    "iss in capitals": ("client", token(iss=ISSUER.upper())),
    "iss with half a character": ("client", compact(header(), json.dumps(claims(iss="\ud800")))),
    "a client that was removed": ("client", token({"kid": "ec-gone"}, iss="https://gone.example.org")),
    "a client that was removed a moment ago": ("client", removed_a_moment_ago),
    "no tenant": ("client", token({"kid": "ec-vendor"}, iss="https://vendor.example.org")),
    "a tenant of nobody": ("client", token({"kid": "ec-vendor"}, iss="https://vendor.example.org", tenant="east")),
    "tenant is null": ("iss", token({"kid": "ec-vendor"}, iss="https://vendor.example.org", tenant=None)),
    "tenant is an array": ("iss", token({"kid": "ec-vendor"}, iss="https://vendor.example.org", tenant=["north"])),
    "the tenant of another's key": (
        "key",
        token({"kid": "ec-vendor"}, iss="https://vendor.example.org", tenant="south"),
    ),
    "no aud": ("aud", token(aud=MISSING)),
    "aud is null": ("aud", token(aud=None)),
    "aud is empty": ("aud", token(aud=[])),
    "aud is a number": ("aud", token(aud=1)),
    "aud is an object": ("aud", token(aud={URL: True})),
    "aud is an array in an array": ("aud", token(aud=[[URL]])),
    "aud with a number in it": ("aud", token(aud=[URL, 1])),
    "aud of another service": ("aud", token(aud=PUBLIC + SELECT_URL)),
    "aud of discovery": ("aud", token(aud=f"{PUBLIC}/cds-services")),
    "aud is the base": ("aud", token(aud=PUBLIC)),
    "aud is a prefix": ("aud", token(aud=URL[:-1])),
    "aud goes on": ("aud", token(aud=f"{URL}/feedback")),
    "aud with two slashes": ("aud", token(aud=f"{URL}//")),
    "aud with a query": ("aud", token(aud=f"{URL}?x=1")),
    "aud over http": ("aud", token(aud=URL.replace("https:", "http:"))),
    "aud with a port": ("aud", token(aud=URL.replace(".org", ".org:8443"))),
    "aud in capitals": ("aud", token(aud=URL.upper())),
    "aud of the address behind the proxy": ("aud", lambda site: bearing(token(aud=f"http://{site.address}{SIGN_URL}"))),
    "aud of the Host header": ("aud", for_the_host_header),
    "aud of the service, at feedback": ("aud", bearing(token(), path=FEEDBACK_URL, body=FEEDBACK)),
    "expired by a second": ("exp", token(iat=NOW - 100, exp=NOW - 31)),
    "expired at this very second": ("exp", token(iat=NOW - 100, exp=NOW - 30)),
    "expired years ago": ("exp", token(iat=1_311_280_970, exp=1_422_568_860)),
    "no exp": ("exp", token(exp=MISSING)),
    "exp is null": ("exp", token(exp=None)),
    "exp is a text": ("exp", token(exp=str(NOW + 290))),
    "exp is a fraction": ("exp", token(exp=NOW + 290.5)),
    "exp is true": ("exp", token(exp=True)),
    "exp is negative": ("exp", token(exp=-1)),
    "exp beyond all time": ("exp", token(exp=10**30)),
    "no iat": ("iat", token(iat=MISSING)),
    "iat in the future": ("iat", token(iat=NOW + 31)),
    "iat is a text": ("iat", token(iat="now")),
    "nbf in the future": ("nbf", token(nbf=NOW + 31)),
    "nbf is null": ("nbf", token(nbf=None)),
    "nbf is a text": ("nbf", token(nbf="soon")),
    "lives a second too long": ("lifetime", token(iat=NOW, exp=NOW + 3601)),
    "lives for years": ("lifetime", token(iat=NOW, exp=NOW + 10**8)),
    "ends before it begins": ("lifetime", token(iat=NOW + 20, exp=NOW + 20)),
    "no jti": ("jti", token(jti=MISSING)),
    "jti is empty": ("jti", token(jti="")),
    "jti is null": ("jti", token(jti=None)),
    "jti is a number": ("jti", token(jti=7)),
    "jti is very long": ("jti", token(jti="j" * 257)),
    "replayed": ("replay", replayed),
    "replayed at another door": ("replay", replayed_at_another_door),
    "replayed with another signature": ("replay", replayed_with_another_signature),
    # --- what the client may do
    "a service not allowed": ("service", token(iss="https://select.example.org")),
    "a FHIR server of another": ("fhir-server", reading_from("https://other.example.org/r4")),
    "a FHIR server below ours": ("fhir-server", reading_from(f"{EHR}/deeper")),
    "a FHIR server with a longer name": ("fhir-server", reading_from("https://ehr.example.org.evil.example.org/r4")),
    "a FHIR server with a user": ("fhir-server", reading_from("https://ehr.example.org@evil.example.org/r4")),
    "a FHIR server over http": ("fhir-server", reading_from(EHR.replace("https", "http"))),
    # --- other addresses
    "a service there is not": ("no-token", ("/cds-services/nothing", [], order_sign())),
    "feedback without token": ("no-token", (FEEDBACK_URL, [], FEEDBACK)),
    "a body that is no call": ("no-token", (SIGN_URL, [], {"name": MARK})),
}


def request_of(fault: str | Request | Callable[[Site], Request], site: Site) -> Request:
    if callable(fault):
        return fault(site)
    return bearing(fault) if isinstance(fault, str) else fault


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_gets_the_one_answer_and_the_log_a_short_reason(
    site: Site, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    reason, fault = FAULTS[name]
    site.remote.discovery_status, site.remote.headers = (
        (302, {"Location": "/keys"}) if fault is moved_keys else (200, {})
    )
    plain = ask(site, (SIGN_URL, [], order_sign()))
    request = request_of(fault, site)
    caplog.clear()
    with caplog.at_level(logging.DEBUG):
        status, headers, body = ask(site, request)

    assert (status, headers["www-authenticate"], headers["content-type"]) == (401, "Bearer", "application/fhir+json")
    own = ("date", "x-request-id")
    assert {name: value for name, value in headers.items() if name not in own} == {
        name: value for name, value in plain[1].items() if name not in own
    }
    assert body == plain[2]
    assert f"refused={reason} " in calls(caplog)[-1]
    everything = "\n".join(record.getMessage() for record in caplog.records)
    for _, value in request[1]:
        for part in value.removeprefix("Bearer ").split("."):
            assert len(part) < 20 or part not in everything
    assert MARK not in everything


def calls(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "cds_service.calls"]


def test_there_are_enough_faults() -> None:
    assert len(FAULTS) >= 40


# --- all of these get in --------------------------------------------------------------------------------------------

GOOD: Mapping[str, str | Request | Callable[[Site], Request]] = {
    "ES384": token(),
    "RS384": token({"alg": "RS384", "kid": "rsa-1"}),
    "the next key of the client": token({"kid": "ec-2"}),
    "aud with a slash": token(aud=f"{URL}/"),
    "aud as an array": token(aud=[URL]),
    "aud as an array of several": token(aud=["https://elsewhere.example.org", f"{URL}/"]),
    "path with a slash": bearing(token(), path=f"{SIGN_URL}/"),
    "path with a query": bearing(token(), path=f"{SIGN_URL}?x=1"),
    "bearer in lower case": bearing(token(), scheme="bearer"),
    "BEARER in capitals": bearing(token(), scheme="BEARER"),
    "two blanks after the scheme": bearing(f" {token()}"),
    "expired within the leeway": token(iat=NOW - 100, exp=NOW - 29),
    "issued within the leeway": token(iat=NOW + 30),
    "nbf within the leeway": token(nbf=NOW + 30),
    "nbf in the past": token(nbf=NOW - 60),
    "lives just long enough": token(iat=NOW, exp=NOW + 3600),
    "typ in lower case": token({"typ": "jwt"}),
    "claims and headers that are not known": token({"x5t": "abc", "other": 1}, sub="x", extra={"a": [1.5, None]}),
    "a tenant where none is registered": token(tenant="anybody"),
    "the tenant of its own": token({"kid": "ec-vendor"}, iss="https://vendor.example.org", tenant="north"),
    "the other tenant": token({"kid": "ec-south"}, iss="https://vendor.example.org", tenant="south"),
    "a jti of another client": lambda site: twice_from_two(site),
    "keys by jku": remote_token(),
    "keys by jku, named in the header": remote_token(lambda site: f"{site.remote.url}/keys"),
    "its own FHIR server": reading_from(EHR),
    "its own FHIR server with a slash": reading_from(f"{EHR}/"),
    "its own FHIR server in capitals": reading_from("https://EHR.example.org:443/r4"),
    "a FHIR server, of a client that has none": bearing(
        from_other(), body=order_sign(fhirServer="https://x.example/r4")
    ),
    "the service allowed": bearing(
        token(iss="https://select.example.org", aud=PUBLIC + SELECT_URL),
        path=SELECT_URL,
        body=order_select(draft(), selections=["MedicationRequest/rx-1"]),
    ),
}


def twice_from_two(site: Site) -> Request:
    """A nonce belongs to its issuer."""
    assert ask(site, bearing(token(jti="the-same")))[0] == 200
    return bearing(from_other(jti="the-same"))


@pytest.mark.parametrize("name", GOOD)
def test_every_good_token_gets_in(site: Site, name: str, caplog: pytest.LogCaptureFixture) -> None:
    site.remote.discovery_status, site.remote.headers = 200, {}
    with caplog.at_level(logging.INFO):
        status, headers, body = ask(site, request_of(GOOD[name], site))

    assert status == 200, calls(caplog)
    assert "www-authenticate" not in headers
    assert json.loads(body)["cards"]
    assert " client=" in calls(caplog)[-1]


def test_the_example_token_of_the_specification_verifies_and_is_refused_for_its_age(tmp_path: Path) -> None:
    """ES384 by the printed key; it expired in 2015. Only the clock and the cap keep it out."""
    key = {
        "kty": "EC",
        "use": "sig",
        "crv": "P-384",
        "kid": "example-kid",
        "x": "46SDH7Znh821wblCBglA61sNE9ZrHYKKt3qRtRTmSXyOI_FIGBLWrWa0GPUkDCEk",
        "y": "XMcRuuoGW7CXjQdy-F5i3FeBE0x9hPLdeFdSoDd3ELmx404tLX0VRRcqzAsPhXcI",
        "alg": "ES384",
    }
    example = (
        "eyJhbGciOiJFUzM4NCIsInR5cCI6IkpXVCIsImtpZCI6ImV4YW1wbGUta2lkIiwiamt1IjoiaHR0cHM6Ly9maGlyLWVoci5leGFtcGxlLmNv"
        "bS9qd2tfdXJpIn0.eyJpc3MiOiJodHRwczovL2ZoaXItZWhyLmV4YW1wbGUuY29tLyIsImF1ZCI6Imh0dHBzOi8vY2RzLmV4YW1wbGUub3Jn"
        "L2Nkcy1zZXJ2aWNlcy9zb21lLXNlcnZpY2UiLCJleHAiOjE0MjI1Njg4NjAsImlhdCI6MTMxMTI4MDk3MCwianRpIjoiZWUyMmIwMjEtZTFi"
        "Ny00NjExLWJhNWItOGVlYzZhMzNhYzFlIiwidGVuYW50IjoiMmRkZDZjM2EtOGU5YS00NGM2LWEzMDUtNTIxMTFhZDMwMmEyIn0.d1WfLjGR"
        "KlcWB94l9do4cM8REXeYJLL6SGUBO8VHZhfM8mwKYP70EMxJ67War4TQblEpaQrp11wx5p7oPFm2ETYgCicS84vXWEIYTdjooZdooCSDf2L8"
        "-i4awdoUwiEb"
    )
    from cds_service.trust.caller import Door

    settings = Settings(public_url=PUBLIC)
    with closing(Store(str(tmp_path / "store.sqlite3"))) as store:
        registry = Registry(store)
        jku = "https://fhir-ehr.example.com/jwk_uri"
        registry.add(client(issuer="https://fhir-ehr.example.com/", jwks={"keys": [key]}, jku=jku))
        keeper = Gatekeeper(registry, Outbound(Reach()).read, settings, now=lambda: NOW)
        _, judged = keeper.explain(example, [Door("some-service", f"{PUBLIC}/cds-services/some-service")])

    assert {each.code for each in judged if not each.passed} == {"exp", "lifetime"}


# --- what needs no token, and what an app cannot be -----------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/health", "/cds-services", "/cds-services/"])
def test_these_doors_are_open_and_a_token_there_is_neither_judged_nor_used(site: Site, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer forged"}):
        with closing(http.client.HTTPConnection(site.address, timeout=20)) as connection:
            connection.request("GET", path, headers=headers)
            assert connection.getresponse().status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nothing", 404), ("GET", SIGN_URL, 405), ("OPTIONS", SIGN_URL, 200)]
)
def test_what_does_nothing_needs_no_token(site: Site, method: str, path: str, status: int) -> None:
    with closing(http.client.HTTPConnection(site.address, timeout=20)) as connection:
        connection.request(method, path)
        assert connection.getresponse().status == status


def test_an_admitted_client_is_told_what_is_wrong_with_its_call(site: Site) -> None:
    status, headers, body = ask(site, bearing(token(), body={"hook": "order-sign"}))
    assert (status, "www-authenticate" in headers) == (400, False)
    assert json.loads(body)["issue"][0]["expression"] == ["hookInstance"]


def test_feedback_is_taken_with_a_token_for_its_own_address(site: Site) -> None:
    status, _, _ = ask(site, bearing(token(aud=PUBLIC + FEEDBACK_URL), path=FEEDBACK_URL, body=FEEDBACK))
    assert status == 503, "admitted; this service keeps nothing"


def test_each_client_brings_its_own_servers_whatever_the_setting_says(tmp_path: Path) -> None:
    with guarded(tmp_path / "s.sqlite3", fhir_servers=("https://global.example.org/r4",)) as (app, registry):
        registry.add(client(fhir_servers=(EHR,)))
        registry.add(client("none", issuer="https://none.example.org"))
        for made, servers in ((token(), [EHR]), (token(iss="https://none.example.org"), [])):
            answer = app.test_client().post(SIGN_URL, json=order_sign(), headers={"Authorization": f"Bearer {made}"})
            assert answer.get_json()["cards"] == [{"servers": servers}]


def test_an_app_has_to_be_told_who_may_call() -> None:
    with pytest.raises(SettingsError, match="who may call"):
        create_app(Settings(), advise=echo)
    with pytest.raises(SettingsError, match="who may call"):
        create_app(Settings(public_url=PUBLIC), advise=echo, admit=lambda *_: pytest.fail("asked"), open_to_all=True)
    with pytest.raises(SettingsError, match="public_url"):
        create_app(Settings(), advise=echo, admit=lambda *_: pytest.fail("asked"))


def test_a_room_that_nobody_thought_of_is_shut(tmp_path: Path) -> None:
    with guarded(tmp_path / "s.sqlite3") as (app, _):
        app.add_url_rule("/new", "new.room", lambda: "open")
        assert app.test_client().get("/new").status_code == 401
