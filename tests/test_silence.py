"""Silent mode: what is decided and recorded is not shown, exactly as the setting says, and nothing of it is lost."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from pydantic import ValidationError

from cds_service.__main__ import main
from cds_service.app import create_app
from cds_service.errors import SettingsError
from cds_service.guidance import Guidance
from cds_service.hooks.services import services
from cds_service.journal import Journal
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.silence import HOOKS, TOPICS, Silence
from cds_service.store import Decision, Store
from fhir_fixtures import hook_calls
from tests.hook_builders import SELECT_URL, SIGN_URL

CHILD = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
SELECT = next(name for name in sorted(hook_calls()) if name.startswith("order-select--child"))


# --- the setting ------------------------------------------------------------------------------------------------------


def test_the_names_are_those_of_the_services_and_the_templates(parts: Parts) -> None:
    assert sorted(service.hook for service in services("https://example.org")) == sorted(HOOKS)
    assert {template.topic for template in parts.templates.by_id.values()} == set(TOPICS)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("", {}),
        ("*", {"order-select": ["*"], "order-sign": ["*"]}),
        ("order-select", {"order-select": ["*"]}),
        ("order-sign:coverage", {"order-sign": ["coverage"]}),
        ("*:coverage", {"order-select": ["coverage"], "order-sign": ["coverage"]}),
        (
            "order-select, order-sign:coverage order-sign:safety",
            {"order-select": ["*"], "order-sign": ["coverage", "safety"]},
        ),
        ('["order-select","order-sign:dose"]', {"order-select": ["*"], "order-sign": ["dose"]}),
        ("order-sign:*", {"order-sign": ["*"]}),
        ("*, order-sign:dose", {"order-select": ["*"], "order-sign": ["*"]}),
    ],
)
def test_a_setting_is_read_as_an_operator_writes_it(
    setting: str, told: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLINATUMOMAB_CDS_SILENT", setting)
    silence = Silence.of(Settings().silent)
    assert silence.told() == told
    assert bool(silence) is bool(told)


@pytest.mark.parametrize(
    ("setting", "unknown"),
    [
        ("order-sing", "order-sing"),
        ("order-sign:covrage", "order-sign:covrage"),
        ("coverage", "coverage"),
        ("order-sign:", "order-sign:"),
        ("all", "all"),
        ("order-select, order-sing, *:doses", "order-sing, *:doses"),
        ("ORDER-SIGN", "ORDER-SIGN"),
    ],
)
def test_a_name_that_is_not_known_is_a_mistake_and_never_a_card_shown(setting: str, unknown: str) -> None:
    with pytest.raises(ValidationError, match=rf"not known: {unknown.replace('*', chr(92) + '*')}\. Write"):
        Settings(silent=setting)


def test_silent_mode_without_a_database_is_refused_since_it_would_lose_everything(parts: Parts) -> None:
    with pytest.raises(ValidationError, match="needs a database"):
        Settings(silent="*", database="none")
    with pytest.raises(SettingsError, match="needs a database"):
        create_app(Settings(silent="*"), parts=parts, open_to_all=True)
    assert Settings(database="none").silent == ""


def test_serve_tells_such_mistakes_with_all_others_and_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"SILENT": "order-sing", "LOG_FORMAT": "xml", "METRICS_ADDRESS": "9464"}.items():
        monkeypatch.setenv(f"BLINATUMOMAB_CDS_{name}", value)
    found = CliRunner().invoke(main, ["serve", "--open", "--port", "0"])
    assert found.exit_code == 2
    for told in (
        "BLINATUMOMAB_CDS_SILENT: ",
        "order-sing",
        "BLINATUMOMAB_CDS_LOG_FORMAT: ",
        "BLINATUMOMAB_CDS_METRICS_ADDRESS: ",
    ):
        assert told in found.output


# --- answers ----------------------------------------------------------------------------------------------------------


@contextmanager
def serving(database: str, parts: Parts, **settings: Any) -> Iterator[tuple[FlaskClient, Store]]:
    """The app with a journal in this database; what it handed over is written when the block ends."""
    chosen = Settings(**settings)
    with closing(Store(database)) as reader:
        journal = Journal(Store(database), chosen, parts)
        app = create_app(chosen, parts=parts, open_to_all=True, journal=journal, today=lambda: date(2025, 10, 1))
        try:
            yield app.test_client(), reader
        finally:
            journal.close()


def sent(client: FlaskClient, name: str) -> dict[str, Any]:
    body = copy.deepcopy(hook_calls()[name])
    answer = client.post(
        SIGN_URL if body["hook"] == "order-sign" else SELECT_URL,
        data=json.dumps(body, default=str),
        content_type="application/json",
    )
    assert answer.status_code == 200
    found: dict[str, Any] = answer.get_json()
    return found


def recorded(store: Store) -> Decision:
    (found,) = store.decisions()
    return found


def topics(decision: Decision, *, shown: bool) -> list[str]:
    return [card.topic for card in decision.cards if card.shown is shown]


@pytest.mark.parametrize(
    ("setting", "name", "withheld"),
    [
        ("", CHILD, set()),
        ("order-sign:coverage", CHILD, {"coverage"}),
        ("*:coverage, order-sign:dose", CHILD, {"coverage", "dose"}),
        ("order-select", CHILD, set()),
        ("order-sign", CHILD, set(TOPICS)),
        ("*", CHILD, set(TOPICS)),
        ("order-sign", SELECT, set()),
        ("order-select:dose", SELECT, {"dose"}),
        ("*", SELECT, set(TOPICS)),
    ],
)
def test_the_cards_that_are_not_silent_are_shown_and_all_are_recorded(
    setting: str, name: str, withheld: set[str], tmp_path: Path, parts: Parts
) -> None:
    with serving(str(tmp_path / "loud.sqlite3"), parts) as (client, store):
        everything = sent(client, name)["cards"]
    with serving(str(tmp_path / "s.sqlite3"), parts, silent=setting) as (client, store):
        body = sent(client, name)
    with closing(Store(str(tmp_path / "s.sqlite3"))) as store:
        kept = recorded(store)
    assert everything
    assert [card.uuid for card in kept.cards] == [card["uuid"] for card in everything]
    assert set(topics(kept, shown=False)) <= withheld
    assert not set(topics(kept, shown=True)) & withheld
    shown = [card.uuid for card in kept.cards if card.shown]
    assert body["cards"] == [card for card in everything if card["uuid"] in shown]
    assert list(body["extension"].values()) == [kept.id]


def test_a_card_of_a_kind_nobody_named_is_withheld_where_all_of_its_hook_are() -> None:
    cards = [{"source": {"topic": {"code": "unheard-of"}}}, {"source": {}}]
    assert Silence.of("order-sign").withheld("order-sign", cards, {}) == {0, 1}
    assert Silence.of("order-sign:dose").withheld("order-sign", cards, {}) == set()
    assert Silence.of("*").withheld("order-select", cards, {}) == {0, 1}


def test_a_call_about_another_drug_is_answered_as_ever(tmp_path: Path, parts: Parts) -> None:
    settings = Settings(silent="*")
    journal = Journal(Store(str(tmp_path / "s.sqlite3")), settings, parts)
    nothing = Guidance((), {"cards": []})
    app = create_app(settings, advise=lambda *_: nothing, open_to_all=True, journal=journal)
    assert sent(app.test_client(), CHILD) == {"cards": []}
    journal.close()


def test_feedback_on_a_withheld_card_is_unmatched_and_on_a_shown_one_is_not(database: str, parts: Parts) -> None:
    with serving(database, parts, silent="order-sign:coverage") as (client, store):
        sent(client, CHILD)
    with closing(Store(database)) as store:
        kept = recorded(store)
    hidden = next(card.uuid for card in kept.cards if not card.shown)
    seen = next(card.uuid for card in kept.cards if card.shown)
    with serving(database, parts, silent="order-sign:coverage") as (client, store):
        for card in (hidden, seen):
            entry = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:05:31Z"}
            assert client.post(f"{SIGN_URL}/feedback", json={"feedback": [entry]}).status_code == 200
        assert {entry.card: known for entry, known in store.feedback()} == {hidden: False, seen: True}
        page = client.get("/metrics").get_data(as_text=True)
    assert "blinatumomab_cds_feedback_unmatched_total 1.0" in page
    found = CliRunner().invoke(main, ["report", "--database", database, "--format", "json"])
    told = json.loads(found.output)
    assert told["feedback"]["unmatched"] == 1
    by_topic = {card["topic"]: card for card in told["cards"]}
    assert (by_topic["coverage"]["shown"], by_topic["coverage"]["silent"], by_topic["coverage"]["overridden"]) == (
        0,
        1,
        0,
    )
    assert sum(card["overridden"] for card in told["cards"]) == 1


# --- the report -------------------------------------------------------------------------------------------------------


def test_the_report_says_what_would_have_been_shown_to_whom_and_how_often(database: str, parts: Parts) -> None:
    with serving(database, parts, silent="order-sign") as (client, _):
        for _ in range(2):
            sent(client, CHILD)
        sent(client, SELECT)
    found = json.loads(CliRunner().invoke(main, ["report", "--database", database, "--format", "json"]).output)
    silent = found["silent"]
    assert (silent["answers"], silent["patients"], silent["users"]) == (2, 1, 1)
    dose = next(row for row in silent["cards"] if row["topic"] == "dose")
    assert (dose["hook"], dose["cards"], dose["critical"]) == ("order-sign", 2, 2)
    assert [row["answers"] for row in silent["by_client"]] == [2]
    (user,) = silent["by_user"]
    assert user["answers"] == 2
    assert len(user["user"]) == 12
    assert user["user"] not in json.dumps(hook_calls()[CHILD], default=str)
    for form, words in (("text", "would have been shown"), ("html", "Silent mode: what would have been shown")):
        told = CliRunner().invoke(main, ["report", "--database", database, "--format", form])
        assert told.exit_code == 0
        assert words in " ".join(told.output.split())


def test_a_report_of_a_service_that_shows_everything_does_not_speak_of_silence(tmp_path: Path, parts: Parts) -> None:
    database = str(tmp_path / "s.sqlite3")
    with serving(database, parts) as (client, _):
        sent(client, CHILD)
    for form in ("text", "html"):
        assert (
            "Silent mode" not in CliRunner().invoke(main, ["report", "--database", database, "--format", form]).output
        )
