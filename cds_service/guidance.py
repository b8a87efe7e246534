"""The spine: one call told in order, from the record to the cards.

    what is missing is gathered -> chart (what the record says) -> cases (our words, one per order for a drug we know)
    -> assessments -> cards

Pure given its arguments: no network of its own (it is given a way to fetch), no file, no clock. May not know HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from cds_service.assess.assessment import assess
from cds_service.errors import CallError
from cds_service.facts.build import read_cases
from cds_service.facts.model import Case
from cds_service.fhir.chart import read_chart
from cds_service.gathering import Gathered, gather, has_patient, needs_of
from cds_service.hooks.call import HookCall
from cds_service.hooks.needs import Fetch, Need
from cds_service.hooks.services import Service
from cds_service.parts import Parts
from cds_service.present.plan import response
from cds_service.present.suggestions import Orders


@dataclass(frozen=True, slots=True)
class Guidance:
    """What was decided (one assessment document per order in scope) and what is answered."""

    assessments: tuple[dict[str, Any], ...]
    response: dict[str, Any]


def advise(
    call: HookCall, parts: Parts, *, today: date, as_of: date | None = None, gathered: Gathered | None = None
) -> Guidance:
    """Guidance for one call. `as_of` overrides the day each order is judged on: its own date, else today.

    `gathered` is the prefetch completed from elsewhere; without it, what is not in the call is unknown.
    Raises CallError with 413 for more orders than are judged.
    """
    cases = _cases(call, parts, gathered or Gathered(call.prefetch), today=today, as_of=as_of)
    assessments = tuple(assess(case, parts.knowledge, parts.settings, hook=call.hook) for case in cases)
    cards = response(
        assessments,
        hook=call.hook,
        instance=call.instance,
        templates=parts.templates,
        form=partial(parts.form_links.link, today=today),
        maker=parts.maker,
        orders=Orders(call.drafts, call.draft_urls, call.patient_id, call.encounter_id),
    )
    return Guidance(assessments, cards)


def advise_fetching(call: HookCall, parts: Parts, fetch: Fetch, *, service: Service, today: date) -> Guidance:
    """Guidance for one call over HTTP: what is missing is read first, where the call allows it.

    Raises CallError with 412 when even the patient cannot be had, unless what is there already calls for a stop.
    """
    needs = needs_of(call, service)
    if not needs or not _concerned(call, parts, needs, today=today):
        return advise(call, parts, today=today)
    gathered = gather(call, needs, fetch, seconds=parts.settings.fetch_deadline_seconds)
    found = advise(call, parts, today=today, gathered=gathered)
    if found.assessments and not has_patient(gathered.prefetch) and not _stops(found):
        raise CallError(
            "the patient of this call is neither in the prefetch nor readable on the FHIR server",
            field="prefetch.patient",
            mend="Send prefetch.patient, or a fhirServer that this service may read with a token for Patient.",
            status=412,
            code="required",
        )
    return found


def _concerned(call: HookCall, parts: Parts, needs: Sequence[Need], *, today: date) -> bool:
    """May an order in scope be for our drug? An unresolved medication may."""
    unresolved = any(need.key.startswith("Medication/") for need in needs)
    return unresolved or bool(_cases(call, parts, Gathered(call.prefetch), today=today, as_of=None))


def _stops(guidance: Guidance) -> bool:
    """Never withhold a critical card for want of data that would not change it."""
    return any(card["indicator"] == "critical" for card in guidance.response["cards"])


def _cases(call: HookCall, parts: Parts, gathered: Gathered, *, today: date, as_of: date | None) -> tuple[Case, ...]:
    """The chart, and from it one case per order in scope for a drug we know."""
    chart = read_chart(
        patient_id=call.patient_id,
        prefetch=gathered.prefetch,
        drafts=call.drafts,
        draft_urls=call.draft_urls,
        problems=gathered.problems,
    )
    return read_cases(
        chart,
        call.drafts,
        call.in_scope,
        user_id=call.user_id,
        as_of=as_of,
        today=today,
        value_sets=parts.knowledge.value_sets,
        settings=parts.settings,
        payers=parts.knowledge.payers,
        questions=parts.knowledge.questions,
    )
