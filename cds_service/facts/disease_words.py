"""The words by which the code of a result shows that it speaks of the leukaemia. A leaf; reads lower case."""

from __future__ import annotations

import re
from functools import lru_cache

MRD = re.compile(r"(?:minimal|minimum|measurable) residual (?:disease|leuk)|\bmrd\b")
CD19 = re.compile(r"\bcd[ -]?19(?=\b|dim|neg|pos|bright|partial|weak)")
FUSION = re.compile(r"bcr\W{0,3}abl|philadelphia|\bph1?\s?chromosome|t\(9;22\)|\bph\s?(?:\+|pos)")
KMT2A = re.compile(r"kmt2a|\bmll\b|11q23")
LIKE = re.compile(r"(?:abl1?|\bph|philadelphia(?: chromosome)?)[-\s]?like")
CYTOGENETICS = re.compile(r"karyotyp|cytogenetic|chromosome analysis")
_ANY = re.compile("|".join(pattern.pattern for pattern in (MRD, CD19, FUSION, KMT2A, LIKE, CYTOGENETICS)))


@lru_cache(maxsize=4096)
def names_the_disease(said: str) -> bool:
    """Does it name anything the readers of results look for? Kept, because codes repeat from call to call."""
    return _ANY.search(said) is not None
