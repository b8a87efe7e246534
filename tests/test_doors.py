"""The other doors: headers, signed links, limits, slow clients, odd paths. Bounded time, and always an answer."""

from __future__ import annotations

import copy
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import date, timedelta
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from cds_service import slow_clients
from cds_service.app import create_app, running
from cds_service.form_links import FormLinks, Standing, link_key
from cds_service.guidance import Guidance
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json
from cds_service.web.size import MOST_PIECES
from fhir_fixtures import hook_calls
from tests.form_links import form_link, with_secret
from tests.hook_builders import SIGN_URL

TODAY = date(2025, 10, 1)
CHILD = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
LONGEST_SECONDS = 8.0
"""For the worst body that is let in, on a busy test machine; docs/security.md has what was measured."""


@pytest.fixture(scope="module")
def site(parts: Parts) -> Parts:
    return with_secret(parts, public_url="https://cds.example.org")


@pytest.fixture(scope="module")
def client(site: Parts) -> FlaskClient:
    return create_app(site.settings, parts=site, open_to_all=True, today=lambda: TODAY).test_client()


@pytest.fixture(scope="module")
def address(site: Parts) -> Iterator[str]:
    with running(create_app(site.settings, parts=site, open_to_all=True, today=lambda: TODAY)) as url:
        yield urlsplit(url).netloc


def child() -> dict[str, Any]:
    return copy.deepcopy(hook_calls()[CHILD])


# --- headers ----------------------------------------------------------------------------------------------------------

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000",
}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/health", 200),
        ("GET", "/cds-services", 200),
        ("POST", SIGN_URL, 400),
        ("POST", "/cds-services/unheard-of", 404),
        ("GET", SIGN_URL, 405),
        ("POST", f"{SIGN_URL}/feedback", 400),
        ("GET", "/fhir/Questionnaire", 200),
        ("GET", "/questions", 200),
        ("GET", "/questions?q=cycle", 403),
        ("GET", "/questions/form.js", 200),
        ("GET", "/nowhere", 404),
        ("OPTIONS", SIGN_URL, 200),
    ],
)
def test_every_answer_tells_browsers_what_they_may_not_do(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    answer = client.open(path, method=method, json={} if method == "POST" else None)
    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in EVERYWHERE} == EVERYWHERE
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "Set-Cookie" not in answer.headers
    assert "Server" not in answer.headers
    if not path.startswith(("/fhir", "/questions/")):
        assert answer.headers["Cache-Control"] == "no-store"


def test_without_tls_in_front_no_browser_is_told_to_insist_on_it(parts: Parts) -> None:
    plain = create_app(Settings(), parts=parts, open_to_all=True).test_client()
    assert "Strict-Transport-Security" not in plain.get("/health").headers


# --- links to the form ------------------------------------------------------------------------------------------------

LINKS = FormLinks("https://cds.example.org/questions", 1, link_key(b"a secret of this site"))


def parts_of(link: str) -> tuple[str, str, str]:
    asked, until, sign = (piece.partition("=")[2] for piece in link.partition("?")[2].split("&"))
    return asked, until, sign


@pytest.mark.parametrize(
    ("later", "standing"),
    [(0, Standing.GOOD), (1, Standing.GOOD), (2, Standing.EXPIRED), (400, Standing.EXPIRED), (-60, Standing.EXPIRED)],
)
def test_a_link_works_today_and_tomorrow(later: int, standing: Standing) -> None:
    link = LINKS.link(["cycle", "day"], TODAY)
    assert link is not None
    assert LINKS.standing(*parts_of(link), TODAY + timedelta(later)) is standing


@pytest.mark.parametrize(
    "change",
    [
        lambda asked, until, sign: (f"{asked},lineage", until, sign),
        lambda asked, until, sign: ("", until, sign),
        lambda asked, until, sign: (asked, "2025-10-03", sign),
        lambda asked, until, sign: (asked, "20251002", sign),
        lambda asked, until, sign: (asked, "", sign),
        lambda asked, until, sign: (asked, "never", sign),
        lambda asked, until, sign: (asked, until, ""),
        lambda asked, until, sign: (asked, until, sign[:-1]),
        lambda asked, until, sign: (asked, until, sign.swapcase()),
        lambda asked, until, sign: (asked, until, f"{sign}="),
        lambda asked, until, sign: (asked, until, "é"),
    ],
)
def test_a_link_that_was_changed_anywhere_is_forged(change: Any) -> None:
    link = LINKS.link(["cycle", "day"], TODAY)
    assert link is not None
    assert LINKS.standing(*change(*parts_of(link)), TODAY) is Standing.FORGED


