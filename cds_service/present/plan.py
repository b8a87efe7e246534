"""Which cards an assessment earns, how grave, in which order; made from the assessment documents and nothing else.

Knows documents and templates, never facts, knowledge or FHIR. At most one card per topic and order (for coverage:
per policy), most serious first. Nothing to say is `{"cards": []}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from cards import Card, Indicator, Link, Suggestion, Templates, render
from cards.render import Frame
from cds_service.present import words
from cds_service.present.bedside import monitoring_values, premedication_severity, premedication_values
from cds_service.present.caution import safety_severity, safety_values, speaks_early
from cds_service.present.coverage import coverage_values, open_policies, source_label
from cds_service.present.dosing import dose_values, has_dose, severity
from cds_service.present.identity import stable_id
from cds_service.present.questions import FormLink, asked_on, form_link, named
from cds_service.present.suggestions import Maker, Orders
from cds_service.present.unread import UNREADABLE_LIMIT, record_severity, record_values, untold_values
from cds_service.present.words import Document

NO_ORDERS = Orders()
NAMESPACE = UUID("6f1f3c0e-4f0b-5b1e-9d0c-2b1d6c1f8a31")
"""Ours, for card ids: the same call gives the same ids."""
TOPICS = ("dose", "safety", "coverage", "premedication", "monitoring", "record")
"""Order of cards equally grave."""
RECORD = "The record sent with this call"
COVERAGE_INDICATOR = {
    "criteria_met": "info",
    "manual_review": "info",
    "insufficient_information": "warning",
    "criteria_not_met": "warning",
}


class Planned(NamedTuple):
    """One card before its words: which template, what goes in, how grave, whose document."""

    template: str
    values: Mapping[str, object]
    indicator: str
    source_label: str
    url: str | None
    link_label: str
    part: str = ""
    """What tells two cards of one topic apart (the policy)."""


def response(
    documents: Sequence[Document],
    *,
    hook: str,
    instance: str,
    templates: Templates,
    unreadable_limit: int = UNREADABLE_LIMIT,
    form: FormLink | None = None,
    maker: Maker | None = None,
    orders: Orders = NO_ORDERS,
    untold: Sequence[Document] = (),
) -> dict[str, Any]:
    """The answer to one hook call, ready to be written as JSON. `instance` is the call's hookInstance.

    `form` makes the link to the page that asks order questions, where there is one; `maker` writes suggestions into
    and beside the `orders` of the call (none without it). `untold` are orders (reference, why) whose drug cannot be
    told, where no other order of the call has a document.
    """
    if untold:
        return {"cards": [untold_card(untold, instance=instance, templates=templates).to_json()]}
    made = cards_of(
        documents,
        hook=hook,
        instance=instance,
        templates=templates,
        unreadable_limit=unreadable_limit,
        form=form,
        maker=maker,
        orders=orders,
    )
    return {"cards": [card.to_json() for _, card in made]}


def cards_of(
    documents: Sequence[Document],
    *,
    hook: str,
    instance: str,
    templates: Templates,
    unreadable_limit: int = UNREADABLE_LIMIT,
    form: FormLink | None = None,
    maker: Maker | None = None,
    orders: Orders = NO_ORDERS,
) -> list[tuple[str, Card]]:
    """(template id, card) for every card, most serious first."""
    found: list[tuple[int, int, int, str, Card]] = []
    offered: set[str] = set()
    for number, document in enumerate(documents):
        common = _common(documents, number)
        buttons = _suggestions(document, hook, maker, orders, identity=f"{instance}/{number}", made=offered)
        for planned in _plan(document, hook, unreadable_limit):
            if planned.template == "record" and _said_before(documents, number):
                continue
            template = templates[planned.template]
            identity = f"{instance}/{number}/{document['order']['reference']}/{template.topic}/{planned.part}"
            questions = asked_on(document, template.topic, planned.part)
            values = {**planned.values, **common, "questions": named(questions)}
            frame = Frame(
                Indicator(planned.indicator),
                planned.source_label,
                planned.url,
                (*form_link(form, questions), *([_link(planned.link_label, planned.url)] if planned.url else ())),
                stable_id(NAMESPACE, identity),
                buttons.pop(template.topic, ()),
            )
            card = render(template, values, frame)
            rank = (words.SEVERITY.index(planned.indicator), TOPICS.index(template.topic), number)
            found.append((*rank, planned.template, card))
    return [(template_id, card) for *_, template_id, card in sorted(found, key=lambda item: item[:3])]


def untold_card(untold: Sequence[Document], *, instance: str, templates: Templates) -> Card:
    """The one card about orders that may be for our drug or for any other: nothing of them was judged."""
    frame = Frame(Indicator.INFO, RECORD, uuid=stable_id(NAMESPACE, f"{instance}/untold"))
    return render(templates["record-untold"], untold_values(untold), frame)


def _suggestions(
    document: Document, hook: str, maker: Maker | None, orders: Orders, *, identity: str, made: set[str]
) -> dict[str, tuple[Suggestion, ...]]:
    """The suggestions of this document, by the topic of their card."""
    if maker is None:
        return {}
    return maker.suggestions(
        document,
        orders,
        identity=uuid5(NAMESPACE, f"{identity}/{document['order']['reference']}/suggestions"),
        early=hook == "order-select",
        coverage=bool(open_policies(document)),
        made=made,
    )


def _plan(document: Document, hook: str, unreadable_limit: int) -> Iterator[Planned]:
    early = hook == "order-select"
    yield from _coverage(document, early)
    yield _dose(document, early)
    if not early:
        premedication = premedication_values(document)
        yield _by_label(document, "premedication", premedication, premedication_severity(document))
        yield _by_label(document, "monitoring", monitoring_values(document), "info")
        yield _by_label(document, "safety", safety_values(document), safety_severity(document))
    elif speaks_early(document):
        yield _by_label(document, "safety-outlook", safety_values(document), safety_severity(document))
    if document.get("unreadable"):
        values = record_values(document, unreadable_limit)
        yield Planned("record", values, record_severity(document), RECORD, None, "")


def _coverage(document: Document, early: bool) -> Iterator[Planned]:
    """A card for each policy that applies or may apply; another payer's patient gets none."""
    if not document.get("policies"):
        values = {"as_of": words.day(document.get("as_of")) or "this date"}
        yield Planned("coverage-no-edition", values, "info", "Payer policies on file", None, "")
    for policy in open_policies(document):
        result = policy.get("overall") or "insufficient_information"
        open_early = early and result == "insufficient_information"
        yield Planned(
            "coverage-outlook" if early else "coverage",
            coverage_values(document, policy),
            "info" if open_early else COVERAGE_INDICATOR[result],
            source_label(policy),
            words.https(policy.get("url")),
            f"Policy {policy['id']}",
            part=str(policy["id"]),
        )


