"""What the results of gene tests have in common: what a code names, which genes were studied, what is shown.

Shared by the readers of BCR::ABL1 and KMT2A; decides for neither.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from cds_service.facts import answers as results
from cds_service.facts import disease_words, karyotype
from cds_service.facts.agreement import Told
from cds_service.facts.record import Diagnosed, Observed, Record
from cds_service.fhir import codes, reader

CONTROL = re.compile(r"\bcontrol\b(?! (?:ratio|transcript ratio))")
_GENERAL = frozenset(("cytogenetics", "genomics.iscn"))
_NO_GENES: frozenset[str] = frozenset()


def tested(found: Told[str]) -> Told[str]:
    """An answer; "not tested" is none."""
    return Told(None, found.evidence, "not tested") if found.value == "not-tested" else found


def diagnosed(record: Record, concept: str, value: str) -> Iterator[Told[str]]:
    """What the diagnosis codes of active, confirmed conditions say."""
    for condition in record.conditions:
        if concept in condition.concepts:
            doubt = _doubt(condition)
            evidence = condition.evidence("Diagnosis", condition.display(concept))
            yield Told(None if doubt else value, evidence, doubt)


def _doubt(condition: Diagnosed) -> str | None:
    if condition.past:
        return "the diagnosis is recorded as inactive or resolved"
    return "the diagnosis is not confirmed" if condition.doubtful else None


@lru_cache(maxsize=2048)
def named_in(said: str) -> frozenset[str]:
    """What the words of a code name: fusion, like, kmt2a. Kept, because codes repeat from call to call."""
    words = (
        ("like", disease_words.LIKE),
        ("fusion", disease_words.FUSION),
        ("kmt2a", disease_words.KMT2A),
        ("cytogenetics", disease_words.CYTOGENETICS),
    )
    found = {name for name, pattern in words if pattern.search(said)}
    return frozenset(found - {"fusion"} if CONTROL.search(said) else found)


def is_general(observed: Observed, named: frozenset[str]) -> bool:
    """Is it a report of all findings of the chromosomes?"""
    return "cytogenetics" in named or not _GENERAL.isdisjoint(observed.concepts)


def shown(record: Record, observed: Observed, value: str | None) -> str | None:
    """The result as it is written, fit to print."""
    quantity = reader.quantity(observed.resource.get("valueQuantity"))
    if quantity is not None:
        return str(quantity)[:40]
    return record.chart.quote(reader.text(observed.resource, "valueString"), 120) or value


def iscn(record: Record, observed: Observed) -> str:
    """Karyotype strings of a result whose words neither deny nor doubt anything."""
    parts = [observed.resource, *(part.resource for part in record.components(observed))]
    said = [reader.text(part, "valueString") or reader.words(part.get("valueCodeableConcept")) for part in parts]
    return "; ".join(word for word in said if word and karyotype.is_iscn(word)).lower()


def genes(record: Record, observed: Observed) -> frozenset[str]:
    """Genes named in the components of a variant result."""
    found: set[str] = set()
    if "genomics.variant" not in observed.concepts:
        return _NO_GENES
    for part in record.components(observed):
        gene = part.resource.get("valueCodeableConcept")
        found |= codes.names(gene, record.value_sets)
        if "genomics.gene-studied" in part.concepts and disease_words.FUSION.search(reader.words(gene).lower()):
            found |= {"gene.bcr", "gene.abl1"}
    return frozenset(found)


def germline(record: Record, observed: Observed) -> bool:
    """Is it said to be inherited, and so no finding of the leukaemia?"""
    return any(
        "answer.germline" in codes.names(part.resource.get("valueCodeableConcept"), record.value_sets)
        for part in (record.components(observed) if "genomics.variant" in observed.concepts else ())
    )


def plain(value: str | None) -> str | None:
    """positive or negative; None for anything else."""
    return value if value in (results.POSITIVE, results.NEGATIVE) else None
