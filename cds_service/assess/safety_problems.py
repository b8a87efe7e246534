"""Conditions and adverse events on record: CRS, neurotoxicity, infection, pancreatitis, tumour lysis, a permanent stop.

One table says which kinds of problem bear on which topic. A recorded toxicity asks for its CTCAE grade; no restart
dose ever follows from it here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from cds_service.assess.safety_item import Question, Verdict, worst
from cds_service.facts.model import ConcomitantDrug, Problem


@dataclass(frozen=True, slots=True)
class ProblemRule:
    """Which problems bear on a topic, and the words for finding them active, past, or not at all."""

    kinds: tuple[str, ...]
    active: str
    absent: str
    severity: str = "warning"
    past_counts: bool = False
    """True: a past event bears on it as well (a history of seizures, a permanent stop)."""
    asks_grade: bool = False


RULES: Mapping[str, ProblemRule] = {
    "crs-active": ProblemRule(
        ("crs", "hlh"),
        "is on record: settle it before blinatumomab starts or goes on.",
        "No cytokine release syndrome is on record; that is not proof: ask.",
        asks_grade=True,
    ),
    "neurotoxicity-active": ProblemRule(
        ("icans", "neurotoxicity"),
        "is on record: settle it before blinatumomab starts or goes on.",
        "No neurotoxicity is on record; that is not proof: ask.",
        asks_grade=True,
    ),
    "cns-disease": ProblemRule(
        ("cns-disease", "seizure"),
        "is on record.",
        "No CNS leukaemia and no seizure is on record; that is not proof: ask.",
        past_counts=True,
    ),
    "infection": ProblemRule(
        ("infection",),
        "is on record.",
        "No infection is on record; that is not proof: look for one before the start.",
    ),
    "pancreatitis": ProblemRule(
        ("pancreatitis",),
        "is on record.",
        "No pancreatitis is on record; that is not proof.",
    ),
    "tumour-lysis": ProblemRule(
        ("tumour-lysis",),
        "is on record.",
        "No tumour lysis syndrome is on record; that is not proof: check electrolytes and uric acid.",
    ),
    "lactation": ProblemRule(
        ("lactation",),
        "is on record.",
        "Breastfeeding is not on record: ask where it may matter.",
    ),
    "permanent-stop": ProblemRule(
        ("permanent-stop",),
        "is on record: clarify with the treating team before anything is given.",
        "No permanent stop of blinatumomab is on record; that is not proof.",
        severity="critical",
    ),
}

NAMES = {
    "crs": "Cytokine release syndrome",
    "hlh": "HLH/MAS (overlaps with CRS)",
    "icans": "ICANS",
    "neurotoxicity": "Neurotoxicity",
    "cns-disease": "CNS leukaemia",
    "seizure": "A seizure or seizure disorder",
    "infection": "An infection",
    "pancreatitis": "Pancreatitis",
    "tumour-lysis": "Tumour lysis syndrome",
    "lactation": "Breastfeeding",
    "permanent-stop": "A permanent stop of blinatumomab",
    "leukoencephalopathy": "Leukoencephalopathy",
}


def problem_judges() -> dict[str, Callable[[Question], Verdict]]:
    """One judge for each topic of the table."""
    judges: dict[str, Callable[[Question], Verdict]] = {code: partial(_by_rule, RULES[code]) for code in RULES}
    judges["neurotoxicity-active"] = neurotoxicity
    return judges


def neurotoxicity(question: Question) -> Verdict:
    """As on record, and what the order questions say of seizures: more than one is the label's rule for stopping."""
    recorded = _by_rule(RULES["neurotoxicity-active"], question)
    seizures = question.case.course.seizures
    if seizures.value == "more-than-one":
        says = "More than one seizure is stated: the label says discontinue permanently."
        return worst((recorded, Verdict("applies", says, "critical", seizures.evidence)))
    if seizures.value == "one":
        return worst((recorded, Verdict("applies", "One seizure is stated.", "warning", seizures.evidence)))
    active = [_one(RULES["neurotoxicity-active"], item) for item in _of(question, ("seizure",)) if item.in_this_cycle]
    return worst((recorded, *active))


def leukoencephalopathy(question: Question) -> Verdict:
    """Recorded changes, or treatment that makes them likelier. Cranial radiation is asked for: it has no field here."""
    problems = [item for item in _of(question, ("leukoencephalopathy",)) if item.active is not False]
    if problems:
        evidence = tuple(item.evidence for item in problems)
        return Verdict("applies", "Leukoencephalopathy is on record.", "warning", evidence)
    drugs = [drug for drug in question.case.patient.concomitant if _raises_risk(drug)]
    if drugs:
        names = ", ".join(dict.fromkeys(drug.name for drug in drugs))
        says = f"Treatment on file that raises the risk: {names}. Ask for cranial radiation too."
        return Verdict("applies", says, "warning", tuple(drug.evidence for drug in drugs))
    says = "Not on file, so ask: earlier cranial radiation, high-dose methotrexate, intrathecal cytarabine."
    return Verdict("unknown", says)


def _raises_risk(drug: ConcomitantDrug) -> bool:
    intrathecal_cytarabine = drug.kind == "intrathecal" and "cytarabine" in drug.name.lower()
    return drug.kind == "high-dose-methotrexate" or intrathecal_cytarabine


def _by_rule(rule: ProblemRule, question: Question) -> Verdict:
    found = _of(question, rule.kinds)
    return worst(_one(rule, problem) for problem in found) if found else Verdict("unknown", rule.absent)


def _of(question: Question, kinds: tuple[str, ...]) -> list[Problem]:
    return [problem for problem in question.case.patient.problems if problem.kind in kinds]


def _one(rule: ProblemRule, problem: Problem) -> Verdict:
    name, evidence = NAMES[problem.kind], (problem.evidence,)
    if problem.kind == "permanent-stop" or problem.active:
        return Verdict("applies", f"{name} {rule.active}{_grade(rule, problem)}", rule.severity, evidence)
    if problem.active is None:
        says = f"{name} is on record, whether still active is not: ask.{_grade(rule, problem)}"
        return Verdict("unknown", says, "warning", evidence)
    if rule.past_counts:
        return Verdict("applies", f"{name} is on record as past.", "warning", evidence)
    if problem.in_this_cycle:
        says = f"{name} was recorded in this cycle and is no longer active.{_grade(rule, problem)}"
        return Verdict("applies", says, "info", evidence)
    return Verdict("clear", f"{name} on record is past.", evidence=evidence)


def _grade(rule: ProblemRule, problem: Problem) -> str:
    """The grade with its scale, and the question for the CTCAE grade."""
    if not rule.asks_grade:
        return ""
    if problem.grade is None:
        return " Its grade is not on file: state the CTCAE grade."
    if problem.scale == "ctcae":
        return f" Grade {problem.grade} (CTCAE) on file: confirm the worst and the present grade."
    scale = f"{problem.scale.upper()}" if problem.scale else "scale not stated"
    return f" Grade {problem.grade} ({scale}) on file is not a CTCAE grade as recorded: state the CTCAE grade."
