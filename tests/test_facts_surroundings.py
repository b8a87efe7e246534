"""The people around, the payer, other drugs, allergies, laboratory values, problems and vaccines."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import count
from typing import Any

import pytest

from cds_service.settings import Settings
from tests.fhir_builders import (
    CVX,
    ICD,
    LOINC,
    NUCC,
    RXNORM,
    SNOMED,
    SUBJECT,
    Resource,
    answers,
    bundle,
    concept,
    condition,
    condition_in_words,
    medication_request,
    observation,
    order,
    patient,
    quantity,
    rate,
    read,
)

D = Decimal
NUMBERS = count(1)
HEMATOLOGY, INTERNIST = concept(NUCC, "207RH0003X"), concept(NUCC, "207R00000X")
GYN_ONCOLOGY, NURSE = concept(NUCC, "207VX0201X"), concept(NUCC, "363LF0000X")


def role(*specialties: Resource, person: str = "d1", **more: Any) -> Resource:
    head = {
        "resourceType": "PractitionerRole",
        "id": f"role-{person}",
        "practitioner": {"reference": f"Practitioner/{person}"},
    }
    return {**head, "specialty": list(specialties), **more}


def doctor(*qualifications: Resource) -> Resource:
    listed = [{"code": code} for code in qualifications]
    return {"resourceType": "Practitioner", "id": "d1", "name": [{"family": "Secretname"}], "qualification": listed}


BY_PERSON, BY_ROLE = {"reference": "Practitioner/d1"}, {"reference": "PractitionerRole/role-d1"}


@pytest.mark.parametrize(
    ("requester", "user", "entries", "specialty"),
    [
        (BY_ROLE, None, (role(HEMATOLOGY),), "qualifying"),
        (BY_PERSON, None, (role(HEMATOLOGY),), "qualifying"),
        (BY_PERSON, None, (role(concept(NUCC, "207RH0000X")),), "qualifying"),
        (BY_PERSON, None, (role(concept(NUCC, "207RX0202X")),), "qualifying"),
        (BY_PERSON, None, (role(concept(NUCC, "2080P0207X")),), "qualifying"),
        (BY_PERSON, None, (role(concept(SNOMED, "394803006")),), "qualifying"),
        (BY_PERSON, None, (role(INTERNIST, HEMATOLOGY),), "qualifying"),
        (BY_PERSON, None, (role(INTERNIST),), "not-qualifying"),
        (BY_PERSON, None, (role(NURSE),), "not-qualifying"),
        (BY_PERSON, None, (role(GYN_ONCOLOGY),), "ask"),
        (BY_PERSON, None, (role(concept(NUCC, "207ZH0000X")),), "ask"),
        (BY_PERSON, None, (role(concept(SNOMED, "418862001")),), "not-qualifying"),  # infectious diseases
        (BY_PERSON, None, (role(concept("http://local.example.org", "onc")),), None),
        (BY_PERSON, None, (role(HEMATOLOGY, active=False),), None),
        (BY_PERSON, None, (role(HEMATOLOGY, period={"end": "2024-12-31"}),), None),
        (BY_PERSON, None, (role(HEMATOLOGY, person="d2"),), None),  # somebody else's role
        (BY_PERSON, None, (doctor(HEMATOLOGY),), "qualifying"),
        (BY_PERSON, None, (doctor(concept("http://terminology.hl7.org/CodeSystem/v2-0360", "MD")),), None),
        (BY_PERSON, None, (role(INTERNIST), doctor(HEMATOLOGY)), "not-qualifying"),  # the role comes first
        (BY_ROLE, None, (role(), doctor(HEMATOLOGY)), "qualifying"),
        (None, "Practitioner/d1", (role(HEMATOLOGY),), "qualifying"),
        (None, "PractitionerRole/role-d1", (role(HEMATOLOGY),), "qualifying"),
        (BY_PERSON, "Practitioner/d2", (role(HEMATOLOGY, person="d2"),), None),  # the user is not the prescriber
        (None, None, (role(HEMATOLOGY),), None),
    ],
)
def test_the_prescribers_specialty(
    requester: Resource | None, user: str | None, entries: tuple[Resource, ...], specialty: str | None
) -> None:
    placed = order(rate("28"), **({"requester": requester} if requester else {}))
    fact = read(patient(), *entries, order_=placed, user_id=user).patient.prescriber
    assert fact.value == specialty
    assert fact.known or fact.problem
    assert "Secretname" not in repr(fact)


def coverage(*payors: Resource, status: str = "active", **more: Any) -> Resource:
    head = {"resourceType": "Coverage", "id": f"c{next(NUMBERS)}", "status": status, "beneficiary": SUBJECT}
    return {**head, "payor": list(payors), **more}


LHCC, OTHER = {"display": "Louisiana Healthcare Connections"}, {"display": "Acme Health"}
ORGANIZATION = {"resourceType": "Organization", "id": "plan", "name": "LOUISIANA HEALTHCARE CONNECTIONS, INC."}


@pytest.mark.parametrize(
    ("entries", "payer"),
    [
        ((coverage(LHCC),), "lhcc"),
        ((coverage({"display": "LHCC Medicaid"}),), "lhcc"),
        ((coverage({"reference": "Organization/plan"}), ORGANIZATION), "lhcc"),
        ((coverage({"reference": "#plan"}, contained=[ORGANIZATION]),), "lhcc"),
        (
            (coverage({"reference": "Organization/plan"}), {**ORGANIZATION, "name": "Centene", "alias": ["LHCC"]}),
            "lhcc",
        ),
        ((coverage({"identifier": {"system": "urn:site", "value": "4711"}}),), "lhcc"),  # by setting
        ((coverage({"display": "Bayou Care"}),), "lhcc"),  # by setting
        ((coverage(OTHER), coverage(LHCC)), "lhcc"),
        ((coverage(OTHER),), "other"),
        ((coverage({"display": "LHCCX"}),), "other"),
        ((coverage({"reference": "Organization/gone"}),), None),
        ((coverage({"identifier": {"system": "urn:site", "value": "1"}}),), None),
        ((coverage(OTHER), coverage({"reference": "Organization/gone"})), None),
        ((coverage(LHCC, status="cancelled"),), None),
        ((coverage(LHCC, period={"end": "2025-09-30"}),), None),
        ((coverage(LHCC, period={"start": "2025-10-02"}),), None),
        ((coverage(LHCC, period={"start": "2025-10-01", "end": "2025-10-01"}),), "lhcc"),
        ((coverage(LHCC, period={"end": "2025"}),), "lhcc"),
        ((), None),
    ],
)
def test_the_payer_on_the_date(entries: tuple[Resource, ...], payer: str | None) -> None:
    settings = Settings(payer_names=("Bayou Care",), payer_identifiers=("urn:site|4711",))
    assert read(patient(), *entries, settings=settings).patient.payer.value == payer


def kinds(*entries: Resource) -> list[tuple[str, str]]:
    return [(drug.kind, drug.name) for drug in read(patient(), *entries).patient.concomitant]


IMATINIB, PREDNISONE = concept(RXNORM, "282388"), concept(RXNORM, "8640")
METHOTREXATE, DEXAMETHASONE = concept(RXNORM, "6851"), concept(RXNORM, "3264")


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (medication_request(IMATINIB), [("tki", "imatinib")]),
        (medication_request(concept(RXNORM, "403878")), [("tki", "imatinib")]),  # a tablet
        (medication_request(concept(text="Ponatinib 45 mg tablet")), [("tki", "ponatinib")]),
        (medication_request(concept(text="asciminib")), [("ask-tki", "asciminib")]),
        (medication_request(concept(RXNORM, "103")), [("pomp", "mercaptopurine")]),
        (medication_request(concept(RXNORM, "3041")), [("interfant", "cytarabine")]),
        (medication_request(concept(text="Asparlas")), [("interfant", "asparlas")]),
        (medication_request(DEXAMETHASONE), [("steroid", "dexamethasone")]),
        (medication_request(concept(text="allopurinol 300 mg")), [("uric-acid", "allopurinol")]),
        (medication_request(METHOTREXATE), [("pomp", "methotrexate")]),
        (medication_request(concept(text="high-dose methotrexate")), [("high-dose-methotrexate", "methotrexate")]),
        (medication_request(concept(text="Methotrexate intrathecal")), [("intrathecal", "methotrexate")]),
        (
            {**medication_request(METHOTREXATE), "dosageInstruction": [{"route": concept(SNOMED, "72607000")}]},
            [("intrathecal", "methotrexate")],
        ),
        (
            {
                **medication_request(METHOTREXATE, "completed"),
                "dosageInstruction": [{"doseAndRate": [{"doseQuantity": quantity("5", "g/m2")}]}],
            },
            [("high-dose-methotrexate", "methotrexate")],  # what it did to the brain stays
        ),
        (medication_request(IMATINIB, "completed"), []),
        (medication_request(IMATINIB, "stopped"), []),
        (medication_request(IMATINIB, intent="plan"), []),
        (medication_request(concept(text="ibuprofen")), []),
        (
            {
                "resourceType": "MedicationStatement",
                "id": "s",
                "status": "active",
                "subject": SUBJECT,
                "medicationCodeableConcept": IMATINIB,
            },
            [("tki", "imatinib")],
        ),
    ],
)
def test_partner_drugs_are_evidence(entry: Resource, found: list[tuple[str, str]]) -> None:
    assert kinds(entry) == found


def test_a_drafted_drug_is_ordered_beside_this_one() -> None:
    (drug,) = read(patient(), drafts=(medication_request(IMATINIB, "draft"),)).patient.concomitant
    assert (drug.kind, drug.ordered, drug.evidence.value) == ("tki", True, "draft")


@pytest.mark.parametrize(("regimen", "conflict"), [("single-agent", True), ("with-tki", False)])
def test_a_tki_beside_a_stated_single_agent_is_a_conflict_and_decides_nothing(regimen: str, conflict: bool) -> None:
    fact = read(patient(), medication_request(IMATINIB), course={"regimen": regimen}).course.regimen
    assert (fact.value, fact.conflict) == (regimen, conflict)
    assert not read(patient(), medication_request(IMATINIB)).course.regimen.known


def steroid(drug: Resource = DEXAMETHASONE, dose: str | None = "20", unit: str = "mg", **dosage: Any) -> Resource:
    stated = {"doseAndRate": [{"doseQuantity": quantity(dose, unit)}]} if dose else {}
    return {**medication_request(drug), "dosageInstruction": [{**stated, **dosage}]}


IV, PO = concept(SNOMED, "47625008"), concept(SNOMED, "26643006")
ON_START = {"timing": {"event": ["2025-10-01"]}}
BID = {"timing": {"repeat": {"frequency": D(2), "period": D(1), "periodUnit": "d"}}}


@pytest.mark.parametrize(
    ("entry", "dose", "route", "day", "single"),
    [
        (steroid(route=IV, **ON_START), "20", "systemic", date(2025, 10, 1), True),
        (steroid(route=PO, **ON_START), "20", "systemic", date(2025, 10, 1), True),
        (steroid(), "20", None, None, None),  # how it is given is not told
        (steroid(concept(RXNORM, "197582")), "20", "systemic", None, None),  # the code of an oral tablet
        (steroid(concept(RXNORM, "3264", text="dexamethasone 0.1 % ophthalmic drops")), "20", "other", None, None),
        (steroid(route=concept(SNOMED, "72607000")), "20", "other", None, None),
        (steroid(route=concept(text="IV push")), "20", "systemic", None, None),
        (steroid(unit="g", dose="0.02"), "20", None, None, None),
        (steroid(unit="mg/m2", dose="5"), None, None, None, None),
        (steroid(unit="tablet", dose="5"), None, None, None, None),
        (steroid(dose=None, text="dexamethasone 20 mg once before blinatumomab"), None, None, None, True),
        (steroid(**BID), "20", None, None, False),
        (steroid(text="taper over 4 days"), "20", None, None, False),
        (steroid(timing={"repeat": {"count": D(1)}}), "20", None, None, True),
        (
            steroid(timing={"repeat": {"boundsPeriod": {"start": "2025-10-08", "end": "2025-10-08"}}}),
            "20",
            None,
            date(2025, 10, 8),
            True,
        ),
        (steroid(PREDNISONE, "100", route=PO), "100", "systemic", None, None),
    ],
)
def test_a_steroid_order_is_read_as_far_as_it_tells(
    entry: Resource, dose: str | None, route: str | None, day: date | None, single: bool | None
) -> None:
    (found,) = read(patient(), entry).patient.steroid_orders
    assert (found.dose_mg, found.route, found.day, found.single) == (D(dose) if dose else None, route, day, single)


def test_a_steroid_at_two_moments_is_two_orders() -> None:
    found = read(patient(), steroid(timing={"event": ["2025-10-01", "2025-10-08T09:00:00Z"]})).patient.steroid_orders
    assert [(entry.day, entry.single) for entry in found] == [(date(2025, 10, 1), True), (date(2025, 10, 8), True)]


def given(
    status: str = "completed", day: str = "2025-08-01", kind: str = "MedicationAdministration", **more: Any
) -> Resource:
    dated = {"authoredOn": day} if kind == "MedicationRequest" else {"effectiveDateTime": day}
    head = {"resourceType": kind, "id": f"g-{kind}", "status": status, "subject": SUBJECT}
    return {**head, "medicationCodeableConcept": concept(RXNORM, "1597258"), **dated, **more}


ASKED = {"medicationRequests": bundle(), "medicationStatements": None, "medicationAdministrations": bundle()}


@pytest.mark.parametrize(
    ("entries", "asked", "earlier"),
    [
        ((given(),), {}, True),
        ((given("in-progress"),), {}, True),
        ((given(kind="MedicationStatement"),), {}, True),
        ((given("active", kind="MedicationRequest"),), {}, True),
        ((answers("other", prior_cd19_therapy="blinatumomab"),), {}, True),
        ((answers("other", first_dose_date=date(2025, 9, 1)),), {}, True),
        ((given("not-done"),), ASKED, False),
        ((given("cancelled", kind="MedicationRequest"),), ASKED, False),
        ((given(day="2025-10-01"),), ASKED, False),  # not before this order
        ((), ASKED, False),
        ((), {"medicationRequests": bundle()}, None),
        ((), {**ASKED, "medicationStatements": "<html>"}, None),
        ((), {}, None),
    ],
)
def test_earlier_blinatumomab_is_denied_only_where_it_was_asked(
    entries: tuple[Resource, ...], asked: dict[str, Any], earlier: bool | None
) -> None:
    assert read(patient(), *entries, asked=asked).patient.earlier_blinatumomab.value is earlier


def allergy(code: Resource, clinical: str = "active", verified: str = "confirmed", **more: Any) -> Resource:
    statuses = {"clinicalStatus": concept(code=clinical), "verificationStatus": concept(code=verified)}
    return {"resourceType": "AllergyIntolerance", "id": "a", "patient": SUBJECT, "code": code, **statuses, **more}


OURS = concept(RXNORM, "1597258")
FEVER = {"reaction": [{"manifestation": [concept(text="Cytokine release syndrome")]}]}


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (allergy(OURS), ("blinatumomab", True, True, False, None)),
        (allergy(concept(RXNORM, "1597262")), ("blinatumomab", True, True, False, None)),
        (allergy(concept(SNOMED, "716122004")), ("blinatumomab", True, True, False, None)),
        (allergy(concept(text="Blincyto")), ("blinatumomab", True, True, False, None)),
        (allergy(concept(RXNORM, "1426")), ("benzyl-alcohol", True, True, False, None)),
        (allergy(DEXAMETHASONE), ("dexamethasone", True, True, False, None)),
        (allergy(OURS, clinical="inactive"), ("blinatumomab", False, True, False, None)),
        (allergy(OURS, verified="unconfirmed"), ("blinatumomab", True, False, False, None)),
        (allergy(OURS, type="intolerance"), ("blinatumomab", True, True, True, None)),
        (allergy(OURS, **FEVER), ("blinatumomab", True, True, False, "Cytokine release syndrome")),
        (allergy(concept(text="substance"), reaction=[{"substance": OURS}]), ("blinatumomab", True, True, False, None)),
    ],
)
def test_an_allergy_is_read_with_all_that_weighs_on_it(entry: Resource, found: tuple[Any, ...]) -> None:
    (read_back,) = read(patient(), entry).patient.allergies
    assert (
        read_back.substance,
        read_back.active,
        read_back.confirmed,
        read_back.intolerance,
        read_back.reaction,
    ) == found


@pytest.mark.parametrize(
    "entry",
    [
        allergy(OURS, verified="refuted"),
        allergy(OURS, verified="entered-in-error"),
        allergy(concept(text="Penicillin")),
    ],
)
def test_a_refuted_or_another_allergy_is_not_read(entry: Resource) -> None:
    assert read(patient(), entry).patient.allergies == ()


@pytest.mark.parametrize(
    ("asked", "answered"),
    [({"allergies": bundle()}, True), ({"allergies": None}, True), ({"theirs": bundle()}, False), ({}, False)],
)
def test_none_recorded_can_be_said_only_where_it_was_asked(asked: dict[str, Any], answered: bool) -> None:
    assert read(patient(), asked=asked).patient.allergies_asked is answered


def lab(
    code: str, value: str, unit: str = "U/L", high: Resource | None = None, day: str | None = "2025-09-28"
) -> Resource:
    limits = {"referenceRange": [{"high": high}]} if high else {}
    return observation(concept(LOINC, code), day, valueQuantity=quantity(value, unit), **limits)


@pytest.mark.parametrize(
    ("entry", "name", "limit", "multiple"),
    [
        (lab("1742-6", "200", high=quantity("40", "U/L")), "alt", "40", "5"),
        (lab("1742-6", "200", high=quantity("40", "[IU]/L")), "alt", "40", "5"),
        (lab("1742-6", "200", high=quantity("40")), "alt", "40", "5"),
        (lab("1742-6", "200", high=quantity("0.67", "ukat/L")), "alt", None, None),
        (lab("1742-6", "200"), "alt", None, None),
        (lab("1975-2", "3.6", "mg/dL", quantity("1.2", "mg/dL")), "bilirubin", "1.2", "3"),
        (lab("14631-6", "60", "umol/L", quantity("20", "umol/L")), "bilirubin", "20", "3"),
        (lab("751-8", "0.4", "10*3/uL"), "anc", None, None),
    ],
)
def test_an_upper_limit_is_the_printed_one_or_none(
    entry: Resource, name: str, limit: str | None, multiple: str | None
) -> None:
    (found,) = read(patient(), entry).patient.labs
    assert (found.name, found.upper_limit, found.multiple) == (
        name,
        D(limit) if limit else None,
        D(multiple) if multiple else None,
    )


def test_two_printed_limits_that_differ_are_no_limit() -> None:
    entry = {
        **lab("1742-6", "200"),
        "referenceRange": [{"high": quantity("40", "U/L")}, {"high": quantity("55", "U/L")}],
    }
    assert read(patient(), entry).patient.labs[0].upper_limit is None


@pytest.mark.parametrize(("day", "stale"), [("2025-09-24", False), ("2025-09-23", True), (None, True)])
def test_a_laboratory_value_is_stale_after_a_week(day: str | None, stale: bool) -> None:
    assert read(patient(), lab("1742-6", "20", day=day)).patient.labs[0].stale is stale


def test_the_newest_value_of_each_test_counts_and_other_tests_are_not_it() -> None:
    entries = (
        *(lab("1742-6", "20", day="2025-09-20"), lab("1743-4", "30", day="2025-09-25")),
        *(lab("1968-7", "2", "mg/dL"), lab("26511-6", "60", "%")),  # direct bilirubin, a percentage of neutrophils
    )
    assert [(found.name, found.value) for found in read(patient(), *entries).patient.labs] == [("alt", D(30))]


def hcg(value: Resource, day: str = "2025-09-28", code: str = "2118-8") -> Resource:
    return observation(concept(LOINC, code), day, valueCodeableConcept=value)


POSITIVE, NEGATIVE = concept(SNOMED, "10828004"), concept(SNOMED, "260385009")


@pytest.mark.parametrize(
    ("entries", "value", "conflict"),
    [
        ((hcg(NEGATIVE),), "not-pregnant", False),
        ((hcg(NEGATIVE, "2025-09-24"),), "not-pregnant", False),
        ((hcg(NEGATIVE, "2025-09-23"),), None, False),  # 8 days
        ((hcg(POSITIVE, "2025-08-01"),), "pregnant", False),
        ((hcg(POSITIVE, "2025-09-20"), hcg(NEGATIVE)), "not-pregnant", False),  # the newest test
        ((hcg(concept(SNOMED, "77386006"), code="82810-3"),), "pregnant", False),
        ((hcg(concept(SNOMED, "60001007"), code="82810-3"),), "not-pregnant", False),
        ((hcg(concept(SNOMED, "146799005"), code="82810-3"),), None, False),  # possible
        (
            (observation(concept(LOINC, "19080-1"), valueQuantity=quantity("3", "m[IU]/mL")),),
            None,
            False,
        ),  # needs a threshold
        ((condition(ICD, "Z33.1"),), "pregnant", False),
        ((condition(ICD, "Z33.1", clinical="resolved"),), None, False),
        ((condition(ICD, "Z33.1", onsetDateTime="2024-01-01"),), None, False),
        ((condition(ICD, "Z33.1"), hcg(NEGATIVE)), None, True),
        ((), None, False),
    ],
)
def test_pregnancy(entries: tuple[Resource, ...], value: str | None, conflict: bool) -> None:
    fact = read(patient("1995-01-01", gender="male"), *entries).patient.pregnancy
    assert (fact.value, fact.conflict) == (value, conflict)


def event(code: Resource, **more: Any) -> Resource:
    return {
        "resourceType": "AdverseEvent",
        "id": "ae",
        "actuality": "actual",
        "subject": SUBJECT,
        "event": code,
        **more,
    }


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (condition(ICD, "D89.833"), ("crs", True, 3, None)),
        (condition(ICD, "D89.839"), ("crs", True, None, None)),
        (condition(SNOMED, "710027002", severity=concept(text="CTCAE grade 2")), ("crs", True, 2, "ctcae")),
        (condition(ICD, "G92.02", note=[{"text": "ASTCT grade II"}]), ("icans", True, 2, "astct")),
        (condition_in_words("ICANS grade 1"), ("icans", True, 1, None)),
        (condition(ICD, "G93.40"), ("neurotoxicity", True, None, None)),
        (condition_in_words("Intention tremor"), ("neurotoxicity", True, None, None)),
        (condition(SNOMED, "91175000", clinical="resolved"), ("seizure", False, None, None)),
        (condition(ICD, "R56.9", clinical=None), ("seizure", None, None, None)),
        (condition(SNOMED, "61301000119102"), ("cns-disease", True, None, None)),
        (condition_in_words("CNS leukemia"), ("cns-disease", True, None, None)),
        (condition(ICD, "J15.9"), ("infection", True, None, None)),
        (condition(ICD, "B37.7"), ("infection", True, None, None)),
        (condition(SNOMED, "91302008"), ("infection", True, None, None)),
        (condition(ICD, "K85.30"), ("pancreatitis", True, None, None)),
        (condition(ICD, "E88.3"), ("tumour-lysis", True, None, None)),
        (condition(SNOMED, "22811006"), ("leukoencephalopathy", True, None, None)),
        (condition(ICD, "P07.32"), ("preterm", True, None, None)),
        (condition(ICD, "P07.15"), ("very-low-birth-weight", True, None, None)),
        (condition(ICD, "Z39.1"), ("lactation", True, None, None)),
        (condition(ICD, "O26.90"), ("pregnancy", True, None, None)),
        (event(concept("https://www.meddra.org", "10052015"), date="2025-09-28"), ("crs", None, None, None)),
        (event(concept(text="Seizure"), outcome=concept(code="resolved")), ("seizure", False, None, None)),
        (
            event(concept(text="Neurotoxicity, CTCAE grade 3"), outcome=concept(code="ongoing")),
            ("neurotoxicity", True, 3, "ctcae"),
        ),
        (
            {
                "resourceType": "Procedure",
                "id": "p",
                "status": "completed",
                "subject": SUBJECT,
                "code": concept(text="Cranial irradiation"),
            },
            ("cranial-radiation", False, None, None),
        ),
    ],
)
def test_a_problem_is_read_with_grade_and_scale_as_recorded(entry: Resource, found: tuple[Any, ...]) -> None:
    (problem,) = read(patient(), entry).patient.problems
    assert (problem.kind, problem.active, problem.grade, problem.scale) == found


@pytest.mark.parametrize(
    "entry",
    [
        condition(ICD, "D89.833", verified="refuted"),
        condition(ICD, "K86.1"),  # chronic pancreatitis
        condition(ICD, "P07.38"),  # late preterm
        condition(ICD, "P07.18"),  # low, not very low birth weight
        condition(SNOMED, "22255007"),  # another disease
        condition(SNOMED, "61291000119103"),  # CNS involvement in remission
        condition_in_words("No seizures"),
        condition_in_words("Family history of seizure"),
        condition_in_words("Infection prophylaxis"),
        event(concept(text="Seizure"), actuality="potential"),
        condition(ICD, "I10"),
    ],
)
def test_what_is_none_of_our_problems_is_not_read(entry: Resource) -> None:
    assert read(patient(), entry).patient.problems == ()


@pytest.mark.parametrize(
    ("day_of_cycle", "onset", "in_this_cycle"),
    [
        (8, "2025-09-24", True),
        (8, "2025-09-23", False),
        (1, "2025-09-30", False),
        (8, "2025-09", None),
        (8, None, None),
        (None, "2025-09-24", None),
    ],
)
def test_whether_a_problem_began_in_this_cycle(
    day_of_cycle: int | None, onset: str | None, in_this_cycle: bool | None
) -> None:
    entry = condition(ICD, "D89.833", **({"onsetDateTime": onset} if onset else {}))
    (problem,) = read(patient(), entry, course={"day": day_of_cycle} if day_of_cycle else None).patient.problems
    assert problem.in_this_cycle is in_this_cycle


@pytest.mark.parametrize(
    ("entry", "stopped"),
    [
        (given("stopped", statusReason=[concept(text="Permanently discontinued for grade 4 CRS")]), True),
        (given("stopped", kind="MedicationRequest", statusReason=concept(text="stopped permanently")), True),
        (given("stopped", note=[{"text": "Do not rechallenge"}]), True),
        (given("stopped", statusReason=[concept(text="held for fever")]), False),
        (
            {
                "resourceType": "Flag",
                "id": "f",
                "status": "active",
                "subject": SUBJECT,
                "code": concept(text="Blinatumomab permanently discontinued"),
            },
            True,
        ),
    ],
)
def test_a_recorded_permanent_stop_is_found(entry: Resource, stopped: bool) -> None:
    assert ("permanent-stop" in {problem.kind for problem in read(patient(), entry).patient.problems}) is stopped


def shot(code: str, status: str = "completed", **more: Any) -> Resource:
    head = {
        "resourceType": "Immunization",
        "id": "i",
        "status": status,
        "patient": SUBJECT,
        "occurrenceDateTime": "2025-09-20",
    }
    return {**head, "vaccineCode": concept(CVX, code), **more}


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (shot("03"), (False, False, date(2025, 9, 20))),
        (shot("3"), (False, False, date(2025, 9, 20))),
        (shot("333"), (False, False, date(2025, 9, 20))),
        (shot("206"), (False, True, date(2025, 9, 20))),
        (medication_request(concept(CVX, "21")), (True, False, date(2025, 10, 1))),
        (
            {
                "resourceType": "ServiceRequest",
                "id": "s",
                "status": "active",
                "subject": SUBJECT,
                "code": concept(CVX, "94"),
            },
            (True, False, None),
        ),
    ],
)
def test_a_live_vaccine_given_or_ordered_is_found(entry: Resource, found: tuple[bool, bool, date | None]) -> None:
    (vaccine,) = read(patient(), entry).patient.vaccines
    assert (vaccine.ordered, vaccine.ambiguous, vaccine.day) == found
    assert vaccine.name


@pytest.mark.parametrize(
    "entry",
    [
        shot("187"),
        shot("150"),
        shot("03", "not-done"),
        shot("03", "entered-in-error"),
        medication_request(concept(CVX, "21"), "completed"),
    ],
)
def test_a_vaccine_that_is_not_live_or_was_not_given_is_not(entry: Resource) -> None:
    assert read(patient(), entry).patient.vaccines == ()


def test_an_empty_chart_claims_nothing() -> None:
    found = read().patient
    assert not any(getattr(getattr(found, name), "known", False) for name in found.__dataclass_fields__)
    assert (found.allergies, found.problems, found.vaccines, found.labs, found.concomitant) == ((), (), (), (), ())


# --- what cannot be told is named ---------------------------------------------------------------------------------


def referring(id: str, **more: Any) -> Resource:
    bare = {name: value for name, value in medication_request(OURS).items() if name != "medicationCodeableConcept"}
    return {**bare, "id": id, "medicationReference": {"reference": "Medication/gone"}, **more}


@pytest.mark.parametrize(
    ("entries", "notes"),
    [
        ((referring("a"),), ["its drug is not told: the Medication it refers to is not in the call"]),
        (
            (referring("a"), referring("b"), referring("c")),
            ["its drug is not told: the Medication it refers to is not in the call, as for 2 more"],
        ),
        ((referring("a", medicationReference={"reference": "Medication/gone", "display": "Imatinib"}),), []),
        ((referring("a", status="cancelled"),), []),
        ((referring("a"), {"resourceType": "Medication", "id": "gone", "code": concept(text="Imatinib")}), []),
        ((medication_request(concept("http://local.example.org", "1")),), []),  # told, and not known to us
    ],
)
def test_a_drug_that_is_elsewhere_is_named_once(entries: tuple[Resource, ...], notes: list[str]) -> None:
    assert [note.why for note in read(patient(), *entries).unreadable] == notes


@pytest.mark.parametrize(
    ("said", "value", "unit", "comparator"),
    [
        ("250 U/L", "250", "U/L", None),
        ("250,5 U/L", "250.5", "U/L", None),
        ("> 250 U/L", "250", "U/L", ">"),
        ("0.4 x10*3/uL", "0.4", "x10*3/uL", None),
        ("1.2 mg/dL", "1.2", "mg/dL", None),
    ],
)
def test_a_laboratory_value_in_words_is_read_where_it_says_one_thing(
    said: str, value: str, unit: str, comparator: str | None
) -> None:
    case = read(patient(), observation(concept(LOINC, "1742-6"), "2025-09-30", valueString=said))
    (lab,) = case.patient.labs
    assert (lab.value, lab.unit, lab.text) == (Decimal(value), unit, lab.evidence.value if comparator else None)
    assert case.unreadable == ()


@pytest.mark.parametrize("said", ["about 250 U/L", "250", "1,200 U/L", "see comment", "250 U/L (high)", "12-25 U/L"])
def test_a_laboratory_value_in_other_words_is_listed(said: str) -> None:
    case = read(patient(), observation(concept(LOINC, "1742-6"), "2025-09-30", valueString=said))
    assert [lab.value for lab in case.patient.labs] == [None]
    assert [note.why for note in case.unreadable] == ["the newest ALT has no readable value"]
