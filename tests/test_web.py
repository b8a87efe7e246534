"""The web layer: over real HTTP on loopback, and a table of bad inputs through Flask's own client.

What is answered to a good call is not tested here: the spine is replaced by one that says what it was asked.
"""

from __future__ import annotations

import http.client
import json
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import simplejson
from flask import Flask
from flask.testing import FlaskClient

from cds_service.app import create_app, running, warm_up
from cds_service.errors import CallError
from cds_service.guidance import Guidance
from cds_service.hooks.call import HookCall
from cds_service.hooks.schemas import DISCOVERY, RESPONSE, all_errors
from cds_service.hooks.services import services
from cds_service.parts import Parts, load_parts
from cds_service.settings import Settings
from cds_service.web.desk import local_today
from cds_service.web.json_body import MAX_DEPTH, dump_json, parse_json
from tests.hook_builders import (
    INSTANCE,
    MISSING,
    SELECT_URL,
    SIGN_URL,
    changed,
    draft,
    order_select,
    order_sign,
    sandbox_select,
)

DAY = date(2025, 10, 1)
JSON = "application/json"
GOOD = json.dumps(order_sign())
FEEDBACK = {"feedback": [{"card": "c", "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:05:31Z"}]}


def echo(call: HookCall, today: date) -> Guidance:
    """Says what it was asked: the first draft in scope and the day. Breaks on a draft that tells it to."""
    cards = [{"draft": call.drafts[index], "today": today.isoformat()} for index in call.in_scope]
    if any(card["draft"].get("id") == "bug" for card in cards):
        raise KeyError("Jane Roe, born 1970-01-01")
    return Guidance((), {"cards": cards})


def make_app() -> Flask:
    return create_app(Settings(), advise=echo, open_to_all=True, today=lambda: DAY)


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return make_app().test_client()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with running(make_app()) as url:
        yield urlsplit(url).netloc


def exchange(address: str, method: str, path: str, **kwargs: Any) -> tuple[int, dict[str, str], bytes]:
    """One request over a fresh connection."""
    with closing(http.client.HTTPConnection(address, timeout=20)) as connection:
        connection.request(method, path, **kwargs)
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()


def send(address: str, path: str, document: Any) -> tuple[int, dict[str, str], bytes]:
    return exchange(address, "POST", path, body=json.dumps(document), headers={"Content-Type": "application/json"})


# --- over HTTP ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/", "/cds-services?x=1"])
def test_discovery_is_always_answered_with_keys_as_authored(address: str, path: str) -> None:
    status, headers, body = exchange(address, "GET", path)
    document = json.loads(body)
    assert (status, headers["content-type"]) == (200, "application/json")
    assert not all_errors(DISCOVERY, document)
    offered = services(Settings().canonical_base)
    assert [list(entry["prefetch"]) for entry in document["services"]] == [list(each.prefetch) for each in offered]
    assert body == dump_json(document).encode()
    assert b'": ' not in body


def test_a_call_is_answered_over_http_with_the_day_it_came(address: str) -> None:
    status, headers, body = send(address, SIGN_URL, order_sign())
    assert (status, headers["content-type"], headers["cache-control"]) == (200, "application/json", "no-store")
    assert json.loads(body) == {"cards": [{"draft": draft(), "today": "2025-10-01"}]}
    assert "server" not in headers


@pytest.mark.parametrize("path", [SIGN_URL, SIGN_URL + "/", SIGN_URL + "?x=1"])
def test_a_trailing_slash_is_tolerated_without_redirecting_the_post(address: str, path: str) -> None:
    assert send(address, path, order_sign())[0] == 200


def test_no_digit_of_a_decimal_is_lost_between_in_and_out(address: str) -> None:
    amounts = "[28.0,0.010,1E+2,12345678901234567890.12345678901234567890]"
    body = json.dumps(order_sign(draft(amounts="AMOUNTS"))).replace('"AMOUNTS"', amounts)
    answered = exchange(address, "POST", SIGN_URL, body=body, headers={"Content-Type": "application/json"})[2]
    assert f'"amounts":{amounts}'.encode() in answered


