"""Keys: which of a set are used, and how those that clients publish are fetched, kept and changed."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from cds_service.outbound import Answer, Ask, Outbound, OutboundError, Reach, UnreachableError
from cds_service.settings import Settings
from cds_service.trust.clients import Client, Directory, mistakes
from cds_service.trust.keys import PUBLISHED, KeySetError, read_key_set
from cds_service.trust.remote_keys import MOST_BYTES, Patience, RemoteKeys, fetched
from tests.hook_builders import MISSING
from tests.little_service import Little, little_service
from tests.trust_builders import client, jwk, jwks, number, private

SERVICES = ("blinatumomab-order-select", "blinatumomab-order-sign")
SANDBOX = {
    "kty": "EC",
    "use": "sig",
    "crv": "P-384",
    "kid": "44823f3d-0b01-4a6c-a80e-b9d3e8a7226f",
    "x": "dw_JGR8nB2I6XveNxUOl2qk699ZPLM2nYI5STSdiEl9avAkrm3CkfYMbrrjr8laB",
    "y": "Sm3mLE-n1zYNla_aiE3cb3nZsL51RbC7ysw3q8aJLxGm-hx79RPMYpITDjp7kgzy",
    "alg": "ES384",
}
"""The public half of the key that the CDS Hooks Sandbox publishes whole."""


# --- one set --------------------------------------------------------------------------------------------------------


def test_a_key_is_for_the_one_algorithm_of_its_kind() -> None:
    found = read_key_set(jwks("ec-1", jwk("ec-2", alg=MISSING, use=MISSING), jwk("rsa-1", key_ops=["verify"])))
    assert {kid: key.algorithm for kid, key in found.keys.items()} == {
        "ec-1": "ES384",
        "ec-2": "ES384",
        "rsa-1": "RS384",
    }
    assert found.problems == ()


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("a text", "not an object"),
        (None, "not an object"),
        ({}, "neither EC nor RSA"),
        ({"kty": ["EC"]}, "neither EC nor RSA"),
        ({"kty": "oct", "k": "AAAA", "kid": "s"}, "neither EC nor RSA"),
        ({"kty": "OKP", "crv": "Ed25519", "x": "AAAA", "kid": "o"}, "neither EC nor RSA"),
        (jwk("ec-1", kid=MISSING), "no kid"),
        (jwk("ec-1", kid=7), "no kid"),
        (jwk("ec-1", kid="k" * 257), "no kid"),
        (jwk("p256-1"), "P-384"),
        (jwk("p521-1"), "P-384"),
        (jwk("ec-1", crv="secp256k1"), "P-384"),
        (jwk("ec-1", alg="ES256"), "alg is not ES384"),
        (jwk("rsa-1", alg="RS256"), "alg is not RS384"),
        (jwk("rsa-1", alg=["RS384"]), "alg is not RS384"),
        (jwk("ec-1", use="enc"), "not for signatures"),
        (jwk("ec-1", key_ops=["encrypt"]), "not for signatures"),
        (jwk("ec-1", key_ops=5), "not for signatures"),
        (jwk("ec-1", x=MISSING), "is missing"),
        (jwk("ec-1", y=5), "is missing"),
        (jwk("rsa-1", e=MISSING), "is missing"),
        (jwk("ec-1", x=number(5)), "no key"),
        (jwk("ec-1", x=number(5, 48)), "no key"),  # not on the curve
        (jwk("ec-1", x="é"), "no key"),
        (jwk("rsa-1", e=number(1)), "no key"),
        (jwk("rsa-1", n=number(3)), "no key"),
        (jwk("rsa1024-1"), "RSA of 1024 bits"),
        (jwk("ec-1", d=number(5, 48)), "private key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_key_that_cannot_be_used_is_left_alone_and_the_others_are_not(broken: Any, why: str) -> None:
    found = read_key_set({"keys": [broken, jwk("ec-9")]})
    assert list(found.keys) == ["ec-9"]
    assert len(found.problems) == 1
    assert why in found.problems[0]


@pytest.mark.parametrize("document", [None, [], "x", {}, {"keys": {}}, {"keys": [jwk("ec-1")] * 101}])
def test_what_is_no_key_set_is_said_to_be_none(document: Any) -> None:
    with pytest.raises(KeySetError, match="not a JWK Set"):
        read_key_set(document)


def test_of_two_keys_with_one_kid_neither_is_used() -> None:
    found = read_key_set({"keys": [jwk("ec-1"), jwk("ec-2", kid="ec-1"), jwk("ec-3")]})
    assert list(found.keys) == ["ec-3"]
    assert "same kid" in found.problems[0]


# --- the key of the sandbox -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [{}, {"kid": "mine"}, {"x": SANDBOX["x"] + "=="}, {"alg": MISSING, "use": MISSING}])
def test_the_published_key_of_the_sandbox_is_known_however_it_is_written(changed: dict[str, Any]) -> None:
    written = {name: value for name, value in (SANDBOX | changed).items() if value is not MISSING}
    (key,) = read_key_set({"keys": [written]}).keys.values()
    assert key.published_by == "the public CDS Hooks Sandbox"
    assert key.thumbprint in PUBLISHED


def test_it_is_trusted_only_where_the_operator_has_said_so() -> None:
    plain = client(jwks={"keys": [SANDBOX]})
    allowed = client(jwks={"keys": [SANDBOX]}, sandbox_key=True)
    assert any("private half is public" in each for each in mistakes(plain, SERVICES, http=False))
    assert not list(mistakes(allowed, SERVICES, http=False))
    assert not Client.of(plain).keys.keys
    assert list(Client.of(allowed).keys.keys) == [SANDBOX["kid"]]


# --- what may be registered -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"name": "St Anna"}, "the name"),
        ({"name": "../x"}, "the name"),
        ({"issuer": ""}, "the issuer"),
        ({"issuer": "a b"}, "the issuer"),
        ({"issuer": "x" * 257}, "the issuer"),
        ({"tenant": ""}, "the tenant"),
        ({"services": ("blinatumomab",)}, "there is no service"),
        ({"fhir_servers": ("http://ehr.example.org/r4",)}, "the FHIR server"),
        ({"fhir_servers": ("https://u:p@ehr.example.org/r4",)}, "the FHIR server"),
        ({"fhir_servers": ("https://ehr.example.org/r4?x=1",)}, "the FHIR server"),
        ({"fhir_servers": ("ehr.example.org",)}, "the FHIR server"),
        ({"jwks": None}, "needs keys"),
        ({"jku": "http://ehr.example.org/keys"}, "the jku"),
        ({"jku": "file:///etc/keys.json"}, "the jku"),
        ({"jku": "https://ehr.example.org/keys#1"}, "the jku"),
        ({"jku": "https://2130706433/keys"}, "the jku"),
        ({"jwks": {"keys": []}}, "is empty"),
        ({"jwks": {}}, "not a JWK Set"),
        ({"jwks": jwks("p256-1")}, "P-384"),
        ({"jwks": jwks("ec-1", jwk("ec-1"))}, "same kid"),
        ({"jwks": jwks(jwk("ec-1", d=number(5, 48)))}, "private"),
        ({"jwks": {"keys": [jwk("ec-1"), {"kty": "oct", "k": "AA", "kid": "s"}]}}, "symmetric"),
    ],
)
def test_a_client_that_cannot_be_registered_is_told_why(members: dict[str, Any], why: str) -> None:
    assert any(why in each for each in mistakes(client(**members), SERVICES, http=False))


def test_all_mistakes_are_told_at_once() -> None:
    wrong = client("A", issuer="", jwks=None, services=("x", "y"), fhir_servers=("z",))
    assert len(list(mistakes(wrong, SERVICES, http=False))) == 6


def test_http_may_be_registered_where_the_setting_allows_it() -> None:
    inside = client(jku="http://10.1.2.3/keys", fhir_servers=("http://10.1.2.3/r4",))
    assert len(list(mistakes(inside, SERVICES, http=False))) == 2
    assert not list(mistakes(inside, SERVICES, http=True))


def test_a_registration_that_was_spoiled_has_no_keys_and_stops_nobody_else() -> None:
    spoiled = client("spoiled", issuer="i", jwks={"keys": "none"})
    found = Directory([spoiled, client()])
    assert [len(each.keys.keys) for each in found.clients] == [0, 3]


# --- published keys: a clock and a server in our hands --------------------------------------------------------------


class Publisher:
    """Stands for the network: what it answers can be changed; it counts."""

    def __init__(self, *kids: str):
        self.kids, self.seconds, self.asked, self.now = kids, 0.0, 0, 1000.0
        self.down = False

    def __call__(self, ask: Ask, *, deadline: float) -> Answer:
        self.asked += 1
        time.sleep(self.seconds)
        if self.down:
            raise UnreachableError("the server could not be reached or read")
        return Answer(200, json.dumps(jwks(*self.kids)).encode())


def published(publisher: Publisher, **patience: float) -> RemoteKeys:
    chosen = Patience(**({"fetch": 1.0, "fresh": 300.0, "keep": 3600.0, "pause": 30.0} | patience))
    return RemoteKeys("https://ehr.example.org/keys", publisher, chosen, clock=lambda: publisher.now)


def settled(done: Callable[[], bool]) -> bool:
    """Wait for what happens behind the back of a request."""
    until = time.monotonic() + 5
    while not done() and time.monotonic() < until:
        time.sleep(0.005)
    return done()


def test_a_set_is_fetched_once_while_it_is_fresh() -> None:
    publisher = Publisher("ec-1", "rsa-1")
    keys = published(publisher)
    for _ in range(50):
        publisher.now += 5
        assert keys.find("ec-1")
        assert keys.find("rsa-1")
    assert publisher.asked == 1


def test_a_new_kid_is_fetched_at_once_and_the_old_key_goes_when_it_is_no_longer_published() -> None:
    publisher = Publisher("ec-1")
    keys = published(publisher)
    assert keys.find("ec-1")
    publisher.kids, publisher.now = ("ec-2",), 1031.0
    assert keys.find("ec-2")
    assert not keys.find("ec-1")


def test_unknown_kids_fetch_once_in_a_pause_however_many_come() -> None:
    publisher = Publisher("ec-1")
    keys = published(publisher)
    assert not any(keys.find(f"unknown-{number}") for number in range(100))
    assert publisher.asked == 1
    publisher.now += 30
    assert not any(keys.find(f"unknown-{number}") for number in range(100))
    assert publisher.asked == 2


def test_a_stale_set_is_fetched_behind_the_back_of_the_request() -> None:
    publisher = Publisher("ec-1")
    keys = published(publisher)
    assert keys.find("ec-1")
    publisher.now, publisher.seconds = 1301.0, 0.3
    began = time.monotonic()
    assert keys.find("ec-1")
    assert time.monotonic() - began < 0.2
    assert settled(lambda: publisher.asked == 2)


def test_an_old_set_is_fetched_before_it_is_used_so_that_a_revoked_key_does_not_get_in() -> None:
    publisher = Publisher("ec-1")
    keys = published(publisher)
    assert keys.find("ec-1")
    publisher.kids, publisher.now = ("ec-2",), 1601.0
    assert not keys.find("ec-1")


def test_the_last_good_set_is_kept_while_the_address_is_down_and_not_for_ever() -> None:
    publisher = Publisher("ec-1")
    keys = published(publisher)
    assert keys.find("ec-1")
    publisher.down, publisher.now = True, 1000.0 + 3600
    assert keys.find("ec-1")
    assert keys.find("ec-1")
    assert publisher.asked == 2, "and it is not asked again with every call"
    publisher.now += 1
    assert not keys.find("ec-1")
    publisher.down, publisher.now = False, publisher.now + 30
    assert keys.find("ec-1")


def test_without_any_set_the_address_is_asked_again_within_seconds_and_not_with_every_call() -> None:
    publisher = Publisher("ec-1")
    publisher.down = True
    keys = published(publisher)
    assert not any(keys.find("ec-1") for _ in range(10))
    assert publisher.asked == 1
    publisher.down, publisher.now = False, 1003.0
    assert keys.find("ec-1")


def test_a_set_without_any_key_that_can_be_used_does_not_take_the_place_of_a_good_one() -> None:
    publisher = Publisher("ec-1")
    keys = published(publisher)
    assert keys.find("ec-1")
    publisher.kids, publisher.now = ("p256-1",), 1000.0 + 700
    assert keys.find("ec-1")


def test_sixteen_at_once_fetch_once_and_all_have_it() -> None:
    publisher = Publisher("ec-1")
    publisher.seconds = 0.2
    keys, together = published(publisher), threading.Barrier(16)

    def find(_: int) -> bool:
        together.wait()
        return keys.find("ec-1") is not None

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(find, range(16)))
    assert publisher.asked == 1


def test_a_known_key_does_not_wait_for_somebody_elses_unknown_one() -> None:
    publisher = Publisher("ec-1")
    keys = published(publisher)
    assert keys.find("ec-1")
    publisher.now, publisher.seconds = 1031.0, 1.0
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(keys.find, "unknown")
        assert settled(lambda: publisher.asked == 2)
        began = time.monotonic()
        assert keys.find("ec-1")
        assert time.monotonic() - began < 0.3
        assert slow.result() is None


# --- published keys over real HTTP ----------------------------------------------------------------------------------


@contextmanager
def serving(**told: Any) -> Iterator[tuple[Little, Callable[[], Any]]]:
    settings = Settings(outbound_http=True, outbound_networks=("127.0.0.0/8",))
    with little_service(**({"discovery": jwks("ec-1")} | told)) as little:
        read = Outbound(Reach.of(settings)).read
        yield little, lambda: fetched(f"{little.url}/keys?set=1", read, 1.0)


def test_keys_are_fetched_without_credentials() -> None:
    with serving() as (little, fetch):
        assert list(fetch().keys) == ["ec-1"]
        assert (little.paths, little.tokens) == (["/keys?set=1"], [None])


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"discovery_status": 302, "headers": {"Location": "/elsewhere"}}, "status 302"),
        ({"discovery_status": 404}, "status 404"),
        ({"discovery_status": 500}, "status 500"),
        ({"discovery": b"<html>"}, "not JSON"),
        ({"discovery": b"[" * 20_000}, "not JSON"),
        ({"discovery": b""}, "not JSON"),
        ({"discovery": {"keys": []}}, "no key in it"),
        ({"discovery": b'{"keys": [' + b" " * MOST_BYTES + b"]}"}, "more than is read"),
    ],
)
def test_an_answer_that_is_no_key_set_is_refused(told: dict[str, Any], why: str) -> None:
    with serving(**told) as (little, fetch):
        with pytest.raises(KeySetError, match=why):
            fetch()
        assert len(little.paths) == 1, "a redirect is not followed"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/keys",
        "https://127.0.0.1/keys",
        "https://localhost/keys",
        "https://[::1]/keys",
        "https://[::ffff:127.0.0.1]/keys",
        "https://10.0.0.1/keys",
        "https://192.168.1.1/keys",
        "https://169.254.169.254/latest",
        "https://2130706433/keys",
        "https://0x7f.1/keys",
        "file:///etc/passwd",
    ],
)
def test_by_default_no_key_set_is_fetched_from_inside(url: str) -> None:
    with pytest.raises(OutboundError):
        Outbound(Reach()).read(Ask(url, within=url, max_bytes=10), deadline=time.monotonic() + 1)
    with pytest.raises(KeySetError):
        fetched(url, Outbound(Reach()).read, 1.0)


def test_private_keys_do_not_show() -> None:
    """Nor do public ones, at length."""
    found = read_key_set(jwks("ec-1"))
    assert jwk("ec-1")["x"] not in repr(found)
    assert private("ec-1") is not None
