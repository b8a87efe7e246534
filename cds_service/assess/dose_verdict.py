"""One ordered amount against the rows that may hold: above, below, matching or unknown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from cds_service.assess.dose_amount import Amount
from cds_service.assess.dose_rows import RowDose

ABOVE, UNKNOWN, BELOW, MATCHES, NO_ROW = "above_label", "unknown", "below_label", "matches_label", "no_label_row"
WORST_FIRST = (ABOVE, UNKNOWN, BELOW, MATCHES, NO_ROW)
CRITICAL_RATIO = Decimal("1.25")
INFO, WARNING, CRITICAL = "info", "warning", "critical"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison came to, the ratio ordered / label where both are known, and whether a ceiling is broken."""

    name: str
    ratio: Decimal | None = None
    over_ceiling: bool = False
    row: RowDose | None = None

    @property
    def severity(self) -> str:
        """Critical over a ceiling or from a ratio of 1.25 on; warning above or below the row otherwise."""
        if self.name == ABOVE:
            return CRITICAL if self.over_ceiling or self.ratio is None or self.ratio >= CRITICAL_RATIO else WARNING
        return WARNING if self.name == BELOW else INFO


def judge(amount: Amount, doses: Sequence[RowDose]) -> Verdict:
    """The amount against the rows that may hold. Several rows that give one dose are judged as one."""
    if not doses:
        return Verdict(NO_ROW)
    if all(dose.exceeded_by(amount) for dose in doses):
        highest = max(doses, key=lambda dose: dose.upper)
        return Verdict(ABOVE, _ratio(amount.high, highest), amount.at_least > highest.ceiling, highest)
    lowest = min(doses, key=lambda dose: dose.lower if dose.lower is not None else Decimal("-Infinity"))
    if amount.low is None or amount.high is None or lowest.lower is None:
        return Verdict(UNKNOWN)
    if amount.low < lowest.lower:
        # A range is judged by its lower end here, and by its upper end above.
        return Verdict(BELOW, _ratio(amount.low, lowest), False, lowest)
    if one_dose(doses):
        return Verdict(MATCHES, _ratio(amount.high, lowest), False, lowest)
    return Verdict(UNKNOWN)


def judge_areas(pairs: Sequence[tuple[Amount, Sequence[RowDose]]]) -> Verdict:
    """The same order with each surface area there is: above with every one is above; any difference is unknown.

    With two areas that matter for the dose, nothing but 'above both' can be said.
    """
    verdicts = [judge(amount, doses) for amount, doses in pairs]
    first = verdicts[0]
    if len(verdicts) == 1 or first.name == NO_ROW or not _area_matters(pairs):
        return first
    if all(verdict.name == ABOVE for verdict in verdicts):
        return min(verdicts, key=lambda verdict: verdict.ratio or Decimal(0))
    return Verdict(UNKNOWN)


def above_all(pairs: Sequence[tuple[Amount, Sequence[RowDose]]]) -> bool:
    """Is the amount above what every one of these rows allows, with every surface area there is?"""
    return all(all(dose.exceeded_by(amount) for dose in doses) for amount, doses in pairs)


def one_dose(doses: Iterable[RowDose]) -> bool:
    """Do these rows give one known dose?"""
    values = {dose.value for dose in doses}
    return len(values) == 1 and None not in values


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Above, unknown, below, matches; of equals the one furthest from the row."""
    return min(verdicts, key=lambda verdict: (WORST_FIRST.index(verdict.name), -_distance(verdict)))


def _distance(verdict: Verdict) -> Decimal:
    return Decimal(0) if verdict.ratio is None else abs(verdict.ratio - 1)


def _ratio(ordered: Decimal | None, dose: RowDose) -> Decimal | None:
    return None if ordered is None or not dose.value else ordered / dose.value


def _area_matters(pairs: Sequence[tuple[Amount, Sequence[RowDose]]]) -> bool:
    amounts = {(amount.low, amount.high) for amount, _ in pairs}
    values = {tuple(dose.value for dose in doses) for _, doses in pairs}
    return len(amounts) > 1 or len(values) > 1
