"""Which web pages may call: preflights and headers, for registered origins only, on every answer, never a star."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from pydantic import ValidationError

from cds_service.app import create_app
from cds_service.errors import NotAdmittedError
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.trust.caller import Caller, Door
from tests.hook_builders import SIGN_URL, draft, order_sign

EHR = "https://ehr.example.org"
SANDBOX = "https://sandbox.cds-hooks.org"
ENDPOINTS = {
    "discovery": ("/cds-services", "GET"),
    "service": (SIGN_URL, "POST"),
    "feedback": (f"{SIGN_URL}/feedback", "POST"),
}
STRANGERS = (
    "https://evil.example",
    "https://ehr.example.org.evil.example",
    "http://ehr.example.org",
    "https://ehr.example.org:8443",
    "https://EHR.example.org",
    "https://ehr.example.org/",
    "null",
    "*",
    "",
)


def nobody(authorization: str | None, door: Door) -> Caller:
    raise NotAdmittedError("missing")


def shut(parts: Parts, *origins: str) -> FlaskClient:
    """A service that admits nobody: what is answered there is answered without a token."""
    settings = Settings(cors_origins=origins, public_url="https://cds.example.org")
    return create_app(settings, parts=parts, admit=nobody).test_client()


def opened(parts: Parts, *, loopback: bool) -> FlaskClient:
    return create_app(Settings(), parts=parts, open_to_all=True, read_loopback=loopback).test_client()


def preflight(client: FlaskClient, path: str, method: str, origin: str, **more: str) -> tuple[int, dict[str, str]]:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization,content-type",
        **more,
    }
    answer = client.options(path, headers=asked)
    return answer.status_code, {
        name: value for name, value in answer.headers if name.startswith("Access-") or name == "Vary"
    }


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_registered_origin_passes_the_preflight_without_a_token(parts: Parts, endpoint: str) -> None:
    path, method = ENDPOINTS[endpoint]
    status, headers = preflight(shut(parts, EHR), path, method, EHR)
    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == EHR
    assert method in headers["Access-Control-Allow-Methods"]
    assert headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert "Origin" in headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("origin", STRANGERS)
def test_any_other_origin_gets_no_header_at_all(parts: Parts, endpoint: str, origin: str) -> None:
    path, method = ENDPOINTS[endpoint]
    _, headers = preflight(shut(parts, EHR), path, method, origin)
    assert set(headers) <= {"Vary"}
    answer = shut(parts, EHR).open(path, method=method, headers={"Origin": origin})
    assert not [name for name in answer.headers.keys() if name.startswith("Access-")]  # noqa: SIM118 - a multidict


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/cds-services", "GET", 200),
        (SIGN_URL, "POST", 401),
        (f"{SIGN_URL}/feedback", "POST", 401),
        (SIGN_URL, "GET", 405),
        ("/cds-services/unheard-of/of/at/all", "POST", 404),
    ],
)
def test_errors_carry_the_headers_as_well(parts: Parts, path: str, method: str, status: int) -> None:
    answer = shut(parts, EHR).open(path, method=method, headers={"Origin": EHR}, json={})
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == EHR
    assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize(("body", "status"), [(order_sign(draft("rx-1")), 412), ({}, 400), ([], 400)])
def test_a_page_reads_why_its_call_was_refused(parts: Parts, body: object, status: int) -> None:
    answer = opened(parts, loopback=True).post(SIGN_URL, json=body, headers={"Origin": SANDBOX})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) in ((status, SANDBOX), (200, SANDBOX))
    assert answer.status_code != 200 or status == 412


def test_a_fault_of_ours_carries_the_headers_too(parts: Parts) -> None:
    def fails(*_: object) -> object:
        raise RuntimeError

    client = create_app(Settings(cors_origins=(EHR,)), advise=fails, open_to_all=True).test_client()  # type: ignore[arg-type]
    answer = client.post(SIGN_URL, json=order_sign(draft("rx-1")), headers={"Origin": EHR})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (500, EHR)


def test_caches_are_told_that_the_origin_matters_even_without_one(parts: Parts) -> None:
    assert shut(parts, EHR).get("/cds-services").headers["Vary"] == "Origin"


@pytest.mark.parametrize("path", ["//cds-services", "cds-services"])
def test_a_path_that_is_written_oddly_and_answered_carries_the_headers_too(parts: Parts, path: str) -> None:
    answer = shut(parts, EHR).get("/", headers={"Origin": EHR}, environ_overrides={"PATH_INFO": path})
    assert (answer.status_code, answer.headers.get("Access-Control-Allow-Origin")) == (200, EHR)


def test_the_pages_and_health_are_for_no_other_origin(parts: Parts) -> None:
    for path in ("/questions", "/health", "/", "/fhir/Questionnaire"):
        answer = shut(parts, EHR).get(path, headers={"Origin": EHR})
        assert "Access-Control-Allow-Origin" not in answer.headers, path


@pytest.mark.parametrize(
    ("origin", "open_on_loopback", "open_elsewhere"),
    [
        (SANDBOX, True, False),
        ("http://localhost:3000", True, False),
        ("http://127.0.0.1:8080", True, False),
        ("http://[::1]:8080", True, False),
        ("http://sandbox.cds-hooks.org", False, False),
        ("http://localhost.evil.example", False, False),
        ("http://localhost:3000.evil.example", False, False),
        ("https://evil.example", False, False),
        ("null", False, False),
    ],
)
def test_open_on_loopback_lets_the_public_sandbox_and_this_machine_call_and_no_other_page(
    parts: Parts, origin: str, open_on_loopback: bool, open_elsewhere: bool
) -> None:
    """A page that the developer happens to visit must not reach a service that reads servers of that machine."""
    for loopback, expected in ((True, open_on_loopback), (False, open_elsewhere)):
        headers = opened(parts, loopback=loopback).get("/cds-services", headers={"Origin": origin}).headers
        assert headers.get("Access-Control-Allow-Origin") == (origin if expected else None)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8080", 200),
        ("LOCALHOST", 200),
        ("127.0.0.1:8080", 200),
        ("127.8.9.10", 200),
        ("[::1]:8080", 200),
        ("tunnel.example.org", 200),
        ("evil.example:8080", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("10.0.0.1", 421),
        ("evil.example", 421),
    ],
)
def test_open_on_loopback_answers_to_names_of_this_machine_only(parts: Parts, host: str, status: int) -> None:
    """A page may lead its own name to this machine (rebinding); to the browser it then calls its own origin."""
    settings = Settings(public_url="https://tunnel.example.org/cds")
    client = create_app(settings, parts=parts, open_to_all=True, read_loopback=True).test_client()
    for path, method in ENDPOINTS.values():
        answer = client.open(
            path, method=method, json=order_sign() if method == "POST" else None, headers={"Host": host}
        )
        assert (answer.status_code == 421) == (status == 421), path
        assert answer.status_code != 421 or answer.get_json()["resourceType"] == "OperationOutcome"


def test_elsewhere_and_with_clients_the_name_does_not_matter(parts: Parts) -> None:
    """There a proxy may say what it likes, and tokens tell who calls."""
    assert shut(parts).get("/cds-services", headers={"Host": "10.0.0.1:8080"}).status_code == 200
    assert opened(parts, loopback=False).get("/cds-services", headers={"Host": "10.0.0.1"}).status_code == 200


def test_a_browser_that_asks_for_leave_to_reach_a_private_network_gets_it_with_the_rest(parts: Parts) -> None:
    asks = {"Access-Control-Request-Private-Network": "true"}
    _, headers = preflight(shut(parts, EHR), SIGN_URL, "POST", EHR, **asks)
    assert headers["Access-Control-Allow-Private-Network"] == "true"
    _, headers = preflight(shut(parts, EHR), SIGN_URL, "POST", STRANGERS[0], **asks)
    assert "Access-Control-Allow-Private-Network" not in headers


def test_options_without_an_origin_still_tells_the_methods(parts: Parts) -> None:
    answer = shut(parts).options(SIGN_URL)
    assert (answer.status_code, set(answer.headers["Allow"].split(", "))) == (200, {"POST", "OPTIONS"})


@pytest.mark.parametrize(
    "origin", ["*", "https://*.example.org", "ehr.example.org", "https://ehr.example.org/", "null"]
)
def test_only_a_whole_origin_can_be_registered(origin: str) -> None:
    with pytest.raises(ValidationError):
        Settings(cors_origins=(origin,))
