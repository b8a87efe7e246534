"""A change of the draft to the label dose: what it would be, and whatever keeps it from being offered. Pure.

Only ever lowers: no day of the order gets more than was ordered. Doses are rounded down to 0.1 mcg. Days that match
their row keep the dose as ordered. Knows no FHIR: how the change is written is for `present`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cds_service.assess.dose_amount import amount_of
from cds_service.assess.dose_issues import Issue
from cds_service.assess.dose_judgement import Judgement
from cds_service.assess.dose_verdict import ABOVE, INFO, one_dose
from cds_service.assess.measures import rounded_down
from cds_service.facts.model import OrderedStep, Writing

DOUBTS = {
    "implausible-measure": "height or weight are implausible",
    "cap-binds": "the cap binds, which no plausible body reaches",
    "unit-slip": "the unit of the order is in doubt",
    "vial-content-as-dose": "the content of a vial was ordered as the dose",
    "duplicate-therapy": "another blinatumomab order is there",
    "steps-overlap": "the steps of the order overlap",
    "dose-unreadable": "not every dose of the order can be read",
    "step-days-unknown": "the days of a step cannot be told",
    "stale-weight": "the weight is too old",
    "stale-height": "the height is too old",
    "bsa-conflict": "charted and computed body surface area disagree",
    "over-28-days": "the order runs past day 28 of the cycle",
    "day-above-28": "the order starts after day 28 of the cycle",
}
"""Findings beside which no changed dose is offered, in a few words."""
_ANY_SEVERITY = ("bsa-conflict", "duplicate-therapy", "over-28-days", "day-above-28")


@dataclass(frozen=True, slots=True)
class Piece:
    """Days of the order on which one dose holds once it is changed. `changed`: less than was ordered."""

    first_day: int
    last_day: int | None
    mcg_per_day: Decimal
    changed: bool


class _Withheld(Exception):  # noqa: N818 - not an error: the reason is the result
    """Why there is no dose to change to."""


def dose_offer(judgement: Judgement, issues: Sequence[Issue], halts: Sequence[str]) -> dict[str, Any] | None:
    """The `dose` of the offers; None where no day of the order is above its row.

    `because` empty: it is offered. `by_hand`: only the writing of the order stands against it, so it says what to
    change.
    """
    if judgement.verdict.name != ABOVE or not any(part.verdict.name == ABOVE for part in judgement.parts):
        return None
    because = [*halts, *_doubts(judgement, issues)]
    try:
        pieces = tuple(tuple(_pieces(judgement, step, last)) for step, last in _steps(judgement))
    except _Withheld as reason:
        return _document((), [*because, str(reason)], (), judgement)
    form = tuple(_writing(judgement, pieces))
    return _document(pieces, because, form, judgement)


def _document(
    pieces: Sequence[Sequence[Piece]], because: Sequence[str], form: Sequence[str], judgement: Judgement
) -> dict[str, Any]:
    writing = judgement.case.order.writing
    settled = bool(pieces) and not because
    return {
        "offered": settled and not form,
        "because": list(dict.fromkeys(because)),
        "by_hand": list(form) if settled else [],
        "instructions": [
            {"form": form_name, "bounds": bounds, "parts": [_part(piece) for piece in each]}
            for form_name, bounds, each in zip(writing.forms, writing.bounds, pieces, strict=False)
        ],
        "steps": [_part(piece) for each in pieces for piece in each] if settled else [],
    }


def _part(piece: Piece) -> dict[str, Any]:
    return {
        "first_day": piece.first_day,
        "last_day": piece.last_day,
        "mcg_per_day": piece.mcg_per_day,
        "changed": piece.changed,
    }


def _doubts(judgement: Judgement, issues: Sequence[Issue]) -> Iterator[str]:
    for issue in issues:
        if issue.code in DOUBTS and (issue.severity != INFO or issue.code in _ANY_SEVERITY):
            yield DOUBTS[issue.code]
    if judgement.case.order.matched_by == "text":
        yield "the drug was recognised by its name only"
    if judgement.track.name is None:
        yield "which label row applies is open"


def _steps(judgement: Judgement) -> list[tuple[OrderedStep, bool]]:
    """The order's steps, each with whether it is the last."""
    return [(step, step is judgement.steps[-1]) for step in judgement.steps]


