"""Every link on a card leads somewhere: to the form, to our page on the policy edition, or to the label."""

from __future__ import annotations

import json
import re
from io import StringIO
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from rich.console import Console

from cds_service.app import create_app, running
from cds_service.commands.linking import addresses, check_links
from cds_service.harness import page_at
from cds_service.parts import Parts, load_parts
from cds_service.settings import Settings
from fhir_fixtures import hook_calls
from tests.hook_builders import SIGN_URL

PUBLIC = "https://cds.example.org/blina"
CURRENT, PREVIOUS = "/policies/LA.PHAR.312/2025-09-05", "/policies/LA.PHAR.312/2025-02-20"


@pytest.fixture(scope="module")
def linked() -> Parts:
    return load_parts(Settings(public_url=PUBLIC))


@pytest.fixture(scope="module")
def client(linked: Parts) -> FlaskClient:
    return create_app(linked.settings, parts=linked, open_to_all=True).test_client()


def page(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def links(cards: list[dict[str, Any]]) -> set[str]:
    found = {link["url"] for card in cards for link in card.get("links", ())}
    return found | {card["source"]["url"] for card in cards if "url" in card["source"]}


@pytest.mark.parametrize("name", sorted(name for name in hook_calls() if name.startswith("order-sign--coverage")))
def test_no_link_of_ours_on_any_card_is_dead(name: str, client: FlaskClient, linked: Parts) -> None:
    body = json.dumps(hook_calls()[name], default=str)
    found = links(client.post(SIGN_URL, data=body, content_type="application/json").get_json()["cards"])
    labels = {label.url for label in linked.knowledge.labels}
    for url in found - labels:
        assert url.startswith(f"{PUBLIC}/")
        assert client.get(url.removeprefix(PUBLIC)).status_code == 200, urlsplit(url).path


def test_a_coverage_card_links_the_edition_it_judged_by(client: FlaskClient) -> None:
    body = json.dumps(hook_calls()["order-sign--child-30kg-flat-28-mcg-mrd-positive"], default=str)
    cards = client.post(SIGN_URL, data=body, content_type="application/json").get_json()["cards"]
    (coverage,) = [card for card in cards if "criteria of LA.PHAR.312" in card["summary"]]
    assert coverage["source"]["url"] == PUBLIC + CURRENT
    assert {"label": "Policy LA.PHAR.312", "url": PUBLIC + CURRENT, "type": "absolute"} in coverage["links"]


def test_without_a_public_address_no_card_links_a_policy(parts: Parts) -> None:
    assert parts.settings.public_url == ""
    assert {policy.url for policy in parts.knowledge.policies} == {""}


def test_every_paragraph_has_its_place_in_our_words(client: FlaskClient, linked: Parts) -> None:
    for policy in linked.knowledge.policies:
        text = page(client, f"/policies/{policy.id}/{policy.version}")
        for paragraph in policy.paragraph:
            assert f'id="{paragraph.id}"' in text
            assert str(escape(paragraph.says)) in text


def test_every_place_that_a_page_points_to_is_on_it(client: FlaskClient) -> None:
    for path in (CURRENT, PREVIOUS):
        text = page(client, path)
        places = set(re.findall(r'id="([^"]+)"', text))
        assert set(re.findall(r'href="#([^"]+)"', text)) <= places
        for relative in re.findall(r'(?:href|src)="(\.\./[^"]+)"', text):
            assert client.get(f"/{relative.removeprefix('../../')}").status_code == 200, relative


def test_the_page_says_whose_words_it_has_and_what_is_contested(client: FlaskClient) -> None:
    text = page(client, CURRENT)
    assert "in our own words" in text
    assert "LDH approval of this review is not shown" in text
    assert 'href="#I.A.4.b.ii"' in text
    assert "LDH approval 2025-05-19" in page(client, PREVIOUS)


def test_a_policy_without_an_edition_leads_to_the_newest(client: FlaskClient) -> None:
    answer = client.get("/policies/LA.PHAR.312")
    assert (answer.status_code, answer.headers["Location"]) == (302, "LA.PHAR.312/2025-09-05")
    assert urljoin("/policies/LA.PHAR.312", answer.headers["Location"]) == CURRENT


@pytest.mark.parametrize("path", ["/policies/LA.PHAR.1", "/policies/LA.PHAR.312/2024-01-01", "/policies/x/<script>"])
def test_any_other_address_is_not_found(path: str, client: FlaskClient) -> None:
    assert client.get(path).status_code == 404


def test_the_page_may_load_only_what_is_its_own(client: FlaskClient) -> None:
    assert "script-src 'self'" in client.get(CURRENT).headers["Content-Security-Policy"]


def test_an_edition_held_back_keeps_its_page_and_gets_no_link() -> None:
    held = load_parts(Settings(public_url=PUBLIC, policy_editions_held_back=("LA.PHAR.312 2025-09-05",)))
    client = create_app(held.settings, parts=held, open_to_all=True).test_client()
    assert client.get(CURRENT).status_code == 200
    assert [policy.url for policy in held.knowledge.policies] == [PUBLIC + PREVIOUS]


def test_check_tells_a_dead_link_from_a_living_one(linked: Parts) -> None:
    app = create_app(linked.settings, parts=linked, open_to_all=True)
    with running(app) as base:
        found = {"living": base + CURRENT, "dead": f"{base}/policies/gone", "unreachable": "http://127.0.0.1:9/"}
        assert [page_at(address)[0] for address in found.values()] == [True, False, False]
        told = StringIO()
        assert not check_links(found, Console(file=told, width=200))
    assert "404 NOT FOUND" in told.getvalue()
    assert "not reached: ConnectionError" in told.getvalue()


def test_check_asks_every_address_of_the_data(linked: Parts) -> None:
    knowledge = linked.knowledge
    assert set(addresses(knowledge).values()) == {label.url for label in knowledge.labels} | {
        policy.url for policy in knowledge.policies
    }
