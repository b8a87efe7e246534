"""Does an order restart the drug after toxicity, and what does the label's table say to that? Pure.

CTCAE grades only: an ASTCT grade, no scale, or an answer missing gives 'unknown', no dose and no suggestion. What the
chart records of CRS or neurotoxicity never enters here: only the order's own answers do (input contract).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cds_service.assess.measures import Body
from cds_service.assess.toxicity_rows import restart_dose, restart_rows
from cds_service.assess.track import Track
from cds_service.facts.model import Case, Course, Evidence
from cds_service.knowledge.label import DosingRow, Label, ToxicityRule

CONTINUE, RESTART, INTERRUPT = "continue", "restart-stepped", "interrupt"
DISCONTINUE, CONSIDER, UNKNOWN = "discontinue", "consider-discontinuation", "unknown"
SAME_CYCLE_HOURS = Decimal(7 * 24)
"""After an adverse event: up to 7 days of interruption stay in the cycle, longer starts a new one (D39)."""
Need = tuple[str, str]
"""What the table needs to know: the order question (linkId), and words."""
_EVENTS = ("crs", "neurotoxicity", "other-toxicity")
_WORDS = {"crs": "CRS", "neurotoxicity": "neurotoxicity", "other-toxicity": "the toxicity", None: "the toxicity"}


@dataclass(frozen=True, slots=True)
class Toxicity:
    """What the label's table of dose modifications says to this restart."""

    event: str | None
    grade: int | None
    scale: str | None
    action: str
    """continue, interrupt, restart-stepped, discontinue, consider-discontinuation or unknown"""
    says: str
    citation: str
    evidence_grade: str
    needs: tuple[str, ...]
    asks: tuple[str, ...]
    """The order questions (linkIds) behind what it needs."""
    adjusted_mcg_per_day: Decimal | None
    """The restart dose in mcg/day; only with 'restart-stepped' and a usable weight (and height under 45 kg)."""
    rows: tuple[DosingRow, ...]
    """With 'restart-stepped': the step row and the full row that replace the schedule of this order."""
    restart_days: int | None
    cycle_says: str | None
    evidence: tuple[Evidence, ...]
    table: tuple[ToxicityRule, ...]

    @property
    def blocks_verdict(self) -> bool:
        """May the ordered dose not be judged at all (nothing may be infused, or it cannot be told)?"""
        return self.action not in (CONTINUE, RESTART)

    def document(self) -> Mapping[str, Any]:
        """The `toxicity` object of the assessment document."""
        return {
            "event": self.event,
            "grade": self.grade,
            "scale": self.scale,
            "action": self.action,
            "says": self.says,
            "citation": self.citation,
            "evidence_grade": self.evidence_grade,
            "needs": list(self.needs),
            "asks": list(self.asks),
            "cycle_says": self.cycle_says,
            "restart_days": self.restart_days,
            "table": [
                {"event": r.event, "grades": _grades(r), "says": r.says, "citation": r.citation, "grade": r.grade}
                for r in self.table
            ],
        }


@dataclass(frozen=True, slots=True)
class _Outcome:
    action: str
    says: str
    rule: ToxicityRule | None = None
    needs: tuple[Need, ...] = ()


def judge_restart(case: Case, label: Label, body: Body, track: Track) -> Toxicity | None:
    """What the table says; None when this order does not restart after toxicity (no such reason, no such answers)."""
    course = case.course
    if not _after_toxicity(course):
        return None
    event = course.restart_reason.value if course.restart_reason.value in _EVENTS else None
    outcome = _outcome(course, event, label)
    rows = restart_rows(outcome.rule, label, track) if outcome.rule and outcome.action == RESTART else ()
    first = label.toxicity_rules[0]
    return Toxicity(
        event=event,
        grade=course.toxicity_grade.value,
        scale=course.toxicity_scale.value,
        action=outcome.action,
        says=outcome.says,
        citation=(outcome.rule or first).citation,
        evidence_grade=(outcome.rule or first).grade,
        needs=tuple(words for _, words in outcome.needs),
        asks=tuple(dict.fromkeys(link_id for link_id, _ in outcome.needs)),
        adjusted_mcg_per_day=restart_dose(outcome.rule, body, label) if rows and outcome.rule else None,
        rows=rows,
        restart_days=outcome.rule.restart_days if rows and outcome.rule else None,
        cycle_says=_cycle_says(course),
        evidence=_evidence(course),
        table=label.toxicity_rules,
    )


def _after_toxicity(course: Course) -> bool:
    """The reason of the restart, or answers that only a toxicity can have given.

    'No seizures' and 'not at the step dose' are not among them.
    """
    return bool(
        course.restart_reason.value in _EVENTS
        or course.toxicity_grade.known
        or course.toxicity_grade_now.known
        or course.toxicity_days_to_resolve.known
        or course.toxicity_days_at_grade_1_or_less.known
        or course.toxicity_at_step_dose.value
        or course.seizures.value in ("one", "more-than-one")
    )


def _outcome(course: Course, event: str | None, label: Label) -> _Outcome:
    if course.seizures.value == "more-than-one":  # a count, not a grade: no scale is needed for it
        rule = next(rule for rule in label.toxicity_rules if rule.event == "seizure")
        return _Outcome(DISCONTINUE, rule.says, rule)
    needs = _needs_before_the_table(course, event)
    grade, now = course.toxicity_grade.value, course.toxicity_grade_now.value
    if needs or grade is None:
        return _open(needs)
    if now is not None and now > grade:
        return _open((("toxicity-grade", "the worst grade: the present one is stated as higher"),))
    rule = _rule(label, event, grade)
    if rule.action != RESTART:
        return _Outcome(rule.action, rule.says, rule, _seizure_caveat(course, event, rule))
    return _stepped(course, event, rule)


