"""The patient's record as FHIR R4 resources: what is on file before anybody orders anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_fixtures.codes import CODES, NUCC, OURS, concept, hl7
from fhir_fixtures.datatypes import Json, at, named, patched, reference
from fhir_fixtures.medications import medications
from fhir_fixtures.observations import biomarkers, chemistry, vital_signs
from fhir_fixtures.recipe import Recipe

PRESCRIBERS: Final = {
    "pediatric-oncologist": ("Rosalind", "Samplewell", "MD"),
    "hematologist-oncologist": ("Theodore", "Placeholder", "MD"),
    "internist": ("Ines", "Examplar", "MD"),
    "specialty-not-recorded": ("Noel", "Nospecialty", "MD"),
}


def patient(recipe: Recipe) -> Json:
    """The Patient: an invented name, an identifier that no hospital gives."""
    given = {"female": "Mia", "male": "Max"}.get(recipe.sex, "Robin")
    return {
        "resourceType": "Patient",
        "id": recipe.name,
        "identifier": [{"system": f"{OURS}/NamingSystem/synthetic-patient", "value": f"SYNTHETIC-{recipe.name}"}],
        "active": True,
        "name": [{"use": "official", "family": "Testpatient", "given": [given]}],
        "gender": recipe.sex,
        "birthDate": recipe.born,
    }


def prescriber(recipe: Recipe) -> tuple[Json, Json]:
    """Practitioner and PractitionerRole; shared by all patients who have the same prescriber."""
    given, family, suffix = PRESCRIBERS[recipe.prescriber]
    person: Json = {
        "resourceType": "Practitioner",
        "id": recipe.prescriber,
        "identifier": [{"system": f"{OURS}/NamingSystem/synthetic-staff", "value": f"STAFF-{recipe.prescriber}"}],
        "active": True,
        "name": [{"family": family, "given": [given], "suffix": [suffix]}],
    }
    role: Json = {
        "resourceType": "PractitionerRole",
        "id": f"{recipe.prescriber}-role",
        "active": True,
        "practitioner": {"reference": f"Practitioner/{recipe.prescriber}", "display": f"{given} {family}, {suffix}"},
        "code": [hl7("practitioner-role", "doctor")],
    }
    if CODES.get(recipe.prescriber, ("",))[0] == NUCC:
        role["specialty"] = [concept(recipe.prescriber)]
    return person, role


def encounter(recipe: Recipe) -> Json:
    """The admission in which the order is written."""
    return named(recipe, "Encounter", "encounter") | {
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": reference(recipe),
        "period": {"start": at(recipe.authored, 7)},
    }


def _condition(recipe: Recipe, suffix: str, what: Json, *, status: str | None, onset: str | None) -> Json:
    found = named(recipe, "Condition", suffix)
    if status:
        found["clinicalStatus"] = hl7("condition-clinical", status)
    found |= {
        "verificationStatus": hl7("condition-ver-status", "confirmed"),
        "category": [hl7("condition-category", "problem-list-item")],
        "code": what,
        "subject": reference(recipe),
    }
    return found | ({"onsetDateTime": onset} if onset else {})


def conditions(recipe: Recipe) -> Iterator[Json]:
    """The leukaemia, its relapse, and every other problem."""
    onset = recipe.diagnosed.isoformat()
    for number, name in enumerate(recipe.diagnoses, 1):
        status = recipe.clinical_status
        yield _condition(recipe, f"diagnosis-{number}", concept(name), status=status, onset=onset)
    if recipe.relapsed:
        day = recipe.relapsed.isoformat()
        yield _condition(recipe, "relapse", concept("all-relapse"), status="active", onset=day)
    for number, each in enumerate(recipe.problems, 1):
        onset_day = recipe.days_ago(each["days_ago"]).isoformat() if "days_ago" in each else None
        status = each.get("status", "active")
        yield _condition(
            recipe, f"problem-{number}", concept(each["code"], each.get("text")), status=status, onset=onset_day
        )


def adverse_events(recipe: Recipe) -> Iterator[Json]:
    """Recorded toxicity."""
    for number, each in enumerate(recipe.adverse_events, 1):
        event = concept(each["code"], each["text"]) if "code" in each else {"text": each["text"]}
        day = recipe.days_ago(each["days_ago"])
        yield named(recipe, "AdverseEvent", f"adverse-event-{number}") | {
            "actuality": "actual",
            "event": event,
            "subject": reference(recipe),
            "date": at(day),
            "suspectEntity": [{"instance": {"display": "blinatumomab"}}],
        }


def allergies(recipe: Recipe) -> Iterator[Json]:
    """AllergyIntolerance: an allergy, or an intolerance with what happened."""
    for number, each in enumerate(recipe.allergies, 1):
        found = named(recipe, "AllergyIntolerance", f"allergy-{number}") | {
            "clinicalStatus": hl7("allergyintolerance-clinical", each.get("status", "active")),
            "verificationStatus": hl7("allergyintolerance-verification", each.get("verified", "confirmed")),
            "type": each.get("type", "allergy"),
            "code": concept(each["code"]),
            "patient": reference(recipe),
        }
        if "reaction" in each:
            found["reaction"] = [{"manifestation": [{"text": each["reaction"]}]}]
        yield found


def immunizations(recipe: Recipe) -> Iterator[Json]:
    """Vaccines given."""
    for number, each in enumerate(recipe.vaccines, 1):
        yield named(recipe, "Immunization", f"vaccine-{number}") | {
            "status": "completed",
            "vaccineCode": concept(each["code"]),
            "patient": reference(recipe),
            "occurrenceDateTime": recipe.days_ago(each["days_ago"]).isoformat(),
        }


def reports(recipe: Recipe) -> Iterator[Json]:
    """Reports: their `results` are Observations by the end of their ids, their conclusion is words."""
    for number, each in enumerate(recipe.reports, 1):
        day = recipe.days_ago(each["days_ago"])
        report = named(recipe, "DiagnosticReport", f"report-{number}") | {
            "status": "final",
            "category": [hl7("v2-0074", each.get("category", "LAB"))],
            "code": {"text": each["title"]},
            "subject": reference(recipe),
            "effectiveDateTime": at(day),
            "issued": at(day, 16),
        }
        results = [{"reference": f"Observation/{recipe.name}-{suffix}"} for suffix in each.get("results", ())]
        yield report | ({"result": results} if results else {}) | {"conclusion": each["conclusion"]}


def coverage(recipe: Recipe) -> Iterator[Json]:
    """The plan that pays, by its name."""
    if recipe.payer:
        yield named(recipe, "Coverage", "coverage") | {
            "status": "active",
            "type": {
                "coding": [{"system": "https://nahdo.org/sopt", "code": "21", "display": "Medicaid (Managed Care)"}]
            },
            "beneficiary": reference(recipe),
            "period": {"start": f"{recipe.authored.year}-01-01", "end": f"{recipe.authored.year}-12-31"},
            "payor": [{"display": recipe.payer}],
        }


def record(recipe: Recipe) -> list[Json]:
    """Everything on file about this patient, the people around included; not the draft, not its answers."""
    if recipe.only_if_asked:
        return [patient(recipe), *prescriber(recipe), encounter(recipe)]
    parts = (conditions, vital_signs, biomarkers, chemistry, reports, medications, adverse_events, allergies)
    found = [patient(recipe), *prescriber(recipe), encounter(recipe)]
    for part in (*parts, immunizations, coverage):
        found.extend(part(recipe))
    return [patched(recipe, each) for each in found]
