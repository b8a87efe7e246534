"""The dose of one order: judged against the label's rows and the policy's maximum. Pure.

The verdict says what the ordered dose is beside the label row for this use, cycle, day and body; it never says that a
dose is right to give. `Judgement` holds the comparison, the issues what is to be said of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cds_service.assess.dose_body_issues import body_issues
from cds_service.assess.dose_document import document
from cds_service.assess.dose_issues import Issue, row_issues
from cds_service.assess.dose_judgement import Judgement, judge_order
from cds_service.assess.dose_order_issues import order_issues
from cds_service.assess.dose_verdict import CRITICAL, INFO, MATCHES, WARNING
from cds_service.assess.measures import body
from cds_service.assess.toxicity import judge_restart
from cds_service.assess.track import Track
from cds_service.facts.model import Case, Evidence
from cds_service.knowledge.label import Label

_SEVEREST_FIRST = (CRITICAL, WARNING, INFO)


@dataclass(frozen=True)
class DoseResult:
    """The judged dose. All doses in mcg/day, unrounded."""

    judgement: Judgement
    issues: tuple[Issue, ...]
    """Most serious first."""

    @property
    def verdict(self) -> str:
        """matches_label, below_label, above_label, no_label_row or unknown; after a toxicity adjustment if any."""
        return self.judgement.verdict.name

    @property
    def matches_label(self) -> bool:
        """Is the ordered dose that of its label row (after a toxicity adjustment if any)?"""
        return self.verdict == MATCHES

    @property
    def ratio(self) -> Decimal | None:
        """Ordered / label at the worst step; None where either is not known."""
        return self.judgement.verdict.ratio

    @property
    def above_every_label_row(self) -> bool:
        """Shown to be above what every row allows for this weight; False also when that cannot be told."""
        return self.judgement.above_every_row

    @property
    def over_policy_maximum(self) -> bool | None:
        """Is this order's highest step above the policy's maximum? Exact; None when the dose cannot be told."""
        return self.judgement.over_policy_maximum

    @property
    def highest_ordered(self) -> Decimal | None:
        """mcg/day of the highest step; None when it cannot be told."""
        amounts = self.judgement.amounts()
        if not amounts or (any(amount.high is None for amount in amounts) and not self.over_policy_maximum):
            return None
        return max(amount.at_least for amount in amounts)

    @property
    def basis(self) -> str | None:
        """fixed or bsa, by the weight; None when the weight is unknown."""
        weight = self.judgement.body.weight_kg
        return None if weight is None else "fixed" if weight >= self.judgement.label.weight_line_kg else "bsa"

    @property
    def toxicity_action(self) -> str | None:
        """What the label's table says to a restart after toxicity; None when this order is none."""
        return self.judgement.toxicity.action if self.judgement.toxicity else None

    @property
    def severity(self) -> str | None:
        """The most serious issue or verdict; None when no dose is stated and nothing else is to be said."""
        found = {issue.severity for issue in self.issues}
        if self.judgement.steps:
            found.add(self.judgement.verdict.severity)
        elif found <= {INFO}:
            return None
        return next((severity for severity in _SEVEREST_FIRST if severity in found), None)

    @property
    def rests_on_stale_measures(self) -> bool:
        """Does the dose rest on a weight, or under the weight line on a height, that is too old?"""
        return any(issue.code in ("stale-weight", "stale-height") and issue.severity != INFO for issue in self.issues)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The order, the measures, and what the row was chosen by."""
        course = self.judgement.case.course
        parts = (
            (self.judgement.case.order.evidence,),
            self.judgement.body.evidence,
            course.cycle.evidence,
            course.day.evidence,
        )
        return tuple(dict.fromkeys(item for part in parts for item in part))

    def document(self) -> Mapping[str, Any]:
        """The `dose` object of the assessment document."""
        return document(self.judgement, self.issues) | {
            "severity": self.severity,
            "toxicity_action": self.toxicity_action,
        }


def assess_dose(
    case: Case, label: Label, track: Track, *, policy_maximum: Decimal | None, policy_maximum_citation: str
) -> DoseResult:
    """Judge the ordered dose. `policy_maximum` in mcg/day (None: no edition on file). Never raises."""
    measured = body(case)
    judgement = judge_order(
        case,
        label,
        track,
        measured,
        toxicity=judge_restart(case, label, measured, track),
        policy_maximum=policy_maximum,
        policy_maximum_citation=policy_maximum_citation,
    )
    issues = dict.fromkeys((*row_issues(judgement), *order_issues(judgement), *body_issues(judgement)))
    return DoseResult(judgement, tuple(sorted(issues, key=lambda issue: _SEVEREST_FIRST.index(issue.severity))))
