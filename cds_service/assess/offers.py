"""What a click could do about the findings: decided here from facts and findings, written as FHIR in `present`.

The `offers` of the assessment document. A changed dose and the premedication are kept back by a stop, an active
toxicity or sources that disagree; checks, tests, admission and supervision by a stop; a new measurement by nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cds_service.assess.dosing import DoseResult
from cds_service.assess.measures import Body
from cds_service.assess.offer_dose import dose_offer
from cds_service.assess.offer_halts import halts, stops
from cds_service.assess.offer_orders import measures, order_set, tests
from cds_service.assess.offer_premedication import premedication_offer
from cds_service.assess.offer_stay import admission, supervision
from cds_service.assess.premedication import PremedicationResult
from cds_service.assess.safety_item import SafetyItem
from cds_service.assess.supervision import SupervisionResult
from cds_service.facts.model import Case
from cds_service.knowledge.label import Label


def offers(
    case: Case,
    label: Label,
    *,
    dose: DoseResult,
    body: Body,
    premedication: PremedicationResult,
    stay: SupervisionResult,
    safety: Sequence[SafetyItem],
    policies: Sequence[Mapping[str, Any]],
    checks_per_day: int | None = None,
) -> dict[str, Any]:
    """The `offers` object. `checks_per_day`: neurologic checks a day by the site's setting; None leaves it open."""
    track = dose.judgement.track
    against = halts(case, track, safety)
    stopped = (*stops(safety), *_toxicity(dose))
    changed = dose_offer(dose.judgement, dose.issues, against)
    return {
        "dose": changed,
        "premedication": premedication_offer(case, body, premedication, (*against, *_toxicity(dose))),
        "checks": order_set(case, label, safety, stopped, checks_per_day=checks_per_day),
        "admission": admission(case, stay, stopped),
        "supervision": supervision(case, label, stay, stopped),
        "tests": [] if stopped else tests(case, track, policies),
        # Never beside a changed dose: that one rests on measures that are there and fresh.
        "measures": [] if changed and changed["offered"] else measures(case, label),
    }


def _toxicity(dose: DoseResult) -> tuple[str, ...]:
    """While the label's table says to interrupt or stop, or cannot be applied, nothing is offered for a start."""
    toxicity = dose.judgement.toxicity
    return ("the toxicity named in the order comes first",) if toxicity and toxicity.blocks_verdict else ()
