"""What the call brought, completed from the client's FHIR server where something is missing. Given a way to fetch.

Judges nothing clinical. With a full prefetch nothing is fetched; without a server, or where it fails, what is missing
stays unknown and is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cds_service.hooks.call import HookCall
from cds_service.hooks.needs import Access, Fetch, Need, reference_needs, resources, template_needs
from cds_service.hooks.services import Service

REFERENCES = "references"
"""The key under which resources named by the orders are added; it is none of our templates."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """The prefetch to read, completed; and per key why something could not be had."""

    prefetch: Mapping[str, Any]
    problems: Mapping[str, str] = field(default_factory=dict)


def needs_of(call: HookCall, service: Service) -> tuple[Need, ...]:
    """What is worth reading for the orders in scope: unanswered templates, and references that lead nowhere."""
    drafts = [call.drafts[index] for index in call.in_scope]
    return (*template_needs(service, call), *reference_needs(drafts, call))


def gather(call: HookCall, needs: Sequence[Need], fetch: Fetch, *, seconds: float) -> Gathered:
    """Read the needs, if the call names a server, and put what came where the templates would have put it."""
    if not needs or not call.fhir_server:
        return Gathered(call.prefetch)
    fetched = fetch(Access(call.fhir_server, call.access_token, call.servers), needs, seconds=seconds)
    templates = {need.key: fetched.values[need.key] for need in needs if need.template and need.key in fetched.values}
    others = [fetched.values[need.key] for need in needs if not need.template and fetched.values.get(need.key)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": found} for found in others]}
    return Gathered({**call.prefetch, **templates, **({REFERENCES: bundle} if others else {})}, fetched.problems)


def has_patient(prefetch: Mapping[str, Any]) -> bool:
    """Is there a Patient resource, alone or in a Bundle?"""
    return any(found["resourceType"] == "Patient" for found in resources(prefetch.values()))
