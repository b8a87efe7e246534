"""What an order says of its dose besides the structured dose: words, maxima, quantities to dispense, concentrations.

A changed dose would contradict these, so each is named. Whatever holds a dose unit, a number that is not plainly a
time, or a word of dosing counts: better one too many than a note that says 28 beside a dose of 9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

from cds_service import units
from cds_service.facts import answers as results
from cds_service.facts.as_written import Restated
from cds_service.facts.rates import ratio_per_day
from cds_service.fhir import reader
from cds_service.fhir.chart import Chart
from cds_service.fhir.reader import Json

_TIMES = re.compile(
    r"\b\d+(?:[.,]\d+)?\s*-?\s*(?:h|hrs?|hours?|d|days?|weeks?|wks?|min|minutes?)\b"
    r"|\b(?:cycle|course|days?|weeks?)\s*#?\d+(?:\s*(?:-|–|to)\s*\d+)?\b"
    r"|\b\d{4}-\d{2}-\d{2}\b|\b0[.,]2\s*-?\s*(?:micron|micrometers?|µm|um)\b",
    re.IGNORECASE,
)
_SPOKEN = (
    r"µg|μg|²|\b(?:mcg|ug|mg|ng|ml|micrograms?|milligrams?|millilit\w*|m2|kg|units?|dos(?:e|es|ed|age|ing)|rates?"
    r"|steps?|stepped|step-?up|titrat\w*|escalat\w*|increas\w*|decreas\w*|reduc\w*|taper\w*|ramp\w*|full|half|double"
    r"|twice|low|lower|high|higher|flat|fixed|bags?|vials?|ampoules?|syringes?|concentrat\w*|strength|protocol"
    r"|per|nine|fifteen|twenty\w*|thirty\w*|five)\b"
)
_WORDS = re.compile(_SPOKEN, re.IGNORECASE)
_DOSING = re.compile(rf"\d|{_SPOKEN}", re.IGNORECASE)
_AMOUNT = re.compile(r"\d[.,]*\s*(?:µg|μg|mcg|ug|mg|micrograms?|milligrams?|ml)\b", re.IGNORECASE)
"""Only asked whether there is one: a number is looked at by its last digit, so that long ones cost no more time."""
_VIAL = re.compile(r"(?:0?[.,]035\s*mg|35\s*(?:mcg|ug|µg|μg|micrograms?))\b(?!\s*/\s*(?!vial|kit|1\b))", re.IGNORECASE)
"""The product's own strength in its name: 35 mcg in a vial."""
_TAGS = re.compile(r"<[^<>]*>")
_MAXIMA = ("maxDosePerPeriod", "maxDosePerAdministration", "maxDosePerLifetime")
_VIAL_MCG = Decimal(35)
_QUOTED = 90


def speaks_of_dose(words: str) -> bool:
    """May these words say how much is given? Times, days, dates and the size of a filter are not doses."""
    return _DOSING.search(_TIMES.sub(" ", words)) is not None


def restated(chart: Chart, draft: Json) -> tuple[Restated, ...]:
    """Every place of the draft that may say the dose, each once."""
    found = [*_said(chart, draft), *_maxima(draft), *_dispensed(draft), *_strength(chart, draft), *_extensions(draft)]
    return tuple(dict.fromkeys(found))


def _said(chart: Chart, draft: Json) -> Iterator[Restated]:
    for where, words in _texts(draft):
        if speaks_of_dose(words):
            yield Restated(where, chart.quote(words, _QUOTED))
    medication = draft.get("medicationCodeableConcept"), draft.get("medicationReference")
    said = [reader.text(medication[0], "text"), reader.text(medication[1], "display")]
    for name in filter(None, said):
        if _AMOUNT.search(_VIAL.sub(" ", name)):
            yield Restated("the name of the medication", chart.quote(name, _QUOTED))
    for member in ("reasonCode", "category", "courseOfTherapyType"):
        for words in map(reader.words, reader.objects(draft, member)):
            if _AMOUNT.search(words):
                yield Restated("the reason or category", chart.quote(words, _QUOTED))


def _texts(draft: Json) -> Iterator[tuple[str, str]]:
    for dosage in reader.objects(draft, "dosageInstruction"):
        parts = [
            ("the dosage text", reader.text(dosage, "text")),
            ("the patient instruction", reader.text(dosage, "patientInstruction")),
            ("the timing", reader.text(reader.first(reader.first(dosage, "timing"), "code"), "text")),
            ("the method", reader.words(dosage.get("method"))),
        ]
        parts += [("an instruction", reader.words(each)) for each in reader.objects(dosage, "additionalInstruction")]
        yield from ((where, words) for where, words in parts if words)
    for note in reader.objects(draft, "note"):
        yield "the note", reader.text(note, "text") or ""
    yield "the narrative", _TAGS.sub(" ", reader.text(reader.first(draft, "text"), "div") or "")
    for note in reader.objects(reader.first(draft, "dispenseRequest"), "dispenserInstruction"):
        yield "the dispensing note", reader.text(note, "text") or ""


