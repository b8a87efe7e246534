"""The gallery is what the templates say now, shows every template, and never says what a card never says."""

from __future__ import annotations

import json
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from cards import Templates, load_templates
from cards.never import forbidden
from cds_service.commands.gallery import stale_examples
from cds_service.parts import Parts
from cds_service.present.gallery import gallery_folder, outdated, pages, refresh
from cds_service.present.suggestions.words import FILE, KINDS

CARDS = Path(str(files("cards")))
GALLERY = CARDS / "gallery"
CRITICAL = {
    "dose--child-30kg-flat-28-mcg-mrd-positive": "above every row for her weight",
    "dose--dose-28-mg-unit-slip": "a thousand times the row",
    "dose--dose-rr-missing-step-adult": "a missing step",
    "dose--suggestion-rr-missing-step-adult": "a missing step",
    "dose--suggestion-child-30kg-flat-28-mcg": "above every row for her weight",
    "dose--suggestion-held-back-by-active-crs": "a missing step",
    "dose--suggestion-held-back-by-stale-weight": "above every row for her weight",
    "dose--toxicity-neurotoxicity-8-days-to-resolve-discontinue": "a stop rule",
    "safety--safety-allergy-to-blinatumomab": "the contraindication",
    "safety-outlook--early--safety-allergy-to-blinatumomab": "the contraindication",
}


@pytest.fixture(scope="module")
def templates() -> Templates:
    return load_templates()


@pytest.fixture(scope="module")
def made(templates: Templates, parts: Parts) -> dict[str, str]:
    return pages(templates, gallery_folder(), parts.maker)


def test_the_gallery_is_what_the_templates_say_now(made: dict[str, str]) -> None:
    kept = {
        file.name: file.read_text(encoding="utf-8") for file in GALLERY.iterdir() if file.suffix in (".md", ".json")
    }
    assert kept == made, "refresh it with `blinatumomab-cds cards`"


def test_the_examples_are_what_the_fixtures_come_to_now(parts: Parts) -> None:
    assert [file.name for file in stale_examples(parts)] == [], "refresh them with `blinatumomab-cds cards`"


def test_every_template_has_a_page(templates: Templates) -> None:
    index = tomllib.loads((GALLERY / "index.toml").read_text(encoding="utf-8"))
    assert index.keys() == templates.by_id.keys()
    assert all(index.values())


def test_every_example_is_used() -> None:
    index = tomllib.loads((GALLERY / "index.toml").read_text(encoding="utf-8"))
    examples = {file.stem for file in (GALLERY / "examples").glob("*.json")}
    assert {name for names in index.values() for name in names} == examples


def test_every_page_is_a_card_of_ours_and_says_nothing_forbidden(made: dict[str, str]) -> None:
    schema = Draft202012Validator(json.loads((CARDS / "card.schema.json").read_text(encoding="utf-8")))
    for name, text in made.items():
        assert not forbidden(text), name
        if name.endswith(".json"):
            schema.validate(json.loads(text))


def test_every_critical_card_is_named_with_its_reason(made: dict[str, str]) -> None:
    found = {
        name.removesuffix(".json")
        for name, text in made.items()
        if name.endswith(".json") and json.loads(text)["indicator"] == "critical"
    }
    assert found == CRITICAL.keys()


def test_every_kind_of_button_can_be_read_in_the_gallery(made: dict[str, str]) -> None:
    texts = tomllib.loads((CARDS / FILE).read_text(encoding="utf-8"))
    opening = {kind: parts["label"].partition("{")[0] for kind, parts in texts.items() if kind in KINDS}
    shown = "".join(text for name, text in made.items() if name.endswith(".md") and name != "README.md")
    assert [kind for kind, words in opening.items() if f"- **{words}" not in shown] == []


def test_the_first_line_of_every_page_is_a_decision_not_a_table(made: dict[str, str]) -> None:
    for name, text in made.items():
        if name.endswith(".json"):
            lines = json.loads(text)["detail"].splitlines()
            assert lines[0].startswith("- "), name
            assert not any(line.startswith("|") for line in lines[:3]), name


def test_refresh_writes_what_differs_and_removes_what_is_gone(
    templates: Templates, parts: Parts, tmp_path: Path
) -> None:
    (tmp_path / "examples").mkdir()
    for file in (*GALLERY.glob("examples/*.json"), GALLERY / "index.toml"):
        (tmp_path / file.relative_to(GALLERY)).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "dose--gone.md").write_text("old", encoding="utf-8")

    before = outdated(parts.maker, templates, tmp_path)
    first = refresh(parts.maker, templates, tmp_path)
    assert before == first
    assert "dose--gone.md" in first
    assert not (tmp_path / "dose--gone.md").exists()
    assert outdated(parts.maker, templates, tmp_path) == refresh(parts.maker, templates, tmp_path) == ()