def _needs_before_the_table(course: Course, event: str | None) -> tuple[Need, ...]:
    scale = course.toxicity_scale.value
    wanted = (
        (event is None, "restart-reason", "which toxicity the restart follows (CRS, neurotoxicity, other)"),
        (course.toxicity_grade.value not in (1, 2, 3, 4), "toxicity-grade", "the worst grade, 1 to 4"),
        (scale is None, "toxicity-scale", "the grading scale: the table goes by CTCAE"),
        (
            scale not in (None, "ctcae"),
            "toxicity-scale",
            "the CTCAE grade: ASTCT grades do not map onto the label's table",
        ),
    )
    return tuple((link_id, words) for missing, link_id, words in wanted if missing)


def _rule(label: Label, event: str | None, grade: int) -> ToxicityRule:
    return next(rule for rule in label.toxicity_rules if rule.event in (event, "any") and grade in rule.grades)


def _seizure_caveat(course: Course, event: str | None, rule: ToxicityRule) -> tuple[Need, ...]:
    asked = event == "neurotoxicity" and rule.action == CONTINUE and not course.seizures.known
    return (("seizures", "whether there was more than one seizure"),) if asked else ()


def _stepped(course: Course, event: str | None, rule: ToxicityRule) -> _Outcome:
    """Grade 3: what forbids a restart first, then what delays it, then what is not known of either."""
    days, now = course.toxicity_days_to_resolve.value, course.toxicity_grade_now.value
    at_grade = course.toxicity_days_at_grade_1_or_less.value
    limit, wait = rule.discontinue_if_days_to_resolve_over, rule.minimum_days_at_grade
    needs = _needs_of_grade_3(course, event, rule)
    if rule.discontinue_if_at_step_dose and course.toxicity_at_step_dose.value:
        return _Outcome(DISCONTINUE, "It came at the step dose: discontinue permanently.", rule)
    if limit is not None and days is not None and days > limit:
        return _Outcome(DISCONTINUE, f"It took more than {limit} days to resolve: discontinue.", rule)
    if now is not None and now > (rule.resolved_to_grade or 0):
        return _Outcome(INTERRUPT, f"Not resolved: {_WORDS[event]} is still grade {now}. {_WAIT}", rule, needs)
    if wait is not None and at_grade is not None and at_grade < wait:
        return _Outcome(INTERRUPT, f"Grade 1 or less for under {wait} days. {_WAIT}", rule, needs)
    if needs:
        return _open(needs, rule)
    return _Outcome(RESTART, rule.says, rule)


_WAIT = "The infusion stays interrupted."


def _needs_of_grade_3(course: Course, event: str | None, rule: ToxicityRule) -> tuple[Need, ...]:
    limit, wait = rule.discontinue_if_days_to_resolve_over, rule.minimum_days_at_grade
    wanted = (
        (not course.toxicity_grade_now.known, "toxicity-grade-now", "the grade now"),
        (
            limit is not None and not course.toxicity_days_to_resolve.known,
            "toxicity-days-to-resolve",
            "the days it took to reach grade 1 or less",
        ),
        (
            wait is not None and not course.toxicity_days_at_grade_1_or_less.known,
            "toxicity-days-at-grade-1-or-less",
            "the days at grade 1 or less so far",
        ),
        (
            rule.discontinue_if_at_step_dose and not course.toxicity_at_step_dose.known,
            "toxicity-at-step-dose",
            "whether it came at the step dose (9 mcg/day or 5 mcg/m²/day)",
        ),
        # Silence on seizures is not "none": more than one would end the treatment.
        (event == "neurotoxicity" and not course.seizures.known, "seizures", "how many seizures there were"),
    )
    return tuple((link_id, words) for missing, link_id, words in wanted if missing)


def _open(needs: tuple[Need, ...], rule: ToxicityRule | None = None) -> _Outcome:
    return _Outcome(UNKNOWN, "The label's table cannot be applied yet: answers are missing.", rule, needs)


def begins_new_cycle(course: Course) -> bool:
    """Did an adverse event interrupt for so long that a new cycle begins? False where the length is not stated."""
    hours = course.restart_interruption_hours.value
    return hours is not None and hours > SAME_CYCLE_HOURS and _after_toxicity(course)


def _cycle_says(course: Course) -> str | None:
    if course.restart_interruption_hours.value is None:
        return "Up to 7 days of interruption stay in the same cycle (28 infusion days in all); longer starts a new one."
    if begins_new_cycle(course):
        return "Interrupted for more than 7 days: a new cycle begins."
    return "Interrupted for 7 days or less: the same cycle goes on, to 28 infusion days in all."


def _evidence(course: Course) -> tuple[Evidence, ...]:
    asked = (
        course.restart_reason,
        course.restart_interruption_hours,
        course.toxicity_grade,
        course.toxicity_scale,
        course.toxicity_grade_now,
        course.toxicity_days_to_resolve,
        course.toxicity_days_at_grade_1_or_less,
        course.toxicity_at_step_dose,
        course.seizures,
    )
    return tuple(dict.fromkeys(item for fact in asked for item in fact.evidence))


def _grades(rule: ToxicityRule) -> str:
    """'3', '1–2', or 'any' where the line does not go by grade."""
    if not rule.grades:
        return "any"
    return str(rule.grades[0]) if len(rule.grades) == 1 else f"{rule.grades[0]}–{rule.grades[-1]}"
