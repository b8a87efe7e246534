"""Premedication of one built case as a document, and steroid orders to find or not to find."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any

from cds_service.assess.premedication import assess_premedication
from cds_service.facts.model import Evidence, SteroidOrder
from cds_service.knowledge.labels import load_label
from tests.case_builders import case

LABEL = load_label(files("cds_service.knowledge") / "labels/blinatumomab/2025-04.toml")
START = date(2025, 10, 1)
RR, MRD, CONSOLIDATION = "relapsed-refractory", "mrd", "consolidation"


def judge(
    track: str | None = RR,
    age_group: str | None = "adult",
    *,
    bsa: str | None = "1.00",
    action: str | None = None,
    other_tracks: tuple[str, ...] = (),
    **given: Any,
) -> dict[str, Any]:
    result = assess_premedication(
        case(**given),
        LABEL,
        track=track,
        age_group=age_group,
        bsa_m2=Decimal(bsa) if bsa else None,
        toxicity_action=action,
        other_tracks=other_tracks,
    )
    return result.document()


def steroid(dose_mg: str | None = "20", **given: Any) -> SteroidOrder:
    words = {
        "drug": "dexamethasone",
        "route": "systemic",
        "day": START,
        "single": True,
        "as_written": f"dexamethasone {dose_mg} mg",
    } | given
    evidence = Evidence("MedicationRequest/dex", "steroid order", words["as_written"])
    return SteroidOrder(dose_mg=Decimal(dose_mg) if dose_mg else None, evidence=evidence, **words)