def test_the_link_of_another_site_is_forged() -> None:
    other = replace(LINKS, key=link_key(b"another secret")).link(["cycle"], TODAY)
    assert other is not None
    assert LINKS.standing(*parts_of(other), TODAY) is Standing.FORGED


def test_the_same_day_makes_the_same_link_and_neither_secret_nor_key_is_shown() -> None:
    assert LINKS.link(["cycle"], TODAY) == LINKS.link(["cycle"], TODAY) != LINKS.link(["cycle"], TODAY + timedelta(1))
    assert LINKS.key.hex() not in repr(LINKS)
    assert str(LINKS.key) not in repr(LINKS)


def test_a_good_link_opens_the_form(client: FlaskClient) -> None:
    answer = client.get(f"/questions{form_link('cycle', TODAY)}")
    assert answer.status_code == 200
    assert 'name="cycle"' in answer.text


def test_an_expired_link_says_so_and_offers_its_questions_to_choose(client: FlaskClient) -> None:
    answer = client.get(f"/questions{form_link('cycle,day', TODAY - timedelta(2))}")
    assert answer.status_code == 410
    assert "This link has expired" in answer.text
    assert "Check the order again" in answer.text
    assert answer.text.count(" checked") == 2
    assert 'value="cycle" checked' in answer.text


