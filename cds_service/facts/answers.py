"""What laboratories answer: positive or negative, by code, interpretation, boolean or words; and quantities with the
unit read twice (code and text). Knows how results are written, not what they mean for this drug.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from cds_service.fhir import codes, reader
from cds_service.fhir.reader import Json, Quantity
from cds_service.terminology import ValueSets

POSITIVE, NEGATIVE, UNCLEAR = "positive", "negative", "unclear"
_UNCLEAR_WORDS = re.compile(
    r"indeterminate|inconclusive|equivocal|pending|cancel|not (?:done|performed|tested)|insufficien"
)
_NEGATIVE_WORDS = re.compile(
    r"\b(?:negative|undetectable|absent|non-?detected|nonreactive|not[ -]?detected|not[ -]?present|not[ -]?identified|"
    r"not[ -]?seen|no evidence|none detected|neg)\b"
)
_POSITIVE_WORDS = re.compile(r"\b(?:positive|detected|detectable|present|identified|pos)\b")


def qualitative(resource: Json, value_sets: ValueSets) -> str | None:
    """'positive', 'negative' or 'unclear' (indeterminate, or contradicting itself); None when nothing is said in
    words or codes. Numbers are not looked at. `A` and `H` alone say nothing.
    """
    said = set()
    for concept in (resource.get("valueCodeableConcept"), *reader.items(resource.get("interpretation"))):
        said.add(_coded(concept, value_sets))
    if isinstance(resource.get("valueBoolean"), bool):
        said.add(POSITIVE if resource["valueBoolean"] else NEGATIVE)
    said.add(worded(reader.text(resource, "valueString")))
    said.discard(None)
    return said.pop() if len(said) == 1 else UNCLEAR if said else None


def worded(text: str | None) -> str | None:
    """What a short free-text result says; None when it says neither."""
    line = (text or "").lower()
    if not line:
        return None
    if _UNCLEAR_WORDS.search(line):
        return UNCLEAR
    negative = _NEGATIVE_WORDS.search(line) is not None
    positive = _POSITIVE_WORDS.search(_NEGATIVE_WORDS.sub(" ", line)) is not None
    if negative and positive:
        return UNCLEAR
    return NEGATIVE if negative else POSITIVE if positive else None


def measured(quantity: Quantity | None, convert: Callable[[Decimal, str | None], Decimal | None]) -> Decimal | None:
    """The number in the wanted unit. None when code and text of the unit mean different things, or neither is known."""
    if quantity is None or quantity.comparator:
        return None
    found = {convert(quantity.value, unit) for unit in quantity.units}
    found.discard(None)
    return found.pop() if len(found) == 1 else None


def _coded(concept: object, value_sets: ValueSets) -> str | None:
    names = codes.names(concept, value_sets)
    if "answer.indeterminate" in names:
        return UNCLEAR
    if "answer.positive" in names or "answer.negative" in names:
        return POSITIVE if "answer.positive" in names else NEGATIVE
    if any(code for _, code, _ in reader.codings(concept)):
        bare = {code for system, code, _ in reader.codings(concept) if not system}
        if bare & {"POS", "DET", "NEG", "ND"}:
            return POSITIVE if bare & {"POS", "DET"} else NEGATIVE
        return worded(reader.text(concept, "text"))
    return worded(reader.words(concept))