def test_a_chunked_body_is_read_and_one_that_grows_too_large_is_refused_with_json(address: str) -> None:
    small, large = json.dumps(order_sign()).encode(), b'{"x":"' + b"x" * 5_000_000 + b'"}'
    for body, expected in ((small, 200), (large, 413)):
        chunks = [body[start : start + 100_000] for start in range(0, len(body), 100_000)]
        headers = {"Content-Type": "application/json"}
        status, got, _ = exchange(address, "POST", SIGN_URL, body=iter(chunks), headers=headers, encode_chunked=True)
        assert (status, "json" in got["content-type"]) == (expected, True)


def test_ten_megabytes_are_refused_with_an_outcome_the_client_can_read(address: str) -> None:
    body = b'{"x":"' + b"x" * 10_000_000 + b'"}'
    status, headers, answered = exchange(
        address, "POST", SIGN_URL, body=body, headers={"Content-Type": "application/json"}
    )
    assert (status, headers["content-type"]) == (413, "application/fhir+json")
    assert json.loads(answered)["issue"][0]["code"] == "too-long"


def test_options_tells_the_methods(address: str) -> None:
    status, headers, _ = exchange(address, "OPTIONS", SIGN_URL)
    assert status == 200
    assert {"OPTIONS", "POST"} <= set(headers["allow"].replace(" ", "").split(","))


def test_calls_that_come_at_once_do_not_mix(address: str) -> None:
    def ask(number: int) -> bool:
        answered = json.loads(send(address, SIGN_URL, order_sign(draft(f"rx-{number}")))[2])
        return bool(answered["cards"][0]["draft"]["id"] == f"rx-{number}")

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(40)))


# --- with the real spine -----------------------------------------------------------------------------------------


def test_the_service_as_it_is_tells_its_editions_and_answers_by_its_schema(parts: Parts) -> None:
    warm_up(parts)
    with running(create_app(Settings(), parts=parts, open_to_all=True)) as url:
        address = urlsplit(url).netloc
        told = json.loads(exchange(address, "GET", "/health")[2])
        assert [edition["version"] for edition in told["policies"]] == ["2025-02-20", "2025-09-05"]
        assert told["labels"][0]["drug"] == "blinatumomab"
        assert told["open"] is True
        status, _, body = send(address, SIGN_URL, order_sign())
        assert (status, all_errors(RESPONSE, json.loads(body))) == (200, ())
        assert json.loads(body)["cards"]
        status, _, body = send(address, SELECT_URL, sandbox_select())
        assert (status, json.loads(body)) == (200, {"cards": []})


def test_start_up_takes_less_than_three_seconds() -> None:
    began = time.perf_counter()
    parts = load_parts(Settings())
    warm_up(parts)
    create_app(Settings(), parts=parts, open_to_all=True)
    assert time.perf_counter() - began < 3


# --- through Flask's client --------------------------------------------------------------------------------------


def test_health_tells_version_and_mode(client: FlaskClient) -> None:
    told = client.get("/health").get_json()
    assert (told["status"], told["open"], told["policies"], told["labels"]) == ("ok", True, [], [])
    assert told["version"]


def test_the_entrance_points_to_discovery_and_health(client: FlaskClient) -> None:
    assert {"/cds-services", "/health"} <= set(client.get("/").get_json().values())


def test_the_entrance_points_to_the_order_questions_where_they_are_served(parts: Parts) -> None:
    served = create_app(parts.settings, parts=parts, open_to_all=True).test_client()
    for path in served.get("/").get_json().values():
        if path.startswith("/"):
            assert served.get(path).status_code == 200, path
    assert {"/questions", "/fhir/Questionnaire"} <= set(served.get("/").get_json().values())