@pytest.mark.parametrize("query", ["?q=cycle", "?q=cycle&until=2025-10-02&sign=x", "?q=cycle&until=2099-01-01"])
def test_a_forged_link_is_refused_and_chooses_nothing_for_anybody(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/questions{query}")
    assert answer.status_code == 403
    assert "This link is not valid" in answer.text
    assert " checked" not in answer.text


def test_from_the_page_of_a_dead_link_the_chosen_questions_are_reached_by_hand(client: FlaskClient) -> None:
    answer = client.post("/questions", data={"q": ["cycle", "lineage"], "as": "form"})
    assert answer.status_code == 200
    assert 'name="cycle"' in answer.text
    assert 'name="lineage"' in answer.text
    assert 'name="response"' not in answer.text


# --- how much ---------------------------------------------------------------------------------------------------------


def drafts(count: int, ours: int) -> dict[str, Any]:
    body = child()
    entry = body["context"]["draftOrders"]["entry"][0]
    made = [copy.deepcopy(entry) for _ in range(count)]
    for number, each in enumerate(made):
        each["resource"]["id"] = f"rx-{number}"
        if number >= ours:
            each["resource"]["medicationCodeableConcept"] = {"text": "aspirin"}
    body["context"]["draftOrders"]["entry"] = made
    return body


def with_entries(count: int, resource: dict[str, Any]) -> dict[str, Any]:
    body = child()
    body["prefetch"]["conditions"] = {"resourceType": "Bundle", "entry": [{"resource": resource}] * count}
    return body


def nested(count: int) -> dict[str, Any]:
    inner = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Basic"}}] * (count // 2)}
    return with_entries(0, {}) | {
        "prefetch": {"conditions": {"resourceType": "Bundle", "entry": [{"resource": inner}] * 2}}
    }


BOMBS: dict[str, tuple[bytes, int, str]] = {
    "a million lists": (b'{"a":[' + b"[]," * 1_600_000 + b"[]]}", 413, "too many parts"),
    "as many lists as are let in": (b'{"a":[' + b"[]," * (MOST_PIECES // 2 - 9) + b"[]]}", 400, "hook"),
    "a million numbers": (b'{"a":[' + b"0.1," * 1_200_000 + b"0]}", 413, "too many parts"),
    "as many numbers as are let in": (b'{"a":[' + b"0.1," * (MOST_PIECES - 9) + b"0]}", 400, "hook"),
    "deep": (b"[" * 500_000, 400, "nested deeper"),
    "very deep": (b'{"a":' * 900_000, 413, "too many parts"),
    "deep and whole": (b"[" * 5_000 + b"]" * 5_000, 400, "nested deeper"),
    "keys twice": (b"{" + b'"a":1,' * 500_000 + b'"a":1}', 400, "there twice"),
    "a key twice": (b'{"hook":"order-sign","hook":"order-select"}', 400, "hook is there twice"),
    "a long number": (b'{"a":' + b"9" * 4_900_000 + b"}", 400, "number is too long"),
    "a huge exponent": (b'{"a":1e999999999}', 400, "number is too long or too large"),
    "NaN": (b'{"a":NaN}', 400, "not JSON"),
    "infinity": (b'{"a":-Infinity}', 400, "not JSON"),
    "too many bytes": (b" " * 5_000_001, 413, "larger than this service reads"),
    "no text": (b"\xff\xfe\x00", 400, "UTF-8"),
    "half a character": (b'{"a":"\\ud800"}', 400, "surrogate"),
    "too many drafts": (dump_json(drafts(201, 0)).encode(), 413, "more than 200 draft orders"),
    "too many to judge": (dump_json(drafts(200, 200)).encode(), 413, "more than 20 orders for the drug"),
    "21 to judge": (dump_json(drafts(21, 21)).encode(), 413, "more than 20 orders for the drug"),
    "a hundred thousand entries": (
        dump_json(with_entries(100_000, {"resourceType": "A"})).encode(),
        413,
        "more than 10000 entries",
    ),
    "one entry too many": (dump_json(with_entries(10_001, {"resourceType": "A"})).encode(), 413, "more than 10000"),
    "entries inside entries": (dump_json(nested(20_000)).encode(), 413, "more than 10000 entries"),
}


@pytest.mark.parametrize(("body", "status", "says"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_by_name_in_bounded_time(client: FlaskClient, body: bytes, status: int, says: str) -> None:
    begun = time.monotonic()
    answer = client.post(SIGN_URL, data=body, content_type="application/json")
    assert time.monotonic() - begun < LONGEST_SECONDS
    assert answer.status_code == status
    assert says in answer.get_json()["issue"][0]["details"]["text"]


LET_IN: dict[str, dict[str, Any]] = {
    "many drafts": drafts(200, 20),
    "many conditions": with_entries(
        9_900, {"resourceType": "Condition", "code": {"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}}
    ),
    "a long text": with_entries(1, {"resourceType": "Condition", "note": [{"text": "x" * 4_500_000}]}),
    "long texts everywhere": with_entries(
        40, {"resourceType": "Condition", "code": {"text": "acute lymphoblastic leukemia " * 3000}}
    ),
}


@pytest.mark.parametrize("name", LET_IN)
def test_the_largest_call_that_is_let_in_is_answered_in_bounded_time(client: FlaskClient, name: str) -> None:
    body = dump_json(LET_IN[name]).encode()
    begun = time.monotonic()
    answer = client.post(SIGN_URL, data=body, content_type="application/json")
    assert answer.status_code == 200
    assert time.monotonic() - begun < LONGEST_SECONDS


def test_a_form_with_too_much_in_it_is_refused(client: FlaskClient) -> None:
    assert client.post("/questions", data={"cycle": "x" * 200_000}).status_code == 413
    assert client.post("/questions", data={f"f{n}": "x" for n in range(5_000)}).status_code in (413, 422)


# --- how slowly -------------------------------------------------------------------------------------------------------


Begin = Callable[[bytes], socket.socket]


@pytest.fixture
def begin(address: str) -> Iterator[Begin]:
    """What opens a connection and sends some bytes; closed after the test."""
    host, _, port = address.partition(":")
    with ExitStack() as opened:

        def call(sent: bytes) -> socket.socket:
            found = opened.enter_context(socket.create_connection((host, int(port)), timeout=5))
            found.sendall(sent)
            return found

        yield call


HEAD = b"POST /cds-services/blinatumomab-order-sign HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


def is_closed(one: socket.socket) -> bool:
    one.settimeout(0.01)
    try:
        return one.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


@pytest.mark.parametrize("part", [b"P", HEAD, HEAD + b"Content-Length: 5000\r\n\r\n{"], ids=["line", "headers", "body"])
def test_a_request_that_drips_is_closed_after_its_time(
    begin: Begin, part: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "REQUEST_SECONDS", 0.5)
    dripping = begin(part)
    begun = time.monotonic()
    while not is_closed(dripping) and time.monotonic() - begun < 5:
        try:
            dripping.send(b"x" if part != HEAD else b"X: y\r\n")
        except OSError:
            break
        time.sleep(0.05)
    assert 0.4 < time.monotonic() - begun < 3


def test_a_hundred_slow_clients_keep_nobody_else_waiting(address: str, begin: Begin) -> None:
    for _ in range(100):
        begin(HEAD + b"Content-Length: 5000\r\n\r\n{")
    begun = time.monotonic()
    with closing(HTTPConnection(address, timeout=10)) as connection:
        connection.request("POST", SIGN_URL, dump_json(child()).encode(), {"Content-Type": "application/json"})
        assert connection.getresponse().status == 200
    assert time.monotonic() - begun < 3


def test_a_whole_request_that_comes_in_time_is_answered_however_it_is_cut(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slow_clients, "REQUEST_SECONDS", 5.0)
    one = begin(b"")
    for piece in (b"GET /hea", b"lth HTTP/1.1\r\nHo", b"st: x\r\n\r", b"\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n"):
        one.sendall(piece)
        time.sleep(0.05)
    time.sleep(0.3)
    assert one.recv(65536).count(b"HTTP/1.1 200") == 2


def test_headers_without_end_are_refused(begin: Begin) -> None:
    one = begin(HEAD + b"X: " + b"y" * 70_000)
    assert b" 431 " in one.recv(100)


BY_THE_SERVER = {
    # what is sent: the status, and what is said
    b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n": (400, "the request cannot be read"),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n": (400, "the request cannot be read"),
    HEAD + b"Content-Length: 20000000\r\n\r\n": (413, "the body is larger"),
    HEAD + b"X: " + b"y" * 70_000 + b"\r\n\r\n": (431, "the headers are larger"),
    HEAD + b"Transfer-Encoding: gzip\r\n\r\n": (501, "transfer encoding"),
}


@pytest.mark.parametrize(("sent", "status", "says"), [(sent, *found) for sent, found in BY_THE_SERVER.items()])
def test_what_the_server_itself_refuses_is_told_as_everything_else(
    begin: Begin, sent: bytes, status: int, says: str
) -> None:
    one = begin(sent)
    found = b""
    with suppress(ConnectionResetError):  # what was sent beyond the limit is not read
        while piece := one.recv(65536):
            found += piece
    head, _, body = found.partition(b"\r\n\r\n")
    assert head.startswith((f"HTTP/1.1 {status} ".encode(), f"HTTP/1.0 {status} ".encode()))
    assert b"Content-Type: application/fhir+json" in head
    assert b"Connection: close" in head
    assert b"Server:" not in head
    outcome = json.loads(body)
    assert outcome["resourceType"] == "OperationOutcome"
    assert says in outcome["issue"][0]["details"]["text"]
    assert b"yyy" not in body


# --- odd paths --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/cds-services/../health",
        "/cds-services/%2e%2e/health",
        "/cds-services/..%2f..%2fetc/passwd",
        "/cds-services//blinatumomab-order-sign",
        "/questions/../../settings.py",
        "/questions/..%2f..%2fsettings.py",
        "/questions/%2e%2e%2fform.html",
        "/questions/form.html",
        "/questions/form.js%00.html",
        "/fhir/Questionnaire/..%2f..%2fx",
        "/%00",
        "/static/x",
        "/.git/config",
        "/cds-services;x=1",
        "/" + "a" * 8000,
        "/%ff%fe",
        "/health%0d%0aX-Injected:1",
    ],
)
def test_an_odd_path_leads_nowhere_and_is_answered_in_json(address: str, path: str) -> None:
    with closing(HTTPConnection(address, timeout=10)) as connection:
        connection.putrequest("GET", path, skip_host=False)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
    assert answer.status in (404, 405)
    assert answer.getheader("X-Injected") is None
    assert json.loads(body)["resourceType"] == "OperationOutcome"
    assert b"passwd" not in body


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /",
        b"POST /cds-services HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"POST /cds-services HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /cds-services HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nhello",
        b"POST /cds-services HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n folded: y\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    ],
    ids=["both lengths", "two lengths", "negative", "signed", "bad chunk", "blank in a name", "folded", "TLS hello"],
)
def test_a_request_that_two_servers_could_read_differently_gets_no_second_meaning(begin: Begin, sent: bytes) -> None:
    one = begin(sent)
    one.shutdown(socket.SHUT_WR)
    found = b""
    while piece := one.recv(65536):
        found += piece
    assert found.count(b"HTTP/1.") <= 1
    assert b" 200 " not in found or b"folded" in sent


def test_the_answer_does_not_depend_on_the_host_header(client: FlaskClient) -> None:
    answers = {
        client.post(
            SIGN_URL, json=json.loads(dump_json(child())), headers={"Host": host, "X-Forwarded-Host": host}
        ).data
        for host in ("cds.example.org", "evil.example")
    }
    assert len(answers) == 1
    assert b"evil.example" not in answers.pop()


def test_an_answer_of_the_spine_that_is_empty_is_still_an_answer(parts: Parts) -> None:
    app = create_app(Settings(), advise=lambda call, today: Guidance((), {"cards": []}), open_to_all=True)
    assert app.test_client().post(SIGN_URL, json=json.loads(dump_json(child()))).get_json() == {"cards": []}
