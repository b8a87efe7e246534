"""Text of orders and charts cannot act as markup on a card: hostile words in every text position, read by a parser.

Each text of a call, one after the other and all together, gets a hostile tail. The card that results is read by a
Markdown parser with HTML switched on, and has to have the very same tokens as with a harmless tail of one word.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cds_service.guidance import Guidance, advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import service_for, services
from cds_service.parts import Parts
from fhir_fixtures import hook_calls

TODAY = date(2026, 11, 21)
READ = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HARMLESS = "zqx"
CALLS = (
    "order-sign--child-30kg-flat-28-mcg-mrd-positive",
    "order-sign--record-with-unreadable-entries",
    "order-sign--safety-allergy-to-blinatumomab",
    "order-sign--toxicity-crs-grade-3-restart-stepped",
    "order-sign--coverage-b-ii-adult-ph-mrd-negative-contested",
    "order-sign--dose-28-mg-unit-slip",
    "order-select--record-order-select-without-dose",
)
HOSTILE = (
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "</td></tr></table><iframe src=//evil.example>",
    "<!-- ",
    "&lt;script&gt;",
    "&#60;b&#62;",
    "[Pay here](https://evil.example)",
    "![x](https://evil.example/p.png)",
    "[x]: https://evil.example",
    "<https://evil.example>",
    "https://evil.example www.evil.example eve@evil.example",
    "**Criteria met**",
    "__all met__ *x* ~~x~~",
    "`code` ``` fence",
    "| a | b |",
    "\\| \\* \\<b> \\[x](y)",
    "\n\n# Approved\n\n- met\n\n1. x\n\n> q\n\n---\n\n| a |\n| - |\n",
    "\r\n\r\n===\r\n",
    "\u2028# x\u2029- y\u0085",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "\u202eevil\u202c \u200b \ufeff \x00 \x1b[31m",
)
_TEXTS = frozenset(
    {"text", "display", "family", "given", "note", "comment", "patientInstruction", "instruction", "conclusion"}
    | {"valueString", "description", "title", "name", "unit", "author", "reaction", "label"}
)


def texts(node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every text for people in a call."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in _TEXTS and isinstance(value, str):
                yield (*way, key)
            else:
                yield from texts(value, (*way, key))
    elif isinstance(node, list):
        for place, value in enumerate(node):
            if isinstance(value, str) and way and way[-1] in _TEXTS:
                yield (*way, place)
            else:
                yield from texts(value, (*way, place))


def spoiled(body: dict[str, Any], ways: list[tuple[Any, ...]], tail: str) -> dict[str, Any]:
    found = copy.deepcopy(body)
    for *steps, last in ways:
        node: Any = found
        for step in steps:
            node = node[step]
        node[last] = f"{node[last]} {tail}"
    return found


def answered(body: dict[str, Any], parts: Parts) -> Guidance:
    service = service_for(body["hook"], services(parts.settings.canonical_base))
    assert service is not None
    return advise(HookCall.parse(body, service=service), parts, today=TODAY)


def tokens(markdown: str) -> list[str]:
    """What a client draws, without the words: blocks and marks in their order."""

    def kinds(found: list[Token]) -> Iterator[str]:
        for token in found:
            if token.type not in ("text", "softbreak", "text_special", "entity", "inline"):
                yield f"{token.type} {token.tag} {token.attrs}"
            yield from kinds(token.children or [])

    return list(kinds(READ.parse(markdown)))


def plain_texts(card: dict[str, Any]) -> Iterator[str]:
    yield card["summary"]
    for suggestion in card.get("suggestions", ()):
        yield suggestion["label"]
        yield from (action["description"] for action in suggestion.get("actions", ()))
    yield from (link["label"] for link in card.get("links", ()))
    yield card["source"]["label"]


def check(hostile: Guidance, harmless: Guidance) -> None:
    cards, others = hostile.response["cards"], harmless.response["cards"]
    assert [card["source"]["label"] for card in cards] == [card["source"]["label"] for card in others]
    for card, other in zip(cards, others, strict=True):
        assert tokens(card["detail"]) == tokens(other["detail"])
        assert not [token for token in tokens(card["detail"]) if token.startswith(("html", "link", "image", "fence"))]
        assert not re.search(r"://evil|www\.evil|eve@", card["detail"])
        assert [link["url"] for link in card.get("links", ())] == [link["url"] for link in other.get("links", ())]
        for text in plain_texts(card):
            assert not re.search(r"<[A-Za-z/!?]", text)
            assert text.isprintable()


@pytest.fixture(scope="module")
def bodies() -> dict[str, dict[str, Any]]:
    every = hook_calls()
    return {name: every[name] for name in CALLS}


@pytest.mark.parametrize("tail", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", CALLS)
def test_hostile_words_in_all_texts_at_once_draw_what_one_harmless_word_draws(
    name: str, tail: str, bodies: dict[str, dict[str, Any]], parts: Parts
) -> None:
    ways = list(texts(bodies[name]))
    assert ways
    check(answered(spoiled(bodies[name], ways, tail), parts), answered(spoiled(bodies[name], ways, HARMLESS), parts))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_text_anywhere_in_a_call_draws_more_than_its_words(
    data: st.DataObject, bodies: dict[str, dict[str, Any]], parts: Parts
) -> None:
    name = data.draw(st.sampled_from(CALLS))
    ways = list(texts(bodies[name]))
    some = data.draw(st.lists(st.sampled_from(ways), min_size=1, max_size=4, unique=True))
    alphabet = st.sampled_from("<>&[](){}!*_~`|#-+=.:/\\\"'\n\r\t @a1x")
    tail = data.draw(st.text(alphabet, max_size=30) | st.sampled_from(HOSTILE) | st.text(max_size=20))
    check(
        answered(spoiled(bodies[name], some, f"z{tail}"), parts), answered(spoiled(bodies[name], some, HARMLESS), parts)
    )


def test_hostile_words_do_reach_the_cards(bodies: dict[str, dict[str, Any]], parts: Parts) -> None:
    """Or the tests above would pass for want of text."""
    body = bodies["order-sign--safety-allergy-to-blinatumomab"]
    told = str(answered(spoiled(body, list(texts(body)), HARMLESS), parts).response["cards"])
    assert HARMLESS in told
