"""When inside one order a premedication row asks for its dose: cycle start, restart, step up.

Counts days from the order's own start. Never fills an unknown cycle, day or interruption.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from cds_service.assess.safety_item import plain
from cds_service.facts.model import Case, Order
from cds_service.knowledge.label import PremedicationRow

STEP_DAY = 8
"""The first day of the full dose: of cycle 1, and of an order that restarts at the step dose after toxicity."""
UNSETTLED = frozenset({"interrupt", "discontinue", "consider-discontinuation", "unknown"})


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment at which the row asks for the dose, and how many days after the order's own start it is."""

    name: str
    days_after_start: int = 0


def moments(case: Case, row: PremedicationRow, toxicity_action: str | None) -> tuple[Moment, ...]:
    """Every moment inside this order, in time. Empty while cycle or day is unknown or a toxicity is unsettled."""
    cycle, day = case.course.cycle.value, case.course.day.value
    if cycle is None or day is None or toxicity_action in UNSETTLED:
        return ()
    found = [
        _cycle_start(row, cycle, day),
        _restart(case, row, cycle),
        _toxicity_step(case, row) if toxicity_action == "restart-stepped" else _step(case, row, cycle, day),
    ]
    return tuple(moment for moment in found if moment is not None)


def applies_at_start(case: Case, row: PremedicationRow, toxicity_action: str | None) -> bool | None:
    """Is the order's own start such a moment? None while cycle, day, toxicity or the interruption is unknown."""
    cycle, day = case.course.cycle.value, case.course.day.value
    if cycle is None or day is None or toxicity_action in UNSETTLED:
        return None
    if any(moment.days_after_start == 0 for moment in moments(case, row, toxicity_action)):
        return True
    return None if _restart_of_unknown_length(case, row, cycle) else False


def last_order_day(order: Order) -> int | None:
    """The last day of the order, counted from its own start; None when it has no stated end."""
    ends = [step.last_day for step in order.steps]
    known = [end for end in ends if end is not None]
    if ends and len(known) == len(ends):
        return max(known)
    return math.ceil(order.duration_days) if order.duration_days is not None else None


def _cycle_start(row: PremedicationRow, cycle: int, day: int) -> Moment | None:
    if day != 1 or not (row.each_cycle or cycle == 1):
        return None
    return Moment(f"start of cycle {cycle}")


def _restart(case: Case, row: PremedicationRow, cycle: int) -> Moment | None:
    hours = case.course.restart_interruption_hours.value
    if hours is None or row.restart_hours is None or hours < row.restart_hours:
        return None
    if not (row.restart_any_cycle or cycle == 1):
        return None
    return Moment(f"restart after {plain(hours)} h interruption")


def _restart_of_unknown_length(case: Case, row: PremedicationRow, cycle: int) -> bool:
    asked_for = row.restart_hours is not None and (row.restart_any_cycle or cycle == 1)
    course = case.course
    stated = course.restart_reason.known or course.restart_interruption_hours.conflict
    return asked_for and stated and not course.restart_interruption_hours.known


def _step(case: Case, row: PremedicationRow, cycle: int, day: int) -> Moment | None:
    """The scheduled step of cycle 1 exists only in rows that name it."""
    if not row.before_step or cycle != 1 or day > STEP_DAY:
        return None
    after = STEP_DAY - day
    return Moment(f"day {STEP_DAY} step", after) if _covers(case.order, after + 1) else None


def _toxicity_step(case: Case, row: PremedicationRow) -> Moment | None:
    """After such a restart the scheduled step no longer holds: seven days at the step dose come first."""
    if not row.before_step or not _covers(case.order, STEP_DAY):
        return None
    return Moment(f"step up after toxicity restart, order day {STEP_DAY}", STEP_DAY - 1)


def _covers(order: Order, order_day: int) -> bool:
    last = last_order_day(order)
    return last is None or last >= order_day
