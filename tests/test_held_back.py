"""Rolling an edition of the policy back: by a setting, the newest ones only, and every card and /health say so."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cds_service.app import create_app
from cds_service.errors import SettingsError
from cds_service.parts import Parts, load_parts
from cds_service.settings import Settings
from fhir_fixtures import hook_calls
from tests.hook_builders import SELECT_URL, SIGN_URL

NEWER, EARLIER = "LA.PHAR.312 2025-09-05", "LA.PHAR.312 2025-02-20"
CALL = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
SAID = "Judged by the review of 2025-02-20: the newer review of 2025-09-05 is on file and held back by a setting"


@pytest.fixture(scope="module")
def rolled_back() -> Parts:
    return load_parts(Settings(policy_editions_held_back=(NEWER,)))


def answer(parts: Parts, url: str = SIGN_URL, name: str = CALL) -> list[dict[str, Any]]:
    app = create_app(Settings(), parts=parts, open_to_all=True, today=lambda: date(2026, 11, 21))
    cards: list[dict[str, Any]] = app.test_client().post(url, json=hook_calls()[name]).get_json()["cards"]
    return cards


def coverage(cards: list[dict[str, Any]]) -> list[str]:
    return [card["detail"] for card in cards if "LA.PHAR.312" in card["summary"]]


def test_the_edition_before_is_judged_and_the_one_held_back_is_not(rolled_back: Parts, parts: Parts) -> None:
    def judged(of: Parts) -> list[str]:
        return [policy.document for policy in of.knowledge.editions("lhcc", "blinatumomab", date(2026, 11, 21))]

    assert judged(parts) == [NEWER, EARLIER]
    assert judged(rolled_back) == [EARLIER]


@pytest.mark.parametrize(
    ("url", "name"),
    [(SIGN_URL, CALL), (SELECT_URL, CALL.replace("sign", "select"))],
    ids=["order-sign", "order-select"],
)
def test_every_coverage_card_says_that_an_edition_is_held_back(rolled_back: Parts, url: str, name: str) -> None:
    details = coverage(answer(rolled_back, url, name))
    assert details
    assert all(SAID in detail for detail in details)


def test_without_the_setting_no_card_speaks_of_it(parts: Parts) -> None:
    details = coverage(answer(parts))
    assert details
    assert not any("held back" in detail for detail in details)


def test_health_tells_what_is_judged_and_what_is_held_back(rolled_back: Parts) -> None:
    app = create_app(Settings(), parts=rolled_back, open_to_all=True)
    told = app.test_client().get("/health").get_json()
    assert [edition["version"] for edition in told["policies"]] == ["2025-02-20"]
    assert told["policies_held_back"] == [{"id": "LA.PHAR.312", "payer": "lhcc", "version": "2025-09-05"}]


def test_an_edition_that_is_held_back_can_still_be_explained(rolled_back: Parts) -> None:
    assert [policy.document for policy in rolled_back.knowledge.on_file] == [EARLIER, NEWER]


@pytest.mark.parametrize(
    ("held_back", "says"),
    [
        (("LA.PHAR.312 2025-09-06",), f"no edition 'LA.PHAR.312 2025-09-06' is on file; there are {EARLIER}, {NEWER}"),
        ((EARLIER,), f"{EARLIER} cannot be held back while a newer edition is judged"),
        ((EARLIER, NEWER), "no edition would be left to judge by"),
    ],
    ids=["misspelt", "the earlier one alone", "both"],
)
def test_what_cannot_be_held_back_stops_the_start(held_back: tuple[str, ...], says: str) -> None:
    with pytest.raises(SettingsError, match="POLICY_EDITIONS_HELD_BACK") as raised:
        load_parts(Settings(policy_editions_held_back=held_back))
    assert says in str(raised.value)