def test_the_drugless_order_of_the_sandbox_is_no_error(client: FlaskClient) -> None:
    assert client.post(SELECT_URL, json=sandbox_select()).status_code == 200


def test_nothing_selected_that_is_there_is_nothing_to_say(client: FlaskClient) -> None:
    answered = client.post(SELECT_URL, json=order_select(selections=["MedicationRequest/other"]))
    assert (answered.status_code, answered.get_json()) == (200, {"cards": []})


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "application/fhir+json"]
)
def test_json_under_its_several_names_is_read(client: FlaskClient, content_type: str) -> None:
    assert client.post(SIGN_URL, data=json.dumps(order_sign()), content_type=content_type).status_code == 200


def test_a_byte_order_mark_is_tolerated(client: FlaskClient) -> None:
    body = b"\xef\xbb\xbf" + json.dumps(order_sign()).encode()
    assert client.post(SIGN_URL, data=body, content_type="application/json").status_code == 200


def test_the_same_call_twice_has_the_same_answer(client: FlaskClient) -> None:
    first, second = (client.post(SIGN_URL, json=order_sign()).data for _ in range(2))
    assert first == second


BAD_REQUESTS: list[tuple[str, str, str, bytes | str | None, str | None, int, str | None]] = [
    # what, method, path, body, content type, status, field
    ("nothing", "POST", SIGN_URL, b"", JSON, 400, None),
    ("blanks", "POST", SIGN_URL, b" \n", JSON, 400, None),
    ("no JSON", "POST", SIGN_URL, b"hello", JSON, 400, None),
    ("half of it", "POST", SIGN_URL, GOOD[:100], JSON, 400, None),
    ("two documents", "POST", SIGN_URL, GOOD + GOOD, JSON, 400, None),
    ("a trailing comma", "POST", SIGN_URL, GOOD[:-1] + ",}", JSON, 400, None),
    ("a comment", "POST", SIGN_URL, "/* x */" + GOOD, JSON, 400, None),
    ("an array", "POST", SIGN_URL, f"[{GOOD}]", JSON, 400, None),
    ("NaN", "POST", SIGN_URL, '{"x": NaN}', JSON, 400, None),
    ("Infinity", "POST", SIGN_URL, '{"x": -Infinity}', JSON, 400, None),
    ("a number no one can hold", "POST", SIGN_URL, '{"x": 1e999999999}', JSON, 400, None),
    ("a number no Decimal can hold", "POST", SIGN_URL, '{"x": 1e9999999999999999999}', JSON, 400, None),
    ("a number of 5000 digits", "POST", SIGN_URL, '{"x": ' + "9" * 5000 + "}", JSON, 400, None),
    ("a duplicate key", "POST", SIGN_URL, '{"hook":"order-sign",' + GOOD[1:], JSON, 400, "hook"),
    ("a duplicate key deep down", "POST", SIGN_URL, '{"context":{"a":[{"b":1,"b":2}]}}', JSON, 400, "context.a[0].b"),
    ("a duplicate key that is a name", "POST", SIGN_URL, '{"prefetch":{"Jane":1,"Jane":2}}', JSON, 400, "prefetch.?"),
    ("bad UTF-8", "POST", SIGN_URL, b'{"x": "\xff"}', JSON, 400, None),
    ("UTF-16", "POST", SIGN_URL, GOOD.encode("utf-16"), JSON, 400, None),
    ("half a surrogate pair", "POST", SIGN_URL, GOOD.replace("rx-1", "\\ud800"), JSON, 400, None),
    ("deep arrays", "POST", SIGN_URL, "[" * 100_000 + "]" * 100_000, JSON, 400, None),
    ("deep objects", "POST", SIGN_URL, '{"x":' * 5_000 + "1" + "}" * 5_000, JSON, 400, None),
    ("deep with a duplicate key", "POST", SIGN_URL, '{"x":' * 900 + '{"a":1,"a":2}' + "}" * 900, JSON, 400, None),
    ("deep and never closed", "POST", SIGN_URL, '{"x":[' * 50_000, JSON, 400, None),
    ("text", "POST", SIGN_URL, GOOD, "text/plain", 415, "Content-Type"),
    ("a form", "POST", SIGN_URL, GOOD, "application/x-www-form-urlencoded", 415, "Content-Type"),
    ("no content type", "POST", SIGN_URL, GOOD, None, 415, "Content-Type"),
    ("10 MB", "POST", SIGN_URL, b"x" * 10_000_000, JSON, 413, "body"),
    ("the other hook", "POST", SIGN_URL, json.dumps(order_select()), JSON, 400, "hook"),
    ("an unknown service", "POST", "/cds-services/nobody", GOOD, JSON, 404, "id"),
    ("feedback to an unknown service", "POST", "/cds-services/nobody/feedback", json.dumps(FEEDBACK), JSON, 404, "id"),
    ("GET on a service", "GET", SIGN_URL, None, None, 405, None),
    ("PUT on a service", "PUT", SIGN_URL, GOOD, JSON, 405, None),
    ("GET on feedback", "GET", SIGN_URL + "/feedback", None, None, 405, None),
    ("POST on discovery", "POST", "/cds-services", GOOD, JSON, 405, None),
    ("nowhere", "GET", "/nowhere", None, None, 404, None),
    ("the path of old samples", "POST", SIGN_URL + "/analytics/1", GOOD, JSON, 404, None),
    ("feedback that is none", "POST", SIGN_URL + "/feedback", "{}", JSON, 400, "feedback"),
    ("a lone feedback object", "POST", SIGN_URL + "/feedback", '{"feedback": {}}', JSON, 400, "feedback"),
    ("feedback without its card", "POST", SIGN_URL + "/feedback", '{"feedback": [{}]}', JSON, 400, "feedback[0].card"),
    ("good feedback, with no database", "POST", SIGN_URL + "/feedback", json.dumps(FEEDBACK), JSON, 503, None),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "content_type", "status", "field"),
    [row[1:] for row in BAD_REQUESTS],
    ids=[row[0] for row in BAD_REQUESTS],
)
def test_a_bad_request_is_told_what_is_wrong_and_what_to_send(
    client: FlaskClient, method: str, path: str, body: Any, content_type: str | None, status: int, field: str | None
) -> None:
    answered = client.open(path, method=method, data=body, content_type=content_type)
    assert (answered.status_code, answered.content_type) == (status, "application/fhir+json")
    document = answered.get_json()
    issue = document["issue"][0]
    assert document["resourceType"] == "OperationOutcome"
    assert issue["severity"] == "error"
    assert issue.get("expression") == ([field] if field else None)
    assert len(issue["diagnostics"]) > len(issue["details"]["text"]) + 5, "no mend"
    assert "Jane" not in answered.text


