"""Calls in the shape of known clients, posted to the whole service: each is answered as its table says."""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import fhir_fixtures
from cds_service.app import create_app
from cds_service.hooks.schemas import RESPONSE, first_error
from cds_service.parts import Parts
from cds_service.settings import Settings
from tests.hook_builders import SELECT_URL, SIGN_URL

FOLDER = Path(fhir_fixtures.__file__).parent / "clients"
TABLE = tomllib.loads((FOLDER / "clients.toml").read_text(encoding="utf-8"))
NOTES = (Path(__file__).parents[1] / "docs/ehr-notes.md").read_text(encoding="utf-8")
URLS = {"order-select": SELECT_URL, "order-sign": SIGN_URL}
SPOKEN_TO = sorted(name for name, expected in TABLE.items() if expected.get("cards"))


@pytest.fixture(scope="module")
def client(parts: Parts) -> FlaskClient:
    return create_app(Settings(), parts=parts, open_to_all=True, today=lambda: date(2025, 10, 1)).test_client()


def answered(client: FlaskClient, name: str) -> tuple[int, dict[str, Any]]:
    body = (FOLDER / f"{name}.json").read_bytes()
    response = client.post(URLS[TABLE[name]["to"]], data=body, content_type="application/json")
    found: dict[str, Any] = response.get_json()
    return response.status_code, found


def test_every_call_has_a_row_and_every_client_a_note() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(TABLE)
    for name in TABLE:
        assert f"\n| `{name}` |" in NOTES, name


@pytest.mark.parametrize("name", sorted(TABLE))
def test_a_known_client_is_answered_as_its_table_says(name: str, client: FlaskClient) -> None:
    expected = TABLE[name]
    status, body = answered(client, name)
    assert status == expected["status"]
    if status == 200:
        assert first_error(RESPONSE, body) is None
        assert bool(body["cards"]) is expected["cards"]
    else:
        assert expected["field"] in json.dumps(body)
        assert "cards" not in body


@pytest.mark.parametrize("name", SPOKEN_TO)
def test_every_card_to_a_known_client_names_the_drug(name: str, client: FlaskClient) -> None:
    cards = answered(client, name)[1]["cards"]
    assert any("blinatumomab" in card["summary"].lower() for card in cards)


@pytest.mark.parametrize("name", SPOKEN_TO)
def test_the_same_call_again_is_answered_alike(name: str, client: FlaskClient) -> None:
    assert answered(client, name) == answered(client, name)


@pytest.mark.parametrize(
    ("name", "dose"),
    [
        ("crd-generator-sign", "28"),
        ("older-client-select", "28"),
        ("newer-client-sign", "28"),
    ],
)
def test_the_dose_of_a_known_client_is_on_the_cards(name: str, dose: str, client: FlaskClient) -> None:
    cards = answered(client, name)[1]["cards"]
    assert any(f"{dose} mcg/day" in f"{card['summary']} {card.get('detail', '')}" for card in cards)


def test_an_order_of_dstu2_is_judged_and_the_cards_say_what_to_send(client: FlaskClient) -> None:
    cards = answered(client, "sandbox-on-dstu2")[1]["cards"]
    (record,) = [card for card in cards if "MedicationOrder" in card.get("detail", "")]
    assert record["indicator"] == "warning"
    assert "send a MedicationRequest of FHIR R4" in record["detail"]
    assert len(cards) > 1


def test_pills_are_judged_as_no_dose(client: FlaskClient) -> None:
    cards = answered(client, "sandbox-drug-chosen")[1]["cards"]
    assert {card["indicator"] for card in cards} <= {"info", "warning"}
    assert not any("mcg/day ordered" in card["summary"] for card in cards)
    assert "label dose depends" in cards[0]["summary"]


def test_an_order_whose_drug_cannot_be_told_is_never_silent(client: FlaskClient) -> None:
    (card,) = answered(client, "medication-not-in-the-call-sign")[1]["cards"]
    assert card["indicator"] == "info"
    assert card["summary"] == "Blinatumomab not checked: one order does not say which drug it is for"
    assert "the Medication it refers to is not in the call" in card["detail"]
