"""Other drugs on file or drafted: what may be partner drugs, steroids, and blinatumomab given before.

Evidence only: none of them decides the regimen, and absence proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cds_service import units
from cds_service.facts.drug import Drug, read_drug
from cds_service.facts.model import ConcomitantDrug, Evidence, Fact
from cds_service.facts.questions import Answers
from cds_service.facts.record import Record, printed
from cds_service.fhir import codes, reader
from cds_service.fhir.chart import Entry

_PLANS = ("plan", "proposal", "option")
_DONE = ("completed", "stopped", "in-progress", "on-hold", "active")
_KINDS = (
    ("drug.tki", "tki"),
    ("drug.ask-tki", "ask-tki"),
    ("drug.dexamethasone", "steroid"),
    ("drug.prednisone", "steroid"),
    ("drug.other-steroid", "steroid"),
    ("drug.pomp", "pomp"),
    ("drug.interfant", "interfant"),
    ("drug.uric-acid", "uric-acid"),
)
HIGH_DOSE_METHOTREXATE_MICROGRAMS_PER_M2 = Decimal(500_000)
"""The usual meaning of "high-dose" methotrexate in the field; no source of ours prints it."""
_KEYS = ("medicationRequests", "medicationStatements", "medicationAdministrations")


@dataclass(frozen=True, slots=True)
class Given:
    """One order, statement or administration of a drug."""

    entry: Entry
    drug: Drug
    live: bool
    """Active on file, or drafted in this call."""
    done: bool
    """Given or ordered at some time: not a plan, not cancelled, not a draft."""
    written: str | None

    def evidence(self, what: str, value: str | None) -> Evidence:
        """This entry as evidence."""
        return Evidence(self.entry.reference, what, value, printed(self.written))


def read_medications(record: Record) -> tuple[Given, ...]:
    """Every medication entry of the record with its drug. To be read once per call."""
    kinds = ("MedicationRequest", "MedicationStatement", "MedicationAdministration")
    return tuple(_given(record, entry) for entry in record.chart.of(*kinds))


def _given(record: Record, entry: Entry) -> Given:
    resource = entry.resource
    status = reader.text(resource, "status")
    planned = reader.text(resource, "intent") in _PLANS or resource.get("doNotPerform") is True
    drafted = entry.draft is not None
    live = not planned and (drafted or (status == "active" and entry.type != "MedicationAdministration"))
    done = not planned and not drafted and status in _DONE
    names = ("effectiveDateTime", "effectivePeriod", "authoredOn", "dateAsserted")
    return Given(entry, read_drug(record, resource), live, done, reader.when(resource, *names))


def read_concomitant(record: Record, medications: tuple[Given, ...]) -> tuple[ConcomitantDrug, ...]:
    """Partner drugs, steroids and uric acid drugs that are active or drafted; high-dose methotrexate and intrathecal
    drugs also from the past, because what they did to the brain stays.
    """
    found = []
    for given in medications:
        if given.drug.ours or not (given.live or given.done):
            continue
        kind = _kind(record, given)
        if kind and (given.live or kind in ("high-dose-methotrexate", "intrathecal")):
            status = "draft" if given.entry.draft is not None else reader.text(given.entry.resource, "status")
            name = given.drug.name or "drug"
            found.append(ConcomitantDrug(kind, name, given.live, given.evidence(name.capitalize(), status)))
    return tuple(found)


def _kind(record: Record, given: Given) -> str | None:
    if given.drug.name is None:
        return None
    if route_of(record, given.entry.resource) == "intrathecal" or "intrathecal" in given.drug.said:
        return "intrathecal"
    if given.drug.name == "methotrexate" and _is_high_dose(given):
        return "high-dose-methotrexate"
    return next((kind for concept, kind in _KINDS if concept in given.drug.concepts), None)


def _is_high_dose(given: Given) -> bool:
    said = [given.drug.said, *(reader.text(part, "text") or "" for part in _dosages(given.entry))]
    if re.search(r"high[- ]dose|\bhd-?mtx\b", "; ".join(said).lower()):
        return True
    for dosage in _dosages(given.entry):
        for stated in (*reader.objects(dosage, "doseAndRate"), {"doseQuantity": dosage.get("dose")}):
            quantity = reader.quantity(stated.get("doseQuantity"))
            amounts = [units.dose(quantity.value, unit) for unit in quantity.units] if quantity else []
            if any(
                dose and dose.per == "m2" and dose.micrograms >= HIGH_DOSE_METHOTREXATE_MICROGRAMS_PER_M2
                for dose in amounts
            ):
                return True
    return False


def _dosages(entry: Entry) -> tuple[reader.Json, ...]:
    """Dosage of a request (dosageInstruction) or of a statement or administration (dosage)."""
    return (*reader.objects(entry.resource, "dosageInstruction"), *reader.objects(entry.resource, "dosage"))


def route_of(record: Record, resource: reader.Json) -> str | None:
    """'iv', 'oral', 'intrathecal', 'subcutaneous', the words of another route, or None."""
    for member in ("dosageInstruction", "dosage"):
        for dosage in reader.objects(resource, member):
            route = dosage.get("route")
            coded = next((n for n in codes.names(route, record.value_sets) if n.startswith("route.")), None)
            if coded:
                return coded.removeprefix("route.")
            words = reader.words(route).lower()
            if words:
                return next((route for route, word in _ROUTES if word.search(words)), words)
    return None


_ROUTES = (
    ("intrathecal", re.compile(r"intrathecal|\bit\b")),
    ("iv", re.compile(r"intravenous|\biv\b")),
    ("oral", re.compile(r"\boral\b|by mouth|\bpo\b")),
)


def read_earlier_blinatumomab(
    record: Record, medications: tuple[Given, ...], answers: Answers, start: date
) -> Fact[bool]:
    """Was blinatumomab given or ordered before this order? False only when it was asked and nothing is there."""
    evidence = [given.evidence("Blinatumomab", _how(given)) for given in _earlier(medications, start)]
    first = answers.fact("first-dose-date")
    if first.value is not None and first.value.latest < start:
        evidence += first.evidence
    prior = answers.fact("prior-cd19-therapy")
    if prior.value == "blinatumomab":
        evidence += prior.evidence
    if evidence:
        return Fact(True, tuple(evidence))
    if all(key in record.chart.answered for key in _KEYS):
        return Fact(False)
    return Fact(None, problem="it was not asked for all of orders, statements and administrations")


def _earlier(medications: tuple[Given, ...], start: date) -> Iterator[Given]:
    for given in medications:
        day = reader.day(given.written)
        if given.drug.ours and given.done and (day is None or day < start):
            yield given


def therapy_days(medications: tuple[Given, ...], start: date, first_dose: date | None) -> tuple[date, ...]:
    """Days on which blinatumomab was given before this course (before its first dose, where that is dated)."""
    limit = first_dose or start
    kinds = ("MedicationAdministration", "MedicationStatement")
    days = (
        reader.day(given.written)
        for given in medications
        if given.drug.ours and given.done and given.entry.type in kinds
    )
    return tuple(sorted(day for day in days if day is not None and day < limit))


def _how(given: Given) -> str:
    kind = {"MedicationRequest": "ordered", "MedicationStatement": "reported"}.get(given.entry.type, "given")
    return f"{kind}, {reader.text(given.entry.resource, 'status')}"