BAD_CALLS = [
    ("hookInstance", MISSING, "hookInstance"),
    ("context", MISSING, "context"),
    ("context.patientId", MISSING, "context.patientId"),
    ("context.draftOrders", MISSING, "context.draftOrders"),
    (
        "context.draftOrders.entry.0.resource.subject.reference",
        "Patient/another",
        "context.draftOrders.entry[0].resource.subject",
    ),
]


@pytest.mark.parametrize(("path", "value", "field"), BAD_CALLS)
def test_a_broken_call_is_a_400_that_names_the_field(client: FlaskClient, path: str, value: object, field: str) -> None:
    answered = client.post(SIGN_URL, json=changed(order_sign(), path, value))
    assert answered.status_code == 400
    assert answered.get_json()["issue"][0]["expression"] == [field]


def test_a_compressed_body_is_refused_by_name(client: FlaskClient) -> None:
    answered = client.post(SIGN_URL, json=order_sign(), headers={"Content-Encoding": "gzip"})
    assert answered.status_code == 415
    assert answered.get_json()["issue"][0]["expression"] == ["Content-Encoding"]


def test_the_largest_body_that_is_read_is_told_from_the_next() -> None:
    limited = create_app(Settings(max_body_bytes=10_000), advise=echo, open_to_all=True).test_client()
    for size, expected in ((10_000, 200), (10_001, 413)):
        body = GOOD + " " * (size - len(GOOD))
        assert limited.post(SIGN_URL, data=body, content_type=JSON).status_code == expected


