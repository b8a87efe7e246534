"""How tests press buttons: the suggestions of an answer, and a client that carries them out on a FHIR server."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import requests
import simplejson

from cds_service.guidance import Guidance, advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import service_for, services
from cds_service.parts import Parts
from fhir_fixtures import hook_calls
from tests.fhir_builders import TODAY

Json = dict[str, Any]
DOSE, PREMEDICATION, COVERAGE = "guideline", "clinical-reminder", "coverage-info"
SAFETY, MONITORING = "contraindication", "appropriate-use"
"""Topic codes of the cards that carry buttons."""


def call_of(name: str, **order: Any) -> Json:
    """A fixture's call at signing; `order` lays members over its first draft (None takes one away)."""
    call = hook_calls()[f"order-sign--{name}"]
    draft = call["context"]["draftOrders"]["entry"][0]["resource"]
    draft.update(order)
    for member in [member for member, value in order.items() if value is None]:
        del draft[member]
    return call


def advised(call: Mapping[str, Any], parts: Parts) -> Guidance:
    """The guidance for this call."""
    service = service_for(str(call["hook"]), services(parts.settings.canonical_base))
    assert service is not None
    return advise(HookCall.parse(call, service=service), parts, today=TODAY)


def buttons(answer: Mapping[str, Any]) -> dict[str, list[Json]]:
    """Topic code -> the suggestions on its cards."""
    found: dict[str, list[Json]] = {}
    for card in answer["cards"]:
        found.setdefault(card["source"]["topic"]["code"], []).extend(card.get("suggestions", ()))
    return {topic: suggestions for topic, suggestions in found.items() if suggestions}


def actions(answer: Mapping[str, Any]) -> Iterator[Json]:
    """Every action of every suggestion."""
    for suggestions in buttons(answer).values():
        for suggestion in suggestions:
            yield from suggestion["actions"]


def update_of(answer: Mapping[str, Any]) -> Json | None:
    """The changed order; None where no changed dose is offered."""
    found = [action["resource"] for action in actions(answer) if action["type"] == "update"]
    assert len(found) <= 1
    return found[0] if found else None


class Client:
    """An EHR: it keeps the drafts of a session, carries out what is taken on its FHIR server, and calls again."""

    def __init__(self, call: Mapping[str, Any], service: str, fhir: str):
        self.call, self.service, self.fhir = copy.deepcopy(dict(call)), service, fhir

    def sign(self) -> Json:
        """The answer to order-sign with the drafts as they are now."""
        body = simplejson.dumps(self.call, use_decimal=True).encode()
        url = f"{self.service}/cds-services/blinatumomab-order-sign"
        answer = requests.post(url, body, headers={"Content-Type": "application/json"}, timeout=20)
        assert answer.status_code == 200, answer.text
        return dict(simplejson.loads(answer.content, use_decimal=True))

    def take(self, suggestion: Mapping[str, Any]) -> None:
        """Carry out every action: the server holds what was drafted, and the next call brings it as a draft."""
        for action in suggestion["actions"]:
            resource = self._written(action["type"], action["resource"])
            entries = self.call["context"]["draftOrders"]["entry"]
            same = [each for each in entries if _identity(each["resource"]) == _identity(resource)]
            for each in same:
                each["resource"] = resource
            if not same:
                entries.append({"resource": resource})

    def _written(self, kind: str, resource: Mapping[str, Any]) -> Json:
        body = simplejson.dumps(resource, use_decimal=True).encode()
        place = f"{self.fhir}/{resource['resourceType']}"
        headers = {"Content-Type": "application/fhir+json"}
        send = requests.put if kind == "update" else requests.post
        answer = send(f"{place}/{resource['id']}" if kind == "update" else place, body, headers=headers, timeout=20)
        assert answer.status_code in (200, 201), answer.text
        return dict(simplejson.loads(answer.content, use_decimal=True))


def _identity(resource: Mapping[str, Any]) -> tuple[Any, Any]:
    return resource["resourceType"], resource.get("id")
