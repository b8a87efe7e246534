"""The ordered dose laid against the label's days: each step cut where the rows change, each part judged. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from cds_service.assess.dose_amount import NOTHING, Amount, amount_of, bounded, overlapping
from cds_service.assess.dose_rows import (
    RowDose,
    Stretch,
    after_toxicity,
    row_dose,
    rows_of,
    scheduled,
    usable,
)
from cds_service.assess.dose_verdict import ABOVE, NO_ROW, UNKNOWN, Verdict, above_all, judge_areas, worst
from cds_service.assess.measures import Body
from cds_service.assess.toxicity import Toxicity
from cds_service.assess.track import NONE, Track
from cds_service.facts.model import Case, OrderedStep, OtherOrder
from cds_service.knowledge.label import DosingRow, Label


@dataclass(frozen=True, slots=True)
class Part:
    """Days of one ordered step on which the same rows hold."""

    step: OrderedStep
    first_day: int
    """Of the order; the cycle day is `cycle_first_day`."""
    last_day: int | None
    """None: the step names no end, and is judged on its first day."""
    cycle_first_day: int | None
    amount: Amount
    doses: tuple[RowDose, ...]
    verdict: Verdict


@dataclass(frozen=True)
class Judgement:
    """Everything that the dose came to; issues and the document are made from it."""

    case: Case
    label: Label
    track: Track
    body: Body
    toxicity: Toxicity | None
    policy_maximum: Decimal | None
    policy_maximum_citation: str
    steps: tuple[OrderedStep, ...]
    schedule: tuple[Stretch, ...]
    """By the label alone."""
    judged_by: tuple[Stretch, ...]
    """The schedule, or what replaces it after toxicity."""
    parts: tuple[Part, ...]
    others: Amount
    """What overlapping orders add; nothing when there are none."""
    verdict: Verdict
    above_every_row: bool
    over_policy_maximum: bool | None

    @property
    def areas(self) -> tuple[Decimal | None, ...]:
        """The surface areas (m²) to judge by: one, two in conflict, or None alone."""
        return areas(self.body)

    @cached_property
    def start_doses(self) -> tuple[RowDose, ...]:
        """The rows of the order's first day by the label's schedule; several while cycle, day or track is open."""
        return tuple(self.dose(row) for row in self.schedule[0].rows)

    @property
    def doubled(self) -> bool:
        """Does another order run at the same time?"""
        return bool(same_time(self.case))

    def dose(self, row: DosingRow) -> RowDose:
        """A row for this body, with the computed surface area."""
        return row_dose(row, self.label, self.body, self.body.bsa_m2)

    def amounts(self) -> tuple[Amount, ...]:
        """The steps in mcg/day, with the computed surface area."""
        return tuple(amount_of(step, self.body, self.body.bsa_m2) for step in self.steps)


def areas(body: Body) -> tuple[Decimal | None, ...]:
    """The surface areas a dose is judged with; (None,) when unknown."""
    return body.bsa_values or (None,)


def same_time(case: Case) -> tuple[OtherOrder, ...]:
    """Orders that overlap this one and are not a part of the same course."""
    return tuple(other for other in case.order.others if other.overlapping and not other.same_course)


def added(case: Case, body: Body, area: Decimal | None) -> Amount:
    """What overlapping orders add, each by its highest step."""
    total = NOTHING
    for other in same_time(case):
        amounts = [amount_of(step, body, area) for step in other.steps] or [Amount(None, None, Decimal(0))]
        total += max(amounts, key=lambda amount: (amount.high is None, amount.at_least))
    return total


def judge_order(
    case: Case,
    label: Label,
    track: Track,
    body: Body,
    *,
    toxicity: Toxicity | None,
    policy_maximum: Decimal | None,
    policy_maximum_citation: str,
) -> Judgement:
    """The whole order. Never raises; whatever is missing leaves the verdict unknown."""
    steps = bounded(case.order.steps)
    schedule = scheduled(case, label, track)
    judged_by = after_toxicity(toxicity) if toxicity and toxicity.rows and track.name != NONE else schedule
    parts = tuple(_parts(case, label, body, steps=steps, stretches=judged_by))
    return Judgement(
        case=case,
        label=label,
        track=track,
        body=body,
        toxicity=toxicity,
        policy_maximum=policy_maximum,
        policy_maximum_citation=policy_maximum_citation,
        steps=steps,
        schedule=schedule,
        judged_by=judged_by,
        parts=parts,
        others=added(case, body, body.bsa_m2),
        verdict=_overall(case, label, body, parts=parts, steps=steps, track=track, toxicity=toxicity),
        above_every_row=_above_every_row(case, label, body, steps),
        over_policy_maximum=_over(steps, body, policy_maximum),
    )


def _parts(
    case: Case, label: Label, body: Body, *, steps: Sequence[OrderedStep], stretches: Sequence[Stretch]
) -> Iterator[Part]:
    day = usable(case.course.day.value)
    for step in steps:
        for stretch in stretches:
            first = max(step.first_day, stretch.first_day)
            last = _earlier(step.last_day if step.last_day is not None else step.first_day, stretch.last_day)
            if first > last:
                continue
            yield Part(
                step,
                first,
                last if step.last_day is not None else None,
                None if day is None else day + first - 1,
                amount_of(step, body, body.bsa_m2),
                tuple(row_dose(row, label, body, body.bsa_m2) for row in stretch.rows),
                _judge(step, stretch.rows, label, body),
            )


def _earlier(day: int, end: int | None) -> int:
    return day if end is None else min(day, end)


def _judge(step: OrderedStep, rows: Sequence[DosingRow], label: Label, body: Body) -> Verdict:
    return judge_areas(
        [(amount_of(step, body, area), [row_dose(row, label, body, area) for row in rows]) for area in areas(body)]
    )


def _overall(
    case: Case,
    label: Label,
    body: Body,
    *,
    parts: Sequence[Part],
    steps: Sequence[OrderedStep],
    track: Track,
    toxicity: Toxicity | None,
) -> Verdict:
    if toxicity and toxicity.blocks_verdict:
        return Verdict(UNKNOWN)
    if track.name == NONE or not rows_of(track, label):
        return Verdict(NO_ROW)
    if not parts:
        return Verdict(UNKNOWN)
    verdicts = [part.verdict for part in parts]
    if overlapping(steps) and any(verdict.name != ABOVE for verdict in verdicts):
        return Verdict(UNKNOWN)
    if same_time(case):
        verdicts += [_with_others(part, case, body, label) for part in parts if part.doses]
    return worst(verdicts)


def _with_others(part: Part, case: Case, body: Body, label: Label) -> Verdict:
    """The part and the overlapping orders together; only an excess, or not knowing, can come of it."""
    pairs = [
        (
            amount_of(part.step, body, area) + added(case, body, area),
            [row_dose(dose.row, label, body, area) for dose in part.doses],
        )
        for area in areas(body)
    ]
    verdict = judge_areas(pairs)
    return verdict if verdict.name in (ABOVE, UNKNOWN) else part.verdict


def _above_every_row(case: Case, label: Label, body: Body, steps: Sequence[OrderedStep]) -> bool:
    """Is any step, with what overlaps it, above what every row of the label allows at this weight?"""
    return any(
        above_all(
            [
                (
                    amount_of(step, body, area) + added(case, body, area)
                    if same_time(case)
                    else amount_of(step, body, area),
                    [row_dose(row, label, body, area) for row in label.rows],
                )
                for area in areas(body)
            ]
        )
        for step in steps
    )


def _over(steps: Sequence[OrderedStep], body: Body, maximum: Decimal | None) -> bool | None:
    """The highest step of this order against the policy's maximum: exact, and None when it cannot be told."""
    if maximum is None or not steps:
        return None
    answers = set()
    for area in areas(body):
        amounts = [amount_of(step, body, area) for step in steps]
        over = any(amount.at_least > maximum for amount in amounts)
        answers.add(True if over else None if any(amount.high is None for amount in amounts) else False)
    return answers.pop() if len(answers) == 1 else None
