"""Birth date and sex, from the Patient resource of this patient. Partial dates stay partial; no name is read."""

from __future__ import annotations

from cds_service.dates import PartialDate
from cds_service.facts.model import Evidence, Fact
from cds_service.facts.record import Record
from cds_service.fhir import reader

_SEXES = ("male", "female", "other", "unknown")


def read_birth_date(record: Record) -> Fact[PartialDate]:
    """Patient.birthDate, as precise as it is written; refused when it lies after today."""
    for entry in record.chart.of("Patient"):
        written = reader.text(entry.resource, "birthDate")
        born = reader.partial(written)
        evidence = (Evidence(entry.reference, "Birth date", str(born) if born else None),)
        if born is None:
            return Fact(None, evidence if written else (), "no readable birth date on file")
        if born.earliest > record.call_day:
            return Fact(None, evidence, "implausible birth date: it lies after today")
        return Fact(born, evidence)
    return Fact(None, problem="no Patient in the call")


def read_sex(record: Record) -> Fact[str]:
    """Patient.gender: administrative, and never a reason to leave out a pregnancy check."""
    for entry in record.chart.of("Patient"):
        gender = reader.text(entry.resource, "gender")
        if gender in _SEXES:
            value = None if gender == "unknown" else gender
            return Fact(value, (Evidence(entry.reference, "Administrative gender", gender),))
    return Fact()


def patient_reference(record: Record) -> str:
    """'Patient/…' of this patient."""
    return f"Patient/{record.chart.patient_id}"
