"""The doses of a restart after toxicity, as label rows over the order's own days. Pure."""

from __future__ import annotations

from decimal import Decimal

from cds_service.assess.measures import Body
from cds_service.assess.track import Track
from cds_service.knowledge.label import DosingRow, Label, ToxicityRule


def restart_rows(rule: ToxicityRule, label: Label, track: Track) -> tuple[DosingRow, ...]:
    """The step row and the full row of this restart, as rows of the order's own days."""
    full = next((row for row in label.rows if not row.step and row.track == track.name), None)
    full = full or next(row for row in label.rows if not row.step)
    dose, per_m2, days = rule.restart_mcg_per_day, rule.restart_mcg_per_m2_per_day, rule.restart_days
    if dose is None or per_m2 is None or days is None:  # the loader has refused such a file
        return ()
    step = DosingRow(
        id=f"after-toxicity-{rule.id}",
        track=full.track,
        phase="restart after toxicity",
        first_cycle=full.first_cycle,
        last_cycle=full.last_cycle,
        first_day=1,
        last_day=days,
        mcg_per_day=dose,
        mcg_per_m2_per_day=per_m2,
        cap_mcg_per_day=dose,
        citation=rule.citation,
        grade=rule.grade,
        step=True,
    )
    return (step, full)


def restart_dose(rule: ToxicityRule, body: Body, label: Label) -> Decimal | None:
    """mcg/day; the step dose by area never exceeds the fixed one."""
    if body.weight_kg is None or rule.restart_mcg_per_day is None or rule.restart_mcg_per_m2_per_day is None:
        return None
    if body.weight_kg >= label.weight_line_kg:
        return rule.restart_mcg_per_day
    if body.bsa_m2 is None:
        return None
    return min(rule.restart_mcg_per_m2_per_day * body.bsa_m2, rule.restart_mcg_per_day)
