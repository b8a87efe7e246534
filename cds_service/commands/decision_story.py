"""The whole story of one answer, from its record and the feedback on its cards: one plain document. Pure.

Tells what the record holds, in the words of this version, and nothing else: values were never kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from cds_service.commands.report_counts import Names
from cds_service.store import CardShown, Decision, FeedbackEntry

SCHEMA = "blinatumomab-cds/decision/1"


def story(decision: Decision, feedback: Iterable[tuple[FeedbackEntry, bool]], names: Names) -> dict[str, Any]:
    """Everything on record about one answer. `feedback`: all that came on its cards, oldest first."""
    document = decision.document
    said = [entry for entry, _ in feedback]
    return {
        "schema": SCHEMA,
        "id": decision.id,
        "at": decision.at.isoformat(),
        "hook": decision.hook,
        "service": decision.service,
        "client": decision.client,
        "instance": decision.instance,
        "patient": decision.patient_key,
        "user": decision.user_key,
        "version": document.get("version"),
        "masking": document.get("masking"),
        "data": document.get("data", {}),
        "orders": [_order(order, names) for order in document.get("orders", ())],
        "cards": [_card(card, said, names) for card in decision.cards],
    }


def _order(order: Mapping[str, Any], names: Names) -> dict[str, Any]:
    safety = [
        {"code": code, "title": names.safety.get(code, code), "status": status}
        for code, status in order.get("safety", {}).items()
    ]
    return {
        "matched_by": order.get("matched_by"),
        "facts": order.get("facts", {}),
        "label": order.get("label", {}),
        "dose": order.get("dose", {}),
        "policies": [_policy(policy, names) for policy in order.get("policies", ())],
        "safety": safety,
        "flags": list(order.get("flags", ())),
        "unreadable": order.get("unreadable", 0),
    }


def _policy(policy: Mapping[str, Any], names: Names) -> dict[str, Any]:
    kept = ("id", "version", "role", "applies", "section", "overall")
    return {**{name: policy.get(name) for name in kept}, "criteria": list(_criteria(policy, names))}


def _criteria(policy: Mapping[str, Any], names: Names) -> Iterator[dict[str, Any]]:
    """Paragraph by paragraph, as they stand in the policy."""
    for name, status in policy.get("criteria", {}).items():
        unknown = policy.get("unknown", {}).get(name, {})
        yield {
            "criterion": name,
            "title": names.criteria.get((policy["id"], policy["version"], name), ""),
            "status": status,
            "top": name in policy.get("top", ()),
            "decisive": name in policy.get("decisive", ()),
            "evidence": list(policy.get("evidence", {}).get(name, ())),
            "causes": list(unknown.get("causes", ())),
            "asks": list(unknown.get("asks", ())),
        }


def _card(card: CardShown, feedback: Sequence[FeedbackEntry], names: Names) -> dict[str, Any]:
    of_card = [entry for entry in feedback if card.uuid is not None and entry.card == card.uuid] if card.shown else []
    taken = {uuid for entry in of_card for uuid in entry.suggestions}
    return {
        "uuid": card.uuid,
        "topic": card.topic,
        "title": names.topics.get(card.topic, card.topic),
        "indicator": card.indicator,
        "summary": card.summary,
        "shown": card.shown,
        "suggestions": [
            {"uuid": item.uuid, "label": item.label, "accepted": item.uuid in taken} for item in card.suggestions
        ],
        "feedback": [_feedback(entry, names) for entry in of_card],
    }


def _feedback(entry: FeedbackEntry, names: Names) -> dict[str, Any]:
    return {
        "at": entry.at.isoformat(),
        "received": entry.received.isoformat(),
        "outcome": "accepted" if entry.accepted else "overridden",
        "reason": {
            "system": entry.reason_system,
            "code": entry.reason_code,
            "display": names.reason(entry.reason_system or "", entry.reason_code or ""),
        }
        if entry.reason_code
        else None,
        "commented": entry.commented,
    }
