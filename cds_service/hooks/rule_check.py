"""Which rules of CDS Hooks an answer breaks, and where. Pure: JSON in, every breach out, not the first only.

Less strict than our own schemas, which hold us to one form that all clients accept: here stands what any service owes.
Quotes no value of the document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.hooks.rule_members import (
    ACTION,
    CARD,
    ENTRY,
    LINK,
    REASON,
    ROOT,
    SOURCE,
    SUGGESTION,
    SYSTEM_ACTION,
    TOPIC,
    Json,
    Member,
    Step,
    hollow_breaches,
    is_object_of_texts,
    is_text,
    member_breaches,
)
from cds_service.hooks.rules import Breach, breach
from cds_service.hooks.schemas import path_text

_LONGEST_SUMMARY = 139
_RAW_HTML = re.compile(r"(?<!\\)<(?!https?:|mailto:)/?[A-Za-z!][^>]*>")
_SAFE_ID = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)
_REFERENCE = re.compile(r"[A-Z][A-Za-z]+/\S+")
_PATIENT = re.compile(r"(?:^|/)Patient/([^/]+)")
_TOKEN = re.compile(r"\{\{(.*?)\}\}")
_LEGAL_TOKEN = re.compile(
    r"\s*(context\.[A-Za-z]+|userPractitionerId|userPractitionerRoleId|userPatientId|userRelatedPersonId)\s*"
)


def discovery_breaches(document: Any) -> tuple[Breach, ...]:
    """Every rule that a discovery document breaks."""
    entries = document.get("services") if isinstance(document, Mapping) else None
    if not isinstance(entries, list):
        return (breach("B-02", "services", "is missing or not an array"),)
    return (*hollow_breaches(document, (), allowed=("services",)), *_entries(entries))


def answer_breaches(answer: Any, call: Json | None = None) -> tuple[Breach, ...]:
    """Every rule that the body of a 200 breaks; with the call, also what suggestions owe to its drafts and patient."""
    if not isinstance(answer, Mapping):
        return (breach("G-01", "", "is not an object"),)
    found = [*hollow_breaches(answer, (), allowed=("cards",)), *member_breaches(answer, ROOT, (), unknown="G-07")]
    cards = answer.get("cards")
    for place, card in enumerate(cards if isinstance(cards, list) else ()):
        found += _card(card, ("cards", place), call)
    for place, action in _listed(answer, "systemActions"):
        found += _action(action, ("systemActions", place), call, SYSTEM_ACTION)
    return (*found, *_twice(answer))


def _entries(entries: list[Any]) -> Iterator[Breach]:
    for place, entry in enumerate(entries):
        at: Step = ("services", place)
        if not isinstance(entry, Mapping):
            yield breach("B-02", path_text(at), "is not an object")
            continue
        yield from member_breaches(entry, ENTRY, at, unknown="B-18")
        if is_text(entry.get("id")) and not _SAFE_ID.fullmatch(entry["id"]):
            yield breach("B-10", path_text((*at, "id")), "has characters that a URL path does not take")
        templates = entry["prefetch"] if is_object_of_texts(entry.get("prefetch")) else {}
        odd = [key for key, text in templates.items() if not all(map(_LEGAL_TOKEN.fullmatch, _TOKEN.findall(text)))]
        if odd:
            yield breach("E-03", path_text((*at, "prefetch")), f"has tokens of other versions in {len(odd)} templates")


def _card(card: Any, at: Step, call: Json | None) -> Iterator[Breach]:
    if not isinstance(card, Mapping):
        yield breach("H-00", path_text(at), "is not an object")
        return
    yield from member_breaches(card, CARD, at)
    yield from _wording(card, at)
    yield from _source(card.get("source"), (*at, "source"))
    suggestions = list(_listed(card, "suggestions"))
    if suggestions and not card.get("selectionBehavior"):
        yield breach("H-10", path_text((*at, "selectionBehavior")), "is missing")
    recommended = sum(each.get("isRecommended") is True for _, each in suggestions)
    if recommended > 1 and card.get("selectionBehavior") == "at-most-one":
        yield breach("J-04", path_text((*at, "suggestions")), f"recommends {recommended}")
    for place, suggestion in suggestions:
        yield from member_breaches(suggestion, SUGGESTION, (*at, "suggestions", place))
        for number, action in _listed(suggestion, "actions"):
            yield from _action(action, (*at, "suggestions", place, "actions", number), call)
    for place, reason in _listed(card, "overrideReasons"):
        yield from member_breaches(reason, REASON, (*at, "overrideReasons", place))
    for place, link in _listed(card, "links"):
        yield from member_breaches(link, LINK, (*at, "links", place))
        if link.get("type") == "absolute" and link.get("appContext"):
            yield breach("M-05", path_text((*at, "links", place, "appContext")), "stands on an absolute link")


def _wording(card: Json, at: Step) -> Iterator[Breach]:
    summary, detail = card.get("summary"), card.get("detail")
    if isinstance(summary, str) and len(summary) > _LONGEST_SUMMARY:
        yield breach("H-02", path_text((*at, "summary")), f"has {len(summary)} characters")
    if isinstance(summary, str) and len(summary.splitlines()) > 1:
        yield breach("H-02", path_text((*at, "summary")), "has more than one line")
    if isinstance(detail, str) and _RAW_HTML.search(detail):
        yield breach("H-05", path_text((*at, "detail")), "has raw HTML")


def _source(source: Any, at: Step) -> Iterator[Breach]:
    if isinstance(source, Mapping):
        yield from member_breaches(source, SOURCE, at)
        if isinstance(source.get("topic"), Mapping):
            yield from member_breaches(source["topic"], TOPIC, (*at, "topic"))


def _action(action: Json, at: Step, call: Json | None, table: Mapping[str, Member] = ACTION) -> Iterator[Breach]:
    yield from member_breaches(action, table, at)
    resource: Any = action.get("resource")
    kind = action.get("type")
    whole = isinstance(resource, Mapping) and is_text(resource.get("resourceType"))
    if kind == "create" and not whole:
        yield breach("K-03", path_text((*at, "resource")), "is not a FHIR resource")
    if kind == "update" and not (whole and is_text(resource.get("id"))):
        yield breach("K-04", path_text((*at, "resource")), "is not a FHIR resource with its id")
    if kind == "delete":
        yield from _delete(action, at)
    if call is not None:
        yield from _belongs(action, at, call)


def _delete(action: Json, at: Step) -> Iterator[Breach]:
    named, old = action.get("resourceId"), action.get("resource")
    if old:
        yield breach("K-08", path_text((*at, "resource")), "is given")
    if named is not None or not is_text(old):
        names = named if isinstance(named, list) else [named]
        if not names or not all(isinstance(each, str) and _REFERENCE.fullmatch(each) for each in names):
            yield breach("K-07", path_text((*at, "resourceId")), "is not a reference `Type/id`")


def _belongs(action: Json, at: Step, call: Json) -> Iterator[Breach]:
    """Does the action speak of the drafts and the patient of the call?"""
    context = call.get("context")
    if not isinstance(context, Mapping) or not isinstance(context.get("draftOrders"), Mapping):
        return
    drafts = {_name(each.get("resource")): each.get("resource") for _, each in _listed(context["draftOrders"], "entry")}
    resource = action.get("resource")
    if action.get("type") == "update" and isinstance(resource, Mapping):
        if _name(resource) not in drafts:
            yield breach("K-06", path_text((*at, "resource")), "is no order of the call")
        elif _loses(resource, drafts[_name(resource)]):
            yield breach("K-05", path_text((*at, "resource")), "loses part of the draft, or has another status")
    deleted = action.get("resourceId")
    if action.get("type") == "delete" and isinstance(deleted, str) and deleted not in drafts:
        yield breach("K-06", path_text((*at, "resourceId")), "is no order of the call")
    subject = resource.get("subject", resource.get("patient")) if isinstance(resource, Mapping) else None
    reference = subject.get("reference") if isinstance(subject, Mapping) else None
    named = _PATIENT.search(reference) if isinstance(reference, str) else None
    if named and named.group(1) != str(context.get("patientId", "")).split("/")[-1]:
        yield breach("K-10", path_text((*at, "resource")), "is about somebody else")


def _loses(resource: Json, draft: Any) -> bool:
    """Is a member of the draft gone, or its status another?"""
    if not isinstance(draft, Mapping):
        return False
    kept = draft.keys() - {"text"} <= resource.keys()
    return not kept or resource.get("status") != draft.get("status")


def _name(resource: Any) -> str:
    return f"{resource.get('resourceType')}/{resource.get('id')}" if isinstance(resource, Mapping) else ""


def _listed(found: Json, name: str) -> Iterator[tuple[int, Json]]:
    value = found.get(name)
    for place, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, Mapping):
            yield place, each


def _twice(answer: Json) -> Iterator[Breach]:
    """Ids of cards and suggestions that come twice, and suggestions whose use cannot be fed back."""
    cards = list(_listed(answer, "cards"))
    suggestions = [(place, each) for place, card in cards for _, each in _listed(card, "suggestions")]
    for rule, places in (("H-01", cards), ("J-02", suggestions)):
        ids = Counter(each["uuid"] for _, each in places if isinstance(each.get("uuid"), str) and each["uuid"])
        again = sum(count > 1 for count in ids.values())
        if again:
            yield breach(rule, "cards", f"has {again} uuid that come more than once")
