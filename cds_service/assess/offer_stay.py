"""Hospital for the days of this cycle that are left, or supervision at a start that has none. Pure.

Never both, and neither where the patient is in hospital or an order for it is in the call.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from cds_service.assess.safety_item import plain
from cds_service.assess.supervision import SupervisionResult
from cds_service.facts.model import Case
from cds_service.knowledge.label import Guidance, Label

IN_HOSPITAL = ("order.hospital-admission", "encounter.inpatient")
RESTARTS = "interruption"
TOPICS = frozenset((RESTARTS,))
"""The topics a label file must have for this module."""
_SUPERVISED = "supervis"
"""Supervision has no code of ours: an order for it is known by its words."""


def admission(case: Case, stay: SupervisionResult, halts: Sequence[str]) -> dict[str, Any] | None:
    """Hospital for the days of this cycle that are left; None where there are none, or the patient is admitted."""
    if halts or not stay.row or not stay.days_left or _admitted(case):
        return None
    start = case.order.start
    return {
        "cycle": case.course.cycle.value,
        "days": stay.this_cycle_days,
        "first_day": stay.start_day,
        "start": start.isoformat() if start else None,
        "end": (start + timedelta(days=stay.days_left - 1)).isoformat() if start else None,
        "citation": stay.row.citation,
    }


def supervision(case: Case, label: Label, stay: SupervisionResult, halts: Sequence[str]) -> dict[str, Any] | None:
    """Supervision at a cycle start without hospital days, or at a restart outside of them. It has no stated length."""
    if halts or not stay.row or stay.days_left != 0 or _admitted(case) or _ordered(case):
        return None
    restarts = _restarts(label)
    hours = case.course.restart_interruption_hours.value
    restart = hours is not None and restarts.limits is not None and hours >= restarts.limits["hours"]
    if stay.start_day != 1 and not restart:
        return None
    start = case.order.start
    return {
        "moment": f"restart after {plain(hours)} h interruption"
        if restart and hours is not None
        else f"start of cycle {case.course.cycle.value}",
        "start": start.isoformat() if start else None,
        "citation": restarts.citation if restart else stay.row.citation,
    }


@lru_cache(maxsize=16)
def _restarts(label: Label) -> Guidance:
    return label.topic(RESTARTS)


def _admitted(case: Case) -> bool:
    return any(concept in request.concepts for request in case.requests for concept in IN_HOSPITAL)


def _ordered(case: Case) -> bool:
    return any(_SUPERVISED in request.said.lower() for request in case.requests)
