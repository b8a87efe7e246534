"""The spine: one call told in order, from the record to the cards.

    what is missing is gathered -> chart (what the record says) -> cases (our words, one per order for a drug we know)
    -> assessments -> cards

Pure given its arguments: no network of its own (it is given a way to fetch), no file, no clock. May not know HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

from cds_service.assess.assessment import assess
from cds_service.errors import CallError
from cds_service.facts.build import read_cases, read_untold
from cds_service.facts.model import Case
from cds_service.fhir.chart import Chart, read_chart
from cds_service.gathering import Gathered, gather, has_patient, needs_of
from cds_service.hooks.call import HookCall
from cds_service.hooks.needs import Fetch, Need
from cds_service.hooks.services import Service
from cds_service.parts import Parts
from cds_service.present.plan import response
from cds_service.present.suggestions import Orders

Lap = Callable[[str], None]
"""Told the name of each stage as it ends, by which somebody with a clock may time them."""


def _untimed(_stage: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Guidance:
    """What was decided (one assessment document per order in scope) and what is answered."""

    assessments: tuple[dict[str, Any], ...]
    response: dict[str, Any]
    untold: tuple[dict[str, str | None], ...] = ()
    """Orders (reference, why) that may be for our drug or for any other, where none is known to be."""


def advise(
    call: HookCall,
    parts: Parts,
    *,
    today: date,
    as_of: date | None = None,
    gathered: Gathered | None = None,
    lap: Lap = _untimed,
) -> Guidance:
    """Guidance for one call. `as_of` overrides the day each order is judged on: its own date, else today.

    `gathered` is the prefetch completed from elsewhere; without it, what is not in the call is unknown. `lap` is told
    when the facts are read, judged and put into cards.
    Raises CallError with 413 for more orders than are judged.
    """
    chart = _chart(call, gathered or Gathered(call.prefetch))
    cases = _cases(chart, call, parts, today=today, as_of=as_of)
    untold = () if cases else _untold(chart, call, parts, today=today)
    lap("facts")
    assessments = tuple(assess(case, parts.knowledge, parts.settings, hook=call.hook) for case in cases)
    lap("assess")
    cards = response(
        assessments,
        hook=call.hook,
        instance=call.instance,
        templates=parts.templates,
        form=partial(parts.form_links.link, today=today),
        maker=parts.maker,
        orders=Orders(call.drafts, call.draft_urls, call.patient_id, call.encounter_id),
        untold=untold,
    )
    lap("present")
    return Guidance(assessments, cards, untold)


def advise_fetching(
    call: HookCall, parts: Parts, fetch: Fetch, *, service: Service, today: date, lap: Lap = _untimed
) -> Guidance:
    """Guidance for one call over HTTP: what is missing is read first, where the call allows it.

    Raises CallError with 412 when even the patient cannot be had, unless what is there already calls for a stop.
    """
    needs = needs_of(call, service)
    if not needs or not _concerned(call, parts, needs, today=today):
        lap("gather")
        return advise(call, parts, today=today, lap=lap)
    gathered = gather(call, needs, fetch, seconds=parts.settings.fetch_deadline_seconds)
    lap("gather")
    found = advise(call, parts, today=today, gathered=gathered, lap=lap)
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
    return unresolved or bool(_cases(_chart(call, Gathered(call.prefetch)), call, parts, today=today, as_of=None))


def _stops(guidance: Guidance) -> bool:
    """Never withhold a critical card for want of data that would not change it."""
    return any(card["indicator"] == "critical" for card in guidance.response["cards"])


def _chart(call: HookCall, gathered: Gathered) -> Chart:
    """What the record says."""
    return read_chart(
        patient_id=call.patient_id,
        prefetch=gathered.prefetch,
        drafts=call.drafts,
        draft_urls=call.draft_urls,
        problems=gathered.problems,
    )


def _cases(chart: Chart, call: HookCall, parts: Parts, *, today: date, as_of: date | None) -> tuple[Case, ...]:
    """One case per order in scope for a drug we know."""
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


def _untold(chart: Chart, call: HookCall, parts: Parts, *, today: date) -> tuple[dict[str, str | None], ...]:
    """The orders in scope whose drug cannot be told, as a document lists what could not be read."""
    found = read_untold(
        chart,
        call.in_scope,
        today=today,
        value_sets=parts.knowledge.value_sets,
        settings=parts.settings,
        questions=parts.knowledge.questions,
    )
    return tuple({"reference": item.reference, "why": item.why} for item in found)
