"""The list of order questions: linkId, kind, choices, and whether an answer belongs to one course only. Data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Question:
    """One question. `what` names it on a card; `choices` maps each code to words."""

    link_id: str
    kind: str
    """coding, integer, decimal, boolean, date or string"""
    what: str
    course: bool = False
    """An answer counts only from a response that the order references."""
    choices: Mapping[str, str] = field(default_factory=dict)
    lowest: int = 0
    highest: int = 100_000
    unit: str = ""


def _course(link_id: str, kind: str, what: str, *choices: str, **more: int | str) -> Question:
    return Question(link_id, kind, what, True, _in_words(choices), **more)  # type: ignore[arg-type]


def _general(link_id: str, kind: str, what: str, *choices: str, **more: int | str) -> Question:
    return Question(link_id, kind, what, False, _in_words(choices), **more)  # type: ignore[arg-type]


_WORDS = {
    "relapsed-refractory": "relapsed/refractory treatment, all cycles",
    "remission-1": "first remission",
    "remission-2": "second remission",
    "remission-3-or-later": "third or later remission",
    "with-tki": "with a TKI",
    "with-tki-and-multiagent": "with a TKI and multiagent therapy",
    "alternating-multiagent": "alternating with multiagent therapy",
    "alternating-pomp": "alternating with POMP",
    "combination-multiagent": "combined with multiagent therapy",
    "combination-interfant": "combined with an Interfant regimen",
    "combination-other": "combined with other drugs",
    "24h-preservative-free": "24 h, preservative-free",
    "48h-preservative-free": "48 h, preservative-free",
    "72h-preserved": "72 h, preserved",
    "96h-preserved": "96 h, preserved",
    "7d-preserved": "7 days, preserved",
    "crs": "CRS",
    "ctcae": "CTCAE",
    "astct": "ASTCT",
    "b": "B-lineage",
    "t": "T-lineage",
    "mixed": "mixed phenotype",
    "car-t": "CAR-T",
}


def _in_words(choices: tuple[str, ...]) -> dict[str, str]:
    return {choice: _WORDS.get(choice, choice.replace("-", " ")) for choice in choices}


_LIST = (
    _course("request-type", "coding", "Request type", "initial", "continuation"),
    _course(
        "disease-status",
        "coding",
        "Disease status when this course began",
        *("newly-diagnosed", "remission-1", "remission-2", "remission-3-or-later", "relapsed", "refractory"),
    ),
    _course(
        "treatment-phase",
        "coding",
        "Treatment phase",
        *("induction", "consolidation", "post-consolidation", "maintenance", "relapsed-refractory"),
    ),
    _course(
        "regimen",
        "coding",
        "Regimen",
        *("single-agent", "with-tki", "with-tki-and-multiagent", "alternating-multiagent", "alternating-pomp"),
        *("combination-multiagent", "combination-interfant", "combination-other"),
    ),
    _course("regimen-partners", "string", "Partner drugs or protocol"),
    _course("cycle", "integer", "Cycle", lowest=1, highest=9),
    _course("day", "integer", "Day of the cycle on which this order starts", lowest=1, highest=84),
    _course("treatment-setting", "coding", "Treatment setting", "adult", "pediatric"),
    _course("dose-increase", "boolean", "Dose raised beyond the scheduled step"),
    _course(
        "infusion-bag",
        "coding",
        "Infusion bag",
        *("24h-preservative-free", "48h-preservative-free", "72h-preserved", "96h-preserved", "7d-preserved"),
    ),
    _course("response", "coding", "Response to treatment", "responding", "not-responding", "not-yet-assessed"),
    _course("restart-interruption-hours", "decimal", "Interruption before this restart", unit="h"),
    _course(
        "restart-reason",
        "coding",
        "Reason for the interruption",
        *("administrative", "crs", "neurotoxicity", "other-toxicity"),
    ),
    _course("toxicity-grade", "integer", "Worst toxicity grade", lowest=1, highest=4),
    _course("toxicity-scale", "coding", "Grading scale", "ctcae", "astct"),
    _course("toxicity-grade-now", "integer", "Toxicity grade now", highest=4),
    _course("toxicity-days-to-resolve", "integer", "Time until grade 1 or less", unit="days"),
    _course("toxicity-days-at-grade-1-or-less", "integer", "Time at grade 1 or less", unit="days"),
    _course("toxicity-at-step-dose", "boolean", "Toxicity happened at the step dose"),
    _course("seizures", "coding", "Seizures", "none", "one", "more-than-one"),
    _course("specialist-consulted", "boolean", "Oncologist or haematologist consulted"),
    _course("supporting-literature", "boolean", "Evidence for an off-label dose or use is submitted"),
    _general("first-dose-date", "date", "First dose of the present course"),
    _course("current-use-documented", "boolean", "Current use for a covered indication is documented"),
    _course("paid-by-this-plan", "boolean", "Treatment so far was paid by this plan"),
    _course("mrd-availability", "coding", "MRD availability (clinician's statement)", "available", "unavailable"),
    _general("mrd-result", "decimal", "MRD", highest=100, unit="%"),
    _general("mrd-date", "date", "Date of the MRD specimen"),
    _general("mrd-specimen", "coding", "MRD specimen", "marrow", "blood"),
    _general("lineage", "coding", "Lineage", "b", "t", "mixed"),
    _general("cd19-blasts", "coding", "CD19 on blasts", "positive", "partial-or-dim", "negative", "not-tested"),
    _general("cd19-date", "date", "Date of the CD19 specimen"),
    _general("bcr-abl1", "coding", "BCR::ABL1", "positive", "negative", "not-tested"),
    _general("bcr-abl1-like", "coding", "BCR::ABL1-like", "positive", "negative", "not-tested"),
    _general("kmt2a", "coding", "KMT2A rearrangement", "positive", "negative", "not-tested"),
    _general("diagnosis-date", "date", "Date of diagnosis"),
    _general("prior-cd19-therapy", "coding", "Earlier CD19-directed therapy", "none", "blinatumomab", "car-t", "other"),
    _general("childbearing-potential", "boolean", "Childbearing potential"),
)
QUESTIONS: Mapping[str, Question] = {question.link_id: question for question in _LIST}
