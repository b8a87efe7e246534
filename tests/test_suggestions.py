"""Every button of every fixture: valid FHIR, by the rules, about this patient, and nothing raised."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from cds_service.errors import KnowledgeError
from cds_service.fhir import models
from cds_service.guidance import Guidance
from cds_service.hooks.rule_check import answer_breaches
from cds_service.hooks.schemas import RESPONSE, first_error
from cds_service.parts import Parts
from cds_service.present.suggestions.maker import load_maker
from cds_service.present.suggestions.words import FILE, load_words
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls
from tests.suggesting import Json, actions, advised, buttons

CALLS = sorted(hook_calls())


@pytest.fixture(scope="module")
def answered(parts: Parts) -> dict[str, Guidance]:
    calls = hook_calls()
    return {name: advised(calls[name], parts) for name in CALLS}


def offering(answered: dict[str, Guidance]) -> Iterator[tuple[str, Json]]:
    """Every answer that has a suggestion, as JSON."""
    for name, guidance in answered.items():
        answer = json.loads(dump_json(guidance.response))
        if buttons(answer):
            yield name, answer


def test_most_fixtures_offer_something(answered: dict[str, Guidance]) -> None:
    assert len(list(offering(answered))) > len(CALLS) / 2


def test_every_suggested_resource_is_valid_r4(answered: dict[str, Guidance]) -> None:
    for name, answer in offering(answered):
        for action in actions(answer):
            assert models.validate(action["resource"]) == (), (name, action["description"])


def test_every_answer_keeps_the_response_schema_and_every_rule_of_the_standard(answered: dict[str, Guidance]) -> None:
    calls = hook_calls()
    for name, answer in offering(answered):
        assert first_error(RESPONSE, answer) is None, name
        broken = [one.text for one in answer_breaches(answer, json.loads(dump_json(calls[name])))]
        assert broken == [], name


def test_every_new_order_is_a_draft_about_this_patient_with_a_reason_and_no_requester(
    answered: dict[str, Guidance],
) -> None:
    calls = hook_calls()
    for name, answer in offering(answered):
        context = calls[name]["context"]
        for resource in (action["resource"] for action in actions(answer) if action["type"] == "create"):
            assert (resource["status"], resource["intent"]) == ("draft", "order")
            assert resource["subject"]["reference"] == f"Patient/{context['patientId']}"
            assert resource["encounter"]["reference"] == f"Encounter/{context['encounterId']}"
            assert resource["reasonCode"][0]["text"]
            assert not {"requester", "authoredOn", "id"} & resource.keys()


def test_every_code_of_a_new_order_is_of_our_value_sets(answered: dict[str, Guidance], parts: Parts) -> None:
    ours = {(code.system, code.code) for codes in parts.knowledge.value_sets.sets.values() for code in codes}
    seen = set()
    for _, answer in offering(answered):
        for resource in (action["resource"] for action in actions(answer) if action["type"] == "create"):
            seen |= set(_codings(resource))
    assert seen
    assert seen <= ours


def test_only_what_no_public_code_says_is_ordered_in_words(answered: dict[str, Guidance]) -> None:
    wordy = set()
    for _, answer in offering(answered):
        for resource in (action["resource"] for action in actions(answer) if action["type"] == "create"):
            if resource["resourceType"] == "ServiceRequest" and not list(_codings(resource)):
                wordy.add(resource["code"]["text"].partition(" ")[0])
    assert wordy == {"Measurable", "Supervision"}


def _codings(value: Any) -> Iterator[tuple[str, str]]:
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _codings(each)
    if isinstance(value, dict):
        yield from ((coding["system"], coding["code"]) for coding in value.get("coding", ()))


def test_the_same_call_has_the_same_ids_and_no_two_suggestions_share_one(
    answered: dict[str, Guidance], parts: Parts
) -> None:
    name = "order-sign--suggestion-nothing-measured-yet"
    again = json.loads(dump_json(advised(hook_calls()[name], parts).response))
    first = dict(offering(answered))[name]
    assert again == first
    ids = [suggestion["uuid"] for each in buttons(first).values() for suggestion in each]
    assert len(set(ids)) == len(ids) > 2


def test_no_two_actions_of_an_answer_make_or_change_the_same_thing(answered: dict[str, Guidance]) -> None:
    for name, answer in offering(answered):
        made = [json.dumps(_about(action["resource"])) for action in actions(answer)]
        assert len(set(made)) == len(made), name


def _about(resource: Json) -> Any:
    return (
        resource.get("id")
        or resource.get("code")
        or [resource["medicationCodeableConcept"], resource["dosageInstruction"]]
    )


def test_only_one_of_several_on_a_card_is_recommended_and_a_lone_one_says_nothing(
    answered: dict[str, Guidance],
) -> None:
    for _, answer in offering(answered):
        for card in answer["cards"]:
            said = [each.get("isRecommended") for each in card.get("suggestions", ())]
            assert said in ([], [None]) or (said[0] is True and set(said[1:]) == {False})
            assert ("selectionBehavior" in card) == bool(said)


def test_no_update_raises_a_dose_on_any_day(answered: dict[str, Guidance]) -> None:
    changed = 0
    for guidance in answered.values():
        for document in guidance.assessments:
            offer = document["offers"]["dose"]
            for step in offer["steps"] if offer else ():
                ordered = [
                    each["value"]
                    for each in document["dose"]["ordered_mcg_per_day"]
                    if int(re.findall(r"\d+", each["days"])[0]) <= step["first_day"]
                ]
                assert step["mcg_per_day"] <= ordered[-1]
                changed += step["changed"]
    assert changed


def test_every_link_of_every_answer_comes_from_the_knowledge_files_or_the_settings(
    answered: dict[str, Guidance], parts: Parts
) -> None:
    known = {policy.url for policy in parts.knowledge.policies} | {label.url for label in parts.knowledge.labels}
    pages = (parts.settings.form_url,) if parts.settings.form_url else ()
    links = {
        url
        for guidance in answered.values()
        for card in guidance.response["cards"]
        for url in (*(link["url"] for link in card.get("links", ())), card["source"].get("url"))
        if url
    }
    assert links & known
    assert all(url.startswith("https://") for url in links)
    assert {url for url in links if url not in known and not url.startswith(pages)} == set()


def test_every_override_reason_is_one_of_hl7s_with_its_own_display(answered: dict[str, Guidance], parts: Parts) -> None:
    ours = {(code.system, code.code, code.display) for code in parts.knowledge.value_sets.sets["override-reason"]}
    for template in parts.templates.by_id.values():
        for reason in template.override_reasons:
            assert (reason.system, reason.code, reason.display) in ours, template.id
    offered = [card for guidance in answered.values() for card in guidance.response["cards"] if card.get("suggestions")]
    assert all(card["overrideReasons"] for card in offered), "what is offered can be set aside with a reason"


# --- what a tired reader could take wrongly ---------------------------------------------------------------------------


def described(answer: Json) -> Iterator[tuple[str, Json]]:
    """Label of the suggestion, action."""
    for several in buttons(answer).values():
        for suggestion in several:
            yield from ((suggestion["label"], action) for action in suggestion["actions"])


def test_a_button_says_that_it_drafts_and_never_that_it_orders(answered: dict[str, Guidance]) -> None:
    for name, answer in offering(answered):
        for label, action in described(answer):
            verb = {"create": "Draft ", "update": "Change "}[action["type"]]
            assert label.startswith(verb), (name, label)


def test_an_order_without_a_frequency_says_that_it_is_to_be_set(answered: dict[str, Guidance]) -> None:
    seen = set()
    for _, answer in offering(answered):
        for label, action in described(answer):
            if not label.startswith("Draft orders for checks"):
                continue
            once = action["resource"]["code"]["coding"][0]["code"] == "2118-8"
            timed = "occurrenceTiming" in action["resource"]
            words = "before the infusion starts" if once else "times a day" if timed else "set it before signing"
            assert words in action["description"]
            seen.add(words)
    assert seen == {"before the infusion starts", "set it before signing"}


def test_two_doses_of_premedication_are_told_as_two_and_an_open_route_as_a_choice(
    answered: dict[str, Guidance],
) -> None:
    both = 0
    for _, answer in offering(answered):
        for label, action in described(answer):
            if action["resource"]["resourceType"] != "MedicationRequest" or action["type"] == "update":
                continue
            (dosage,) = action["resource"]["dosageInstruction"]
            assert label.count("once before") == dosage["text"].count("one dose") >= 1
            for said in (label, dosage["text"], action["description"]):
                assert ("(choose one)" in said) == ("coding" not in dosage["route"])
            both += label.count("once before") == 2
    assert both


def test_a_changed_dose_names_bag_and_pump(parts: Parts) -> None:
    answer = advised(hook_calls()["order-sign--suggestion-rr-missing-step-adult"], parts).response
    ((label, update),) = [found for found in described(answer) if found[1]["type"] == "update"]
    assert label == "Change the order to 9 mcg/day on order days 1-7, then 28 mcg/day on order days 8-28"
    assert "bag and pump rate" in update["description"]


def test_every_card_that_offers_to_draft_an_order_can_be_set_aside_as_done_already(
    answered: dict[str, Guidance],
) -> None:
    seen = set()
    for name, answer in offering(answered):
        for card in answer["cards"]:
            made = {action["type"] for each in card.get("suggestions", ()) for action in each["actions"]}
            if "create" in made:
                seen.add(card["source"]["topic"]["code"])
                assert "action-completed" in {reason["code"] for reason in card["overrideReasons"]}, name
    assert len(seen) == 5


MISTAKES = {
    "a name that is not filled in": ("{doses}", "{dosis}", "unknown name: dosis"),
    "a part that is missing": (
        'reason = "Blinatumomab: no usable',
        'cause = "Blinatumomab: no usable',
        "must have",
    ),
    "a kind that nobody makes": ("[measures]", "[remedies]", "unknown here"),
    "a thing a card never says": ("Change the order to", "Correct dose:", "never says"),
    "TOML that cannot be read": ("[tests]", "[tests", "not readable"),
    "an order without a name": ('name = "GGT"', 'title = "GGT"', "must have a name"),
    "a concept without codes": ('concept = "lab.ggt"', 'concept = "lab.gamma"', "has no code"),
    "a code of another concept": ('code = "2118-8"', 'code = "2823-3"', "has no code 2823-3"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_the_words_of_the_buttons_stops_start_up(name: str, parts: Parts, tmp_path: Path) -> None:
    right, wrong, says = MISTAKES[name]
    text = (files("cards") / FILE).read_text(encoding="utf-8")
    assert right in text
    (tmp_path / FILE).write_text(text.replace(right, wrong, 1), encoding="utf-8")

    with pytest.raises(KnowledgeError, match=says):
        load_maker(parts.knowledge.value_sets, (), load_words(tmp_path))
