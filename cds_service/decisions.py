"""What is kept of an answer, and of the feedback on it: enough to see what was decided and by which text; no PHI.

Kept: when, which hook and service, the editions, every criterion's status, what an unknown one waits for and whether
the record lacks it, contradicts itself or cannot be used; the dose verdict and the codes of its issues; which safety
topics apply or are unknown; the flags; of the facts only whether they were there (a weight: on file, old, missing), the
age group, the use, and which kinds of resources each criterion rests on; what came of each thing that was asked for;
the registered name of the client; each card's id, topic, indicator, whether it was shown, and its summary with every
number and every word that is not ours put out; the ids of its suggestions. That is what a committee needs to judge the
cards, what tells the story of one answer, and what joins feedback to the card it speaks of.

Not kept: names, dates of the patient, values, doses, free text, references into the record, reasons in words (they may
quote any of these). The patient and the user are a keyed hash each (HMAC-SHA-256), so that answers about one patient
can be counted and erased and nobody be recognised without the key. What a client sends as an id is kept when it looks
like a UUID, and hashed otherwise; an override reason when it looks like a code. The user's comment is free text: that
there was one is kept; its words only where the site asks for it (`feedback_comments`).

Pure: moment, id and key are arguments. `MASKING` counts the versions of these rules, and is in every record.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from cds_service.decision_document import data_of, not_read, order
from cds_service.hooks.call import HookCall
from cds_service.hooks.feedback import Feedback
from cds_service.hooks.prefetch import State
from cds_service.store.records import CardShown, Decision, FeedbackEntry, SuggestionShown

MASKING = 2
NO_CODE = "not-a-code"
"""Stands for an override reason whose code reads like free text."""
COMMENT_LIMIT = 2000
"""Characters of a comment, where comments are kept."""
_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)
_CODE = re.compile(r"(?!.*\d{5})[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SYSTEM = re.compile(r"(https?://|urn:)[A-Za-z0-9._~:/#-]{1,190}")
_CITATION = r"[A-Z]+(?:\.[A-Za-z0-9]+)+"
"""LA.PHAR.312, I.A.4.c.i: kept where a text of ours has exactly that."""
_TOKEN = re.compile(rf"{_CITATION}|\d[\d.,/-]*|[^\W\d_]+")
_WORD = re.compile(rf"{_CITATION}|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Asked:
    """The call as far as a record of it goes: ids only, so that nothing larger waits to be written."""

    hook: str
    service: str
    instance: str
    patient: str
    user: str | None
    client: str | None = None
    """The registered name of who called."""
    states: Mapping[str, State] = field(default_factory=dict)
    """What became of each of our templates."""
    reads: Mapping[str, str] = field(default_factory=dict)
    """By what was read from the FHIR server: what came of it, as a word of ours."""

    @classmethod
    def of(cls, call: HookCall, *, client: str | None = None, reads: Mapping[str, str] | None = None) -> Asked:
        """What is taken of a call, and of the reads that were made for it (key -> a word of ours)."""
        user = call.user_id
        return cls(call.hook, call.service_id, call.instance, call.patient_id, user, client, call.states, reads or {})


@dataclass(frozen=True, slots=True)
class Mask:
    """How records are masked here. `words` are ours (texts of cards and of the label), `topics` card code -> topic."""

    key: bytes
    words: frozenset[str] = frozenset()
    topics: Mapping[str, str] | None = None
    version: str = ""
    """Of the software, told in every record."""

    def hashed(self, kind: str, text: str) -> str:
        """A keyed hash, 40 hexadecimal digits; the same text as another kind of thing gives another."""
        return hmac.new(self.key, f"{kind}|{text}".encode(), hashlib.sha256).hexdigest()[:40]

    def id(self, text: str) -> str:
        """A UUID as it is, in lower case and bare; any other id hashed."""
        found = _UUID.fullmatch(text.strip())
        return found.group(1).lower() if found else f"odd-{self.hashed('id', text)}"

    def text(self, text: str) -> str:
        """The text with every number as # and every word that is not ours as …"""
        return _TOKEN.sub(self._token, text)

    def _token(self, found: re.Match[str]) -> str:
        token = found.group()
        if token[0].isdigit():
            return "#"
        return token if token in self.words else "…"


def known_words(texts: Iterable[str]) -> frozenset[str]:
    """Every word of these texts of ours, in the case it has there."""
    return frozenset(word for text in texts for word in _WORD.findall(text))


def decision(
    asked: Asked,
    assessments: Sequence[Mapping[str, Any]],
    response: Mapping[str, Any],
    *,
    decision_id: str,
    at: datetime,
    mask: Mask,
    withheld: Collection[int] = (),
) -> Decision:
    """The masked record of one answer. `withheld`: the places of the cards that were decided and not sent."""
    instance, missing = _UUID.fullmatch(asked.instance), not_read(asked.states, asked.reads)
    return Decision(
        id=decision_id,
        at=at,
        hook=asked.hook,
        service=asked.service,
        instance=instance.group(1).lower() if instance else None,
        patient_key=mask.hashed("patient", asked.patient),
        user_key=mask.hashed("user", asked.user) if asked.user else None,
        client=asked.client,
        cards=tuple(_card(card, mask, shown=place not in withheld) for place, card in enumerate(response["cards"])),
        document={
            "masking": MASKING,
            "version": mask.version,
            "data": data_of(asked.states, asked.reads),
            "orders": [order(assessment, missing) for assessment in assessments],
        },
    )


def feedback_entry(
    service: str, given: Feedback, *, received: datetime, mask: Mask, comments: bool = False
) -> FeedbackEntry:
    """The masked record of one entry of feedback."""
    system, code = given.reason or (None, None)
    return FeedbackEntry(
        service=service,
        card=mask.id(given.card),
        accepted=given.accepted,
        at=given.at,
        received=received,
        suggestions=tuple(dict.fromkeys(mask.id(item) for item in given.suggestions)),
        reason_system=_if_fits(_SYSTEM, system),
        reason_code=_if_fits(_CODE, code),
        commented=given.comment is not None,
        comment=given.comment.replace("\0", "")[:COMMENT_LIMIT] if comments and given.comment else None,
    )


def _if_fits(pattern: re.Pattern[str], text: str | None) -> str | None:
    if text is None:
        return None
    return text if pattern.fullmatch(text) else NO_CODE


def _card(card: Mapping[str, Any], mask: Mask, *, shown: bool) -> CardShown:
    code = card.get("source", {}).get("topic", {}).get("code", "")
    suggestions = [
        SuggestionShown(mask.id(item["uuid"]), mask.text(item.get("label", "")))
        for item in card.get("suggestions", ())
        if item.get("uuid")
    ]
    return CardShown(
        uuid=mask.id(card["uuid"]) if card.get("uuid") else None,
        topic=(mask.topics or {}).get(code, code or "other"),
        indicator=card["indicator"],
        summary=mask.text(card["summary"]),
        suggestions=tuple(suggestions),
        shown=shown,
    )
