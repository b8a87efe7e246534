"""Codes by which charts name what we read, list by list, with the traps that look like them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.fhir_builders import (
    ICD,
    LOINC,
    RXNORM,
    SNOMED,
    Resource,
    concept,
    condition,
    medication_request,
    mrd,
    observation,
    order,
    patient,
    quantity,
    rate,
    read,
)

D = Decimal
INTERPRETATION = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"


@pytest.mark.parametrize(
    ("code", "used"),
    [
        *((code, True) for code in ("29463-7", "3141-9", "8350-1", "8351-9")),
        *((code, False) for code in ("3142-7", "75292-3", "8339-4", "8335-2", "8341-0")),
    ],
)
def test_weights_by_code(code: str, used: bool) -> None:
    found = read(patient(), observation(concept(LOINC, code), valueQuantity=quantity("30", "kg"))).patient.weight
    assert found.known is used


@pytest.mark.parametrize("code", ["8277-6", "3140-1"])
def test_body_surfaces_by_code(code: str) -> None:
    entry = observation(concept(LOINC, code), valueQuantity=quantity("0.98", "m2"))
    assert read(patient(), entry).patient.charted_bsa.known


@pytest.mark.parametrize(
    ("code", "text", "days"),
    [
        ("76516-4", None, 231),
        ("11884-4", "Gestational age at birth", 231),
        ("11885-1", "Gestational age at birth", 231),
        ("18185-9", "Gestational age at birth", 231),
        ("11884-4", "Gestational age", None),
        ("11885-1", None, None),
    ],
)
def test_gestational_ages_by_code(code: str, text: str | None, days: int | None) -> None:
    entry = observation(concept(LOINC, code, text=text), valueQuantity=quantity("33", "wk", "wk"))
    assert read(patient(), entry).patient.gestational_age_days.value == days


@pytest.mark.parametrize(
    ("code", "name"),
    [
        *((code, "alt") for code in ("1742-6", "1743-4", "1744-2")),
        *((code, "ast") for code in ("1920-8", "30239-8", "88112-8")),
        *((code, "bilirubin") for code in ("1975-2", "14631-6", "42719-5")),
        *((code, "anc") for code in ("751-8", "26499-4", "753-4")),
        ("2324-2", "ggt"),
        ("1968-7", None),  # direct bilirubin
        ("26511-6", None),  # a percentage
        ("23761-0", None),
        ("24325-3", None),  # a panel, mislabelled in public code
    ],
)
def test_laboratory_results_by_code(code: str, name: str | None) -> None:
    entry = observation(concept(LOINC, code), valueQuantity=quantity("20", "U/L"))
    assert [found.name for found in read(patient(), entry).patient.labs] == ([name] if name else [])


@pytest.mark.parametrize("code", ["2106-3", "2118-8", "2110-5", "80384-1", "80385-8"])
def test_pregnancy_tests_by_code(code: str) -> None:
    entry = observation(concept(LOINC, code), valueCodeableConcept=concept(SNOMED, "260385009"))
    assert read(patient(), entry).patient.pregnancy.value == "not-pregnant"


@pytest.mark.parametrize("code", ["19080-1", "21198-7"])
def test_a_quantity_of_hcg_needs_a_threshold_that_nobody_prints(code: str) -> None:
    entry = observation(concept(LOINC, code), valueQuantity=quantity("25000", "m[IU]/mL"))
    assert read(patient(), entry).patient.pregnancy.value is None


@pytest.mark.parametrize(
    ("system", "code", "value"),
    [
        (SNOMED, "77386006", "pregnant"),
        (LOINC, "LA15173-0", "pregnant"),
        (SNOMED, "60001007", "not-pregnant"),
        (SNOMED, "146799005", None),
        (SNOMED, "152231000119106", None),
    ],
)
def test_pregnancy_status_by_code(system: str, code: str, value: str | None) -> None:
    entry = observation(concept(LOINC, "82810-3"), valueCodeableConcept=concept(system, code))
    assert read(patient(), entry).patient.pregnancy.value == value


ANSWERS = [
    *((SNOMED, code, True) for code in ("10828004", "260373001", "52101004")),
    *((LOINC, code, True) for code in ("LA6576-8", "LA11882-0", "LA9633-4")),
    *((INTERPRETATION, code, True) for code in ("POS", "DET")),
    *((SNOMED, code, False) for code in ("260385009", "260415000", "2667000")),
    *((LOINC, code, False) for code in ("LA6577-6", "LA11883-8", "LA9634-2")),
    *((INTERPRETATION, code, False) for code in ("NEG", "ND")),
    *((SNOMED, code, None) for code in ("82334004", "280416009", "419984006", "42425007")),
    *((INTERPRETATION, code, None) for code in ("IND", "E", "A", "H", "HH")),
]


@pytest.mark.parametrize(("system", "code", "detected"), ANSWERS)
@pytest.mark.parametrize("member", ["valueCodeableConcept", "interpretation"])
def test_answers_by_code_as_value_and_as_interpretation(
    member: str, system: str, code: str, detected: bool | None
) -> None:
    answer = concept(system, code)
    fact = read(patient(), mrd(**{member: [answer] if member == "interpretation" else answer})).patient.mrd
    assert (fact.value.detected if fact.value else None) is detected
    assert fact.evidence
    assert fact.known or fact.problem


@pytest.mark.parametrize(
    ("intent", "current"),
    [
        *((intent, True) for intent in ("order", "original-order", "instance-order", "filler-order", "reflex-order")),
        *((intent, False) for intent in ("plan", "proposal", "option")),
    ],
)
def test_orders_by_intent(intent: str, current: bool) -> None:
    entry = medication_request(concept(RXNORM, "282388"), intent=intent)
    assert bool(read(patient(), entry).patient.concomitant) is current


@pytest.mark.parametrize("code", ["47625008", "418114005"])
def test_the_central_venous_route_is_intravenous(code: str) -> None:
    dosage = {"route": concept(SNOMED, code), "doseAndRate": [{"doseQuantity": quantity("20", "mg")}]}
    entry = {**medication_request(concept(RXNORM, "3264")), "dosageInstruction": [dosage]}
    assert [found.route for found in read(patient(), entry).patient.steroid_orders] == ["systemic"]


K85 = [f"K85.{cause}{course}" for cause in (0, 1, 2, 3, 8, 9) for course in (0, 1, 2)]


@pytest.mark.parametrize("code", K85)
def test_every_acute_pancreatitis_is_found(code: str) -> None:
    assert [found.kind for found in read(patient(), condition(ICD, code)).patient.problems] == ["pancreatitis"]


@pytest.mark.parametrize(
    ("system", "code", "kind"),
    [
        (ICD, "E88.3", "tumour-lysis"),
        (SNOMED, "277605001", "tumour-lysis"),
        (SNOMED, "710027002", "crs"),
        ("https://www.meddra.org", "10052015", "crs"),
        (SNOMED, "22811006", "leukoencephalopathy"),
        (SNOMED, "22255007", None),  # progressive multifocal: another disease
    ],
)
def test_toxicities_by_code(system: str, code: str, kind: str | None) -> None:
    found: tuple[Resource, ...] = (condition(system, code),)
    assert [each.kind for each in read(patient(), *found).patient.problems] == ([kind] if kind else [])


@pytest.mark.parametrize("route", ["47625008", "418114005"])
def test_the_route_of_this_drug_changes_no_dose(route: str) -> None:
    dosage = {**rate("28"), "route": concept(SNOMED, route)}
    assert [step.rate for step in read(patient(), order_=order(dosage)).order.steps] == [D(28)]