def _pieces(judgement: Judgement, step: OrderedStep, last: bool) -> Iterator[Piece]:
    """The days of one step, cut where the rows change."""
    found: list[Piece] = []
    for stretch in judgement.judged_by:
        first = max(step.first_day, stretch.first_day)
        ends = [day for day in (step.last_day, stretch.last_day) if day is not None]
        end = min(ends) if ends else None
        if (end is not None and first > end) or (step.last_day is None and not stretch.rows):
            continue
        piece = _piece(judgement, step, stretch.rows, first=first, last=end)
        if found and found[-1].mcg_per_day == piece.mcg_per_day and found[-1].changed == piece.changed:
            piece = Piece(found.pop().first_day, end, piece.mcg_per_day, piece.changed)
        found.append(piece)
    if not found:
        raise _Withheld("the label has no row for these days")
    if len(found) == 1 and step.last_day is None and last:
        found = [Piece(found[0].first_day, None, found[0].mcg_per_day, found[0].changed)]
    yield from found


def _piece(judgement: Judgement, step: OrderedStep, rows: Sequence[Any], *, first: int, last: int | None) -> Piece:
    doses = [judgement.dose(row) for row in rows]
    ordered = amount_of(step, judgement.body, judgement.body.bsa_m2)
    if not doses:
        raise _Withheld("the label has no row for all of its days")
    if not one_dose(doses) or ordered.low is None or ordered.high is None:
        raise _Withheld("which dose holds is open")
    dose = max(doses, key=lambda each: each.upper)
    if ordered.high > dose.upper and dose.value is not None and dose.lower is not None:
        lowered = rounded_down(dose.value)
        if lowered < dose.lower or lowered <= 0:
            raise _Withheld("the dose is too small to be written to 0.1 mcg")
        if lowered >= ordered.low:
            raise _Withheld("the order states a range of doses")
        return Piece(first, last, lowered, True)
    if dose.lower is None or ordered.low < dose.lower or ordered.low != ordered.high:
        raise _Withheld("other days of the order are below their row")
    return Piece(first, last, ordered.high, False)


def _writing(judgement: Judgement, pieces: Sequence[Sequence[Piece]]) -> Iterator[str]:
    """What of the order, as it is written, stands against changing the dose alone."""
    writing = judgement.case.order.writing
    if writing.unwritable:
        yield writing.unwritable
    elif not writing.forms or len(writing.forms) != len(pieces) or _disordered(judgement):
        yield "its instructions cannot be told apart"
    elif any(len(each) > 1 and bounds is None for each, bounds in zip(pieces, writing.bounds, strict=True)):
        yield "its days are written in a way that cannot be divided into steps"
    yield from _restated(writing, [piece for each in pieces for piece in each])


def _disordered(judgement: Judgement) -> bool:
    firsts = [step.first_day for step in judgement.case.order.steps]
    return firsts != sorted(set(firsts))


def _restated(writing: Writing, pieces: Sequence[Piece]) -> Iterator[str]:
    """What else in the order says the dose, and would say another than the new one."""
    highest = max(piece.mcg_per_day for piece in pieces)
    total = _total(pieces)
    for said in writing.restated:
        if said.mcg_per_day == highest or (total is not None and said.mcg_total == total):
            continue
        yield said.where + (f" (“{said.says}”)" if said.says else "")


def _total(pieces: Sequence[Piece]) -> Decimal | None:
    """Micrograms over all days; None for an order without an end."""
    if any(piece.last_day is None for piece in pieces):
        return None
    return sum((piece.mcg_per_day * ((piece.last_day or 0) - piece.first_day + 1) for piece in pieces), Decimal(0))
