"""Codings as charts write them, brought to the spelling of our value sets, and matched by system and code.

Never matches by display. Knows the spellings of a few code systems, nothing clinical.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from cds_service.fhir.reader import codings
from cds_service.terminology import Code, ValueSets

ICD_10_CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD_O_3 = "http://terminology.hl7.org/CodeSystem/icd-o-3"
HGNC = "http://www.genenames.org"
NDC = "http://hl7.org/fhir/sid/ndc"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
CVX = "http://hl7.org/fhir/sid/cvx"


def matches(concept: object, value_sets: ValueSets) -> tuple[tuple[str, Code], ...]:
    """Every (concept name, code) that any coding of a CodeableConcept stands for."""
    found: tuple[tuple[str, Code], ...] = ()
    for system, code, _ in codings(concept):
        if system and code:
            found += _concepts(system, code, value_sets)
    return found


def names(concept: object, value_sets: ValueSets) -> frozenset[str]:
    """The names of the concepts that any coding of a CodeableConcept belongs to."""
    return frozenset([name for name, _ in matches(concept, value_sets)]) if concept else _NOTHING


def read(concept: object, value_sets: ValueSets) -> tuple[tuple[tuple[str, Code], ...], str]:
    """What the codings of a CodeableConcept stand for, and all it says in words, lower case; in one pass."""
    if not isinstance(concept, dict):
        return (), ""
    found: tuple[tuple[str, Code], ...] = ()
    written = concept.get("text")
    said = [written.strip()] if isinstance(written, str) else []
    for system, code, display in codings(concept):
        if system and code:
            found += _concepts(system, code, value_sets)
        if display:
            said.append(display)
    return found, (said[0] if len(said) == 1 else "; ".join(dict.fromkeys(said))).lower()


def named(concept: object, value_sets: ValueSets) -> tuple[frozenset[str], str]:
    """The names of the concepts a CodeableConcept belongs to, and all it says in words, lower case; in one pass."""
    listed = concept.get("coding") if isinstance(concept, dict) and "text" not in concept else None
    if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], dict):
        only = listed[0]
        try:
            return _named(only.get("system"), only.get("code"), only.get("display"), value_sets)
        except TypeError:  # an object or a list where a word belongs
            pass
    found, said = read(concept, value_sets)
    return frozenset(name for name, _ in found), said


@lru_cache(maxsize=4096)
def _named(system: object, code: object, display: object, value_sets: ValueSets) -> tuple[frozenset[str], str]:
    """A concept that is one coding and nothing else: charts say the same few hundred again and again."""
    found, said = read({"coding": [{"system": system, "code": code, "display": display}]}, value_sets)
    return frozenset(name for name, _ in found), said


@lru_cache(maxsize=4096)
def _concepts(system: str, code: str, value_sets: ValueSets) -> tuple[tuple[str, Code], ...]:
    """What a coding stands for, once spelled as our value sets spell it."""
    system = value_sets.canonical(system)
    spell = _SPELLINGS.get(system)
    return value_sets.concepts(system, spell(code) if spell else code)


def normal(system: str, code: str) -> str:
    """One spelling of a code: C9100 → C91.00, 9811 → 9811/3, 1014 → HGNC:1014, a package NDC → its product."""
    spell = _SPELLINGS.get(system)
    return spell(code) if spell else code


def ndc_product(code: str) -> str:
    """Labeler-product of an NDC (5-4-2 without hyphens, or any hyphenated form). What is neither stays as it is.

    Ten digits without hyphens can be cut in three ways and are not guessed.
    """
    parts = code.strip().split("-")
    if len(parts) == 1 and re.fullmatch(r"\d{11}", parts[0]):
        parts = [parts[0][:5], parts[0][5:9]]
    if len(parts) not in (2, 3) or not all(part.isdigit() for part in parts):
        return code
    labeler, product = parts[0].zfill(5), parts[1].zfill(4)
    return f"{labeler}-{product[1:] if product[0] == '0' else product}"


def _icd_10_cm(code: str) -> str:
    plain = code.strip().upper()
    return f"{plain[:3]}.{plain[3:]}" if len(plain) > 3 and "." not in plain else plain


def _icd_o_3(code: str) -> str:
    morphology = re.match(r"\s*(\d{4})(/\d)?", code)
    return f"{morphology[1]}{morphology[2] or '/3'}" if morphology else code


def _hgnc(code: str) -> str:
    return f"HGNC:{code.strip()}" if code.strip().isdigit() else code.strip()


def _hcpcs(code: str) -> str:
    return code.strip().upper()


def _cvx(code: str) -> str:
    return code.strip().zfill(2)


_NOTHING: frozenset[str] = frozenset()
_SPELLINGS: Mapping[str, Callable[[str], str]] = {
    ICD_10_CM: _icd_10_cm,
    ICD_O_3: _icd_o_3,
    HGNC: _hgnc,
    NDC: ndc_product,
    HCPCS: _hcpcs,
    CVX: _cvx,
}
