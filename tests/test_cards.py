"""A card is what the standard allows, its words are checked at start-up, and nothing put in can act as markup."""

from __future__ import annotations

import json
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cards import (
    Action,
    Card,
    CardError,
    Indicator,
    Link,
    OverrideReason,
    SelectionBehavior,
    Source,
    Suggestion,
    TemplateError,
    Topic,
    load_templates,
    render,
)
from cards.escape import markdown, plain
from cards.never import NEVER, forbidden
from cards.render import Frame

SCHEMA = json.loads((files("cards") / "card.schema.json").read_text(encoding="utf-8"))
TOPIC = Topic("guideline", "http://terminology.hl7.org/CodeSystem/cdshooks-card-type")
SOURCE = Source("US prescribing information", topic=TOPIC)
ORDER = {"resourceType": "MedicationRequest", "id": "1", "dose": Decimal("28.0")}
UUID = "0b0f9c1a-0000-5000-8000-000000000000"


def _card(**changes: Any) -> Card:
    members: dict[str, Any] = {"summary": "A dose", "indicator": Indicator.INFO, "source": SOURCE}
    return Card(**{**members, "detail": "words", "uuid": UUID, **changes})


def test_a_card_leaves_out_what_it_does_not_have() -> None:
    assert Card("A dose", Indicator.INFO, Source("label")).to_json() == {
        "summary": "A dose",
        "indicator": "info",
        "source": {"label": "label"},
    }


def test_a_full_card_meets_its_schema() -> None:
    suggestions = (
        Suggestion("Change", uuid=UUID, is_recommended=False, actions=(Action("update", "Lower the dose", ORDER),)),
        Suggestion("Remove", actions=(Action("delete", "Remove", resource_id="MedicationRequest/1"),)),
    )
    card = _card(
        suggestions=suggestions,
        links=(Link("Policy", "https://example.org/a"), Link("App", "https://example.org/l", "smart", "{}")),
        override_reasons=(OverrideReason("a", "http://example.org", "A"),),
    ).to_json()

    Draft202012Validator(SCHEMA).validate(card)
    assert card["selectionBehavior"] == "at-most-one"
    assert card["suggestions"][0]["isRecommended"] is False
    assert card["suggestions"][0]["actions"][0]["resource"]["dose"] == Decimal("28.0")


@pytest.mark.parametrize("size", [139, 140])
def test_a_summary_has_fewer_than_140_characters(size: int) -> None:
    if size < 140:
        assert len(_card(summary="x" * size).to_json()["summary"]) == size
    else:
        with pytest.raises(CardError, match="fewer than 140"):
            _card(summary="x" * size)


