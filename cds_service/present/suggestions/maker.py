"""All suggestions of one assessment document, by the topic of the card they belong to. Decides nothing clinical.

A card holds suggestions of which at most one may be taken (what every client understands), so what may be wanted
together stands on different cards: the dose on the dose card, checks on the safety card, admission on monitoring.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cards import Action, Suggestion
from cds_service.errors import KnowledgeError
from cds_service.present import words as shown
from cds_service.present.identity import stable_id
from cds_service.present.suggestions.draft import changed_order
from cds_service.present.suggestions.medication import (
    ROUTES,
    infusion_start,
    medication_request,
    spoken_moment,
)
from cds_service.present.suggestions.services import Json, service_request, skeletons, times_a_day
from cds_service.present.suggestions.spoken import spoken_doses
from cds_service.present.suggestions.words import FILE, Words, load_words
from cds_service.terminology import Code, ValueSets

Document = Mapping[str, Any]
_SHARED = ("checks", "admission", "supervision", "tests", "measures")
"""Kinds that hold for the patient, not for one order: offered once in a call."""


_NAMED = 5
"""So many orders of a set are named on its button; each action names its own."""


@dataclass(frozen=True, slots=True)
class Orders:
    """What the call says of its orders: the drafts as they came, and whose they are."""

    drafts: Sequence[Mapping[str, Any]] = ()
    urls: Sequence[str | None] = ()
    patient_id: str | None = None
    encounter_id: str | None = None

    def draft(self, reference: str) -> Mapping[str, Any] | None:
        """The draft that the assessment speaks of: by its id, its full URL, or its place in the call."""
        for place, draft in enumerate(self.drafts):
            url = self.urls[place] if place < len(self.urls) else None
            own = f"{draft.get('resourceType')}/{draft['id']}" if draft.get("id") else url
            if (own or f"draftOrders.entry[{place}]") == reference:
                return draft
        return None


@dataclass(frozen=True, slots=True)
class Maker:
    """Words, codes and skeletons, ready before the first call."""

    words: Words
    skeletons: Mapping[str, Json]
    agents: Mapping[str, Code]
    routes: Mapping[str, Code]
    said: dict[tuple[str, str, str | None, int | None], tuple[str, str]] = field(default_factory=dict, repr=False)
    """Words filled in once; bounded by the orders and citations of the knowledge files."""

    def suggestions(
        self, document: Document, orders: Orders, *, identity: UUID, early: bool, coverage: bool, made: set[str]
    ) -> dict[str, tuple[Suggestion, ...]]:
        """Topic -> its suggestions. `coverage`: there is a coverage card; `made`: kinds offered already, added to.

        The ids follow from `identity`, so the same call has the same ids.
        """
        offers = document.get("offers")
        draft = orders.draft(document["order"]["reference"]) if offers else None
        if not offers or draft is None:
            return {}
        about = _about(draft, orders)
        found: list[tuple[str, str, Suggestion | None]] = [("dose", "dose", self._dose(document, draft, identity))]
        if not early:
            found += [
                (
                    "premedication",
                    "premedication",
                    self._premedication(offers["premedication"], draft, about, identity),
                ),
                ("monitoring", "admission", self._admission(offers["admission"], about, identity)),
                ("monitoring", "supervision", self._supervision(offers["supervision"], about, identity)),
                ("safety", "checks", self._set("checks", offers["checks"], about, identity)),
            ]
        found += [
            ("coverage" if coverage else "safety", "tests", self._set("tests", offers["tests"], about, identity)),
            ("dose", "measures", self._set("measures", offers["measures"], about, identity)),
        ]
        return _by_topic(found, made)

    def _dose(self, document: Document, draft: Mapping[str, Any], identity: UUID) -> Suggestion | None:
        offer = document["offers"]["dose"]
        if not offer or not offer["offered"]:
            return None
        order = changed_order(draft, offer["instructions"])
        if order is None:
            return None
        doses, row = spoken_doses(offer["steps"]), _row(document["dose"])
        description = self.words.fill("dose", "description", doses=doses, row=row)
        label = self.words.fill("dose", "label", doses=doses)
        return _suggestion(identity, "dose", label, Action("update", description, order))

    def _premedication(
        self, offer: Document | None, draft: Mapping[str, Any], about: Mapping[str, Any], identity: UUID
    ) -> Suggestion | None:
        if not offer or not offer["offered"]:
            return None
        route = str(offer["route"])
        values = {
            "agent": str(offer["agent"]),
            "dose": shown.milligrams(offer["dose_mg"]),
            "route": route if route in self.routes else self.words.fill("premedication", "open_route", route=route),
            "moments": self._moments(offer),
            "doses": self._doses(offer),
            "timing": str(offer["timing"]),
            "citation": str(offer["citation"]),
        }
        order = medication_request(
            offer,
            about,
            agent=self.agents[offer["agent"]],
            route=self.routes.get(route),
            text=self.words.fill("premedication", "text", **values),
            reason=self.words.fill("premedication", "reason", **values),
            start=infusion_start(draft),
        )
        description = self.words.fill("premedication", "description", **values)
        label = self.words.fill("premedication", "label", **values)
        return _suggestion(identity, "premedication", label, Action("create", description, order))

    def _moments(self, offer: Document) -> str:
        """'once before start of cycle 1 (2025-10-01) and once before day 8 step (2025-10-08)'."""
        return shown.listed(
            self.words.fill("premedication", "moment", moment=spoken_moment(moment)) for moment in offer["moments"]
        )

    def _doses(self, offer: Document) -> str:
        """Each dose with its moment, in the words of an order."""
        said = (
            self.words.fill(
                "premedication",
                "at_step" if moment["step"] else "at_start",
                lead=str(offer["lead"]),
                moment=spoken_moment(moment),
            )
            for moment in offer["moments"]
        )
        return "; ".join(said)

    def _admission(self, offer: Document | None, about: Mapping[str, Any], identity: UUID) -> Suggestion | None:
        if not offer:
            return None
        first, last = offer["first_day"], offer["days"]
        values = {
            "days": str(first) if first == last else f"{first}-{last}",
            "all_days": str(last),
            "cycle": str(offer["cycle"]),
            "citation": str(offer["citation"]),
        }
        skeleton = self.skeletons["admission"]
        code = {**skeleton["code"], "text": self.words.fill("admission", "text", **values)}
        period = {"occurrencePeriod": {"start": offer["start"], "end": offer["end"]}} if offer["start"] else {}
        reason = self.words.fill("admission", "reason", **values)
        order = service_request(skeleton, about, reason, code=code, **period)
        action = Action("create", self.words.fill("admission", "description", **values), order)
        return _suggestion(identity, "admission", self.words.fill("admission", "label", **values), action)

    def _supervision(self, offer: Document | None, about: Mapping[str, Any], identity: UUID) -> Suggestion | None:
        """No public code says supervision: the order is words, and its length is left to who signs it."""
        if not offer:
            return None
        values = {"moment": str(offer["moment"]), "citation": str(offer["citation"])}
        code = {"text": self.words.fill("supervision", "text", **values)}
        on = {"occurrenceDateTime": offer["start"]} if offer["start"] else {}
        reason = self.words.fill("supervision", "reason", **values)
        order = service_request(self.skeletons["supervision"], about, reason, code=code, **on)
        action = Action("create", self.words.fill("supervision", "description", **values), order)
        return _suggestion(identity, "supervision", self.words.fill("supervision", "label", **values), action)

    def _set(
        self, kind: str, offers: Sequence[Document], about: Mapping[str, Any], identity: UUID
    ) -> Suggestion | None:
        """One suggestion that makes all of these orders."""
        if not offers:
            return None
        names = [self.words.orders[offer["key"]].name for offer in offers]
        if len(names) > _NAMED + 1:
            names = [*names[:_NAMED], f"{len(names) - _NAMED} more"]
        actions = [self._order(kind, offer, about) for offer in offers]
        return _suggestion(identity, kind, self.words.fill(kind, "label", names=shown.listed(names)), *actions)

    def _order(self, kind: str, offer: Document, about: Mapping[str, Any]) -> Action:
        per_day = offer.get("per_day")
        description, reason = self._said(kind, offer["key"], offer.get("citation"), per_day)
        more = {"occurrenceTiming": times_a_day(per_day)} if per_day else {}
        return Action("create", description, service_request(self.skeletons[offer["key"]], about, reason, **more))

    def _said(self, kind: str, key: str, citation: str | None, per_day: int | None) -> tuple[str, str]:
        """Description and reason of one order of a set: the same for every patient, and kept."""
        known = (kind, key, citation, per_day)
        if known not in self.said:
            named, parts = self.words.orders[key], self.words.texts[kind]
            timed = parts["when_timed"].format(count=per_day) if per_day else None
            when = timed or named.when or parts.get("when", "")
            reason = self.words.fill(kind, "reason", citation=citation or "")
            self.said[known] = (self.words.fill(kind, "description", name=named.name, when=when), reason)
        return self.said[known]


def _about(draft: Mapping[str, Any], orders: Orders) -> Json:
    """Whose the new order is: patient and encounter as the draft names them, else as the call does."""
    subject = _reference(draft.get("subject")) or (f"Patient/{orders.patient_id}" if orders.patient_id else None)
    encounter = _reference(draft.get("encounter"))
    if encounter is None and orders.encounter_id:
        encounter = f"Encounter/{orders.encounter_id.removeprefix('Encounter/')}"
    named = {"subject": subject, "encounter": encounter}
    return {name: {"reference": reference} for name, reference in named.items() if reference}


def _reference(value: Any) -> str | None:
    found = value.get("reference") if isinstance(value, Mapping) else None
    return found if isinstance(found, str) and found and not found.startswith("#") else None


def _suggestion(identity: UUID, kind: str, label: str, *actions: Action) -> Suggestion:
    return Suggestion(label, stable_id(identity, kind), None, actions)


def _by_topic(found: Sequence[tuple[str, str, Suggestion | None]], made: set[str]) -> dict[str, tuple[Suggestion, ...]]:
    """Each kind that holds for the patient once in a call; of several on one card the first is recommended."""
    topics: dict[str, list[Suggestion]] = {}
    for topic, kind, suggestion in found:
        if suggestion is None or kind in made:
            continue
        if kind in _SHARED:
            made.add(kind)
        topics.setdefault(topic, []).append(suggestion)
    return {topic: _ranked(several) for topic, several in topics.items()}


def _ranked(several: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
    if len(several) == 1:
        return tuple(several)
    return tuple(Suggestion(each.label, each.uuid, place == 0, each.actions) for place, each in enumerate(several))


def _row(dose: Document) -> str:
    """Where the new dose stands in the label."""
    found = dict.fromkeys(str(item["citation"]) for item in dose.get("candidates") or ())
    return "; ".join(found) or str((dose.get("label") or {}).get("title"))


def load_maker(value_sets: ValueSets, mrd_codes: Sequence[str] = (), words: Words | None = None) -> Maker:
    """Read the words, choose the codes, make the skeletons: once, at start-up. Raises KnowledgeError."""
    read = words or load_words()
    agents = {name: _first(value_sets, f"drug.{name}") for name in ("dexamethasone", "prednisone")}
    routes = {name: _first(value_sets, concept) for name, concept in ROUTES.items()}
    return Maker(read, skeletons(read, value_sets, mrd_codes), agents, routes)


def _first(value_sets: ValueSets, concept: str) -> Code:
    codes = value_sets.sets.get(concept, ())
    if not codes:
        raise KnowledgeError(FILE, concept, "the value set has no code")
    return codes[0]