def test_a_405_names_the_methods_that_are_taken(client: FlaskClient) -> None:
    assert "POST" in client.get(SIGN_URL).headers["Allow"]


def test_a_bug_is_a_500_without_trace_or_patient_in_answer_or_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answered = client.post(SIGN_URL, json=order_sign(draft("bug")))
    assert answered.status_code == 500
    assert answered.get_json()["issue"][0]["code"] == "exception"
    assert "cards" not in answered.get_json()
    logged = "\n".join(record.getMessage() + str(record.exc_text or "") for record in caplog.records)
    assert "KeyError at tests.test_web" in logged
    assert "Jane" not in answered.text + logged
    assert "Traceback" not in answered.text + logged


# --- the log -----------------------------------------------------------------------------------------------------


def test_a_call_leaves_one_line_with_what_was_asked_and_answered(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        client.post(SIGN_URL, json=order_sign())
    (record,) = caplog.records
    line = record.getMessage()
    for part in ("service=blinatumomab-order-sign", "hook=order-sign", f"instance={INSTANCE}", "status=200", "cards=1"):
        assert part in line
    assert "prefetch=1/15" in line
    assert "ms=" in line


def test_the_log_repeats_no_text_of_the_caller(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.post(SIGN_URL, json=changed(order_sign(), "hookInstance", "Jane\nRoe"))
        client.post("/cds-services/jane-roe", json=order_sign())
        client.post(SIGN_URL + "/feedback", json=changed(FEEDBACK, "feedback.0.card", "jane-roe"))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert not any("jane" in line.lower() or "pat-1" in line or "\n" in line for line in lines)


def test_health_checks_do_not_fill_the_log(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/health")
    assert not caplog.records


# --- JSON, and the day -------------------------------------------------------------------------------------------


def test_decimals_are_read_as_decimals_and_written_as_they_were() -> None:
    text = '{"a":0.010,"b":28.0,"c":3,"d":[1E-7]}'
    document = parse_json(text.encode())
    assert document["a"] == Decimal("0.010")
    assert isinstance(document["c"], int)
    assert dump_json(document) == text


def test_the_deepest_document_that_is_read_is_told_from_the_next() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(Exception, match="nested deeper"):
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


def test_a_key_that_comes_twice_is_refused_even_where_the_rest_is_no_json() -> None:
    with pytest.raises(CallError, match=r"a\.b is there twice"):
        parse_json(b'{"a": {"b": 1, "b": 2}}')
    for rest in (b"", b"}}", b', "c": tru}'):
        with pytest.raises(CallError, match="a key is there twice"):
            parse_json(b'{"a": {"b": 1, "b": 2}' + rest)


def test_brackets_inside_strings_do_not_count_as_depth() -> None:
    text = simplejson.dumps({"x": "[" * 500 + '\\"' + "{" * 500 + "\\"})
    assert parse_json(text.encode()) == {"x": "[" * 500 + '\\"' + "{" * 500 + "\\"}


def test_a_whole_surrogate_pair_is_one_character() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_nan_is_never_written() -> None:
    with pytest.raises(ValueError, match="JSON"):
        dump_json({"x": Decimal("NaN")})


def test_the_day_of_the_call_is_a_day_of_this_moment() -> None:
    assert abs((local_today() - datetime.now(UTC).date()).days) <= 1
