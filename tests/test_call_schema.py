"""The quick look at a call says yes exactly where jsonschema does: on real calls, on mangled ones, on any JSON."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.hooks.schemas import REQUEST
from cds_service.hooks.schemas.quick import fits
from fhir_fixtures import hook_calls

CALLS = hook_calls()
SELECT = next(call for call in CALLS.values() if call["hook"] == "order-select")
PLACES: tuple[tuple[str | int, ...], ...] = (
    ("hook",),
    ("hookInstance",),
    ("fhirServer",),
    ("fhirAuthorization",),
    ("prefetch",),
    ("context",),
    ("context", "userId"),
    ("context", "patientId"),
    ("context", "encounterId"),
    ("context", "selections"),
    ("context", "selections", 0),
    ("context", "draftOrders"),
    ("context", "draftOrders", "resourceType"),
    ("context", "draftOrders", "entry"),
    ("context", "draftOrders", "entry", 0),
    ("context", "draftOrders", "entry", 0, "fullUrl"),
    ("context", "draftOrders", "entry", 0, "resource"),
    ("context", "draftOrders", "entry", 0, "resource", "resourceType"),
    ("context", "draftOrders", "entry", 0, "resource", "id"),
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(("", " ", "order-sign", "order-select", "x-1", "Bundle")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("id", "access_token", "a")), inner),
    max_leaves=6,
)


def _with(call: dict[str, Any], place: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """The call with another value at this place."""
    changed = copy.deepcopy(call)
    holder: Any = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return changed


@pytest.mark.parametrize("name", CALLS)
def test_every_fixture_is_a_call_at_first_sight(name: str) -> None:
    assert fits(REQUEST.schema, CALLS[name])


@given(st.sampled_from(PLACES), JSON)
def test_a_call_with_anything_in_one_place_is_judged_as_jsonschema_judges_it(
    place: tuple[str | int, ...], value: object
) -> None:
    call = _with(SELECT, place, value)

    assert fits(REQUEST.schema, call) == REQUEST.is_valid(call)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_call_that_lacks_one_member_is_judged_as_jsonschema_judges_it(place: tuple[str | int, ...]) -> None:
    call = copy.deepcopy(SELECT)
    holder: Any = call
    for step in place[:-1]:
        holder = holder[step]
    if isinstance(holder, list):
        holder.clear()
    else:
        holder.pop(place[-1], None)

    assert fits(REQUEST.schema, call) == REQUEST.is_valid(call)


@pytest.mark.parametrize("number", [500, 501])
def test_a_list_is_as_long_as_the_schema_lets_it_be(number: int) -> None:
    call = _with(SELECT, ("context", "selections"), ["MedicationRequest/1"] * number)

    assert fits(REQUEST.schema, call) == REQUEST.is_valid(call) == (number == 500)


@given(JSON)
def test_any_json_is_judged_as_jsonschema_judges_it(document: object) -> None:
    assert fits(REQUEST.schema, document) == REQUEST.is_valid(document)
