"""Our own JSON Schemas: what we emit is held to sections B and G to M of the conformance list, member by member."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cds_service.hooks.schemas import DISCOVERY, FEEDBACK, REQUEST, RESPONSE, all_errors, first_error, path_text
from cds_service.hooks.services import discovery, services
from tests.hook_builders import MISSING, changed, draft

UUID = "9368d37b-283f-44a0-93ea-547cebab93ed"
CARD: dict[str, Any] = {
    "uuid": UUID,
    "summary": "Blinatumomab 28 mcg/day is 1.9 times the label dose",
    "detail": "Under 45 kg the label doses by area: < 45 kg, **15 mcg/m²/day** and \\<script> is text.",
    "indicator": "critical",
    "source": {
        "label": "Label, section 2.2",
        "url": "https://example.org/label",
        "topic": {"code": "dose", "system": "https://example.org/topics", "display": "Dose"},
    },
    "suggestions": [
        {
            "label": "Change to 14.8 mcg/day",
            "uuid": UUID,
            "isRecommended": True,
            "actions": [
                {"type": "update", "description": "Change", "resource": draft()},
                {"type": "create", "description": "Add", "resource": draft(None)},
                {"type": "delete", "description": "Remove", "resourceId": "MedicationRequest/rx-1"},
            ],
        }
    ],
    "selectionBehavior": "at-most-one",
    "overrideReasons": [{"code": "a", "system": "https://example.org/r", "display": "A"}],
    "links": [
        {"label": "Label", "url": "https://example.org/label", "type": "absolute"},
        {"label": "App", "url": "https://example.org/launch", "type": "smart", "appContext": "{}"},
    ],
    "extension": {"org.example.x": {"y": 1}},
}
ANSWER = {"cards": [CARD]}


@pytest.mark.parametrize("validator", [REQUEST, RESPONSE, FEEDBACK, DISCOVERY])
def test_every_schema_is_a_schema(validator: Draft202012Validator) -> None:
    Draft202012Validator.check_schema(validator.schema)


@pytest.mark.parametrize("answer", [ANSWER, {"cards": []}, {"cards": [], "extension": {"org.example": 1}}])
def test_a_good_answer_fits(answer: dict[str, Any]) -> None:
    assert all_errors(RESPONSE, answer) == ()


BAD_ANSWERS = [
    ("G-01", "cards", MISSING),
    ("G-07", "systemActions", []),
    ("A-07", "extension", {}),
    ("H-01", "cards.0.uuid", MISSING),
    ("H-01", "cards.0.uuid", "card-1"),
    ("H-02", "cards.0.summary", MISSING),
    ("H-02", "cards.0.summary", "x" * 140),
    ("H-02", "cards.0.summary", "two\nlines"),
    ("A-07", "cards.0.summary", ""),
    ("A-06", "cards.0.detail", None),
    ("A-07", "cards.0.detail", ""),
    ("H-05", "cards.0.detail", "<b>bold</b>"),
    ("H-05", "cards.0.detail", "a <img src=x onerror=y>"),
    ("H-07", "cards.0.indicator", MISSING),
    ("H-07", "cards.0.indicator", "hard-stop"),
    ("H-08", "cards.0.source", MISSING),
    ("I-01", "cards.0.source.label", MISSING),
    ("I-03", "cards.0.source.url", "label.html"),
    ("A-08", "cards.0.source.url", None),
    ("I-07", "cards.0.source.topic.system", MISSING),
    ("I-07", "cards.0.source.topic.code", MISSING),
    ("H-10", "cards.0.selectionBehavior", MISSING),
    ("H-11", "cards.0.selectionBehavior", "all"),
    ("1.3.1", "cards.0.selectionBehavior", "any"),
    ("A-08", "cards.0.suggestions", []),
    ("H-09", "cards.0.suggestions", MISSING),
    ("H-12", "cards.0.priority", 1),
    ("J-01", "cards.0.suggestions.0.label", MISSING),
    ("J-02", "cards.0.suggestions.0.uuid", MISSING),
    ("J-03", "cards.0.suggestions.0.isRecommended", "yes"),
    ("J-05", "cards.0.suggestions.0.actions", []),
    ("J-08", "cards.0.suggestions.0.actionSelectionBehavior", "any"),
    ("K-01", "cards.0.suggestions.0.actions.0.type", "UPDATE"),
    ("K-02", "cards.0.suggestions.0.actions.0.description", MISSING),
    ("K-04", "cards.0.suggestions.0.actions.0.resource", MISSING),
    ("K-04", "cards.0.suggestions.0.actions.0.resource", "{}"),
    ("K-12", "cards.0.suggestions.0.actions.0.resource.id", MISSING),
    ("K-03", "cards.0.suggestions.0.actions.1.resource", MISSING),
    ("A-06", "cards.0.suggestions.0.actions.1.resource.note", None),
    ("A-07", "cards.0.suggestions.0.actions.1.resource.note", []),
    ("K-07", "cards.0.suggestions.0.actions.2.resourceId", MISSING),
    ("K-07", "cards.0.suggestions.0.actions.2.resourceId", "rx-1"),
    ("K-08", "cards.0.suggestions.0.actions.2.resource", "MedicationRequest/rx-1"),
    ("A-08", "cards.0.overrideReasons", []),
    ("L-02", "cards.0.overrideReasons.0.display", MISSING),
    ("L-02", "cards.0.overrideReasons.0.system", MISSING),
    ("A-08", "cards.0.links", []),
    ("M-01", "cards.0.links.0.type", MISSING),
    ("M-01", "cards.0.links.0.label", MISSING),
    ("M-02", "cards.0.links.0.type", "web"),
    ("M-03", "cards.0.links.0.url", "/label"),
    ("M-08", "cards.0.links.0.url", "http://example.org"),
    ("M-05", "cards.0.links.0.appContext", "x"),
    ("M-07", "cards.0.links.1.autolaunchable", True),
    ("P-01", "cards.0.extension", [{"url": "x"}]),
    ("A-06", "cards.0.extension", {"org.example": {"y": None}}),
]


@pytest.mark.parametrize(("rule", "path", "value"), BAD_ANSWERS)
def test_an_answer_that_breaks_a_rule_does_not_fit(rule: str, path: str, value: object) -> None:
    assert all_errors(RESPONSE, changed(ANSWER, path, value)), rule


def test_a_summary_of_139_characters_fits_and_one_more_does_not() -> None:
    assert not all_errors(RESPONSE, changed(ANSWER, "cards.0.summary", "µ" * 139))
    assert all_errors(RESPONSE, changed(ANSWER, "cards.0.summary", "µ" * 140))


def test_an_update_may_echo_what_the_caller_left_empty() -> None:
    assert not all_errors(RESPONSE, changed(ANSWER, "cards.0.suggestions.0.actions.0.resource.note", [None, ""]))


def test_our_discovery_document_fits() -> None:
    assert all_errors(DISCOVERY, discovery(services("https://site.example.org/fhir"))) == ()


@pytest.mark.parametrize(
    "template",
    [
        "https://ehr.example.org/Patient/1",
        "Practitioner/{{context.userId}}",
        "Patient/{{context.draftOrders}}",
        "Patient/{{userPatientId}}",
        "MedicationRequest/{{context.selections}}",
        "Observation?patient={{context.patientId}}&date=ge{{today()}}",
        "Observation?patient={{context.patientId}}&_include=Observation:performer",
        "Observation?patient={{context.patientId}}&_maxresults=5",
        "Observation?patient={{context.patientId}}&code:not=x",
        "Observation?subject.name=x",
        "Patient/{{context.patientId}}/$everything",
        "",
    ],
)
def test_a_template_outside_the_common_subset_does_not_fit(template: str) -> None:
    document = discovery(services("https://site.example.org/fhir"))
    assert all_errors(DISCOVERY, changed(document, "services.1.prefetch.patient", template))


def test_the_first_error_names_the_missing_member() -> None:
    assert first_error(FEEDBACK, {"feedback": [{"card": "c"}]}) == ("feedback[0].outcome", "is missing")


def test_a_path_shows_element_names_and_hides_what_could_be_data() -> None:
    assert path_text(["prefetch", "Jane Roe", "entry", 0, "_birthDate"]) == "prefetch.?.entry[0]._birthDate"
