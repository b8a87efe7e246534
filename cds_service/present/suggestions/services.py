"""New orders for tests, checks, measurements and admission as FHIR R4 ServiceRequest, from prepared skeletons.

What is the same for every patient is made at start-up; a call adds subject, encounter, reason and days.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cds_service.errors import KnowledgeError
from cds_service.present.suggestions.words import FILE, Named, Words
from cds_service.terminology import Code, ValueSets

Json = dict[str, Any]


def skeletons(words: Words, value_sets: ValueSets, mrd_codes: Sequence[str]) -> dict[str, Json]:
    """Key of an order -> its ServiceRequest without anything of a patient. Raises KnowledgeError for an unknown code.

    MRD has no public code: the site's own first code (`system|code`), else words alone.
    """
    made = {key: _skeleton(key, named, value_sets) for key, named in words.orders.items()}
    system, bar, code = (mrd_codes[0] if mrd_codes else "").rpartition("|")
    if bar and system and code:
        made["mrd"]["code"]["coding"] = [{"system": system, "code": code}]
    return made


def _skeleton(key: str, named: Named, value_sets: ValueSets) -> Json:
    concept: Json = {"text": named.text} if named.text else {}
    if named.concept:
        concept = {"coding": [coding(_chosen(key, named, value_sets))], **concept}
    return {"resourceType": "ServiceRequest", "status": "draft", "intent": "order", "code": concept}


def _chosen(key: str, named: Named, value_sets: ValueSets) -> Code:
    """The code named, else the first of the value set (its files put the preferred code first)."""
    codes = value_sets.sets.get(named.concept or "", ())
    found = next((code for code in codes if named.code in (None, code.code)), None)
    if found is None:
        raise KnowledgeError(FILE, f"orders.{key}", f"{named.concept} has no code {named.code or ''}".rstrip())
    return found


def coding(code: Code) -> Json:
    """A code of our value sets as a Coding."""
    return {"system": code.system, "code": code.code, "display": code.display}


def service_request(skeleton: Json, about: Mapping[str, Any], reason: str, **more: Any) -> Json:
    """The whole resource: `about` has subject and encounter, `more` what this order has besides."""
    return {**skeleton, **about, "reasonCode": [{"text": reason}], **more}


def times_a_day(count: int) -> Json:
    """So many times a day as a Timing."""
    return {"repeat": {"frequency": count, "period": 1, "periodUnit": "d"}}
