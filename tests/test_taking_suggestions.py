"""A client takes every button, carries it out on a FHIR server, and signs again: nothing is offered twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cds_service.app import create_app, running
from cds_service.parts import Parts
from cds_service.settings import Settings
from fhir_fixtures.server import FixtureServer
from tests.suggesting import (
    DOSE,
    MONITORING,
    PREMEDICATION,
    SAFETY,
    Client,
    Json,
    actions,
    advised,
    buttons,
    call_of,
)

ADULT, CHILD = "suggestion-rr-missing-step-adult", "suggestion-child-30kg-flat-28-mcg"
EMPTY = "suggestion-nothing-measured-yet"
SEVERAL = (
    ADULT,
    CHILD,
    EMPTY,
    "suggestion-held-back-by-stale-weight",
    "coverage-b-c-bcr-abl1-unknown",
    "dose-rr-cycle-1-fixed",
)


@pytest.fixture(scope="module")
def service(parts: Parts) -> Iterator[str]:
    with running(create_app(parts.settings, parts=parts, open_to_all=True)) as url:
        yield url


@pytest.fixture(scope="module")
def fhir() -> Iterator[str]:
    with FixtureServer() as server:
        yield server.base_url


def card(answer: Json, topic: str) -> Json:
    """The card of this topic."""
    return next(each for each in answer["cards"] if each["source"]["topic"]["code"] == topic)


@pytest.mark.parametrize("name", SEVERAL)
def test_what_was_taken_is_not_offered_again_and_the_rest_still_is(name: str, service: str, fhir: str) -> None:
    client = Client(call_of(name), service, fhir)
    taken: set[str] = set()
    answer = client.sign()
    while waiting := [each for topic in buttons(answer).values() for each in topic]:
        labels = {each["label"] for each in waiting}
        assert not labels & taken, "the same suggestion is made twice"
        taken.add(waiting[0]["label"])
        client.take(waiting[0])
        answer = client.sign()
        assert {each["label"] for topic in buttons(answer).values() for each in topic} == labels - taken
    assert taken


def test_after_the_change_the_dose_matches_its_row_on_every_day(service: str, fhir: str) -> None:
    for name in (ADULT, CHILD, "suggestion-rr-start-on-day-3", "suggestion-missing-step-in-micrograms-per-hour"):
        client = Client(call_of(name), service, fhir)
        before = client.sign()
        assert card(before, DOSE)["indicator"] == "critical"
        client.take(card(before, DOSE)["suggestions"][0])
        after = client.sign()
        assert card(after, DOSE)["indicator"] == "info", card(after, DOSE)["summary"]
        assert "matches the label row" in card(after, DOSE)["summary"]


@pytest.mark.parametrize("name", [ADULT, CHILD])
def test_the_premedication_taken_is_seen_as_ordered_for_every_moment(name: str, service: str, fhir: str) -> None:
    client = Client(call_of(name), service, fhir)
    before = client.sign()
    assert "no order for it found" in card(before, PREMEDICATION)["summary"]
    client.take(card(before, PREMEDICATION)["suggestions"][0])
    after = card(client.sign(), PREMEDICATION)
    assert "an order for it is on file" in after["summary"]
    assert "no order" not in after["detail"].split("Restart")[0]


def test_a_set_taken_leaves_no_check_to_order_and_one_order_of_it_leaves_the_others(service: str, fhir: str) -> None:
    client = Client(call_of(EMPTY), service, fhir)
    whole = card(client.sign(), SAFETY)["suggestions"][0]
    assert len(whole["actions"]) == 9
    client.take({**whole, "actions": whole["actions"][:1]})
    rest = card(client.sign(), SAFETY)["suggestions"][0]
    assert len(rest["actions"]) == 8
    client.take(rest)
    assert "suggestions" not in card(client.sign(), SAFETY)


def test_orders_that_are_active_on_file_count_when_the_call_brings_them_under_any_key(parts: Parts) -> None:
    call = call_of(EMPTY)
    created = [action["resource"] for action in actions(advised(call, parts).response) if action["type"] == "create"]
    signed = [{**each, "id": f"sr-{place}", "status": "active"} for place, each in enumerate(created)]
    entries = [{"resource": each} for each in signed if each["resourceType"] == "ServiceRequest"]
    call["prefetch"]["openOrders"] = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
    assert set(buttons(advised(call, parts).response)) == {PREMEDICATION}


@pytest.mark.parametrize(
    ("change", "offered"),
    [
        ({}, False),
        ({"status": "revoked"}, True),
        ({"status": "completed"}, True),
        ({"intent": "proposal"}, True),
        ({"doNotPerform": True}, True),
    ],
)
def test_only_a_living_order_to_do_it_counts_as_ordered(change: dict[str, Any], offered: bool, parts: Parts) -> None:
    call = call_of(ADULT)
    admission = card(advised(call, parts).response, MONITORING)["suggestions"][0]["actions"][0]["resource"]
    held = {"resourceType": "Bundle", "entry": [{"resource": {**admission, "id": "a", "status": "active", **change}}]}
    call["prefetch"]["openOrders"] = held
    assert ("suggestions" in card(advised(call, parts).response, MONITORING)) is offered


def test_a_patient_in_hospital_is_not_admitted_again(parts: Parts) -> None:
    call = call_of(ADULT)
    stay = {"resourceType": "Encounter", "id": "e", "status": "in-progress", "class": {"code": "IMP"}}
    call["prefetch"]["encounter"] = {**stay, "subject": {"reference": f"Patient/{ADULT}"}}
    assert "suggestions" not in card(advised(call, parts).response, MONITORING)


def test_two_orders_of_one_call_offer_the_checks_once(parts: Parts) -> None:
    call = call_of(ADULT)
    entries = call["context"]["draftOrders"]["entry"]
    entries.append({"resource": {**entries[0]["resource"], "id": "second"}})
    found = buttons(advised(call, parts).response)
    assert len(found[SAFETY]) == len(found[MONITORING]) == 1
    assert DOSE not in found, "which of the two is to be changed is for people to say"


# --- what the new orders say ------------------------------------------------------------------------------------------


def created(parts: Parts, name: str, **order: Any) -> list[Json]:
    """The resources that the buttons of this answer would make."""
    answer = advised(call_of(name, **order), parts).response
    return [action["resource"] for action in actions(answer) if action["type"] == "create"]


def premedication(parts: Parts, name: str, **order: Any) -> Json | None:
    """The premedication that is offered."""
    return next((each for each in created(parts, name, **order) if each["resourceType"] == "MedicationRequest"), None)


def test_an_mrd_adult_gets_dexamethasone_16_mg(parts: Parts) -> None:
    order = premedication(parts, "coverage-a-adult-mrd-positive-all-met")
    assert order is not None
    assert order["medicationCodeableConcept"]["text"] == "dexamethasone"
    assert order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"] == 16
    assert order["dosageInstruction"][0]["route"]["coding"][0]["code"] == "47625008"


def test_the_premedication_names_each_day_and_the_hour_where_the_row_and_the_order_do(parts: Parts) -> None:
    order = premedication(parts, ADULT)
    assert order is not None
    assert order["dosageInstruction"][0]["timing"] == {"event": ["2025-10-03", "2025-10-10"]}
    text = order["dosageInstruction"][0]["text"]
    assert "one dose 1 hour before the start of the blinatumomab infusion, start of cycle 1 (2025-10-03)" in text
    assert "one dose before the blinatumomab dose is stepped up, day 8 step (2025-10-10)" in text

    draft = call_of(ADULT)["context"]["draftOrders"]["entry"][0]["resource"]
    (instruction,) = draft["dosageInstruction"]
    period = {"start": "2025-10-03T09:30:00-05:00", "end": "2025-10-31T09:30:00-05:00"}
    timed = [{**instruction, "timing": {"repeat": {"boundsPeriod": period}}}]
    exact = premedication(parts, ADULT, dosageInstruction=timed)
    assert exact is not None
    assert exact["dosageInstruction"][0]["timing"] == {"event": ["2025-10-03T08:30:00-05:00", "2025-10-10"]}


def test_a_restart_that_begins_a_cycle_gets_one_dose_not_two(parts: Parts) -> None:
    order = premedication(parts, "toxicity-neurotoxicity-7-days-to-resolve-restart")
    assert order is not None
    text = order["dosageInstruction"][0]["text"]
    assert text.count("one dose") == 2, "one at the start, one at the step"
    assert "infusion, start of cycle 2, restart after 240 h interruption; one dose before" in text


@pytest.mark.parametrize(
    "name",
    [
        "coverage-1-t-all-not-met",
        "suggestion-held-back-by-steroid-allergy",
        "suggestion-held-back-by-stale-weight",
        "suggestion-held-back-by-active-crs",
        "safety-allergy-to-blinatumomab",
        "premedication-already-ordered",
    ],
)
def test_beside_these_no_premedication_is_offered(name: str, parts: Parts) -> None:
    assert premedication(parts, name) is None


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        ("AllergyIntolerance", {"text": "Corticosteroids"}, "a reaction to a steroid"),
        ("AllergyIntolerance", {"text": "Methylprednisolone"}, "a reaction to a steroid"),
        ("AllergyIntolerance", {"text": "Benzyl alcohol"}, "benzyl alcohol"),
        ("Condition", {"text": "Acute pancreatitis"}, "pancreatitis is on record"),
    ],
)
def test_a_record_against_the_steroid_keeps_it_back_and_the_card_says_so(
    kind: str, code: Json, words: str, parts: Parts
) -> None:
    call = call_of(ADULT)
    patient = {"reference": f"Patient/{ADULT}"}
    found = {"resourceType": kind, "id": "x", "code": code, "patient": patient, "subject": patient}
    call["prefetch"]["theirs"] = {"resourceType": "Bundle", "entry": [{"resource": found}]}
    answer = advised(call, parts).response
    assert "suggestions" not in card(answer, PREMEDICATION)
    line = next(each for each in card(answer, PREMEDICATION)["detail"].splitlines() if each.startswith("No button"))
    assert words in line
    if "benzyl" not in words:
        assert card(answer, PREMEDICATION)["summary"].startswith(f"Blinatumomab: {words}")


def test_the_admission_covers_the_hospital_days_that_are_left(parts: Parts) -> None:
    def admission(name: str) -> Json:
        return next(each for each in created(parts, name) if "admission" in each.get("code", {}).get("text", ""))

    assert admission(ADULT)["occurrencePeriod"] == {"start": "2025-10-03", "end": "2025-10-11"}
    later = admission("suggestion-rr-start-on-day-3")
    assert later["code"]["text"] == "Hospital admission: days 3-9 of blinatumomab cycle 1"
    assert "occurrencePeriod" not in later, "no start is stated, so no day is made up"


def test_neurologic_checks_have_the_sites_frequency_and_otherwise_none(parts: Parts) -> None:
    def checks(of: Parts) -> Json:
        return next(each for each in created(of, ADULT) if "Neurologic" in each.get("code", {}).get("text", ""))

    assert "occurrenceTiming" not in checks(parts)
    settings = Settings(neurologic_checks_per_day=6)
    often = Parts(settings, parts.knowledge, parts.templates)
    assert checks(often)["occurrenceTiming"] == {"repeat": {"frequency": 6, "period": 1, "periodUnit": "d"}}


def test_the_pregnancy_test_is_in_the_set_only_where_it_is_apt(parts: Parts) -> None:
    def codes(name: str) -> set[str]:
        return {coding["code"] for each in created(parts, name) for coding in each.get("code", {}).get("coding", ())}

    assert "2118-8" in codes(EMPTY)
    assert "2118-8" not in codes(ADULT), "recorded as male"


def test_mrd_is_ordered_by_the_sites_own_code_where_it_has_one(parts: Parts) -> None:
    settings = Settings(mrd_codes=("https://lab.example.org|MRD-1",))
    known = Parts(settings, parts.knowledge, parts.templates).maker.skeletons["mrd"]["code"]
    assert known["coding"] == [{"system": "https://lab.example.org", "code": "MRD-1"}]
    assert "coding" not in parts.maker.skeletons["mrd"]["code"]
