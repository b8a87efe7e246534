"""Taking a resource or an answer away never makes a criterion met. Exceptions are the contradictions, by name."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Any

import pytest

from cds_service.guidance import advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import service_for, services
from cds_service.parts import Parts
from cds_service.settings import Settings
from fhir_fixtures import hook_calls

TODAY = date(2026, 11, 21)
EXCEPTIONS = {
    "treatment-phase": "a use without a label row (maintenance, after consolidation) or a phase that contradicts the "
    "status: unsaid, the row by status and MRD holds, and the footnote with it",
    "disease-status": "a status that contradicts the phase: one of two conflicting statements",
    "regimen": "a statement that contradicts the drugs on the list",
    "request-type": "continued or initial: the record, where it shows no earlier dose, says initial",
    "coverage: Coverage": "of another payer: no verdict at all; of none, the policy is shown as it would be",
}
"""Answers whose removal takes a contradiction away, and why that may settle something."""
CONFLICTS = (
    "conflict",
    "bsa-conflict",
    "duplicate-therapy",
    "phase-status",
    "phase-not-used",
    "induction-stated",
    "request-type",
)


@cache
def _calls() -> dict[str, dict[str, Any]]:
    return hook_calls()


def _names() -> list[str]:
    return [name for name in sorted(_calls()) if name.startswith("order-sign--")][::4]


def _met(body: dict[str, Any], parts: Parts) -> tuple[dict[str, set[str]], set[str]]:
    """Per edition the criteria that are met at the top level and the overall result; and the flags."""
    service = service_for(body["hook"], services(Settings().canonical_base))
    assert service is not None
    found = advise(HookCall.parse(body, service=service), parts, today=TODAY).assessments
    if not found:
        return {}, set()
    met = {
        policy["version"]: {
            name for name, item in policy["criteria"].items() if item["top"] and item["status"] == "met"
        }
        | ({"overall"} if policy["overall"] == "criteria_met" else set())
        for policy in found[0]["policies"]
    }
    return met, set(found[0]["flags"])


def _less(body: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The call without each one of its prefetched resources, and without each one of its answers."""
    for key, value in body["prefetch"].items():
        for index, entry in enumerate(value.get("entry", ()) if isinstance(value, dict) else ()):
            less = copy.deepcopy(body)
            del less["prefetch"][key]["entry"][index]
            yield f"{key}: {(entry.get('resource') or {}).get('resourceType')}", less
    for link in sorted({item["linkId"] for response in _responses(body) for item in response.get("item", ())}):
        less = copy.deepcopy(body)
        for response in _responses(less):
            response["item"] = [item for item in response.get("item", ()) if item["linkId"] != link]
        yield link, less


def _responses(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    bundles = [body["context"]["draftOrders"], body["prefetch"].get("orderQuestions") or {}]
    for entry in (entry for bundle in bundles for entry in bundle.get("entry", ())):
        resource = entry["resource"]
        yield from (part for part in (resource, *resource.get("contained", ())) if _is_response(part))


def _is_response(resource: dict[str, Any]) -> bool:
    return bool(resource["resourceType"] == "QuestionnaireResponse")


@pytest.mark.parametrize("name", _names())
def test_taking_a_resource_or_an_answer_away_makes_nothing_met(name: str, parts: Parts) -> None:
    body = _calls()[name]
    before, flags = _met(body, parts)
    contradictory = any(flag.startswith(CONFLICTS) for flag in flags)
    tried = 0
    for what, less in _less(body):
        after, _ = _met(less, parts)
        tried += 1
        for version, met in after.items():
            more = met - before.get(version, set())
            assert not more or contradictory or what in EXCEPTIONS, f"{what} gone: {sorted(more)} met in {version}"
    assert tried > 10 or "empty" in name
