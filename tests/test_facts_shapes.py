"""Odd but real shapes, one row each: what each is read as, or that it is refused with its reason.

The plain shapes stand with their fact in the other test_facts files; here is what charts and clients do besides: other
spellings, other versions of FHIR, extensions in place of values, and wordings that look like something they are not.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.fhir_builders import (
    CVX,
    ICD,
    ICD_O,
    LOINC,
    PATIENT,
    RXNORM,
    SNOMED,
    SUBJECT,
    TODAY,
    Resource,
    answers,
    concept,
    condition,
    height,
    medication_request,
    mrd,
    observation,
    order,
    patient,
    quantity,
    rate,
    read,
    weight,
)

D = Decimal
POSITIVE, NEGATIVE = concept(SNOMED, "10828004"), concept(SNOMED, "260385009")
ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
ABSENT = {"extension": [{"url": ABSENT_REASON, "valueCode": "unknown"}]}
MORPHOLOGY = "http://hl7.org/fhir/us/mcode/StructureDefinition/mcode-histology-morphology-behavior"
OURS = concept(RXNORM, "1597258")


# --- dose -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "ug/d",
            "ug/(24.h)",
            "ug/24h",
            "ug/24.h",
            "mcg/d",
            "mcg/24 h",
            "mcg/24hr",
            "mcg per 24 hours",
            "µg/24h",
            "μg/d",
        ),
        *("Mcg/Day", "MCG/DAY", "micrograms/day", "microgram per day", "mcg daily", "mcg/DAY", "mcg / day", "ug/1.d"),
    ],
)
def test_every_spelling_of_micrograms_per_day_is_the_same_rate(unit: str) -> None:
    (step,) = read(patient(), order_=order(rate("28", unit))).order.steps
    assert (step.rate, step.per, step.problem) == (D(28), None, None)


@pytest.mark.parametrize(
    ("unit", "per"),
    [
        *(("ug/m2/d", "m2"), ("ug/(m2.d)", "m2"), ("ug/m2/(24.h)", "m2"), ("ug/(m2.24.h)", "m2"), ("mcg/m²/day", "m2")),
        *(("mcg/m2/24h", "m2"), ("mcg/sq m/day", "m2"), ("ug/kg/d", "kg"), ("ug/(kg.d)", "kg"), ("mcg/kg/day", "kg")),
    ],
)
def test_every_spelling_of_a_rate_per_body_keeps_its_body(unit: str, per: str) -> None:
    (step,) = read(patient(), order_=order(rate("15", unit))).order.steps
    assert (step.rate, step.per) == (D(15), per)


def stated(**members: Any) -> Resource:
    return {"doseAndRate": [members]}


ONE_BAG = {"timing": {"repeat": {"frequency": D(1), "period": D(7), "periodUnit": "d"}}}


@pytest.mark.parametrize(
    ("dosage", "low", "high"),
    [
        (stated(rateQuantity={"value": "28", "unit": "mcg/day"}), "28", None),  # a number in quotes
        (stated(rateQuantity={"value": "28.5", "unit": "mcg/day"}), "28.5", None),
        (stated(rateQuantity={"value": "28,5", "unit": "mcg/day"}), "28.5", None),  # a decimal comma
        (stated(rateQuantity={"value": D(28), "code": "mcg/d"}), "28", None),  # legacy code, no text
        (stated(rateQuantity={"value": D(28), "unit": "", "code": "ug/d"}), "28", None),
        (stated(rateRatio={"numerator": quantity("28", "mcg"), "denominator": quantity("24", "hours")}), "28", None),
        (stated(rateRatio={"numerator": quantity("28", "ug"), "denominator": quantity("1", "Day")}), "28", None),
        (
            {
                **stated(doseRange={"low": quantity("9", "ug"), "high": quantity("28", "ug")}),
                "timing": {"code": concept(code="QD")},
            },
            "9",
            "28",
        ),
        ({**stated(doseQuantity=quantity("196", "mcg")), **ONE_BAG}, "28", None),  # one bag a week
        ({"rateQuantity": quantity("28", "ug/d")}, "28", None),  # as STU3 has it
        ({"rateRatio": {"numerator": quantity("28", "ug"), "denominator": quantity("24", "h")}}, "28", None),
        ({"doseQuantity": quantity("28", "ug"), "timing": {"code": concept(code="QD")}}, "28", None),
        ({**rate("28"), "asNeeded": False}, "28", None),  # R5
    ],
)
def test_a_dose_in_another_shape_is_the_same_dose(dosage: Resource, low: str, high: str | None) -> None:
    (step,) = read(patient(), order_=order(dosage)).order.steps
    assert (step.rate, step.high_rate, step.problem) == (D(low), D(high) if high else None, None)


@pytest.mark.parametrize(
    ("dosage", "reason"),
    [
        (stated(rateQuantity={"value": "1,200", "unit": "mcg/day"}), None),  # a thousand, or one and two tenths?
        (stated(rateQuantity={"value": "about 28", "unit": "mcg/day"}), None),
        (stated(rateQuantity={"unit": "ug/d", "_value": ABSENT}), None),
        (stated(rateQuantity={"value": True, "unit": "ug/d"}), None),
        (
            stated(rateRatio={"numerator": quantity("10", "mL"), "denominator": quantity("1", "h")}),
            "without the concentration",
        ),
        (
            {**stated(doseQuantity=quantity("28", "{units}")), "timing": {"code": concept(code="QD")}},
            "containers or units",
        ),
        (
            {**stated(doseQuantity=quantity("28", "vials")), "timing": {"code": concept(code="QD")}},
            "containers or units",
        ),
        (stated(rateQuantity=quantity("28", "Mg/d")), "not one we can turn"),
        (stated(rateRatio={"numerator": quantity("28"), "denominator": quantity("1", "d")}), "no unit"),
    ],
)
def test_a_dose_that_cannot_be_told_is_never_misread(dosage: Resource, reason: str | None) -> None:
    steps = read(patient(), order_=order({**dosage, "text": "as on the protocol"})).order.steps
    assert [step.rate for step in steps] == [None]
    assert (reason or "words only") in (steps[0].problem or "")


@pytest.mark.parametrize(
    ("stated", "quoted"), [({}, "28 mcg/day"), ({"dosageInstruction": [{**rate("9"), "text": "9 mcg"}]}, "9 mcg")]
)
def test_a_dosage_of_r5_in_words_is_quoted_where_nothing_else_states_one(stated: Resource, quoted: str) -> None:
    found = read(patient(), order_={**order(), "renderedDosageInstruction": "28 mcg/day", **stated}).order
    assert found.text == quoted
    assert [step.rate for step in found.steps] == ([D(9)] if stated else [None])


def test_a_number_of_vials_to_dispense_is_no_dose() -> None:
    found = read(patient(), order_=order(dispenseRequest={"quantity": quantity("28", "vials")})).order
    assert (found.steps, found.max_per_day) == ((), None)


def test_an_r5_maximum_is_a_list() -> None:
    limit = {"numerator": quantity("28", "ug"), "denominator": quantity("1", "d")}
    assert read(patient(), order_=order({**rate("28"), "maxDosePerPeriod": [limit]})).order.max_per_day == D(28)


# --- the drug, the order, other versions of FHIR ----------------------------------------------------------------------


def without(resource: Resource, *names: str) -> Resource:
    return {name: value for name, value in resource.items() if name not in names}


PLAIN = order(rate("28"))
NO_DRUG = without(PLAIN, "medicationCodeableConcept")
CONTAINED = {"resourceType": "Medication", "id": "m", "code": OURS}


@pytest.mark.parametrize(
    "placed",
    [
        {**NO_DRUG, "medication": {"concept": OURS}},  # R5
        {**NO_DRUG, "medication": {"reference": {"reference": "#m"}}, "contained": [CONTAINED]},
        {**NO_DRUG, "medicationCodeableConcept": [OURS]},
        {**NO_DRUG, "medicationReference": {"reference": "#m"}, "contained": CONTAINED},
        {**NO_DRUG, "medicationCodeableConcept": {"coding": OURS["coding"][0]}},
        {**NO_DRUG, "medicationCodeableConcept": {"coding": [], "text": " Blincyto "}},
        {**NO_DRUG, "medicationCodeableConcept": {"text": "", "coding": [None, *OURS["coding"]]}},
        {**PLAIN, "id": "request 123/Ä"},
        {**PLAIN, "id": None, "dosageInstruction": [rate("28"), None]},
    ],
)
def test_the_drug_is_found_in_another_shape(placed: Resource) -> None:
    found = read(patient(), order_=placed).order
    assert (found.drug, [step.rate for step in found.steps]) == ("blinatumomab", [D(28)])


ROLE = {
    "resourceType": "PractitionerRole",
    "id": "r",
    "specialty": [concept("http://nucc.org/provider-taxonomy", "207RH0003X")],
}


@pytest.mark.parametrize(
    "placed",
    [
        {"requester": {"agent": {"reference": "PractitionerRole/r"}}},  # STU3
        {"requester": [{"reference": "PractitionerRole/r"}]},
        {"requester": {"reference": "https://ehr.example.org/fhir/PractitionerRole/r/_history/4"}},
    ],
)
def test_the_requester_is_found_in_another_shape(placed: Resource) -> None:
    assert read(patient(), ROLE, order_=order(rate("28"), **placed)).patient.prescriber.value == "qualifying"


def test_a_contained_requester_is_read() -> None:
    placed = order(rate("28"), requester={"reference": "#r"}, contained=[ROLE])
    assert read(patient(), order_=placed).patient.prescriber.value == "qualifying"


B_ALL = concept(SNOMED, "277571004")


@pytest.mark.parametrize(
    "more",
    [
        {"reason": [{"concept": B_ALL}]},  # R5
        {"reason": [{"reference": {"reference": "#c"}}], "contained": [{**condition(), "id": "c"}]},
        {"reasonReference": {"reference": "#c"}, "contained": [{**condition(), "id": "c"}]},
    ],
)
def test_the_reason_is_found_in_another_shape(more: Resource) -> None:
    assert read(patient(), order_=order(rate("28"), **more)).patient.lineage.value == "b"


def given(kind: str, **more: Any) -> Resource:
    return {"resourceType": kind, "id": f"g-{kind}", "status": "completed", "subject": SUBJECT, **more}


EARLIER = {"effectiveDateTime": "2025-08-01", "medicationCodeableConcept": OURS}


@pytest.mark.parametrize(
    ("entry", "earlier"),
    [
        (given("MedicationAdministration", occurenceDateTime="2025-08-01", medication={"concept": OURS}), True),  # R5
        (given("MedicationStatement", **{**EARLIER, "status": "recorded"}), True),  # R5
        (given("MedicationStatement", **EARLIER, taken="y"), True),  # STU3
        (given("MedicationStatement", **EARLIER, taken="n"), None),
        (given("MedicationAdministration", **EARLIER, notGiven=True), None),
        (given("MedicationRequest", authoredOn="2025-08-01", doNotPerform=True, medicationCodeableConcept=OURS), None),
    ],
)
def test_what_was_given_in_another_version_of_fhir(entry: Resource, earlier: bool | None) -> None:
    assert read(patient(), entry).patient.earlier_blinatumomab.value is earlier


def test_an_order_not_to_give_is_no_other_order() -> None:
    entry = medication_request(OURS, doNotPerform=True, dosageInstruction=[rate("9")])
    assert read(patient(), entry).order.others == ()
    imatinib = medication_request(concept(RXNORM, "282388"), doNotPerform=True)
    assert read(patient(), imatinib).patient.concomitant == ()


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"date": "2025-09-20"}, True),  # STU3
        ({"occurrenceDateTime": "2025-09-20", "notGiven": True}, False),
        ({"occurrenceString": "last month"}, True),
    ],
)
def test_a_vaccine_in_another_version_of_fhir(more: Resource, found: bool) -> None:
    entry = {"resourceType": "Immunization", "id": "i", "status": "completed", "patient": SUBJECT, **more}
    vaccines = read(patient(), {**entry, "vaccineCode": concept(CVX, "03")}).patient.vaccines
    assert [str(vaccine.day) for vaccine in vaccines] == ([str(more.get("date"))] if found else [])


@pytest.mark.parametrize(
    ("event", "onset"),
    [
        ({"code": concept(text="Seizure"), "occurrenceDateTime": "2025-09-29"}, "2025-09-29"),  # R5
        ({"type": concept(text="Seizure"), "date": "2025-09-29"}, "2025-09-29"),  # STU3
        ({"event": concept(text="Seizure"), "detected": "2025-09"}, "2025-09"),
    ],
)
def test_an_adverse_event_in_another_version_of_fhir(event: Resource, onset: str) -> None:
    (problem,) = read(
        patient(), {"resourceType": "AdverseEvent", "id": "ae", "subject": SUBJECT, **event}
    ).patient.problems
    assert (problem.kind, str(problem.onset)) == ("seizure", onset)


def allergy(**more: Any) -> Resource:
    return {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "code": OURS, **more}


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (allergy(clinicalStatus="active", verificationStatus="confirmed"), (True, True, False, None)),  # STU3
        (allergy(type=concept(code="intolerance")), (True, False, True, None)),  # R5
        (
            allergy(reaction=[{"manifestation": [{"concept": concept(text="Fever")}]}]),
            (True, False, False, "Fever"),
        ),  # R5
        (allergy(reaction={"manifestation": concept(text="Fever")}), (True, False, False, "Fever")),
    ],
)
def test_an_allergy_in_another_version_of_fhir(entry: Resource, found: tuple[Any, ...]) -> None:
    (read_back,) = read(patient(), entry).patient.allergies
    assert (read_back.active, read_back.confirmed, read_back.intolerance, read_back.reaction) == found


PLAN = {"resourceType": "Organization", "id": "plan", "name": "Louisiana Healthcare Connections"}


@pytest.mark.parametrize(
    "more",
    [
        {"payor": {"display": "LHCC"}},
        {"insurer": {"reference": "Organization/plan"}},  # R5
        {"paymentBy": [{"party": {"display": "LHCC"}}]},  # R5
    ],
)
def test_coverage_in_another_shape(more: Resource) -> None:
    entry = {"resourceType": "Coverage", "id": "c", "status": "active", "beneficiary": SUBJECT, **more}
    assert read(patient(), entry, PLAN).patient.payer.value == "lhcc"


def test_order_questions_in_another_version_of_fhir() -> None:
    response = answers("other", lineage="b")
    stu3 = {**response, "questionnaire": {"reference": response["questionnaire"]}}
    lone = {**response, "item": {**response["item"][0], "answer": response["item"][0]["answer"][0]}}
    assert read(patient(), stu3).patient.lineage.value == "b"
    assert read(patient(), lone).patient.lineage.value == "b"


def test_a_condition_of_stu3_is_dated_when_it_was_asserted() -> None:
    entry = condition(clinical=None, clinicalStatus="relapse", assertedDate="2025-09-01")
    found = read(patient(), entry, mrd("2025-08-01", valueQuantity=quantity("0.5", "%"))).patient.mrd
    assert found.stale
    assert "older than the relapse" in (found.problem or "")


# --- spellings of codes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("system", "code", "lineage"),
    [
        (ICD_O, "9811/3", "b"),
        (ICD_O, "98113", "b"),
        (ICD_O, "9811/3-C42.1", "b"),
        (ICD_O, " 9836/3 ", "b"),
        (ICD_O, "9811/1", None),
        (ICD, "c91.a0", "other"),
        (ICD, "C91A0", "other"),
        (ICD, "c9210", "other"),
        ("http://hl7.org/fhir/sid/icd-10", "C91.0", None),
    ],
)
def test_a_diagnosis_code_is_read_however_it_is_spelled(system: str, code: str, lineage: str | None) -> None:
    fact = read(patient(), condition(system, code)).patient.lineage
    assert fact.value == lineage
    assert fact.known or fact.problem


@pytest.mark.parametrize(("code", "status"), [("C9102", "relapsed"), ("c91.02", "relapsed"), ("C9101", "remission")])
def test_a_status_code_without_its_dot_is_the_same(code: str, status: str) -> None:
    assert read(patient(), condition(ICD, code)).course.disease_status.value == status


def test_morphology_in_the_extension_of_mcode_states_the_lineage() -> None:
    extension = [{"url": MORPHOLOGY, "valueCodeableConcept": concept(ICD_O, "9812/3")}]
    found = read(patient(), condition(ICD, "C91.01", extension=extension)).patient
    assert (found.lineage.value, found.bcr_abl1.value) == ("b", "positive")
    other = [{"url": "http://example.org/other", "valueCodeableConcept": concept(ICD_O, "9812/3")}]
    assert read(patient(), condition(ICD, "C91.01", extension=other)).patient.lineage.value is None


@pytest.mark.parametrize(
    ("system", "kilograms"), [("https://loinc.org", "30"), ("http://loinc.org", "30"), ("http://loinc.com", None)]
)
def test_loinc_by_its_other_uri_is_loinc(system: str, kilograms: str | None) -> None:
    found = read(patient(), observation(concept(system, "29463-7"), valueQuantity=quantity("30", "kg"))).patient.weight
    assert (found.value.value if found.value else None) == (D(kilograms) if kilograms else None)


@pytest.mark.parametrize("code", ["J9039", "j9039", " J9039 "])
@pytest.mark.parametrize(
    "system",
    [
        "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "https://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
        "http://www.nlm.nih.gov/research/umls/hcpcs",
        "https://bluebutton.cms.gov/resources/codesystem/hcpcs",
        "urn:oid:2.16.840.1.113883.6.285",
    ],
)
def test_the_billing_code_is_known_under_every_uri(system: str, code: str) -> None:
    assert read(patient(), order_=order(rate("28"), drug=concept(system, code))).order.matched_by == "hcpcs"


def test_eight_codes_of_one_drug_are_one_drug() -> None:
    codings = [{"system": RXNORM, "code": code} for code in ("1597258", "1597262", "1597263", "1597267", "1", "2")]
    case = read(patient(), order_=order(rate("28"), drug={"coding": codings}))
    assert (case.order.matched_by, len(case.order.steps), case.order.others) == ("rxnorm", 1, ())


@pytest.mark.parametrize("system", ["http://www.genenames.org", "http://www.genenames.org/geneId"])
@pytest.mark.parametrize("code", ["HGNC:7132", "7132"])
def test_a_gene_is_known_with_and_without_its_prefix(system: str, code: str) -> None:
    assert read(patient(), studied(**concept(system, code))).patient.kmt2a.value == "positive"


def test_a_live_vaccine_ordered_by_a_medication_reference_is_found() -> None:
    vaccine = {"resourceType": "Medication", "id": "v", "code": concept(CVX, "21")}
    placed = without(medication_request(OURS), "medicationCodeableConcept")
    entry = {**placed, "medicationReference": {"reference": "#v"}, "contained": [vaccine]}
    assert [found.ordered for found in read(patient(), entry).patient.vaccines] == [True]


def test_a_race_code_is_no_pregnancy_test() -> None:
    race = concept("urn:oid:2.16.840.1.113883.6.238", "2106-3")
    assert read(patient(), observation(race, valueCodeableConcept=POSITIVE)).patient.pregnancy.value is None
    assert read(patient(), observation(concept(LOINC, "2106-3"), valueCodeableConcept=POSITIVE)).patient.pregnancy.known


LIVE = ["111", "149", "333", "03", "94", "21", "121", "116", "119", "122", "37", "183", "184", "25", "143", "19", "174"]
LIVE += ["317", "204"]
AMBIGUOUS = ["330", "188", "91", "206"]
INACTIVATED = ["187", "329", "101", "140", "141", "150", "158", "161", "185"]


@pytest.mark.parametrize(
    ("codes", "ambiguous"),
    [(LIVE, [False]), (AMBIGUOUS, [True]), (INACTIVATED, [])],
)
def test_live_vaccines_by_code(codes: list[str], ambiguous: list[bool]) -> None:
    for code in codes:
        shot = {"resourceType": "Immunization", "id": "i", "status": "completed", "patient": SUBJECT}
        entry = {**shot, "occurrenceDateTime": "2025-09-20", "vaccineCode": concept(CVX, code)}
        assert [vaccine.ambiguous for vaccine in read(patient(), entry).patient.vaccines] == ambiguous, code


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        *((f"D89.83{grade}", [("crs", grade)]) for grade in range(1, 6)),
        ("D89.839", [("crs", None)]),
        ("D89833", [("crs", 3)]),
        *((f"G92.0{grade}", [("icans", grade)]) for grade in range(1, 6)),
        ("G92.00", [("icans", None)]),
        ("G92.09", []),  # is not the unspecified ICANS
        ("K8590", [("pancreatitis", None)]),
        ("K86.1", []),
        ("P0715", [("very-low-birth-weight", None)]),
        ("P07.16", []),
        ("P07.36", [("preterm", None)]),
        ("P07.37", []),
    ],
)
def test_problems_by_code(code: str, kinds: list[tuple[str, int | None]]) -> None:
    assert [(found.kind, found.grade) for found in read(patient(), condition(ICD, code)).patient.problems] == kinds


# --- the body ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kilograms"),
    [
        ({"value": "30", "unit": "kg"}, "30"),
        ({"value": "30.5", "code": "kg"}, "30.5"),
        ({"value": "30,5", "unit": "kg"}, "30.5"),
        ({"value": D("1058.2"), "unit": "oz"}, None),  # 30 kg, but checked below to the gram
        ({"value": D(66), "unit": "Pounds"}, "29.93709642"),
        ({"value": D(30), "unit": "KILOGRAMS"}, "30"),
        ({"value": D(30), "unit": "kg", "code": ""}, "30"),
        ({"value": D(30), "unit": None, "code": "kg"}, "30"),
    ],
)
def test_a_weight_in_another_shape(value: Resource, kilograms: str | None) -> None:
    found = read(patient(), observation(concept(LOINC, "29463-7"), valueQuantity=value)).patient.weight.value
    assert found is not None
    assert found.value == D(kilograms) if kilograms else abs(found.value - 30) < D("0.01")


@pytest.mark.parametrize(
    "value",
    [
        {"value": "1,200", "unit": "g"},  # 1.2 g or 1200 g
        {"value": "30,500", "unit": "kg"},
        {"value": "30 kg", "unit": "kg"},
        {"value": "3e1", "unit": "kg"},
        {"value": "", "unit": "kg"},
        {"value": D(30), "unit": "stone"},
        {"value": D(5400)},
        {"value": D(5400), "unit": "kg"},  # an infant in grams
        {"unit": "kg", "_value": ABSENT},
        {"value": D(30), "unit": "kg", "code": "[lb_av]"},
    ],
)
def test_a_weight_that_cannot_be_told_is_refused_with_a_reason(value: Resource) -> None:
    found = read(patient(), observation(concept(LOINC, "29463-7"), valueQuantity=value)).patient.weight
    assert found.value is None
    assert found.problem


@pytest.mark.parametrize(
    ("said", "kilograms"),
    [
        ("30 kg", "30"),
        ("30kg", "30"),
        (" 30,5  kg ", "30.5"),
        ("30.5 Kg.", "30.5"),
        ("30 kilograms", "30"),
        ("66 lb", "29.93709642"),
        ("66 lbs.", "29.93709642"),
        ("66 lb 2 oz", "29.9937954662500"),
        ("30 kg 500 g", "30.500"),
        ("5400 g", "5.400"),
        ("1058.2 oz", "29.999465370875"),
    ],
)
def test_a_weight_in_words_is_read_where_it_says_one_thing(said: str, kilograms: str) -> None:
    entry = observation(concept(LOINC, "29463-7"), valueString=said)
    case = read(patient(), entry)
    found = case.patient.weight.value
    assert found is not None
    assert found.value == D(kilograms)
    assert found.as_written == said.strip()
    assert case.unreadable == ()


@pytest.mark.parametrize(
    ("said", "centimetres"),
    [
        ("117 cm", "117"),
        ("1,17 m", "117.00"),
        ("46 in", "116.84"),
        ('46"', "116.84"),
        ("46 inches", "116.84"),
        ("3 ft 10 in", "116.84"),
        ("3 feet, 10 inches", "116.84"),
        ("3'10\"", "116.84"),
        ("3′ 10″", "116.84"),
        ("1 m 17 cm", "117"),
    ],
)
def test_a_height_in_words_is_read_where_it_says_one_thing(said: str, centimetres: str) -> None:
    found = read(patient(), observation(concept(LOINC, "8302-2"), valueString=said)).patient.height.value
    assert found is not None
    assert (found.value, found.as_written) == (D(centimetres), said)


@pytest.mark.parametrize(
    "said",
    [
        *("about 30 kg", "30", "30 to 31 kg", "30-31 kg", "30 kg (66 lb)", "1,200 g", "30,500 kg", "<30 kg", "-30 kg"),
        *("30 stone", "30 Mg", "30 lb 16 oz", "30 lb 2 kg", "thirty kg", "30 kg fully dressed", "3 ft", "30 mg" * 20),
    ],
)
def test_a_weight_in_other_words_is_unknown_and_listed(said: str) -> None:
    entry = observation(concept(LOINC, "29463-7"), valueString=said)
    case = read(patient(), entry, weight("28", day="2025-08-01"))
    assert case.patient.weight.value is None
    assert [(note.reference, note.why) for note in case.unreadable] == [
        (f"Observation/{entry['id']}", "the newest weight has no readable value or unit")
    ]


@pytest.mark.parametrize("said", ["3 ft", "3 ft 12 in", "3.8 ft", "10 in 3 ft", "117", "117 cm standing"])
def test_a_height_in_other_words_is_unknown_and_listed(said: str) -> None:
    case = read(patient(), observation(concept(LOINC, "8302-2"), valueString=said))
    assert case.patient.height.value is None
    assert [note.why for note in case.unreadable] == ["the newest height has no readable value or unit"]


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        ("Body weight", True),
        ("weight (kg)", True),
        ("Wt", True),
        ("Birth weight", False),
        ("Weight of specimen", False),
    ],
)
def test_a_weight_without_a_code_is_listed_and_not_used(words: str, listed: bool) -> None:
    entry = observation(concept("http://local.example.org", "W1", text=words), valueQuantity=quantity("30", "kg"))
    case = read(patient(), entry)
    assert case.patient.weight.value is None
    why = "a weight on file carries no code that we know, and is not used"
    assert [note.why for note in case.unreadable] == ([why] if listed else [])
    assert read(patient(), entry, weight("31")).unreadable == ()


def test_words_do_not_stand_in_for_a_quantity_that_cannot_be_read() -> None:
    both = {"valueQuantity": {"value": "many", "unit": "kg"}, "valueString": "30 kg"}
    assert read(patient(), observation(concept(LOINC, "29463-7"), **both)).patient.weight.value is None


def test_a_birth_weight_in_words_is_read() -> None:
    found = read(patient(), observation(concept(LOINC, "8339-4"), valueString="3 lb 4 oz")).patient.birth_weight_g
    assert found.value == D("1474.1752025")


def test_an_mrd_result_that_decides_and_says_nothing_clear_is_listed() -> None:
    newest, older = mrd(valueString="see the scan"), mrd("2025-08-01", valueQuantity=quantity("0.5", "%"))
    case = read(patient(), newest, older)
    assert [(note.reference, note.why) for note in case.unreadable] == [
        (f"Observation/{newest['id']}", "the MRD result is not clear")
    ]
    assert read(patient(), {**older, "valueQuantity": quantity("2", "%")}).unreadable == ()


@pytest.mark.parametrize(
    "value", [{}, {"_valueQuantity": ABSENT}, {"dataAbsentReason": concept(text="patient refused")}]
)
def test_a_weight_that_was_not_taken_does_not_hide_the_last_one(value: Resource) -> None:
    entry = observation(concept(LOINC, "29463-7"), "2025-09-30", **value)
    found = read(patient(), weight("30", day="2025-09-20"), entry).patient.weight.value
    assert found is not None
    assert found.value == D(30)
    alone = read(patient(), entry).patient.weight
    assert (alone.value, bool(alone.problem)) == (None, True)


@pytest.mark.parametrize("status", ["preliminary", "registered", "unknown", None])
def test_a_weight_that_is_not_final_is_named_and_not_used(status: str | None) -> None:
    entry = {**weight("30"), "status": status}
    found = read(patient(), entry).patient.weight
    assert (found.value, found.problem) == (None, "only a weight that is not final is on file")
    older = read(patient(), weight("29", day="2025-09-20"), entry).patient.weight.value
    assert older is not None
    assert older.value == D(29)


@pytest.mark.parametrize(
    "dated",
    [
        {"issued": "2025-09-28T08:00:00Z"},
        {"effectivePeriod": {"start": "2025-09-28", "end": "2025-09-28"}},
        {"effectivePeriod": {"start": "2025-09-28"}},
        {"effectiveInstant": "2025-09-28T08:00:00Z"},
        {"effectiveDateTime": "2025-09-28T08:00:00"},
    ],
)
def test_a_measurement_is_dated_in_every_way_that_fhir_has(dated: Resource) -> None:
    found = read(patient(), {**weight("30", day=None), **dated}).patient.weight.value
    assert found is not None
    assert str(found.date) == "2025-09-28"


@pytest.mark.parametrize(
    ("value", "unit", "centimetres"),
    [
        ("46", "in", "116.84"),
        ("46", "[in_i]", "116.84"),
        ("1.17", "m", "117.00"),
        ("1170", "mm", "117.0"),
        ("3.8", "ft", None),
    ],
)
def test_a_height_in_its_units(value: str, unit: str, centimetres: str | None) -> None:
    found = read(patient(), height(value, unit)).patient.height
    assert (found.value.value if found.value else None) == (D(centimetres) if centimetres else None)


@pytest.mark.parametrize(
    ("person", "known"),
    [
        ({"birthDate": "2016-05", "_birthDate": {"extension": []}}, True),
        ({"birthDate": None, "_birthDate": ABSENT}, False),
        ({"birthDate": "2016-05-01T00:00:00Z"}, True),
        ({"birthDate": ""}, False),
        ({"birthDate": "05/01/2016"}, False),
    ],
)
def test_a_birth_date_in_another_shape(person: Resource, known: bool) -> None:
    fact = read({**patient(None), **person}).patient.birth_date
    assert fact.known is known
    assert known or fact.problem


# --- MRD --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "percent"),
    [
        ({"valueQuantity": {"value": "0.12", "unit": "%"}}, "0.12"),
        ({"valueQuantity": {"value": "0,12", "unit": "%"}}, "0.12"),
        ({"valueQuantity": quantity("0.12", "% of mononuclear cells")}, "0.12"),
        ({"valueQuantity": quantity("0.12", "%{cells}", "%{cells}")}, "0.12"),
        ({"valueQuantity": quantity("12", "10^-4")}, "0.12"),
        ({"valueQuantity": quantity("12", "x10*-4")}, "0.12"),
        ({"valueQuantity": quantity("12", "10⁻⁴")}, "0.12"),
        ({"valueQuantity": quantity("1200", "10*-6", "10*-6")}, "0.12"),
        ({"valueQuantity": quantity("1200", "per million cells")}, "0.12"),
        ({"valueQuantity": quantity("1200", "cells/million")}, "0.12"),
        ({"valueQuantity": quantity("1200", "/million")}, "0.12"),
        ({"valueQuantity": quantity("1200", "{copies}/10*6")}, "0.12"),
        ({"valueString": "0,12 %"}, "0.12"),
        ({"valueString": "0,120 %"}, "0.120"),
        ({"valueString": "1,2 x 10^-3"}, "0.12"),
        ({"valueString": "1.2×10⁻³"}, "0.12"),
        ({"valueString": "1.2 x 10-3"}, "0.12"),
        ({"valueString": "1.2E-03"}, "0.12"),
        ({"valueString": "1.2 * 10**-3"}, "0.12"),
        ({"valueString": "1200 cells/million"}, "0.12"),
        ({"valueString": "1 200 per 1,000,000 cells"}, "0.12"),
        ({"valueString": ".12 percent"}, "0.12"),
        ({"valueString": "12 in 10,000"}, "0.12"),
        ({"valueString": "12 in 10 000"}, "0.12"),
        ({"valueString": "12 in 10\u202f000 cells"}, "0.12"),
        ({"valueString": "12 in 10^4"}, "0.12"),
        ({"valueString": "12 per 10⁴"}, "0.12"),
        ({"valueString": "1.2:1000"}, "0.12"),
        ({"valueString": "12:10000"}, "0.12"),
        ({"valueString": "12/10,000"}, "0.12"),
        ({"valueString": "1,200 in 1,000,000"}, "0.12"),
        ({"valueString": "12 leukaemic cells in 10**4"}, "0.12"),
        ({"valueString": "0.12 % (12 in 10,000)"}, "0.12"),
        ({"valueString": "10⁻³ = 0.1 %"}, "0.1"),
        ({"valueRatio": {"numerator": quantity("12", "cells"), "denominator": quantity("10000", "cells")}}, "0.12"),
    ],
)
def test_an_mrd_level_in_another_shape(value: Resource, percent: str) -> None:
    found = read(patient(), mrd(**value)).patient.mrd.value
    assert found is not None
    assert (found.percent, found.detected) == (D(percent), True)


@pytest.mark.parametrize(
    ("said", "detected", "percent", "comparator"),
    [
        ("1 in 10,000", True, "0.01", None),
        ("<1 in 10,000", False, "0.01", "<"),
        ("< 1 in 10 000", False, "0.01", "<"),
        ("fewer than 1 in 10^4 cells", False, "0.01", "<"),
        ("<1 in 1,000", None, "0.1", "<"),
        ("<1:10000", False, "0.01", "<"),
        ("negative (<1 in 10,000)", False, "0.01", "<"),
        ("more than 1 in 1,000", True, "0.1", ">"),
        ("0 in 1,000,000", False, "0", None),
        ("not detected at 1 in 1,000", False, None, None),  # how far was looked
        ("negative to a level of 0.01 %", False, None, None),
    ],
)
def test_one_in_so_many(said: str, detected: bool | None, percent: str | None, comparator: str | None) -> None:
    found = read(patient(), mrd(valueString=said)).patient.mrd.value
    assert found is not None
    assert (found.detected, found.comparator) == (detected, comparator)
    assert found.percent == (D(percent) if percent else None)


@pytest.mark.parametrize(
    "value",
    [
        {"valueString": "1,200 %"},  # no level is 1200 %, and 1.2 % is not what is written
        {"valueString": "0.5 % (before: 2 %)"},
        {"valueString": "between 0.01 % and 0.1 %"},
        {"valueString": "1 in 10.000"},  # ten, or ten thousand?
        {"valueString": "1 in 12,000"},
        {"valueString": "1-2 in 10,000"},
        {"valueString": "10 to 20 per 10,000"},
        {"valueString": "1 in 10,000 to 1 in 1,000"},
        {"valueString": "0.5 %, by PCR 1 in 10,000"},
        {"valueString": "dilution 1:10000"},
        {"valueString": "seen on 1/10/2025"},
        {"valueQuantity": quantity("120", "%")},  # more than all cells
        {"valueQuantity": quantity("-1", "%")},
        {"valueRange": {"low": quantity("0.01", "%"), "high": quantity("0.1", "%")}},
        {"valueQuantity": {"unit": "%", "_value": ABSENT}},
        {"_valueString": ABSENT},
        {"interpretation": [concept("http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation", "H")]},
    ],
)
def test_an_mrd_value_that_cannot_be_told_has_no_level_and_is_shown(value: Resource) -> None:
    fact = read(patient(), mrd(**value)).patient.mrd
    assert fact.value is None or (fact.value.percent, fact.value.detected) == (None, None)
    assert fact.problem
    assert fact.evidence


@pytest.mark.parametrize(
    ("words", "specimen"),
    [
        ("MRD, bone marrow", "marrow"),
        ("MRD, BM aspirate", "marrow"),
        ("MRD, peripheral blood", "blood"),
        ("MRD, PB", "blood"),
        ("MRD, blood or bone marrow", None),
        ("MRD", None),
    ],
)
def test_where_an_mrd_specimen_came_from(words: str, specimen: str | None) -> None:
    found = read(patient(), mrd(text=words, valueQuantity=quantity("0.5", "%"))).patient.mrd.value
    assert found is not None
    assert found.specimen == specimen


# --- BCR::ABL1, KMT2A, CD19 -------------------------------------------------------------------------------------------


def result(code: str, text: str | None = None, **value: Any) -> Resource:
    return observation(concept(LOINC, code, text=text), "2025-01-12", **value)


def named(text: str, **value: Any) -> Resource:
    return observation(concept(text=text), "2025-01-12", **value)


def studied(**gene: Any) -> Resource:
    part = {"code": concept(LOINC, "48018-6"), "valueCodeableConcept": gene}
    return result("69548-6", valueCodeableConcept=concept(LOINC, "LA9633-4"), component=[part])


@pytest.mark.parametrize(
    ("entries", "value"),
    [
        ((result("57802-1", valueString="Positive for ETV6::RUNX1, t(12;21)(p13;q22)"),), None),  # another fusion
        ((result("50659-2", valueCodeableConcept=POSITIVE),), None),  # positive for what?
        ((result("59267-5", valueString="Abnormal karyotype: positive"),), None),
        ((result("57802-1", valueString="Positive for BCR::ABL1"),), "positive"),
        ((result("57802-1", valueString="Ph+"),), "positive"),
        ((result("57802-1", valueString="Ph positive"),), "positive"),
        ((result("57802-1", valueString="Philadelphia chromosome present"),), "positive"),
        ((result("57802-1", valueString="BCR-ABL1 negative; positive for KMT2A rearrangement"),), None),
        ((result("57802-1", valueString="Negative for BCR::ABL1 t(9;22)(q34;q11.2)"),), None),
        ((result("59267-5", valueString="46,XY,t(9;22)(q34;q11.2)[20]"),), "positive"),
        ((result("59267-5", valueString="46,XY,der(22)t(9;22)(q34.1;q11.2)"),), "positive"),
        ((result("59267-5", valueString="46,XY,t( 9 ;22) (q34;q11)"),), "positive"),
        ((result("59267-5", valueString="46,XY,t(9;22)(p13;q11)"),), None),  # another break
        ((result("81291-7", valueString="t(9;22)(q34;q11.2)"),), "positive"),
        ((named("BCR/ABL1", valueString="Ph+"),), "positive"),
        ((named("Ph chromosome by FISH", valueString="not detected"),), "negative"),
        ((named("BCR-ABL1 p190/p210 by RT-PCR", valueString="Not detected"),), "negative"),
        ((result("55147-3", valueQuantity=quantity("0", "%")),), None),
        ((result("69380-4", valueCodeableConcept=NEGATIVE), result("49490-6", valueCodeableConcept=NEGATIVE)), None),
        ((result("46434-7", valueCodeableConcept=POSITIVE),), None),  # the control
        ((result("51867-0", valueBoolean=False),), "negative"),
        ((result("51867-0", valueBoolean=True),), "positive"),
        ((result("51867-0", interpretation=concept(code="POS")),), "positive"),
        ((result("51867-0", valueString="Indeterminate"),), None),
        ((result("51867-0", dataAbsentReason=concept(text="unknown")),), None),
        ((studied(text="BCR::ABL1"),), "positive"),
        ((studied(text="ETV6::RUNX1"),), None),
        ((condition(ICD_O, "9819/3"), named("BCR-ABL1 by FISH", valueCodeableConcept=NEGATIVE)), "negative"),
    ],
)
def test_bcr_abl1_in_another_shape(entries: tuple[Resource, ...], value: str | None) -> None:
    fact = read(patient(), condition(onsetDateTime="2025-01-10"), *entries).patient.bcr_abl1
    assert (fact.value, fact.conflict) == (value, False)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        (result("59267-5", valueString="46,XX,t(4;11)(q21;q23)[15]"), "positive"),
        (result("59267-5", valueString="46,XX,t(9;11)(p22;q23.3)"), "positive"),
        (result("59267-5", valueString="46,XX,t(11;19)(q23;p13.3)"), "positive"),
        (result("59267-5", valueString="46,XX,t(8;11)(q23;p15)"), None),  # q23 of the other chromosome
        (result("59267-5", valueString="46,XX,t(1;19)(q23;p13)"), None),
        (result("59267-5", valueString="46,XX[20]"), None),
        (result("57802-1", valueString="KMT2A-r"), "positive"),
        (result("57802-1", valueString="MLL rearranged"), "positive"),
        (result("57802-1", valueString="KMT2A not rearranged"), "negative"),
        (result("78219-3", valueString="MLL-r"), "positive"),
        (result("78219-3", valueString="rearranged"), "positive"),
        (result("78219-3", valueString="Not rearranged"), "negative"),
        (result("78219-3", valueString="No KMT2A rearrangement"), "negative"),
        (result("78226-8", valueCodeableConcept=concept(LOINC, "LA6577-6")), "negative"),
        (named("MLL 11q23 by FISH", valueString="negative"), "negative"),
    ],
)
def test_kmt2a_in_another_shape(entry: Resource, value: str | None) -> None:
    assert read(patient(), entry).patient.kmt2a.value == value


def panel(text: str, **value: Any) -> Resource:
    return result("101119-6", component=[{"code": concept(text=text), **value}])


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        (panel("CD19", valueCodeableConcept=POSITIVE), "positive"),
        (panel("CD19 on blasts", valueString="dim"), "partial-or-dim"),
        (panel("CD19", valueCodeableConcept=NEGATIVE), "negative"),
        (panel("CD20", valueCodeableConcept=POSITIVE), None),
        (panel("anti-CD19 CAR", valueCodeableConcept=POSITIVE), None),
        (result("32525-8", valueCodeableConcept=POSITIVE), None),
        (named("CD19 antigen on leukaemic cells", valueBoolean=True), "positive"),
        (named("CD19 expression", valueString="lost"), "negative"),
        (named("CD19 on blasts", valueString="CD19dim"), "partial-or-dim"),
        (named("CD19 on blasts", valueString="CD-19 positive"), "positive"),
        (named("CD19 on blasts", valueString="CD19neg"), "negative"),
        (named("CD19 expression", valueString="absent"), "negative"),
        (named("CD19 expression on blasts", valueString="heterogeneous"), "partial-or-dim"),
        (named("CD19 expression on blasts", valueString="positive in 60 % of blasts, negative in 40 %"), None),
    ],
)
def test_cd19_in_another_shape(entry: Resource, value: str | None) -> None:
    assert read(patient(), entry).patient.cd19.value == value


def test_the_builders_speak_of_the_same_day_and_patient() -> None:
    assert (PATIENT, TODAY.isoformat()) == ("p1", "2025-10-01")
