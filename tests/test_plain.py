"""What the quick look at an order finds plainly valid, the models of fhir.resources find valid too: however it is bent.

The other way round it need not hold: what is not plain is theirs to judge.
"""

from __future__ import annotations

import copy
import os
from decimal import Decimal
from typing import Any

import pytest
from fhir.resources.R4B.medicationrequest import MedicationRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.fhir.plain import plainly_valid
from cds_service.web.json_body import dump_json, parse_json
from fhir_fixtures import hook_calls

RICH: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "rx-1",
    "meta": {"versionId": "1", "lastUpdated": "2025-10-01T09:00:00.000Z", "profile": ["http://example.org/profile"]},
    "implicitRules": "http://example.org/rules",
    "language": "en-US",
    "extension": [
        {"url": "http://example.org/boolean", "valueBoolean": True},
        {"url": "http://example.org/whole", "valueInteger": -3},
        {"url": "http://example.org/day", "valueDate": "2025-10-01"},
        {"url": "http://example.org/within", "extension": [{"url": "part", "valueDecimal": Decimal("1.0")}]},
    ],
    "identifier": [{"use": "official", "system": "urn:oid:1.2.3", "value": "4711"}],
    "status": "draft",
    "intent": "order",
    "priority": "urgent",
    "doNotPerform": False,
    "reportedBoolean": False,
    "medicationCodeableConcept": {
        "coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "1597258", "userSelected": True}],
        "text": "blinatumomab",
    },
    "subject": {"reference": "Patient/p", "display": "A B"},
    "authoredOn": "2025-10-01T09:00:00+02:00",
    "instantiatesCanonical": ["http://example.org/protocol|2"],
    "note": [{"authorString": "pharmacy", "time": "2025-10-01T09:00:00Z", "text": "first *cycle*"}],
    "dosageInstruction": [
        {
            "sequence": 1,
            "text": "28 mcg/day",
            "asNeededBoolean": False,
            "timing": {
                "event": ["2025-10-01"],
                "repeat": {
                    "boundsPeriod": {"start": "2025-10-01", "end": "2025-10-29T09:00:00Z"},
                    "count": 1,
                    "duration": 24,
                    "durationUnit": "h",
                    "dayOfWeek": ["mon", "tue"],
                    "offset": 0,
                },
            },
            "doseAndRate": [{"rateQuantity": {"value": Decimal("28.0"), "unit": "ug/d", "code": "ug/d"}}],
            "maxDosePerPeriod": {"numerator": {"value": 28}, "denominator": {"value": 1}},
        }
    ],
    "dispenseRequest": {"numberOfRepeatsAllowed": 0, "validityPeriod": {"start": "2025-10-01"}},
    "substitution": {"allowedBoolean": False},
}
DRAFTS = {
    f"{name} {place}": entry["resource"]
    for name, call in parse_json(dump_json(hook_calls()).encode()).items()
    for place, entry in enumerate(call["context"]["draftOrders"].get("entry") or [])
    if isinstance(entry, dict) and (entry.get("resource") or {}).get("resourceType") == "MedicationRequest"
}
ODD = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 2**31 - 1, 2**31, 10**30, 1.5, Decimal("1.50"), Decimal("NaN"), Decimal("1E+5")),
        *("", " ", "\t", "\n", "a", "a b", "a  b", " a", "a ", "a\x1cb", "a\u00a0b", "a\u2028b", "x" * 64, "x" * 65),
        *("true", "1", "1.0", "http://example.org", "urn:uuid:x", "Patient/x", "#x", "x_y", "é", "\ud800"),
        *("2025", "2025-10", "2025-10-01", "2025-02-30", "2025-13-01", "0000-01-01", "20251001", "2025-W40-3"),
        *("2025-10-01T09:00:00Z", "2025-10-01T09:00:00", "2025-10-01T09:00Z", "2025-02-30T09:00:00Z"),
        *("2025-10-01T24:00:00Z", "2025-10-01T23:59:60Z", "2025-10-01T09:00:00+14:00", "2025-10-01T09:00:00+09:60"),
        *("2025-10-01T09:00:00.123Z", "2025-10-01T09:00:00.1234567Z", "2025-10-01 09:00:00Z", "٢٠٢٥-10-01"),
        *([], {}, [None], [{}], [[]], ["a"], [1], {"a": 1}, {"id": "x"}, {"value": 1}, {"reference": "Patient/x"}),
        *({"extension": []}, {"url": "a"}, {"resourceType": "Patient"}, [{"url": "a", "valueString": "b"}]),
    ]
)
NAMES = st.sampled_from(
    [
        *("resourceType", "id", "_status", "_id", "status", "intent", "contained", "text", "extension", "url", "value"),
        *("valueString", "valueCode", "medicationReference", "reportedReference", "fhir_comments", "status__ext", "a"),
        *("boundsDuration", "boundsRange", "doseQuantity", "doseRange", "rateRatio", "asNeededCodeableConcept"),
        *("allowedCodeableConcept", "authorReference", "class", "class_fhir", "for", "import", "reference", "timing"),
    ]
)