REFUSED: dict[str, tuple[Any, str]] = {
    "summary of two lines": (lambda: _card(summary="a\nb"), "one line"),
    "blank summary": (lambda: _card(summary=" "), "blank"),
    "unknown indicator": (lambda: _card(indicator="hard-stop"), "info, warning or critical"),
    "source without label": (lambda: Source(" "), "source.label"),
    "source over http": (lambda: Source("a", "http://example.org"), "source.url"),
    "relative link": (lambda: Link("a", "/policy"), "links.url"),
    "unknown link type": (lambda: Link("a", "https://example.org", "deep"), "links.type"),
    "appContext on an absolute link": (lambda: Link("a", "https://example.org", app_context="x"), "appContext"),
    "topic without system": (lambda: Topic("a", ""), "topic.system"),
    "override reason without display": (lambda: OverrideReason("a", "http://example.org", ""), "display"),
    "unknown action": (lambda: Action("patch", "x", ORDER), "actions.type"),
    "action without description": (lambda: Action("create", "", ORDER), "description"),
    "delete with a resource": (lambda: Action("delete", "x", ORDER, "MedicationRequest/1"), "resourceId only"),
    "update without a resource": (lambda: Action("update", "x"), "resource only"),
    "two recommended suggestions": (
        lambda: _card(suggestions=(Suggestion("a", is_recommended=True), Suggestion("b", is_recommended=True))),
        "at most one",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_standard_does_not_allow_cannot_be_made(name: str) -> None:
    make, says = REFUSED[name]
    with pytest.raises(CardError, match=says):
        make()


def test_several_suggestions_may_be_recommended_where_any_may_be_taken() -> None:
    both = (Suggestion("a", is_recommended=True), Suggestion("b", is_recommended=True))
    card = _card(suggestions=both, selection_behavior=SelectionBehavior.ANY)
    assert card.to_json()["selectionBehavior"] == "any"


# --- text of others ---------------------------------------------------------------------------------------------------

ESCAPED = {
    "<script>alert(1)</script>": "&lt;script>alert(1)&lt;/script>",
    "< 0.01 %": "< 0.01 %",
    "a | b": "a \\| b",
    "[go](https://evil.example)": "\\[go\\](https: //evil.example)",
    "*bold* and `code`": "\\*bold\\* and \\`code\\`",
    "_a_ but birth_date": "\\_a\\_ but birth_date",
    "# heading": "\\# heading",
    "- item": "\\- item",
    "1. first": "1\\. first",
    "two\nlines\r\n| --- |": "two lines \\| --- \\|",
    "a\u202eb\x00c": "abc",
    "&lt;b&gt;": "&amp;lt;b&amp;gt;",
    "BCR::ABL1, 15 mcg/m²/day (I.A.5.a)": "BCR::ABL1, 15 mcg/m²/day (I.A.5.a)",
    "write to me@evil.example or www.evil.example": "write to me @ evil.example or www .evil.example",
}


@pytest.mark.parametrize("text", ESCAPED)
def test_text_of_others_reads_as_it_stands(text: str) -> None:
    assert markdown(text) == ESCAPED[text]


@given(st.text())
def test_no_text_can_open_a_tag_a_cell_a_link_or_a_line(text: str) -> None:
    shown = markdown(text)
    bare = shown.replace("\\\\", "")
    assert len(shown.splitlines()) <= 1
    assert "://" not in shown
    for mark in "|[]`*~":
        assert mark not in bare.replace(f"\\{mark}", "")
    for opening in ("<a", "</", "<!", "<?", "<A"):
        assert opening not in shown
    assert not any(opening in plain(text) for opening in ("<a", "</", "<!", "\n"))


# --- templates --------------------------------------------------------------------------------------------------------

HEAD = """+++
title = "T"
when = "always"
topic = "dose"
may_be = ["info"]
coding = { system = "http://example.org", code = "x" }
override_reasons = [{ code = "a", display = "A" }]

[names]
drug = "the drug"
+++
"""
WORDS = """{% block summary %}{{ drug }}{% endblock %}
{% block shorter_summary %}short{% endblock %}
{% block detail %}
- {{ drug }}
{% endblock %}
"""


def _written(folder: Path, text: str) -> Path:
    (folder / "card.jinja").write_text(text, encoding="utf-8")
    return folder


def test_our_own_templates_load() -> None:
    templates = load_templates()
    assert {"coverage", "dose", "premedication", "monitoring", "safety", "record"} <= templates.by_id.keys()
    assert all(template.title and template.when and template.names for template in templates.by_id.values())


MISTAKES = {
    "no head": ("words", 1, "must open with"),
    "broken head": (HEAD.replace('"T"', "T") + WORDS, 1, "not readable as TOML"),
    "unknown key": (HEAD.replace("title", "titel", 1) + WORDS, 1, "unknown in the head: titel"),
    "missing key": (HEAD.replace('topic = "dose"\n', "") + WORDS, 1, "missing in the head: topic"),
    "unknown indicator": (HEAD.replace('"info"', '"alarm"') + WORDS, None, "alarm"),
    "missing block": (HEAD + WORDS.replace("shorter_summary", "short"), None, "block missing: shorter_summary"),
    "unclosed block": (HEAD + WORDS.replace("- {{ drug }}", "{% if drug %}"), 16, "endif"),
    "unknown name": (HEAD + WORDS.replace("- {{ drug }}", "- {{ durg }}"), 15, "'durg' is not among the names"),
    "forbidden word": (HEAD + WORDS.replace("- {{ drug }}", "- approved"), 15, "a card never says 'approved'"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_template_stops_start_up_naming_file_and_line(name: str, tmp_path: Path) -> None:
    text, line, says = MISTAKES[name]
    with pytest.raises(TemplateError) as mistake:
        load_templates(_written(tmp_path, text))
    assert mistake.value.file == "card.jinja"
    assert mistake.value.line == line
    assert says in str(mistake.value)


def test_an_empty_folder_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="no templates"):
        load_templates(tmp_path)


def _render(folder: Path, words: str, **values: object) -> Card:
    template = load_templates(_written(folder, HEAD + words))["card"]
    return render(template, values, Frame(Indicator.INFO, "label"))


def test_values_are_escaped_in_the_detail_and_plain_in_the_summary(tmp_path: Path) -> None:
    card = _render(tmp_path, WORDS, drug="<b>*x*</b>")
    assert card.detail == "- &lt;b>\\*x\\*&lt;/b>"
    assert card.summary == "‹b>*x*‹/b>"


def test_a_summary_too_long_gives_way_to_the_shorter_one(tmp_path: Path) -> None:
    assert _render(tmp_path, WORDS, drug="x" * 139).summary == "x" * 139
    assert _render(tmp_path, WORDS, drug="x" * 140).summary == "short"


def test_two_summaries_too_long_are_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="both summaries"):
        _render(tmp_path, WORDS.replace("short{%", "{{ drug }}{%"), drug="x" * 140)


@pytest.mark.parametrize("value", [None, True, Decimal("14.81"), 14.81])
def test_a_number_without_unit_or_an_absence_never_reaches_a_card(tmp_path: Path, value: object) -> None:
    with pytest.raises(TypeError, match="reached the words"):
        _render(tmp_path, WORDS, drug=value)


def test_a_card_may_not_be_graver_than_its_template_says(tmp_path: Path) -> None:
    template = load_templates(_written(tmp_path, HEAD + WORDS))["card"]
    with pytest.raises(CardError, match="may not be critical"):
        render(template, {"drug": "x"}, Frame(Indicator.CRITICAL, "label"))


SAID = (
    "the request is approved",
    "the request was denied",
    "it is safe to start",
    "dose correct",
    "no premedication needed",
    "no admission needed",
    "no contraindication",
    "NCCN-recommended",
    "resume at 9",
    "stop permanently",
    "20 mcg/day",
    "2.2 %",
    "a bag of 250 mL",
    "calcium rises",
)


@pytest.mark.parametrize("words", SAID)
def test_what_a_card_never_says_is_recognised(words: str) -> None:
    assert forbidden(words)


@pytest.mark.parametrize("words", ["LDH approval not shown", "120 mcg/day", "12.2 %", "10 mL/h", "dexamethasone 20 mg"])
def test_what_a_card_may_say_is_let_through(words: str) -> None:
    assert not forbidden(words)


def test_each_forbidden_wording_has_its_reason() -> None:
    assert all(why for _, why in NEVER)
