"""Which open order questions a card names, and the link to the form that asks them. Judges nothing.

The link holds linkIds, a day and a signature, and nothing else: no word of the chart leaves by it, and the same
questions on the same day give the same link.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from cards import Link
from cds_service.present import words
from cds_service.present.coverage import waits_for_the_dose
from cds_service.present.words import Document

FormLink = Callable[[Sequence[str]], str | None]
"""linkIds -> the link that asks these questions; None where the form has no address."""
PARTS: Mapping[str, str] = {"dose": "dose", "premedication": "premedication", "monitoring": "hospitalisation"}
"""Topic of a card -> what a question settles that belongs on it."""


def asked_on(document: Document, topic: str, part: str = "") -> list[Document]:
    """The open questions on which findings of this card hang; `part` is the policy of a coverage card."""
    questions: Sequence[Document] = document.get("questions") or ()
    if not questions:
        return []
    if topic == "coverage":
        return _of_the_policy(document, questions, part)
    if topic == "safety":
        return [item for item in questions if any(name.startswith("safety.") for name in item["settles"])]
    return [item for item in questions if PARTS.get(topic) in item["settles"]]


def named(questions: Sequence[Document]) -> list[str | None]:
    """The questions in a few words each, to stand in one sentence."""
    return [_inside(item["what"]) for item in questions]


_inside = lru_cache(maxsize=128)(words.inside)


def form_link(form: FormLink | None, questions: Sequence[Document]) -> tuple[Link, ...]:
    """The link to the form with these questions; none without an address or without questions."""
    address = form([item["link_id"] for item in questions]) if form and questions else None
    if address is None:
        return ()
    count = len(questions)
    label = "Answer the open order question" if count == 1 else f"Answer the {count} open order questions"
    return (Link(label, address),)


def _of_the_policy(document: Document, questions: Sequence[Document], part: str) -> list[Document]:
    """Those that settle a paragraph of this policy; what waits for the dose is not asked before there is one."""
    names = {"section"}
    for policy in document.get("policies") or ():
        if policy["id"] == part and policy.get("role") == "current":
            names.update(policy.get("criteria") or ())
    found = ((item, [name for name in item["settles"] if name in names]) for item in questions)
    return [item for item, settles in found if settles and not waits_for_the_dose({"criteria": settles}, document)]
