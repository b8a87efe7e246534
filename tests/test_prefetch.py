"""Prefetch values as they come (conformance decision table F), one row each, and what each allows."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.hooks.prefetch import MEANING, State, classify
from tests.hook_builders import bundle

PATIENT = {"resourceType": "Patient", "id": "p"}
WEIGHT = {"resourceType": "Observation", "id": "w"}
NEXT = [{"relation": "self", "url": "x"}, {"relation": "next", "url": "y"}]


def oo(severity: Any) -> dict[str, Any]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": "processing"}]}


READ = "Patient/{{context.patientId}}"
USER = "{{context.userId}}"
SEARCH = "Observation?patient={{context.patientId}}&_sort=-date&_count=100"
NEWEST = "Observation?patient={{context.patientId}}&_sort=-date&_count=1"

ROWS = [
    ("a read answered", READ, PATIENT, State.COMPLETE),
    ("the user is a role", USER, {"resourceType": "PractitionerRole"}, State.COMPLETE),
    ("the user is no person", USER, WEIGHT, State.INVALID),
    ("a read of another type", READ, WEIGHT, State.INVALID),
    ("a read answered by a Bundle of the type", READ, bundle(PATIENT), State.COMPLETE),
    ("null for the patient, who must exist", READ, None, State.INVALID),
    ("an empty Bundle for the patient, who must exist", READ, bundle(), State.INVALID),
    ("null for the user", USER, None, State.NULL),
    ("null for a search", SEARCH, None, State.NULL),
    ("a Bundle without entry", SEARCH, {"resourceType": "Bundle"}, State.EMPTY),
    ("a Bundle with no entries", SEARCH, bundle(), State.EMPTY),
    ("a Bundle with entry null", SEARCH, {"resourceType": "Bundle", "entry": None}, State.EMPTY),
    ("a Bundle", SEARCH, bundle(WEIGHT), State.COMPLETE),
    ("a Bundle of another kind", SEARCH, bundle(WEIGHT, type="searchset"), State.COMPLETE),
    ("a single resource where a search was asked", SEARCH, WEIGHT, State.COMPLETE),
    ("a Bundle of other types only", SEARCH, bundle(PATIENT), State.INVALID),
    ("the first page", SEARCH, bundle(WEIGHT, link=NEXT), State.PAGED),
    ("an empty first page", SEARCH, bundle(link=NEXT), State.PAGED),
    ("the newest one, with a next link", NEWEST, bundle(WEIGHT, link=NEXT), State.COMPLETE),
    ("an OperationOutcome", SEARCH, oo("error"), State.FAILED),
    ("an OperationOutcome that only warns, but no data", SEARCH, oo("warning"), State.FAILED),
    ("a Bundle with an error among its entries", SEARCH, bundle(WEIGHT, oo("error")), State.FAILED),
    ("a Bundle with a warning among its entries", SEARCH, bundle(WEIGHT, oo("warning")), State.COMPLETE),
    ("a Bundle with nothing but a warning", SEARCH, bundle(oo("information")), State.EMPTY),
    ("a string", SEARCH, "123", State.INVALID),
    ("a number", SEARCH, 7, State.INVALID),
    ("an array", SEARCH, [WEIGHT], State.INVALID),
    ("the wrapper of old clients", SEARCH, {"response": {"status": "200"}, "resource": WEIGHT}, State.INVALID),
    ("entries that are no list", SEARCH, {"resourceType": "Bundle", "entry": {"resource": WEIGHT}}, State.INVALID),
    ("entries that are no objects", SEARCH, {"resourceType": "Bundle", "entry": [1, None]}, State.INVALID),
    ("a type that is a list", SEARCH, {"resourceType": ["Observation"]}, State.INVALID),
    ("a type that is a list, in an entry", SEARCH, bundle({"resourceType": ["Observation"]}), State.INVALID),
    ("a severity that is a list", SEARCH, bundle(WEIGHT, oo(["error"])), State.COMPLETE),
    ("links that are no list", SEARCH, bundle(WEIGHT, link={"relation": "next"}), State.COMPLETE),
]


@pytest.mark.parametrize(("template", "value", "state"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_value_is_told_apart(template: str, value: object, state: State) -> None:
    assert classify({"key": template}, {"key": value}) == {"key": state}


def test_a_missing_key_is_absent_and_not_null() -> None:
    assert classify({"here": SEARCH, "gone": SEARCH}, {"here": None}) == {"here": State.NULL, "gone": State.ABSENT}


def test_keys_we_never_asked_for_are_not_judged() -> None:
    assert classify({}, {"medicationRequestBundle": bundle()}) == {}


@pytest.mark.parametrize(
    ("state", "usable", "answered", "worth_fetching"),
    [
        (State.ABSENT, False, False, True),
        (State.NULL, False, True, False),
        (State.EMPTY, False, True, False),
        (State.COMPLETE, True, True, False),
        (State.PAGED, True, False, True),
        (State.FAILED, False, False, False),
        (State.INVALID, False, False, True),
    ],
)
def test_each_state_allows_what_the_table_says(
    state: State, usable: bool, answered: bool, worth_fetching: bool
) -> None:
    meaning = MEANING[state]
    assert (meaning.usable, meaning.answered, meaning.worth_fetching) == (usable, answered, worth_fetching)


def test_absence_is_only_concluded_where_the_whole_question_was_answered() -> None:
    assert {state for state in State if MEANING[state].answered} == {State.NULL, State.EMPTY, State.COMPLETE}