def _dose(document: Document, early: bool) -> Planned:
    """The whole dose card; early on only when a dose is there already and too high, else the row that would apply."""
    grave, dose = severity(document), document["dose"]
    too_high = dose["verdict"] == "above_label" or bool(dose.get("above_every_label_row")) or grave == "critical"
    if not early or (has_dose(document) and too_high):
        return _by_label(document, "dose", dose_values(document), grave)
    shown = "warning" if has_dose(document) and grave == "warning" else "info"
    return _by_label(document, "dose-outlook", dose_values(document), shown)


def _by_label(document: Document, template: str, values: Mapping[str, object], indicator: str) -> Planned:
    """A card that rests on the label edition of the document."""
    label: Document = document["dose"].get("label") or {}
    title, edition = label.get("title") or "US prescribing information", label.get("edition")
    named = title if not edition or str(edition)[:4] in title else f"{title}, edition {edition}"
    return Planned(template, values, indicator, named, words.https(label.get("url")), "Prescribing information")


def _common(documents: Sequence[Document], number: int) -> dict[str, object]:
    """What every template may name: the drug, and which order this is when there are several."""
    order = documents[number]["order"]
    several = len(documents) > 1
    start = words.day(order.get("start"))
    which = f"order {number + 1} of {len(documents)}" + (f", from {start}" if start else "")
    return {
        "drug": str(order.get("drug") or "blinatumomab").capitalize(),
        "order": which if several else "",
        "matched_by_text": bool(order.get("matched_text")) or order.get("matched_by") == "text",
    }


def _said_before(documents: Sequence[Document], number: int) -> bool:
    """Orders of one call share one record: what could not be read is said once."""
    own = documents[number].get("unreadable")
    return any(earlier.get("unreadable") == own for earlier in documents[:number])


@lru_cache(maxsize=64)
def _link(label: str, url: str) -> Link:
    """Checked once: documents are few."""
    return Link(label, url)
