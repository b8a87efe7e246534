"""Which drug an order, statement or administration is about: by any coding, else by text.

Matches by system and code. Words decide only where no known coding does, and never where they name the drug as the
occasion for another one ("dexamethasone before blinatumomab", "blinatumomab premedication").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cds_service.facts.record import Record
from cds_service.fhir import codes, reader
from cds_service.fhir.chart import Entry
from cds_service.fhir.reader import EMPTY, Json
from cds_service.terminology import Code

BLINATUMOMAB = "drug.blinatumomab"
_MATCHED_BY: Mapping[str, str] = {
    "http://www.nlm.nih.gov/research/umls/rxnorm": "rxnorm",
    "http://hl7.org/fhir/sid/ndc": "ndc",
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets": "hcpcs",
    "http://snomed.info/sct": "snomed",
    "http://www.whocc.no/atc": "atc",
}
NAMES: Mapping[str, tuple[str, ...]] = {
    "drug.tki": (
        *("imatinib", "gleevec", "dasatinib", "sprycel", "nilotinib", "tasigna"),
        *("bosutinib", "bosulif", "ponatinib", "iclusig"),
    ),
    "drug.ask-tki": ("asciminib", "scemblix"),
    "drug.pomp": ("mercaptopurine", "purinethol", "vincristine", "methotrexate"),
    "drug.interfant": ("cytarabine", "daunorubicin", "pegaspargase", "oncaspar", "calaspargase", "asparlas"),
    "drug.dexamethasone": ("dexamethasone", "decadron"),
    "drug.prednisone": ("prednisone",),
    "drug.other-steroid": ("prednisolone", "methylprednisolone", "hydrocortisone"),
    "drug.uric-acid": ("allopurinol", "zyloprim", "rasburicase", "elitek"),
}
"""Names by which a drug is known where an order carries no coding of ours."""
_OURS = re.compile(r"\b(?:blinatumomab|blincyto)\b(?!\W+pre-?med)", re.IGNORECASE)
_OCCASION = re.compile(
    r"\b(?:before|prior to|pre-?med\w*|premedication|prep|for|with|after|during|anti)\b", re.IGNORECASE
)
_NAMED = {name: concept for concept, names in NAMES.items() for name in names}
_ANY_NAME = re.compile(rf"\b(?:{'|'.join(_NAMED)})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Drug:
    """What a medication is, as far as we know it."""

    concepts: frozenset[str]
    matched_by: str | None = None
    """How blinatumomab was recognised; None where it was not."""
    name: str | None = None
    """Our name of another known drug."""
    said: str = ""
    """The words of the medication, lower case."""

    @property
    def ours(self) -> bool:
        """Is it blinatumomab?"""
        return self.matched_by is not None


def read_drug(record: Record, resource: Json) -> Drug:
    """The drug of a MedicationRequest, MedicationStatement or MedicationAdministration."""
    concepts = concepts_of(record, resource)
    found = tuple(match for concept in concepts for match in codes.matches(concept, record.value_sets))
    said = "; ".join(filter(None, map(reader.words, concepts)))
    if not said:
        said = reader.text(reader.first(resource, "medicationReference"), "display") or ""
    ours = next((code for name, code in found if name == BLINATUMOMAB), None)
    if ours is not None:
        return Drug(frozenset({BLINATUMOMAB}), _MATCHED_BY.get(ours.system, "text"), "blinatumomab", said.lower())
    known = [(name, code) for name, code in found if name.startswith("drug.")]
    if known:
        said = "; ".join((said, *(code.display for _, code in known)))  # our displays tell the form: "Oral Tablet"
        return Drug(frozenset(name for name, _ in known), None, _name_of(known[0][1]), said.lower())
    return _by_text(said)


def _name_of(code: Code) -> str:
    """'imatinib, ingredient' in the role column: the first word is our name."""
    return code.role.partition(",")[0]


def concepts_of(record: Record, resource: Json) -> tuple[Json, ...]:
    """The CodeableConcepts that say which drug: its own, or those of the Medication it refers to with ingredients."""
    own = reader.first(resource, "medicationCodeableConcept")
    entry: Entry | None = record.chart.find(reader.reference(resource, "medicationReference"), resource)
    medication = entry.resource if entry else EMPTY
    ingredients = (reader.first(part, "itemCodeableConcept") for part in reader.objects(medication, "ingredient"))
    return tuple(concept for concept in (own, reader.first(medication, "code"), *ingredients) if concept)


def _by_text(said: str) -> Drug:
    ours, other = _OURS.search(said), _ANY_NAME.search(said)
    leading = ours is not None and _OCCASION.search(said[: ours.start()]) is None
    if ours is not None and leading and (other is None or ours.start() < other.start()):
        return Drug(frozenset({BLINATUMOMAB}), "text", "blinatumomab", said.lower())
    if other is None:
        return Drug(frozenset(), said=said.lower())
    name = other[0].lower()
    return Drug(frozenset({_NAMED[name]}), None, name, said.lower())
