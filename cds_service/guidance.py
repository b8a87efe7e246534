"""The spine: one call told in order, from the record to the cards.

    chart (what the record says) -> cases (our words, one per order for a drug we know) -> assessments -> cards

Pure given its arguments: no network, no file, no clock. May not know HTTP.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from cds_service.assess.assessment import assess
from cds_service.facts.build import read_cases
from cds_service.fhir.chart import read_chart
from cds_service.hooks.call import HookCall
from cds_service.parts import Parts
from cds_service.present.plan import response


@dataclass(frozen=True, slots=True)
class Guidance:
    """What was decided (one assessment document per order in scope) and what is answered."""

    assessments: tuple[dict[str, Any], ...]
    response: dict[str, Any]


def advise(call: HookCall, parts: Parts, *, today: date, as_of: date | None = None) -> Guidance:
    """Guidance for one call. `as_of` overrides the day each order is judged on: its own date, else today."""
    knowledge, settings = parts.knowledge, parts.settings
    chart = read_chart(patient_id=call.patient_id, prefetch=call.prefetch, drafts=call.drafts)
    cases = read_cases(
        chart,
        call.drafts,
        call.in_scope,
        user_id=call.user_id,
        as_of=as_of,
        today=today,
        value_sets=knowledge.value_sets,
        settings=settings,
        payers=knowledge.payers,
    )
    assessments = tuple(assess(case, knowledge, settings, hook=call.hook) for case in cases)
    cards = response(assessments, hook=call.hook, instance=call.instance, templates=parts.templates)
    return Guidance(assessments, cards)
