"""However a good call is mangled: an answer, or a documented refusal in JSON; never a crash, never HTML, never late.

A few hundred mangled calls in the normal run; `FUZZ_EXAMPLES=20000 python -m pytest tests/test_never_500.py` for more.
"""

from __future__ import annotations

import copy
import json
import os
import time
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.app import create_app
from cds_service.gathering import has_patient
from cds_service.guidance import Guidance
from cds_service.hooks.call import HookCall
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls
from tests.hook_builders import SELECT_URL, SIGN_URL, draft, order_select, order_sign

DOCUMENTED = {200, 400, 404, 405, 412, 413, 415, 503}
LONGEST_SECONDS = 2.0
"""Of work for one answer, by the clock of this thread: test machines pause, and nothing here waits for anybody."""
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "150"))
FEEDBACK = {
    "feedback": [
        {
            "card": "c",
            "outcome": "accepted",
            "acceptedSuggestions": [{"id": "s"}],
            "overrideReason": {"reason": {"code": "r", "system": "s"}, "userComment": "c"},
            "outcomeTimestamp": "2025-10-01T10:05:31Z",
        }
    ]
}
GOOD = {
    SIGN_URL: order_sign(draft("rx-1"), draft("rx-2"), fhirAuthorization={"access_token": "t"}),
    SELECT_URL: order_select(draft("rx-1"), draft("rx-2")),
    f"{SIGN_URL}/feedback": FEEDBACK,
}
MANY = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(max_size=8),
    st.sampled_from(["", " ", "Patient/x", "x/y/z", "//", "urn:uuid:", "order-select", "\x00", "\u2028"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def answer_scope(call: HookCall, _: date) -> Guidance:
    """Touches everything a call offers, so that a call of the wrong shape cannot hide."""
    touched = [call.drafts[index]["resourceType"] for index in call.in_scope]
    seen = (call.patient_id + "", [*call.prefetch], call.fhir_server, call.has_token, call.draft_urls, call.user_id)
    return Guidance((), {"cards": [], "extension": {"org.example": [len(touched), len(seen)]}})


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(Settings(), advise=answer_scope, open_to_all=True).test_client()


def places(node: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [way, *(place for key, child in children for place in places(child, (*way, key)))]


@st.composite
def mangled(draw: st.DrawFn) -> tuple[str, Any]:
    """A good body with one to three of its places replaced, removed or doubled."""
    path = draw(st.sampled_from(sorted(GOOD)))
    body: Any = copy.deepcopy(GOOD[path])
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places(body)))
        body = _spoil(draw, body, place)
    return path, body


def _spoil(draw: Any, body: Any, place: tuple[Any, ...]) -> Any:
    if not place:
        return draw(VALUES)
    node = body
    for step in place[:-1]:
        node = node[step]
    act = draw(st.sampled_from(["replace", "remove", "wrap"]))
    if act == "remove":
        del node[place[-1]]
    else:
        node[place[-1]] = draw(VALUES) if act == "replace" else [node[place[-1]]]
    return body


def check(client: FlaskClient, path: str, body: bytes | str, content_type: str = "application/json") -> int:
    begun = time.thread_time()
    answered = client.post(path, data=body, content_type=content_type)
    assert time.thread_time() - begun < LONGEST_SECONDS
    document = json.loads(answered.data)
    assert answered.status_code in DOCUMENTED
    if answered.status_code == 200:
        assert isinstance(document["cards"], list)
    else:
        assert document["resourceType"] == "OperationOutcome"
        assert document["issue"][0]["diagnostics"]
    return answered.status_code


@MANY
@given(case=mangled())
def test_a_mangled_body_is_answered_or_refused(client: FlaskClient, case: tuple[str, Any]) -> None:
    path, body = case
    check(client, path, json.dumps(body))


@MANY
@given(data=st.data())
def test_mangled_bytes_are_answered_or_refused(client: FlaskClient, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(GOOD)))
    body = bytearray(json.dumps(GOOD[path]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        piece = data.draw(
            st.sampled_from([b"", b"{", b"}", b"]", b'"', b"\\", b"\xff", b"NaN", b"1e9", b",", b"\\ud800"])
        )
        body[place : place + data.draw(st.integers(0, 30))] = piece
    check(client, path, bytes(body))


@MANY
@given(
    body=st.binary(max_size=60), content_type=st.sampled_from(["application/json", "text/html", "", "a+json", "x/y;;"])
)
def test_any_bytes_under_any_type_are_refused(client: FlaskClient, body: bytes, content_type: str) -> None:
    assert check(client, SIGN_URL, body, content_type) in {400, 415}


@MANY
@given(path=st.text(max_size=20), method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]))
def test_any_path_is_answered_in_json(client: FlaskClient, path: str, method: str) -> None:
    answered = client.open(f"/cds-services/{path}", method=method, json={})
    assert answered.status_code in DOCUMENTED
    assert isinstance(json.loads(answered.data), dict)


