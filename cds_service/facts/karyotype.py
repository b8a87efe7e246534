"""What karyotypes and cytogenetic reports say: translocations as ISCN writes them, and the one finding asked for.

A report names several findings; only the clause that names the one in question tells of it. Pure text: knows no FHIR.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from cds_service.facts import answers as results
from cds_service.facts import disease_words

_TRANSLOCATION = re.compile(r"t\(([^()]*)\)\s*\(([^()]*)\)")
_T_9_22 = re.compile(r"t\(\s*9\s*;\s*22\s*\)\s*\(\s*q34")
_DENIED = re.compile(r"\b(?:no|without|excluded?|ruled out|lack\w*|absence)\b")
_CLAUSE = re.compile(r"[.;,\n]|\b(?:and|but|while|whereas)\b")
_PH_POSITIVE = re.compile(r"\bph1?\s?(?:\+|pos)")
_DENIAL, _REARRANG = re.compile(r"\b(?:not|non|no|without)\b"), re.compile(r"\brearrang")
_UNREARRANGED = re.compile(r"\bun-?rearrang")
_WITHOUT_MARKS = re.compile(r"[\w\s-]+")
_REARRANGED = re.compile(r"rearrang|(?:kmt2a|\bmll)[- ]?r\b")


def tells_bcr_abl1(iscn: str) -> bool:
    """Does a karyotype (lower case) hold t(9;22) with its break at 9q34?"""
    return _T_9_22.search(iscn) is not None or any(
        "22" in breaks and breaks.get("9", "").startswith("q34") for breaks in _translocations(iscn)
    )


def tells_kmt2a(iscn: str) -> bool:
    """Does a karyotype (lower case) hold a translocation that breaks chromosome 11 at q23?"""
    return any(breaks.get("11", "").startswith("q23") for breaks in _translocations(iscn))


def _translocations(iscn: str) -> Iterator[Mapping[str, str]]:
    """Chromosome → band for each translocation that names as many bands as chromosomes."""
    for match in _TRANSLOCATION.finditer(iscn):
        chromosomes, bands = ([part.strip() for part in group.split(";")] for group in match.groups())
        if len(chromosomes) == len(bands):
            yield dict(zip(chromosomes, bands, strict=True))


def is_iscn(text: str) -> bool:
    """May translocations in this text count as found? Not where the text denies or doubts anything."""
    return results.worded(text) in (None, results.POSITIVE) and not _DENIED.search(text.lower())


def bcr_abl1_in_words(text: str) -> str | None:
    """What a report says of BCR::ABL1, by the clause that names it."""
    return _in_words(text, disease_words.FUSION)


def kmt2a_in_words(text: str) -> str | None:
    """What a report says of disease_words.KMT2A, by the clause that names it."""
    return _in_words(text, disease_words.KMT2A)


def _in_words(text: str, finding: re.Pattern[str]) -> str | None:
    """positive or negative where every clause that names the finding says the same."""
    plain = re.sub(r"\([^()]*\)(?!\s*\()", " ", re.sub(r"t\([^()]*\)\s*\([^()]*\)", " ", text.lower()))
    said = {
        result_in_words(clause)
        for clause in _CLAUSE.split(plain)
        if finding.search(clause) and not disease_words.LIKE.search(clause)
    }
    return said.pop() if len(said) == 1 else None


def result_in_words(text: str) -> str | None:
    """positive or negative of a short result: its plain words, Ph+, rearranged or not."""
    line = text.lower()
    plain = results.worded(line)
    if plain is not None:
        return plain if plain in (results.POSITIVE, results.NEGATIVE) else None
    if _not_rearranged(line):
        return results.NEGATIVE
    if _DENIED.search(line):
        return None
    return results.POSITIVE if _PH_POSITIVE.search(line) or _REARRANGED.search(line) else None


def _not_rearranged(line: str) -> bool:
    """Is "rearranged" denied, or does a denial stand before it with no mark between? Each word is looked at once."""
    if "rearrang" not in line:
        return False
    denied = ((run, _DENIAL.search(run)) for run in _WITHOUT_MARKS.findall(line))
    return bool(_UNREARRANGED.search(line)) or any(no and _REARRANG.search(run, no.end()) for run, no in denied)
