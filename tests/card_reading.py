"""How tests read cards: made from assessment documents, each held against its schema, found by topic."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from jsonschema import Draft202012Validator

from cards import Templates, load_templates
from cds_service.present.plan import response

Json = dict[str, Any]
SCHEMA = Draft202012Validator(json.loads((files("cards") / "card.schema.json").read_text(encoding="utf-8")))
INSTANCE = "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"
TOPIC = {
    "guideline": "dose",
    "contraindication": "safety",
    "coverage-info": "coverage",
    "clinical-reminder": "premedication",
    "appropriate-use": "monitoring",
    "record": "record",
}


@cache
def our_templates() -> Templates:
    """Our own templates, loaded once."""
    return load_templates()


def cards_for(*documents: Json, hook: str = "order-sign", instance: str = INSTANCE) -> list[Json]:
    """Every card of the answer, in its order; each meets our schema."""
    cards: list[Json] = response(documents, hook=hook, instance=instance, templates=our_templates())["cards"]
    for card in cards:
        SCHEMA.validate(card)
    return cards


def topic(card: Json) -> str:
    """Our name of the card's topic."""
    return TOPIC[card["source"]["topic"]["code"]]


def card_about(name: str, *documents: Json, hook: str = "order-sign") -> Json:
    """The one card of this topic."""
    (found,) = (card for card in cards_for(*documents, hook=hook) if topic(card) == name)
    return found


def first_lines(card: Json, count: int = 3) -> str:
    """What a busy person reads of the detail."""
    return "\n".join(card["detail"].splitlines()[:count])