def _maxima(draft: Json) -> Iterator[Restated]:
    for dosage in reader.objects(draft, "dosageInstruction"):
        for name in _MAXIMA:
            for limit in reader.objects(dosage, name):
                rate = ratio_per_day(limit) if name == "maxDosePerPeriod" else None
                shown = rate.as_written if rate else str(reader.quantity(limit) or "") or None
                yield Restated("the stated maximum", shown, rate.low if rate and rate.per is None else None)


def _dispensed(draft: Json) -> Iterator[Restated]:
    request = reader.first(draft, "dispenseRequest")
    for holder in (request, reader.first(request, "initialFill")):
        if "quantity" in holder:
            quantity = reader.quantity(holder["quantity"])
            total = results.measured(quantity, units.mass_in_micrograms)
            yield Restated("the dispense quantity", str(quantity)[:40] if quantity else None, mcg_total=total)


def _strength(chart: Chart, draft: Json) -> Iterator[Restated]:
    """A bag's strength or content; the strength of the product's own vial is none."""
    entry = chart.find(reader.reference(draft, "medicationReference"), draft)
    medications = [entry.resource] if entry else []
    medications += [one for one in reader.objects(draft, "contained") if one.get("resourceType") == "Medication"]
    for medication in medications:
        strengths = [reader.first(one, "strength") for one in reader.objects(medication, "ingredient")]
        for ratio in filter(None, [*strengths, reader.first(medication, "amount")]):
            amount, over = reader.quantity(ratio.get("numerator")), reader.quantity(ratio.get("denominator"))
            if not _is_vial(results.measured(amount, units.mass_in_micrograms), over):
                yield Restated("the concentration of the medication", f"{amount or '?'} / {over or '?'}")


def _is_vial(micrograms: Decimal | None, over: reader.Quantity | None) -> bool:
    in_volume = over is not None and any(units.is_volume(unit) for unit in over.units)
    return micrograms == _VIAL_MCG and not in_volume and (over is None or over.value == 1)


def _extensions(draft: Json) -> list[Restated]:
    """What FHIR R4 has no element for: extensions and unknown members that hold an amount, a rate or dosing words."""
    dosages = reader.objects(draft, "dosageInstruction")
    unknown = [draft[name] for name in draft.keys() - _OF_ORDER]
    unknown += [each[name] for each in dosages for name in each.keys() - _OF_DOSAGE]
    if any(_says_dose(value) for value in unknown) or _in_extensions(draft):
        return [Restated("an extension or a member that FHIR R4 does not know")]
    return []


_ORDER_MEMBERS = (
    "resourceType id meta implicitRules language text contained extension modifierExtension identifier status"
    " statusReason intent category priority doNotPerform reportedBoolean reportedReference medicationCodeableConcept"
    " medicationReference subject encounter supportingInformation authoredOn requester performer recorder performerType"
    " reasonCode reasonReference instantiatesCanonical instantiatesUri basedOn groupIdentifier courseOfTherapyType"
    " insurance note dosageInstruction dispenseRequest substitution priorPrescription detectedIssue eventHistory"
)
_DOSAGE_MEMBERS = (
    "id extension modifierExtension sequence text additionalInstruction patientInstruction timing asNeededBoolean"
    " asNeededCodeableConcept site route method doseAndRate maxDosePerPeriod maxDosePerAdministration"
    " maxDosePerLifetime"
)
_OF_ORDER, _OF_DOSAGE = frozenset(_ORDER_MEMBERS.split()), frozenset(_DOSAGE_MEMBERS.split())


def _in_extensions(value: object) -> bool:
    """Does an extension, however deep, say a dose? Contained resources are looked at elsewhere."""
    if type(value) is list:
        return any(_in_extensions(each) for each in value)
    if type(value) is not dict:
        return False
    for name, each in value.items():
        kind = type(each)
        below = (kind is dict or kind is list) and name != "contained"
        if below and (_says_dose(each) if name == "extension" else _in_extensions(each)):
            return True
    return False


def _says_dose(value: object) -> bool:
    """Words of dosing, or an amount of drug, anywhere in this value. A bare number or identifier says nothing."""
    if isinstance(value, str):
        return speaks_of_dose(value) if " " in value.strip() else bool(_WORDS.search(value) or _AMOUNT.search(value))
    if isinstance(value, list):
        return any(_says_dose(each) for each in value)
    return isinstance(value, dict) and _holds_dose(value)


def _holds_dose(value: Json) -> bool:
    quantity = reader.quantity(value)
    if quantity is not None and any(_is_amount(unit) for unit in quantity.units):
        return True
    return any(_says_dose(each) for name, each in value.items() if name not in _NAMES)


_NAMES = frozenset(
    {
        *("url", "system", "code", "unit", "id", "reference", "version", "value"),
        *("valueUri", "valueUrl", "valueCode", "valueId", "valueUuid", "valueOid", "valueCanonical"),
        *("valueDate", "valueDateTime", "valueInstant", "valueTime"),
    }
)
"""Members that name or date something: what is in them is not prose."""


def _is_amount(unit: str) -> bool:
    one = Decimal(1)
    return bool(
        units.dose(one, unit) or units.dose_rate(one, unit) or units.is_volume(unit) or units.is_volume_rate(unit)
    )
