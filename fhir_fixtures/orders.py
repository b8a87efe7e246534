"""The draft order and the answers to the order questions, as an EHR would send them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from fhir_fixtures.codes import ANSWERS, CODES, OURS, UCUM, concept
from fhir_fixtures.datatypes import Json, at, patched, quantity, reference
from fhir_fixtures.medications import dosage_of
from fhir_fixtures.recipe import Recipe

DAYS_SINCE_LAST_CYCLE: Final = 42
QUESTIONNAIRE: Final = f"{OURS}/Questionnaire/blinatumomab-order-questions"
_DATES: Final = frozenset({"first-dose-date", "mrd-date", "cd19-date", "diagnosis-date"})
_TEXTS: Final = frozenset({"regimen-partners"})
_DECIMALS: Final = frozenset({"restart-interruption-hours", "mrd-result"})


def _answer(link: str, value: Any) -> Json:
    if isinstance(value, bool):
        return {"valueBoolean": value}
    if link in _DECIMALS:
        return {"valueDecimal": value}
    if isinstance(value, int):
        return {"valueInteger": value}
    if link in _DATES:
        return {"valueDate": str(value)}
    return {"valueString": value} if link in _TEXTS else {"valueCoding": {"system": ANSWERS, "code": value}}


def _item(link: str, value: Any) -> Json:
    several = value if isinstance(value, list | tuple) else [value]
    text = link.replace("-", " ").capitalize()
    return {"linkId": link, "text": text, "answer": [_answer(link, each) for each in several]}


def answers(recipe: Recipe, given: Mapping[str, Any], *, suffix: str, days_ago: int = 0) -> Json:
    """A completed QuestionnaireResponse to our order questions."""
    return {
        "resourceType": "QuestionnaireResponse",
        "id": f"{recipe.name}-{suffix}",
        "questionnaire": f"{QUESTIONNAIRE}|1",
        "status": "completed",
        "subject": reference(recipe),
        "authored": at(recipe.days_ago(days_ago), 8),
        "author": {"reference": f"Practitioner/{recipe.prescriber}"},
        "item": [_item(link, value) for link, value in given.items()],
    }


def _rate(text: str) -> Json:
    """'28 ug/d', '25-28 ug/d' or '28 ug / 24 h'."""
    if " / " in text:
        above, below = text.split(" / ")
        return {"rateRatio": {"numerator": quantity(above), "denominator": quantity(below)}}
    amount, unit = text.split(" ")
    if "-" in amount:
        low, high = amount.split("-")
        return {"rateRange": {"low": quantity(f"{low} {unit}"), "high": quantity(f"{high} {unit}")}}
    return {"rateQuantity": quantity(text)}


def _repeat(step: Mapping[str, Any]) -> Json:
    """Bounds of a step, and for a bag its frequency or the hours it runs."""
    repeat: Json = {}
    if "days" in step:
        repeat["boundsDuration"] = {"value": step["days"], "unit": "days", "system": UCUM, "code": "d"}
    if "over_days" in step:
        repeat |= {"duration": Decimal(step["over_days"]), "durationUnit": "d"}
    if "every_days" in step:
        repeat |= {"frequency": 1, "period": Decimal(step["every_days"]), "periodUnit": "d"}
    return repeat


def _words(step: Mapping[str, Any]) -> str:
    return str(step.get("text") or f"Continuous intravenous infusion, {step.get('rate') or step.get('dose')}")


def _step(recipe: Recipe, step: Mapping[str, Any], number: int) -> Json:
    found: Json = {"sequence": number, "text": _words(step)}
    repeat = _repeat(step)
    if "starts_in" in step:
        first = recipe.days_ago(-step["starts_in"])
        last = first + timedelta(days=repeat.pop("boundsDuration")["value"] - 1)
        repeat["boundsPeriod"] = {"start": first.isoformat(), "end": last.isoformat()}
    if repeat:
        found["timing"] = {"repeat": repeat}
    found["route"] = concept("intravenous", "Intravenous")
    if "rate" in step:
        found["doseAndRate"] = [_rate(step["rate"])]
    if "dose" in step:
        found["doseAndRate"] = [{"doseQuantity": quantity(step["dose"])}]
    if "max_per_day" in step:
        found["maxDosePerPeriod"] = {"numerator": quantity(step["max_per_day"]), "denominator": quantity("1 d")}
    return found


def _drug(order: Mapping[str, Any]) -> Json:
    """The drug by a code, by words alone, or by a contained Medication."""
    name = order.get("drug", "blinatumomab-vial")
    if order.get("drug_in") == "contained":
        medication = {"resourceType": "Medication", "id": "drug", "code": concept(name)}
        return {"contained": [medication], "medicationReference": {"reference": "#drug"}}
    return {"medicationCodeableConcept": concept(name) if name in CODES else {"text": name}}


def draft(recipe: Recipe, order: Mapping[str, Any], *, suffix: str, response: Json | None) -> Json:
    """A draft MedicationRequest, with a pointer to the answers that belong to it."""
    found: Json = {"resourceType": "MedicationRequest", "id": f"{recipe.name}-{suffix}"}
    found |= _drug(order)
    found |= {
        "status": "draft",
        "intent": "order",
        "category": [{"text": "inpatient"}],
        "subject": reference(recipe),
        "encounter": {"reference": f"Encounter/{recipe.name}-encounter"},
        "authoredOn": at(recipe.authored),
        "requester": {"reference": f"PractitionerRole/{recipe.prescriber}-role"},
    }
    if response is not None and recipe.answers_in == "contained":
        inside = {key: value for key, value in response.items() if key != "id"}
        found["contained"] = [
            *found.get("contained", []),
            {"resourceType": "QuestionnaireResponse", "id": "answers"} | inside,
        ]
        found["supportingInformation"] = [{"reference": "#answers"}]
    elif response is not None and recipe.answers_in == "draft-orders":
        found["supportingInformation"] = [{"reference": f"QuestionnaireResponse/{response['id']}"}]
    steps = order.get("steps", ())
    if steps:
        found["dosageInstruction"] = [_step(recipe, step, number) for number, step in enumerate(steps, 1)]
    return found


def companion(recipe: Recipe, order: Mapping[str, Any], *, suffix: str) -> Json:
    """A draft for another drug of the same session: premedication, a vaccine, a TKI."""
    return {
        "resourceType": "MedicationRequest",
        "id": f"{recipe.name}-{suffix}",
        "status": "draft",
        "intent": "order",
        "medicationCodeableConcept": concept(order["code"]),
        "subject": reference(recipe),
        "authoredOn": at(recipe.authored),
        "requester": {"reference": f"PractitionerRole/{recipe.prescriber}-role"},
        "dosageInstruction": [dosage_of(recipe, order)],
    }


def session(recipe: Recipe) -> tuple[list[Json], list[Json]]:
    """All drafts of the session, and the answers they refer to (answers already on file are among them)."""
    age = DAYS_SINCE_LAST_CYCLE if recipe.answers_in == "on-file" else 0
    first = answers(recipe, recipe.answers, suffix="answers", days_ago=age) if recipe.answers else None
    drafts = [draft(recipe, recipe.order, suffix="order", response=first)]
    responses = [first] if first else []
    for number, order in enumerate(recipe.more_orders, 2):
        if "code" in order:
            drafts.append(companion(recipe, order, suffix=f"order-{number}"))
            continue
        given = {**recipe.answers, **order.get("answers", {})}
        response = answers(recipe, given, suffix=f"answers-{number}")
        drafts.append(draft(recipe, order, suffix=f"order-{number}", response=response))
        responses.append(response)
    return [patched(recipe, each) for each in drafts], responses