# --- with the real spine -----------------------------------------------------------------------------------------

FIXTURES = hook_calls()
RECORDS = [
    "child-30kg-flat-28-mcg-mrd-positive",
    "coverage-b-ii-adult-ph-mrd-negative-contested",
    "coverage-e-infant-interfant-without-kmt2a",
    "coverage-ii-dose-increase-to-28",
    "dose-28-mg-unit-slip",
    "dose-rr-cycle-1-per-square-metre",
    "dose-rr-missing-step-adult",
    "dose-rr-step-and-continuation-orders",
    "record-with-unreadable-entries",
    "safety-duplicate-therapy",
    "safety-preserved-bag-infant-of-5-kg",
    "toxicity-crs-grade-3-restarted-at-full-dose",
    "toxicity-two-seizures-discontinue",
]
DRAFT = ("context", "draftOrders", "entry", 0, "resource")
FEWER = settings(MANY, max_examples=max(EXAMPLES, 200))


def record(data: st.DataObject) -> Any:
    """A whole good call to mangle."""
    return copy.deepcopy(FIXTURES[f"order-sign--{data.draw(st.sampled_from(RECORDS))}"])


@pytest.fixture(scope="module")
def whole(parts: Parts) -> FlaskClient:
    """The service as it is, knowledge and all."""
    return create_app(Settings(), parts=parts, open_to_all=True).test_client()


@FEWER
@given(data=st.data())
def test_a_mangled_record_never_refuses_the_call(whole: FlaskClient, data: st.DataObject) -> None:
    body = record(data)
    for _ in range(data.draw(st.integers(1, 4))):
        inside = [place for place in places(body) if place[:1] == ("prefetch",) and len(place) > 1]
        body = _spoil(data.draw, body, data.draw(st.sampled_from(inside)))
    status = check(whole, SIGN_URL, dump_json(body))
    assert status == 200 or (status == 412 and not has_patient(body["prefetch"]))


@FEWER
@given(data=st.data())
def test_a_mangled_order_is_answered_or_refused(whole: FlaskClient, data: st.DataObject) -> None:
    body = record(data)
    for _ in range(data.draw(st.integers(1, 4))):
        inside = [place for place in places(body) if place[: len(DRAFT)] == DRAFT and len(place) > len(DRAFT)]
        body = _spoil(data.draw, body, data.draw(st.sampled_from(inside)))
    assert check(whole, SIGN_URL, dump_json(body)) in {200, 400}


@pytest.mark.parametrize("number", [10**20, Decimal("9" * 60), Decimal("1E+99"), Decimal("1E-99"), -(10**30), 0])
@pytest.mark.parametrize("name", ["dose-rr-cycle-1-per-square-metre", "safety-preserved-bag-infant-of-5-kg"])
def test_a_number_of_any_size_is_answered(whole: FlaskClient, name: str, number: int | Decimal) -> None:
    body = FIXTURES[f"order-sign--{name}"]
    numbers = [place for place in places(body) if place and place[-1] in ("value", "valueInteger", "valueDecimal")]
    assert len(numbers) > 10
    for place in numbers:
        changed = copy.deepcopy(body)
        node: Any = changed
        for step in place[:-1]:
            node = node[step]
        node[place[-1]] = number
        assert check(whole, SIGN_URL, dump_json(changed)) == 200


# --- and the other way round -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted(GOOD))
def test_the_unmangled_calls_are_good(client: FlaskClient, path: str) -> None:
    assert check(client, path, json.dumps(GOOD[path])) == (503 if path.endswith("feedback") else 200)
