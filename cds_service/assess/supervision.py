"""Days in hospital by track and cycle; from the third cycle on, and for restarts, supervision.

No row for a use without a label row: the protocol is followed, and nobody is told that no admission is needed. After
an interruption so long that a new cycle begins, how many days are left is open until its cycle and day are stated.
"""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.assess.toxicity import begins_new_cycle
from cds_service.facts.model import Case
from cds_service.knowledge.label import CONFIRM_GRADES, Label, Supervision

_NEW_CYCLE = "Interrupted for more than 7 days by an adverse event: a new cycle begins. State the new cycle, and day 1."


@dataclass(frozen=True, slots=True)
class SupervisionResult:
    """The `hospitalisation` object of the assessment document. Days count from the first day of the cycle."""

    row: Supervision | None
    this_cycle_days: int | None
    start_day: int | None
    reason: str
    new_cycle: bool = False
    """A new cycle begins by the length of the interruption, and the order still states a day of the old one."""

    @property
    def days_left(self) -> int | None:
        """Of this cycle's hospital days, from the start of the order on; None where the cycle or the day is open."""
        days, start = self.this_cycle_days, self.start_day
        return None if days is None or start is None or self.new_cycle else max(0, days - start + 1)

    def document(self) -> dict[str, object]:
        """As the assessment document has it; without a row every number of days is null."""
        row = self.row
        return {
            "label_row": row is not None,
            "this_cycle_days": self.this_cycle_days,
            "days_left": self.days_left,
            "start_day": self.start_day,
            "new_cycle": self.new_cycle,
            "cycle1_days": row.cycle1_days if row else None,
            "cycle2_days": row.cycle2_days if row else None,
            "otherwise": row.otherwise if row else None,
            "citation": row.citation if row else None,
            "grade": row.grade if row else None,
            "confirm": row.grade in CONFIRM_GRADES if row else False,
            "reason": self.reason,
        }


def assess_supervision(case: Case, label: Label, *, track: str | None) -> SupervisionResult:
    """How many days of this cycle in hospital. The cycle decides, even where the order starts later in it."""
    row = next((row for row in label.supervision if row.track == track), None)
    cycle, start = case.course.cycle.value, case.course.day.value
    if row is None:
        return SupervisionResult(None, None, start, without_row(track, "hospital days"))
    if cycle is None:
        return SupervisionResult(row, None, start, "The cycle is not stated: state it.")
    days = {1: row.cycle1_days, 2: row.cycle2_days}.get(cycle, 0)
    if days == 0:
        return SupervisionResult(row, 0, start, f"Cycle {cycle}: supervision by a professional, or hospital.")
    if start not in (None, 1) and begins_new_cycle(case.course):
        return SupervisionResult(row, days, start, _NEW_CYCLE, new_cycle=True)
    return SupervisionResult(row, days, start, f"Cycle {cycle}: hospital for the first {days} days.")


def without_row(track: str | None, what: str) -> str:
    """Why there is nothing to say, without ever saying that nothing is needed."""
    if track is None:
        return (
            f"Which label row applies is not known yet, so {what} cannot be told from the label: follow the protocol."
        )
    return f"The label has no row for this use: follow the protocol for {what}."
