"""Silent mode: cards that are decided and recorded, and not shown. How a hospital begins, card by card.

The setting `silent` lists what is held back: a hook (`order-select`), a card of a hook (`order-sign:coverage`), a card
everywhere (`*:coverage`), or everything (`*`). A leaf: the names are checked where the setting is read, so that a
misspelt one stops start-up and never shows a card that was to be silent. A test holds the names to those of the
services and templates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HOOKS = ("order-select", "order-sign")
TOPICS = ("coverage", "dose", "monitoring", "premedication", "record", "safety")
ALL = "*"


def entries(text: str) -> tuple[str, ...]:
    """The entries of a setting, however it separates them: commas, blanks, or as a JSON array."""
    return tuple(dict.fromkeys(entry for entry in re.split(r"[\s,\[\]\"']+", text) if entry))


def checked(text: str) -> str:
    """The setting in its one spelling. Raises ValueError that names every entry which is not known."""
    found = entries(text)
    unknown = [entry for entry in found if not _known(entry)]
    if unknown:
        raise ValueError(
            f"not known: {', '.join(unknown)}. Write a hook ({', '.join(HOOKS)}), a card of a hook as HOOK:CARD "
            f"({', '.join(TOPICS)}), or {ALL} for all"
        )
    return ", ".join(found)


def _known(entry: str) -> bool:
    hook, colon, topic = entry.partition(":")
    return hook in (ALL, *HOOKS) and (topic in (ALL, *TOPICS) if colon else not topic)


@dataclass(frozen=True, slots=True)
class Silence:
    """Which cards are held back: pairs of hook and topic."""

    pairs: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, setting: str) -> Silence:
        """As the (checked) setting says."""
        pairs = set()
        for entry in entries(setting):
            hook, _, topic = entry.partition(":")
            pairs |= {
                (each, card)
                for each in (HOOKS if hook == ALL else (hook,))
                for card in (TOPICS if topic in ("", ALL) else (topic,))
            }
        return cls(frozenset(pairs))

    def __bool__(self) -> bool:
        """Is anything silent?"""
        return bool(self.pairs)

    def told(self) -> dict[str, list[str]]:
        """By hook, the cards that are held back; `*` for all of them. For people and for `/health/ready`."""
        found = {hook: sorted(card for each, card in self.pairs if each == hook) for hook in HOOKS}
        return {hook: [ALL] if cards == sorted(TOPICS) else cards for hook, cards in found.items() if cards}

    def withheld(self, hook: str, cards: Sequence[Mapping[str, Any]], topics: Mapping[str, str]) -> frozenset[int]:
        """The places of the cards of an answer that are not to be shown. `topics`: code of a card's topic -> ours.

        A card of no topic that we know is held back where all cards of its hook are.
        """
        if not self.pairs:
            return frozenset()
        whole = all((hook, topic) in self.pairs for topic in TOPICS)
        return frozenset(
            place for place, card in enumerate(cards) if whole or (hook, topics.get(topic_code(card), "")) in self.pairs
        )


def topic_code(card: Mapping[str, Any]) -> str:
    """The code of a card's topic, as it stands on the card."""
    code: str = card.get("source", {}).get("topic", {}).get("code", "")
    return code
