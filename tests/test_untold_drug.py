"""An order that may be for blinatumomab or for any other drug is never met with silence, and never with a verdict."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cds_service.guidance import Guidance, advise, advise_fetching
from cds_service.hooks.call import HookCall
from cds_service.hooks.needs import Access, Fetched, Need
from cds_service.hooks.services import Service, service_for, services
from cds_service.parts import Parts
from cds_service.settings import Settings
from tests.hook_builders import draft, order_select, order_sign

Resource = dict[str, Any]
TODAY = date(2025, 10, 1)
SERVER = "https://ehr.example.org/fhir"
REFERENCE = {"reference": "Medication/m1"}
ELSEWHERE = {"medicationReference": REFERENCE}
UNKNOWN_CODE = {"code": {"coding": [{"system": "urn:x", "code": "1"}]}}
INSIDE = {"medicationReference": {"reference": "#m1"}}
EMPTY = {"resourceType": "Medication", "id": "m1"}
BLINATUMOMAB = EMPTY | {"code": {"text": "Blincyto 35 mcg"}}


def ordered(**members: Any) -> Resource:
    return {key: value for key, value in draft(**members).items() if key != "medicationCodeableConcept"}


def parsed(body: dict[str, Any]) -> tuple[HookCall, Service]:
    service = service_for(body["hook"], services(Settings().canonical_base))
    assert service is not None
    return HookCall.parse(body, service=service), service


def advised(body: dict[str, Any], parts: Parts) -> Guidance:
    return advise(parsed(body)[0], parts, today=TODAY)


UNTOLD: list[tuple[str, Resource, str]] = [
    ("a Medication that is not in the call", ordered(**ELSEWHERE), "is not in the call"),
    ("a contained Medication that is not contained", ordered(**INSIDE), "is not in the call"),
    ("a contained Medication without a code", ordered(**INSIDE, contained=[EMPTY]), "names no drug"),
    (
        "R5's way to refer to one",
        ordered(medication={"reference": ELSEWHERE["medicationReference"]}),
        "not in the call",
    ),
    (
        "an identifier in place of a reference",
        ordered(medicationReference={"identifier": {"value": "7"}}),
        "not in the",
    ),
]
TOLD: list[tuple[str, Resource, int]] = [
    (
        "a display that names blinatumomab",
        ordered(medicationReference={**REFERENCE, "display": "Blincyto"}),
        1,
    ),
    ("a contained Medication that names it", ordered(**INSIDE, contained=[BLINATUMOMAB]), 1),
    (
        "a display that names another drug",
        ordered(medicationReference={**REFERENCE, "display": "ondansetron"}),
        0,
    ),
    (
        "a contained Medication with a code we do not know",
        ordered(**INSIDE, contained=[EMPTY | UNKNOWN_CODE]),
        0,
    ),
    ("no drug at all, as while an order is being written", ordered(), 0),
    ("an order not to give it", ordered(**ELSEWHERE, doNotPerform=True), 0),
]


@pytest.mark.parametrize(("order", "why"), [row[1:] for row in UNTOLD], ids=[row[0] for row in UNTOLD])
def test_an_order_whose_drug_cannot_be_told_gets_one_card_that_says_so(order: Resource, why: str, parts: Parts) -> None:
    found = advised(order_sign(order), parts)
    (card,) = found.response["cards"]
    assert found.assessments == ()
    assert card["indicator"] == "info"
    assert card["summary"].startswith("Blinatumomab not checked")
    assert why in card["detail"]


@pytest.mark.parametrize(("order", "judged"), [row[1:] for row in TOLD], ids=[row[0] for row in TOLD])
def test_an_order_that_tells_its_drug_or_has_none_yet_does_not(order: Resource, judged: int, parts: Parts) -> None:
    found = advised(order_sign(order), parts)
    assert found.untold == ()
    assert len(found.assessments) == judged
    assert bool(found.response["cards"]) is bool(judged)


def test_selecting_speaks_of_the_selected_order_only(parts: Parts) -> None:
    told = draft(id="other", medicationCodeableConcept={"text": "ondansetron"})
    drafts = (ordered(id="untold", **ELSEWHERE), told)
    chosen = order_select(*drafts, selections=["MedicationRequest/untold"])
    other = order_select(*drafts, selections=["MedicationRequest/other"])
    assert len(advised(chosen, parts).response["cards"]) == 1
    assert advised(other, parts).response["cards"] == []


def test_beside_an_order_for_the_drug_it_stands_on_the_record_card(parts: Parts) -> None:
    found = advised(order_sign(draft(id="ours"), ordered(id="untold", **ELSEWHERE)), parts)
    assert found.untold == ()
    (document,) = found.assessments
    assert "MedicationRequest/untold" in {item["reference"] for item in document["unreadable"]}
    assert sum("not checked" in card["summary"] for card in found.response["cards"]) == 0


FETCHED: list[tuple[str, Fetched, str | None]] = [
    ("the server refuses", Fetched({}, {"Medication/m1": "the server did not permit it"}), "did not permit it"),
    ("the server has no such Medication", Fetched({"Medication/m1": None}), "is not in the call"),
    ("it is blinatumomab", Fetched({"Medication/m1": BLINATUMOMAB}), None),
]


@pytest.mark.parametrize(("fetched", "why"), [row[1:] for row in FETCHED], ids=[row[0] for row in FETCHED])
def test_what_the_server_says_of_the_medication_decides(fetched: Fetched, why: str | None, parts: Parts) -> None:
    def fetch(access: Access, needs: tuple[Need, ...], *, seconds: float) -> Fetched:
        here = {"patient": {"resourceType": "Patient", "id": "pat-1"}}
        return Fetched({**fetched.values, **here}, fetched.problems)

    call, service = parsed(order_sign(ordered(**ELSEWHERE)) | {"fhirServer": SERVER})
    found = advise_fetching(call, parts, fetch, service=service, today=TODAY)  # type: ignore[arg-type]
    untold = [card for card in found.response["cards"] if "not checked" in card["summary"]]
    assert len(untold) == (why is not None)
    assert bool(found.assessments) is (why is None)
    assert why is None or why in untold[0]["detail"]
