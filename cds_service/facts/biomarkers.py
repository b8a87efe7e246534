"""BCR::ABL1, BCR::ABL1-like and KMT2A from results, Condition codes and order questions.

A BCR::ABL1-negative result needs FISH, or assays of both p190 and p210, from disease and not from remission. A normal
karyotype, p210 alone, zero on treatment and the control transcript prove nothing. Never inferred from drugs, age or
KMT2A. BCR::ABL1-like disease is BCR::ABL1-negative.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from cds_service.facts import answers as results
from cds_service.facts import disease_words, genetics, karyotype, specimens
from cds_service.facts.agreement import Told, agreed
from cds_service.facts.disease import Timeline
from cds_service.facts.model import Fact
from cds_service.facts.questions import Answers
from cds_service.facts.record import Observed, Record
from cds_service.facts.reports import EVIDENCE_ONLY, report_mentions
from cds_service.fhir import reader

POSITIVE, NEGATIVE = "positive", "negative"
_ASSAYS = (
    ("bcr-abl1.fish", re.compile(r"\bfish\b|in situ")),
    ("bcr-abl1.p190", re.compile(r"p\.?190|\bminor\b|e1a2")),
    ("bcr-abl1.p210", re.compile(r"p\.?210|\bmajor\b|b[23]a2|e1[34]a2")),
)


@dataclass(frozen=True, slots=True)
class _Result:
    observed: Observed
    value: str | None
    """positive, negative, zero (a level of nothing), or None"""
    assays: frozenset[str]
    said: str


def read_bcr_abl1(record: Record, answers: Answers, timeline: Timeline, status: str | None) -> Fact[str]:
    """positive or negative; None where nothing proves either, or sources disagree."""
    told: list[Told[str]] = [genetics.tested(found) for found in answers.told("bcr-abl1")]
    told += [
        Told(NEGATIVE, found.evidence)
        for found in (*answers.told("bcr-abl1-like"), *_like_results(record))
        if found.value == POSITIVE
    ]
    named = (("bcr-abl1-positive", POSITIVE), ("bcr-abl1-negative", NEGATIVE), ("bcr-abl1-like", NEGATIVE))
    told += [found for concept, value in named for found in genetics.diagnosed(record, f"diagnosis.{concept}", value)]
    measured = list(_fusion_results(record))
    both = _both_transcripts(record, measured, timeline, status)
    told += [_judged(record, result, timeline, status=status, both=both) for result in measured]
    told += [Told(None, shown, EVIDENCE_ONLY) for shown in report_mentions(record, disease_words.FUSION, "BCR::ABL1")]
    return agreed(told, topic="BCR::ABL1 sources")


def read_bcr_abl1_like(record: Record, answers: Answers) -> Fact[str]:
    """positive or negative, by ICD-O-3 9819/3, a result that names it, or the order question."""
    told: list[Told[str]] = [genetics.tested(found) for found in answers.told("bcr-abl1-like")]
    told += genetics.diagnosed(record, "diagnosis.bcr-abl1-like", POSITIVE)
    return agreed((*told, *_like_results(record)), topic="BCR::ABL1-like sources")


def read_kmt2a(record: Record, answers: Answers) -> Fact[str]:
    """positive (rearranged) or negative. A share of cells without an interpretation is not judged."""
    told: list[Told[str]] = [genetics.tested(found) for found in answers.told("kmt2a")]
    told += genetics.diagnosed(record, "diagnosis.kmt2a-rearranged", POSITIVE)
    for observed in record.disease_results:
        genes, named = genetics.genes(record, observed), genetics.named_in(observed.said)
        about = "kmt2a" in named or "gene.kmt2a" in genes or not _KMT2A_CODES.isdisjoint(observed.concepts)
        general = not about and genetics.is_general(observed, named)
        if not about and not general:
            continue
        value = _kmt2a_value(record, observed, general=general)
        if general and value is None:
            continue  # a report of the chromosomes that does not speak of KMT2A
        problem = None if observed.final else "not a final result"
        evidence = observed.evidence("KMT2A rearrangement", genetics.shown(record, observed, value))
        told.append(Told(value if observed.final else None, evidence, problem))
    told += [Told(None, shown, EVIDENCE_ONLY) for shown in report_mentions(record, disease_words.KMT2A, "KMT2A")]
    return agreed(told, topic="KMT2A sources")


def _kmt2a_value(record: Record, observed: Observed, *, general: bool) -> str | None:
    if karyotype.tells_kmt2a(genetics.iscn(record, observed)):
        return POSITIVE
    text = reader.text(observed.resource, "valueString")
    if general:
        return karyotype.kmt2a_in_words(text or reader.words(observed.resource.get("valueCodeableConcept")))
    said = results.qualitative(observed.resource, record.value_sets)
    return genetics.plain(said) if said is not None else karyotype.result_in_words(text) if text else None


_KMT2A_CODES = frozenset(("kmt2a.rearrangement", "kmt2a.share"))


def _like_results(record: Record) -> Iterator[Told[str]]:
    for observed in record.disease_results:
        if observed.final and "like" in genetics.named_in(observed.said):
            value = genetics.plain(results.qualitative(observed.resource, record.value_sets))
            yield Told(value, observed.evidence("BCR::ABL1-like", genetics.shown(record, observed, value)))


def _fusion_results(record: Record) -> Iterator[_Result]:
    """Every result about the fusion gene: by code, by genes studied, by ISCN string or by the words of its code."""
    for observed in record.disease_results:
        named = genetics.named_in(observed.said)
        if "bcr-abl1.control" in observed.concepts or "like" in named:
            continue
        assays = _coded_assays(observed.concepts)
        if "genomics.variant" in observed.concepts and {"gene.bcr", "gene.abl1"} <= genetics.genes(record, observed):
            assays |= {"genomics.variant"}
        if not assays and "fusion" in named:
            worded = [concept for concept, word in _ASSAYS if word.search(observed.said)]
            assays = frozenset(worded or ["bcr-abl1.other-assay"])
        elif not assays and genetics.is_general(observed, named):
            assays = frozenset(("cytogenetics",))
        if assays and not genetics.germline(record, observed):
            yield _Result(observed, _value(record, observed), assays, specimens.words(record, observed))
        if "component" in observed.resource:
            yield from _parts(record, observed)


@lru_cache(maxsize=1024)
def _coded_assays(concepts: frozenset[str]) -> frozenset[str]:
    """The assays of the fusion gene among the concepts of a code."""
    return frozenset(concept for concept in concepts if concept.startswith(("bcr-abl1.", "cytogenetics")))


def _parts(record: Record, observed: Observed) -> Iterator[_Result]:
    """Components of a panel that name p190 or p210."""
    for part in record.components(observed):
        coded = {concept for concept in part.concepts if concept.startswith("bcr-abl1.")}
        about = disease_words.FUSION.search(part.said) is not None
        worded = {concept for concept, word in _ASSAYS if about and word.search(part.said)}
        if (coded or worded) and "bcr-abl1.control" not in coded and not genetics.CONTROL.search(part.said):
            yield _Result(part, _value(record, part), frozenset(coded or worded), specimens.words(record, part))


def _value(record: Record, observed: Observed) -> str | None:
    if not observed.final:
        return None
    if karyotype.tells_bcr_abl1(genetics.iscn(record, observed)):
        return POSITIVE
    text = reader.text(observed.resource, "valueString")
    named = genetics.named_in(observed.said)
    if "fusion" not in named and genetics.is_general(observed, named):
        return karyotype.bcr_abl1_in_words(text or reader.words(observed.resource.get("valueCodeableConcept")))
    said = results.qualitative(observed.resource, record.value_sets)
    if said is not None:
        return genetics.plain(said)
    if text:
        return karyotype.result_in_words(text)
    quantity = reader.quantity(observed.resource.get("valueQuantity"))
    if quantity is None or quantity.comparator in ("<", "<="):
        return None
    if "bcr-abl1.fish" in observed.concepts:
        return None  # a share of cells needs the laboratory's own cut-off
    return POSITIVE if quantity.value > 0 else "zero"


def _both_transcripts(
    record: Record, measured: Iterable[_Result], timeline: Timeline, status: str | None
) -> frozenset[str]:
    """References of p190 and p210 results that are negative together, in disease."""
    fit = [result for result in measured if _from_disease(record, result, timeline, status)]
    seen = {assay for result in fit for assay in result.assays}
    if not {"bcr-abl1.p190", "bcr-abl1.p210"} <= seen:
        return frozenset()
    return frozenset(result.observed.reference for result in fit)


def _from_disease(record: Record, result: _Result, timeline: Timeline, status: str | None) -> bool:
    """Negative, and not from remission; a level of zero only where it is known to be from diagnosis or relapse."""
    if result.value == "zero":
        return specimens.at_onset(result.observed.day, timeline)
    day = result.observed.day
    return result.value == NEGATIVE and not specimens.from_remission(record, result.said, day, timeline, status=status)


def _judged(
    record: Record, result: _Result, timeline: Timeline, *, status: str | None, both: frozenset[str]
) -> Told[str]:
    shown = genetics.shown(record, result.observed, result.value)
    evidence = result.observed.evidence(_what(result), shown)
    if result.value == POSITIVE:
        return Told(POSITIVE, evidence)
    if result.value is None:
        return Told(None, evidence, "the result is neither positive nor negative")
    if not _from_disease(record, result, timeline, status):
        why = "a negative result in remission or on treatment does not tell BCR::ABL1-negative disease"
        return Told(None, evidence, why)
    if "bcr-abl1.fish" in result.assays or result.observed.reference in both:
        return Told(NEGATIVE, evidence)
    return Told(None, evidence, "a negative result needs FISH, or assays of both p190 and p210")


def _what(result: _Result) -> str:
    names = {"bcr-abl1.fish": "FISH", "bcr-abl1.p190": "p190", "bcr-abl1.p210": "p210", "cytogenetics": "karyotype"}
    kinds = [name for assay, name in names.items() if assay in result.assays]
    return f"BCR::ABL1, {' and '.join(kinds)}" if kinds else "BCR::ABL1"
