"""Conditions on the disease: lineage, remission, BCR::ABL1, KMT2A, MRD. Pure; no paragraph number stands here."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cds_service.assess.findings import Finding, Status
from cds_service.assess.judged import Judged, spoken, unknown
from cds_service.facts.model import Case, Evidence, Fact, Mrd

MRD_LEVEL_PERCENT = Decimal("0.1")
"""The level of the labelled indication; a positive result below it goes to review (D31)."""
REMISSION = frozenset({"remission", "remission-1", "remission-2", "remission-3-or-later"})
_STATUS = "The disease status when this course began: new, first, second or later remission, relapsed, refractory"

MRD_QUESTIONS = ("mrd-availability", "mrd-result", "mrd-date", "mrd-specimen")
_BCR = "BCR::ABL1 by FISH, or by an assay of both p190 and p210, from a specimen at diagnosis or relapse"

_MRD = "A current MRD result with unit, specimen and date (or the clinician's statement that it is unavailable)"

_MRD_LOW = "Whether a positive MRD below the indication's 0.1 % is accepted"


def lineage(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """Is it B-ALL? ICD-10-CM C91.0x alone does not say the lineage."""
    fact = judged.case.patient.lineage
    if fact.value == "b":
        return Finding(Status.MET, "B-lineage ALL is documented", fact.evidence)
    if fact.value in ("t", "other"):
        words = {"t": "T-lineage disease is documented", "other": "another disease than B-ALL is documented"}
        return Finding(Status.NOT_MET, words[fact.value], fact.evidence)
    settled = "The lineage by immunophenotype: a B-ALL diagnosis code, pathology, or the order question"
    if fact.value == "mixed":  # answered, and no order question asks further
        return Finding(
            Status.UNKNOWN,
            "mixed-phenotype disease: whether it counts as B-ALL has to be asked",
            fact.evidence,
            settled,
        )
    return unknown(fact, "B lineage", settled, asks=("lineage",))


def remission(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """In remission when this course began, whichever remission it is."""
    fact = judged.case.course.disease_status
    if fact.value is None:
        what = "the disease status at the start of this course"
        return unknown(fact, what, _STATUS, asks=("disease-status",), answer_wins=True)
    if fact.value in REMISSION:
        return Finding(Status.MET, "in remission", fact.evidence)
    return Finding(Status.NOT_MET, f"not in remission ({spoken(fact.value)})", fact.evidence)


def bcr_abl1(judged: Judged, parameters: Mapping[str, Any]) -> Finding:
    """BCR::ABL1 (Ph) positive or negative. BCR::ABL1-like disease is BCR::ABL1-negative disease."""
    status, evidence, problem = bcr_abl1_status(judged.case)
    if status is None:
        return Finding(Status.UNKNOWN, problem, evidence, _BCR, bcr_abl1_questions(judged.case))
    if status == parameters["is"]:
        return Finding(Status.MET, f"BCR::ABL1 {status}", evidence)
    return Finding(Status.NOT_MET, f"BCR::ABL1 {status}", evidence)


def bcr_abl1_status(case: Case) -> tuple[str | None, tuple[Evidence, ...], str]:
    """(positive, negative or None; evidence; why unknown)."""
    fact, like = case.patient.bcr_abl1, case.patient.bcr_abl1_like
    evidence = fact.evidence + like.evidence
    if like.value == "positive" and fact.value == "positive":
        return None, evidence, "recorded both as BCR::ABL1-positive and as BCR::ABL1-like"
    if fact.value is None and not fact.conflict and like.value == "positive":
        return "negative", evidence, ""
    return (
        fact.value,
        fact.evidence,
        fact.problem or ("results disagree" if fact.conflict else "BCR::ABL1 is not on file"),
    )


def bcr_abl1_questions(case: Case) -> tuple[str, ...]:
    """The question that would settle an unknown BCR::ABL1: none where what is on file disagrees already."""
    fact, like = case.patient.bcr_abl1, case.patient.bcr_abl1_like
    return () if fact.known or fact.conflict or like.value == "positive" else ("bcr-abl1",)


def bcr_abl1_like(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """BCR::ABL1-like (Ph-like) disease; a BCR::ABL1-positive disease is not."""
    status, evidence, problem = bcr_abl1_status(judged.case)
    like = judged.case.patient.bcr_abl1_like
    if like.value == "positive" and status is None:
        return Finding(Status.UNKNOWN, problem, evidence, _BCR)
    if like.value == "positive":
        return Finding(Status.MET, "BCR::ABL1-like", like.evidence)
    if status == "positive":
        return Finding(Status.NOT_MET, "BCR::ABL1-positive disease is not BCR::ABL1-like", evidence)
    if like.value == "negative":
        return Finding(Status.NOT_MET, "not BCR::ABL1-like", like.evidence)
    return unknown(like, "a BCR::ABL1-like test", "A test for BCR::ABL1-like disease", asks=("bcr-abl1-like",))


def kmt2a(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """KMT2A (11q23) rearranged."""
    fact = judged.case.patient.kmt2a
    if fact.value is None:
        return unknown(fact, "KMT2A", "A KMT2A (11q23) rearrangement test", asks=("kmt2a",))
    status = Status.MET if fact.value == "positive" else Status.NOT_MET
    return Finding(status, f"KMT2A rearrangement {fact.value}", fact.evidence)


def mrd_positive(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """MRD-positive. The clause names no level: below the indication's 0.1 % a person decides (D31)."""
    found = _mrd(judged.case)
    if isinstance(found, Finding):
        met = found.status is Status.MET  # attested unavailable
        return Finding(Status.NOT_MET, "MRD is stated to be unavailable", found.evidence) if met else found
    fact, mrd = judged.case.patient.mrd, found
    if mrd.detected is False:
        return Finding(Status.NOT_MET, "MRD-negative", fact.evidence)
    if _below_level(mrd):
        return Finding(Status.REVIEW, f"MRD-positive below {MRD_LEVEL_PERCENT} %", fact.evidence, _MRD_LOW)
    return _fresh(fact, Finding(Status.MET, "MRD-positive", fact.evidence))


