"""What the expectation of a fixture implies for cards. Over HTTP the assessment itself is not visible; this much is.

Says only what any service has to show that judges by the same policy and label, in whatever words: how grave, which
policy, which drug beforehand, or nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
Cards = Sequence[Json]

POLICY = "LA.PHAR.312"
_WARNS = ("criteria_not_met", "insufficient_information")


@dataclass(frozen=True, slots=True)
class Sign:
    """One thing that cards have to show."""

    says: str
    due: Callable[[Json, str], bool]
    """(expectation, hook) -> does it have to be shown?"""
    seen: Callable[[Cards, Json], bool]


def expected_signs(expected: Json, hook: str) -> tuple[Sign, ...]:
    """What the cards for this fixture at this hook have to show."""
    return tuple(sign for sign in SIGNS if sign.due(expected, hook))


def missing_signs(cards: Cards, expected: Json, hook: str) -> tuple[str, ...]:
    """What they do not show."""
    return tuple(sign.says for sign in expected_signs(expected, hook) if not sign.seen(cards, expected))


def _signing(hook: str) -> bool:
    return hook == "order-sign"


def _in_scope(expected: Json) -> bool:
    return expected.get("assessments") != 0


def _grave(expected: Json, hook: str) -> bool:
    topics = expected.get("safety", {}).values()
    return expected.get("dose.severity") == "critical" or (
        _signing(hook) and any(status == "applies critical" for status in topics)
    )


def _warned(expected: Json, hook: str) -> bool:
    return _signing(hook) and (expected.get("dose.severity") == "warning" or expected.get("overall") in _WARNS)


def _premedicated(expected: Json, hook: str) -> bool:
    wanted = expected.get("premedication.label_row") is True and expected.get("premedication.applies_now") is True
    return _signing(hook) and wanted and bool(expected.get("premedication.agent"))


def _indicates(*wanted: str) -> Callable[[Cards, Json], bool]:
    return lambda cards, _: any(card.get("indicator") in wanted for card in cards)


def _words(card: Json) -> str:
    source = card.get("source")
    label = source.get("label") if isinstance(source, Mapping) else ""
    return f"{card.get('summary')}\n{card.get('detail')}\n{label}"


def _heading(card: Json) -> str:
    return _words({**card, "detail": ""})


SIGNS: tuple[Sign, ...] = (
    Sign("no card: nothing is in scope", lambda e, _: not _in_scope(e), lambda cards, _: not cards),
    Sign("a card", lambda e, _: _in_scope(e), lambda cards, _: bool(cards)),
    Sign("a critical card", _grave, _indicates("critical")),
    Sign("a warning", _warned, _indicates("warning", "critical")),
    Sign(
        f"a card on {POLICY}",
        lambda e, _: e.get("applies") == "yes",
        lambda cards, _: any(POLICY in _words(card) for card in cards),
    ),
    Sign(
        f"no card on {POLICY}: another payer",
        lambda e, _: e.get("applies") == "no",
        lambda cards, _: not any(POLICY in _heading(card) for card in cards),
    ),
    Sign(
        "the premedication",
        _premedicated,
        lambda cards, e: any(e["premedication.agent"] in _words(card).lower() for card in cards),
    ),
)
