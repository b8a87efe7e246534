"""The order questions as FHIR: valid by fhir.resources, complete, and served under their canonical paths."""

from __future__ import annotations

from importlib import import_module
from typing import Any
from urllib.parse import quote

import pytest
import simplejson
from flask.testing import FlaskClient

from cds_service.app import create_app
from cds_service.parts import Parts
from cds_service.present.questionnaire import question_resources
from cds_service.settings import Settings

BASE = Settings().canonical_base
QUESTIONNAIRE = ("Questionnaire", "blinatumomab-order-questions")
CODES = ("CodeSystem", "order-answers")
Published = dict[tuple[str, str], dict[str, Any]]


@pytest.fixture(scope="module")
def published(parts: Parts) -> Published:
    return question_resources(parts.knowledge.questions, BASE)


@pytest.fixture(scope="module")
def client(parts: Parts) -> FlaskClient:
    return create_app(parts.settings, parts=parts, open_to_all=True).test_client()


def test_every_resource_is_valid_fhir(published: Published) -> None:
    for (kind, _), resource in published.items():
        model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
        model.model_validate_json(simplejson.dumps(resource, use_decimal=True))


def test_there_is_a_value_set_for_every_coded_question_and_no_other(parts: Parts, published: Published) -> None:
    coded = {f"order-answers-{q.id}" for q in parts.knowledge.questions.questions if q.kind == "coding"}
    assert {key for key in published if key[0] == "ValueSet"} == {("ValueSet", name) for name in coded}
    assert set(published) - {("ValueSet", name) for name in coded} == {QUESTIONNAIRE, CODES}


def test_the_items_are_the_questions_in_the_order_of_asking(parts: Parts, published: Published) -> None:
    items = published[QUESTIONNAIRE]["item"]
    assert [item["linkId"] for item in items] == [question.id for question in parts.knowledge.questions.questions]
    assert {item["type"] for item in items} == {"choice", "boolean", "integer", "decimal", "date", "string"}
    assert not any("answerOption" in item for item in items)


def test_every_value_set_holds_codes_of_our_code_system_only(published: Published) -> None:
    known = {concept["code"]: concept["display"] for concept in published[CODES]["concept"]}
    assert published[CODES]["count"] == len(known)
    for item in published[QUESTIONNAIRE]["item"]:
        if item["type"] != "choice":
            assert "answerValueSet" not in item
            continue
        value_set = published["ValueSet", item["answerValueSet"].rpartition("/")[2]]
        assert value_set["url"] == item["answerValueSet"]
        (included,) = value_set["compose"]["include"]
        assert included["system"] == published[CODES]["url"]
        assert {concept["code"]: concept["display"] for concept in included["concept"]}.items() <= known.items()
        assert [each["code"] for each in value_set["expansion"]["contains"]] == [
            concept["code"] for concept in included["concept"]
        ]


ENABLED = [
    ("response", [("request-type", "=", "continuation")]),
    ("mrd-result", [("mrd-availability", "=", "available")]),
    ("restart-interruption-hours", [("restart-reason", "exists", True)]),
    ("toxicity-grade", [("restart-reason", "=", code) for code in ("crs", "neurotoxicity", "other-toxicity")]),
    ("seizures", [("restart-reason", "=", "neurotoxicity")]),
    ("cycle", []),
]


@pytest.mark.parametrize(("link_id", "conditions"), ENABLED, ids=[name for name, _ in ENABLED])
def test_only_what_matters_is_asked(link_id: str, conditions: list[tuple[Any, ...]], published: Published) -> None:
    item = next(item for item in published[QUESTIONNAIRE]["item"] if item["linkId"] == link_id)
    found = [
        (each["question"], each["operator"], each.get("answerCoding", {}).get("code", each.get("answerBoolean")))
        for each in item.get("enableWhen", ())
    ]
    assert found == conditions
    assert item.get("enableBehavior") == ("any" if len(conditions) > 1 else None)


def test_the_base_is_the_sites_own(parts: Parts) -> None:
    published = question_resources(parts.knowledge.questions, "https://cds.hospital.example/fhir/")
    text = simplejson.dumps(list(published.values()), use_decimal=True)
    assert BASE not in text
    assert published[QUESTIONNAIRE]["url"] == (
        "https://cds.hospital.example/fhir/Questionnaire/blinatumomab-order-questions"
    )


# --- served -----------------------------------------------------------------------------------------------------------


def test_each_resource_is_read_at_its_canonical_path(client: FlaskClient, published: Published) -> None:
    for (kind, resource_id), resource in published.items():
        answer = client.get(f"/fhir/{kind}/{resource_id}")
        assert (answer.status_code, answer.content_type) == (200, "application/fhir+json")
        assert simplejson.loads(answer.data, use_decimal=True) == resource


@pytest.mark.parametrize("version", ["", "|1.0.0"])
def test_each_resource_is_found_by_its_url(client: FlaskClient, published: Published, version: str) -> None:
    url = published[QUESTIONNAIRE]["url"]
    bundle = client.get(f"/fhir/Questionnaire?url={quote(url + version)}").get_json()
    assert (bundle["type"], bundle["total"]) == ("searchset", 1)
    assert bundle["entry"][0]["resource"]["url"] == url


def test_a_search_that_finds_nothing_is_an_empty_bundle(client: FlaskClient) -> None:
    bundle = client.get("/fhir/ValueSet?url=https://example.org/other").get_json()
    assert bundle == {"resourceType": "Bundle", "type": "searchset", "total": 0}


@pytest.mark.parametrize("path", ["/fhir/Questionnaire/other", "/fhir/Patient", "/fhir/Patient/p1"])
def test_what_is_not_there_is_404_with_an_outcome(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.get_json()["resourceType"] == "OperationOutcome"


def test_nothing_can_be_written(client: FlaskClient) -> None:
    assert client.put("/fhir/Questionnaire/blinatumomab-order-questions", json={}).status_code == 405