def places(node: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, but for the whole."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [*([way] if way else []), *(place for key, child in children for place in places(child, (*way, key)))]


@st.composite
def bent(draw: st.DrawFn) -> dict[str, Any]:
    """An order with one to three of its members replaced, removed, added or wrapped."""
    document: dict[str, Any] = copy.deepcopy(draw(st.sampled_from([RICH, *DRAFTS.values()])))
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(places(document)))
        holder: Any = document
        for step in way[:-1]:
            holder = holder[step]
        act = draw(st.sampled_from(["replace", "remove", "add", "wrap"]))
        if act == "remove" and len(holder) > 1:
            del holder[way[-1]]
        elif act == "add" and isinstance(holder, dict):
            holder[draw(NAMES)] = copy.deepcopy(draw(ODD))
        else:
            holder[way[-1]] = [holder[way[-1]]] if act == "wrap" else copy.deepcopy(draw(ODD))
    return document


def valid(order: dict[str, Any]) -> bool:
    """What the model says, asked directly."""
    try:
        MedicationRequest.model_validate(order)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return False
    return True


@pytest.mark.parametrize("name", DRAFTS)
def test_a_draft_of_the_fixtures_that_is_plain_is_valid(name: str) -> None:
    assert valid(DRAFTS[name]) or not plainly_valid(DRAFTS[name], MedicationRequest)


def test_nearly_every_draft_of_the_fixtures_is_plain_and_so_is_a_rich_order() -> None:
    plain = [name for name, order in DRAFTS.items() if plainly_valid(order, MedicationRequest)]
    assert len(plain) > 0.95 * len(DRAFTS)
    assert plainly_valid(RICH, MedicationRequest)
    assert valid(copy.deepcopy(RICH))


@settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "800")), deadline=None)
@given(bent())
def test_however_an_order_is_bent_it_is_not_plain_unless_it_is_valid(order: dict[str, Any]) -> None:
    assert not plainly_valid(order, MedicationRequest) or valid(copy.deepcopy(order))


@pytest.mark.parametrize(
    ("way", "value"),
    [
        (("status",), None),
        (("subject",), {}),
        (("authoredOn",), "2025-02-30"),
        (("authoredOn",), "2025-10-01T24:00:00Z"),  # which some versions of Python take for midnight
        (("extension", 3, "extension", 0, "valueDecimal"), 10**5000),
        (("dosageInstruction", 0, "doseAndRate"), [None]),
        (("dosageInstruction", 0, "doseAndRate", 0, "rateRatio"), {"numerator": {"value": 1}}),  # and a rateQuantity
        (("dosageInstruction", 0, "sequence"), True),
        (("medicationReference",), {"reference": "Medication/m"}),  # and a medicationCodeableConcept
        (("vendorColour",), "red"),
        (("resourceType",), "MedicationStatement"),
    ],
    ids=lambda given: repr(given)[:40] if isinstance(given, str | tuple) else "",
)
def test_what_is_wrong_is_not_plain(way: tuple[Any, ...], value: object) -> None:
    order: Any = copy.deepcopy(RICH)
    holder = order
    for step in way[:-1]:
        holder = holder[step]
    holder[way[-1]] = value
    assert not plainly_valid(order, MedicationRequest)


def test_what_the_order_contains_is_for_the_models_to_judge() -> None:
    assert not plainly_valid({**RICH, "contained": [{"id": "x"}]}, MedicationRequest)


@pytest.mark.parametrize("times", [25, 130, 5000])
def test_an_order_that_is_nested_deeply_is_not_plain(times: int) -> None:
    deep: Any = {"url": "a", "valueString": "b"}
    for _ in range(times):
        deep = {"url": "a", "extension": [deep]}
    assert not plainly_valid({**RICH, "extension": [deep]}, MedicationRequest)
