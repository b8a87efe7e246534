"""Every fixture call through the whole spine: what it shows, both schemas, no forbidden word, the critical cards."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from cards.never import forbidden
from cds_service.guidance import Guidance
from cds_service.hooks.schemas import RESPONSE, first_error
from cds_service.web.json_body import dump_json
from fhir_fixtures import expectations, hook_calls
from fhir_fixtures.expect import differences

GOLDEN = Path(__file__).parent / "golden"
SCHEMA = Path(__file__).parents[1] / "cds_service/assess/assessment.schema.json"
WHOLE = (
    "order-select--child-30kg-flat-28-mcg-mrd-positive",
    "order-select--record-order-select-without-dose",
    "order-sign--child-30kg-flat-28-mcg-mrd-positive",
    "order-sign--coverage-a-adult-mrd-positive-all-met",
    "order-sign--coverage-b-ii-adult-ph-mrd-negative-contested",
    "order-sign--coverage-c-iv-child-single-agent-after-consolidation",
    "order-sign--coverage-e-infant-interfant-without-kmt2a",
    "order-sign--coverage-edition-before-the-first",
    "order-sign--coverage-ii-responding-paid-by-this-plan",
    "order-sign--coverage-other-payer",
    "order-sign--dose-28-mg-unit-slip",
    "order-sign--dose-rr-missing-step-adult",
    "order-sign--record-every-search-empty",
    "order-sign--record-with-unreadable-entries",
    "order-sign--safety-allergy-to-blinatumomab",
    "order-sign--safety-preserved-bag-infant-of-5-kg",
    "order-sign--suggestion-child-30kg-flat-28-mcg",
    "order-sign--suggestion-nothing-measured-yet",
    "order-sign--suggestion-rr-missing-step-adult",
    "order-sign--toxicity-crs-grade-3-restart-stepped",
    "order-sign--toxicity-graded-by-astct-unknown",
)
"""The calls whose whole answer is kept and reviewed as a diff."""


CALLS = sorted(hook_calls())


@pytest.fixture(scope="session")
def assessment_schema() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("name", CALLS)
def test_the_patient_shows_what_it_is_named_for(name: str, answers: dict[str, Guidance]) -> None:
    expected = expectations()[name.partition("--")[2]]

    assert len(answers[name].assessments) == expected.get("assessments", 1)
    for document in answers[name].assessments[:1]:
        assert differences(document, expected) == []


@pytest.mark.parametrize("name", CALLS)
def test_the_assessment_keeps_its_schema(
    name: str, answers: dict[str, Guidance], assessment_schema: jsonschema.Draft202012Validator
) -> None:
    for document in answers[name].assessments:
        plain = json.loads(dump_json(document))
        assert [f"{error.json_path}: {error.message}" for error in assessment_schema.iter_errors(plain)] == []


@pytest.mark.parametrize("name", CALLS)
def test_the_answer_keeps_the_response_schema_and_says_nothing_it_must_not(
    name: str, answers: dict[str, Guidance]
) -> None:
    response = json.loads(dump_json(answers[name].response))

    assert first_error(RESPONSE, response) is None
    for card in response["cards"]:
        said = [words for _, words, _ in forbidden(card["summary"] + "\n" + card.get("detail", ""))]
        assert [words for words in said if not (words == "20 mcg" and "20-mcg" in name)] == []


@pytest.mark.parametrize("name", WHOLE)
def test_the_whole_answer_is_the_reviewed_one(
    name: str, answers: dict[str, Guidance], request: pytest.FixtureRequest
) -> None:
    file = GOLDEN / f"{name}.json"
    found = json.dumps(json.loads(dump_json(answers[name].response)), indent=1, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-golden"):
        file.write_text(found, encoding="utf-8")

    assert found == file.read_text(encoding="utf-8"), "refresh with --update-golden and review the diff"


def test_every_critical_card_is_listed_by_name(answers: dict[str, Guidance], request: pytest.FixtureRequest) -> None:
    file = GOLDEN / "critical-cards.txt"
    lines = [
        f"{name}: {card['summary']}"
        for name, guidance in sorted(answers.items())
        for card in guidance.response["cards"]
        if card["indicator"] == "critical"
    ]
    if request.config.getoption("--update-golden"):
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert lines == file.read_text(encoding="utf-8").splitlines()


def test_order_select_never_complains_about_an_absent_dose(answers: dict[str, Guidance]) -> None:
    cards = answers["order-select--record-order-select-without-dose"].response["cards"]

    assert cards
    assert {card["indicator"] for card in cards} == {"info"}


def test_another_payers_patient_gets_no_coverage_verdict(answers: dict[str, Guidance]) -> None:
    guidance = answers["order-sign--coverage-other-payer"]

    assert all(policy["overall"] is None for policy in guidance.assessments[0]["policies"])
    assert not any("criteria" in card["summary"] for card in guidance.response["cards"])
    assert guidance.response["cards"], "dose and safety are still judged"