def mrd_negative_or_unavailable(judged: Judged, _: Mapping[str, Any]) -> Finding:
    """MRD-negative, or stated to be unavailable by a clinician; silence is unknown, not unavailable."""
    found = _mrd(judged.case)
    if isinstance(found, Finding):
        return found
    fact, mrd = judged.case.patient.mrd, found
    if mrd.detected is False:
        return _fresh(fact, Finding(Status.MET, "MRD-negative", fact.evidence))
    if _below_level(mrd):
        return Finding(
            Status.REVIEW, f"MRD below {MRD_LEVEL_PERCENT} %, not reported negative", fact.evidence, _MRD_LOW
        )
    return Finding(Status.NOT_MET, "MRD-positive", fact.evidence)


def _below_level(mrd: Mrd) -> bool:
    """Is the level stated, and below that of the indication? Reported positive and "< 0.1 %" is below it."""
    if mrd.percent is None:
        return False
    return mrd.percent < MRD_LEVEL_PERCENT or (mrd.comparator in ("<", "<=") and mrd.percent == MRD_LEVEL_PERCENT)


def _mrd(case: Case) -> Mrd | Finding:
    """The result to judge; or the finding where there is none: met = attested unavailable, else unknown."""
    fact, attested = case.patient.mrd, case.course.mrd_availability
    if attested.value == "unavailable":
        if fact.value is not None and not fact.stale:
            evidence = fact.evidence + attested.evidence
            return Finding(Status.UNKNOWN, "stated to be unavailable, and yet a result is on file", evidence, _MRD)
        return Finding(Status.MET, "MRD is stated to be unavailable", attested.evidence)
    if fact.value is None or fact.value.detected is None:
        return unknown(fact, "a usable MRD result", _MRD, asks=MRD_QUESTIONS, answer_wins=True)
    return fact.value


def _fresh(fact: Fact[Mrd], finding: Finding) -> Finding:
    """An old result, or one from before the latest relapse: what it would make met becomes review."""
    if not fact.stale:
        return finding
    return Finding(Status.REVIEW, f"{finding.reason}, by {fact.problem or 'an old result'}", finding.evidence, _MRD)
