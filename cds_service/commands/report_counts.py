"""What became of the cards, counted: decisions and feedback in, one plain document out. Pure; knows no database.

A card counts as shown once for each answer that carried it (an EHR that asks again is answered again); as accepted when
one of its suggestions was taken, else as overridden when it was set aside; a card nobody said anything about is
neither. Links that were followed are reported by no client.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cds_service.commands.report_silence import Withheld
from cds_service.decisions import NO_CODE
from cds_service.store import CardShown, Decision, FeedbackEntry

SCHEMA = "blinatumomab-cds/report/1"
ACCEPTED, OVERRIDDEN, SILENT, WITHHELD = "accepted", "overridden", "no_feedback", "withheld"
NO_REASON = ("", "")
STATUSES = ("met", "review", "unknown", "not_met")
_OPEN = frozenset(STATUSES) - {"met"}
_COVERAGE = "coverage"


@dataclass
class Fate:
    """What was said of one card, over all messages about it."""

    outcome: str = SILENT
    reason: tuple[str, str] = NO_REASON
    suggestions: set[str] = field(default_factory=set)

    def add(self, entry: FeedbackEntry) -> None:
        """Take in one more message; they come oldest first, and the last reason stands."""
        self.suggestions.update(entry.suggestions)
        if entry.accepted:
            self.outcome = ACCEPTED
        elif self.outcome != ACCEPTED:
            self.outcome = OVERRIDDEN
            self.reason = (entry.reason_system or "", entry.reason_code or "")


@dataclass(frozen=True)
class Names:
    """How to call what the records hold as codes."""

    topics: Mapping[str, str] = field(default_factory=dict)
    criteria: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    """(policy, version, criterion) -> title"""
    reasons: Mapping[tuple[str, str], str] = field(default_factory=dict)
    safety: Mapping[str, str] = field(default_factory=dict)
    other_reason: str = NO_CODE

    def reason(self, system: str, code: str) -> str:
        """The display of an override reason; "" for none."""
        return self.other_reason if code == NO_CODE else self.reasons.get((system, code), code)


@dataclass
class _Card:
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    offered: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)


@dataclass
class _Criterion:
    counts: Counter[str] = field(default_factory=Counter)
    asks: Counter[str] = field(default_factory=Counter)
    causes: Counter[str] = field(default_factory=Counter)
    when_open: Counter[str] = field(default_factory=Counter)
    """What became of the coverage cards on which it was not met, unknown or for review."""
    top: bool = False
    role: str = ""


class Tally:
    """Counts decisions one by one, beside the feedback that is known from the start."""

    def __init__(self, feedback: Iterable[tuple[FeedbackEntry, bool]]):
        self._fates: dict[str, Fate] = defaultdict(Fate)
        self._entries: Counter[str] = Counter()
        self._counted: set[str] = set()
        for entry, known in feedback:
            self._fates[entry.card].add(entry)
            self._entries[ACCEPTED if entry.accepted else OVERRIDDEN] += 1
            self._entries["unmatched"] += not known
            self._entries["commented"] += entry.commented
        self._cards: dict[str, _Card] = defaultdict(_Card)
        self._criteria: dict[tuple[str, str, str], _Criterion] = defaultdict(_Criterion)
        self._results: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        self._safety: dict[str, Counter[str]] = defaultdict(Counter)
        self._hooks, self._verdicts, self._issues = Counter[str](), Counter[str](), Counter[str]()
        self._weeks: dict[str, Counter[str]] = defaultdict(Counter)
        self._patients: set[str] = set()
        self._users: set[str] = set()
        self._span: list[datetime] = []
        self._withheld = Withheld()

    def add(self, decision: Decision) -> None:
        """One more decision."""
        self._withheld.add(decision)
        self._hooks[decision.hook] += 1
        self._patients.add(decision.patient_key)
        self._users.update({decision.user_key} if decision.user_key else ())
        self._span = [self._span[0] if self._span else decision.at, decision.at]
        week = self._weeks[(decision.at - timedelta(days=decision.at.weekday())).date().isoformat()]
        week["answers"] += 1
        fates = [self._card(card, week) for card in decision.cards]
        coverage = next((fate for topic, fate in fates if topic == _COVERAGE), SILENT)
        coverage = WITHHELD if any(c.topic == _COVERAGE and not c.shown for c in decision.cards) else coverage
        for order in decision.document.get("orders", ()):
            self._order(order, coverage)

    def _card(self, card: CardShown, week: Counter[str]) -> tuple[str, str]:
        """Count one card; its topic and what became of it. A card sent again is not judged again.

        Nothing can have become of a card that was withheld: feedback that names it is about something else.
        """
        of_topic = self._cards[card.topic]
        if not card.shown:
            of_topic.counts["silent"] += 1
            return card.topic, WITHHELD
        of_topic.counts.update(("shown", card.indicator))
        of_topic.offered.update(item.label for item in card.suggestions)
        fate = self._fates.get(card.uuid or "")
        if fate is None or card.uuid is None or card.uuid in self._counted:
            return card.topic, SILENT
        self._counted.add(card.uuid)
        of_topic.counts[fate.outcome] += 1
        week[fate.outcome] += 1
        of_topic.taken.update(item.label for item in card.suggestions if item.uuid in fate.suggestions)
        if fate.outcome == OVERRIDDEN:
            of_topic.reasons[fate.reason] += 1
        return card.topic, fate.outcome

    def _order(self, order: Mapping[str, Any], coverage: str) -> None:
        self._verdicts[order["dose"]["verdict"]] += 1
        self._issues.update(order["dose"]["issues"])
        for code, status in order["safety"].items():
            self._safety[code][status] += 1
        for policy in order["policies"]:
            if policy["overall"]:
                self._policy(policy, coverage)

    def _policy(self, policy: Mapping[str, Any], coverage: str) -> None:
        edition = policy["id"], policy["version"]
        self._results[edition][policy["overall"]] += 1
        for name, status in policy["criteria"].items():
            found = self._criteria[(*edition, name)]
            found.top, found.role = name in policy["top"], policy["role"]
            found.counts[status] += 1
            if status in _OPEN:
                found.when_open[coverage] += 1
        for name, unknown in policy["unknown"].items():
            self._criteria[(*edition, name)].asks.update(unknown["asks"])
            self._criteria[(*edition, name)].causes.update(unknown["causes"])

    # --- the document ------------------------------------------------------------------------------------

    def document(self, names: Names) -> dict[str, Any]:
        """Everything counted, as plain data: most frequent first, criteria in the order of their paragraphs."""
        return {
            "schema": SCHEMA,
            "first": self._span[0].isoformat() if self._span else None,
            "last": self._span[1].isoformat() if self._span else None,
            "answers": {
                "total": self._hooks.total(),
                "by_hook": _counted(self._hooks, "hook"),
                "patients": len(self._patients),
                "users": len(self._users),
            },
            "cards": [self._card_row(topic, names) for topic in self._by_frequency()],
            "criteria": [self._criterion_row(key, names) for key in sorted(self._criteria, key=_in_order)],
            "results": [
                {"policy": policy, "version": version, **dict(counts)}
                for (policy, version), counts in sorted(self._results.items(), reverse=True)
            ],
            "dose": {"verdicts": _counted(self._verdicts, "verdict"), "issues": _counted(self._issues, "code")},
            "safety": self._safety_rows(names),
            "silent": self._withheld.document(names.topics),
            "feedback": {
                "entries": self._entries[ACCEPTED] + self._entries[OVERRIDDEN],
                **{name: self._entries[name] for name in (ACCEPTED, OVERRIDDEN, "unmatched", "commented")},
            },
            "weeks": list(self._week_rows()),
        }

    def _by_frequency(self) -> list[str]:
        return sorted(self._cards, key=lambda topic: (-self._cards[topic].counts["shown"], topic))

    def _card_row(self, topic: str, names: Names) -> dict[str, Any]:
        card = self._cards[topic]
        counts = card.counts
        return {
            "topic": topic,
            "title": names.topics.get(topic, topic),
            **{name: counts[name] for name in ("shown", "silent", "info", "warning", "critical")},
            ACCEPTED: counts[ACCEPTED],
            OVERRIDDEN: counts[OVERRIDDEN],
            SILENT: max(counts["shown"] - counts[ACCEPTED] - counts[OVERRIDDEN], 0),
            "reasons": [
                {"system": system, "code": code, "display": names.reason(system, code), "count": count}
                for (system, code), count in card.reasons.most_common()
            ],
            "suggestions": [
                {"label": label, "offered": offered, ACCEPTED: card.taken[label]}
                for label, offered in card.offered.most_common()
            ],
        }

    def _criterion_row(self, key: tuple[str, str, str], names: Names) -> dict[str, Any]:
        policy, version, criterion = key
        found = self._criteria[key]
        return {
            "policy": policy,
            "version": version,
            "role": found.role,
            "criterion": criterion,
            "title": names.criteria.get(key, ""),
            "top": found.top,
            "judged": found.counts.total(),
            **{status: found.counts[status] for status in STATUSES},
            "waits_for": _counted(found.asks, "what"),
            "causes": _counted(found.causes, "cause"),
            "when_open": {name: found.when_open[name] for name in (ACCEPTED, OVERRIDDEN, SILENT)},
        }

    def _safety_rows(self, names: Names) -> list[dict[str, Any]]:
        most = sorted(self._safety.items(), key=lambda item: (-item[1].total(), item[0]))
        return [
            {"code": code, "title": names.safety.get(code, code), **{s: counts[s] for s in ("applies", "unknown")}}
            for code, counts in most
        ]

    def _week_rows(self) -> Iterator[dict[str, Any]]:
        """Every week from the first to the last, also those without an answer."""
        weeks = sorted(self._weeks)
        day = datetime.fromisoformat(weeks[0]) if weeks else None
        while day is not None and day.date().isoformat() <= weeks[-1]:
            counts = self._weeks.get(day.date().isoformat(), Counter())
            yield {
                "week": day.date().isoformat(),
                **{name: counts[name] for name in ("answers", ACCEPTED, OVERRIDDEN)},
            }
            day += timedelta(days=7)


def count(
    decisions: Iterable[Decision],
    feedback: Iterable[tuple[FeedbackEntry, bool]],
    names: Names,
    advance: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """The whole report. `advance` is called after each decision."""
    tally = Tally(feedback)
    for decision in decisions:
        tally.add(decision)
        advance()
    return tally.document(names)


def _counted(counts: Counter[str], name: str) -> list[dict[str, Any]]:
    return [{name: what, "count": number} for what, number in counts.most_common()]


def _in_order(key: tuple[str, str, str]) -> tuple[str, str, list[tuple[int, str]]]:
    """Newest edition first, then paragraph by paragraph: I.A.4.c before I.A.5, I.A.5 before I.A.5.fn."""
    policy, version, criterion = key
    newest_first = "".join(chr(0x10FFFF - ord(letter)) for letter in version)
    return policy, newest_first, [(len(part) if part.isdigit() else 0, part) for part in criterion.split(".")]
