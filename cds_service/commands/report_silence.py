"""Silent mode in the report: what would have been shown, to whom, how often. Counts of decisions; pure.

Clients are named, since they are organisations; users and patients are known by a keyed hash and nothing else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from cds_service.store import Decision

INDICATORS = ("info", "warning", "critical")
NOT_TOLD_APART = "not told apart"
_USERS_TOLD = 50
_KEY_DIGITS = 12


class Withheld:
    """Counts the cards that were decided and not shown."""

    def __init__(self) -> None:
        self._answers, self._cards_of_all = 0, 0
        self._patients: set[str] = set()
        self._cards: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._clients: dict[str, Counter[str]] = defaultdict(Counter)
        self._users: dict[str, Counter[str]] = defaultdict(Counter)

    def add(self, decision: Decision) -> None:
        """One more decision; only one that had cards withheld counts."""
        cards = [card for card in decision.cards if not card.shown]
        if not cards:
            return
        self._answers += 1
        self._patients.add(decision.patient_key)
        indicators = Counter(card.indicator for card in cards)
        for card in cards:
            self._cards[card.topic, decision.hook][card.indicator] += 1
        for counts in (self._clients[decision.client or NOT_TOLD_APART], self._users[decision.user_key or ""]):
            counts.update(indicators)
            counts["answers"] += 1

    def document(self, topics: Mapping[str, str]) -> dict[str, Any]:
        """The counts, most frequent first. `topics`: topic -> title."""
        cards = sorted(self._cards.items(), key=lambda item: (-item[1].total(), item[0]))
        return {
            "answers": self._answers,
            "patients": len(self._patients),
            "users": len(self._users.keys() - {""}),
            "cards": [
                {"topic": topic, "title": topics.get(topic, topic), "hook": hook, **_row(counts)}
                for (topic, hook), counts in cards
            ],
            "by_client": [{"client": name, **_row(counts)} for name, counts in _most(self._clients)],
            "by_user": [
                {"user": name[:_KEY_DIGITS] or None, **_row(counts)}
                for name, counts in _most(self._users)[:_USERS_TOLD]
            ],
        }


def _row(counts: Counter[str]) -> dict[str, int]:
    found = {name: counts[name] for name in INDICATORS}
    answers = {"answers": counts["answers"]} if "answers" in counts else {}
    return {**answers, "cards": sum(found.values()), **found}


def _most(counted: Mapping[str, Counter[str]]) -> list[tuple[str, Counter[str]]]:
    return sorted(counted.items(), key=lambda item: (-item[1]["answers"], item[0]))
