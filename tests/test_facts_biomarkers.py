"""BCR::ABL1, BCR::ABL1-like, KMT2A and CD19: what proves them, and what looks as if it did."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cds_service.facts.cd19 import cd19_in_words
from tests.fhir_builders import (
    ICD_O,
    LOINC,
    RXNORM,
    SNOMED,
    SUBJECT,
    Resource,
    answers,
    concept,
    condition,
    observation,
    order,
    patient,
    quantity,
    read,
)

POSITIVE, NEGATIVE = concept(SNOMED, "10828004"), concept(SNOMED, "260385009")
DIAGNOSED = "2025-01-10"
AT_DIAGNOSIS, IN_REMISSION = "2025-01-12", "2025-08-01"
HGNC = "http://www.genenames.org"


def result(code: str, day: str | None = AT_DIAGNOSIS, text: str | None = None, **value: Any) -> Resource:
    return observation(concept(LOINC, code, text=text), day, **value)


def named(text: str, day: str = AT_DIAGNOSIS, **value: Any) -> Resource:
    return observation(concept(text=text), day, **value)


def variant(*genes: str, value: Resource = POSITIVE, source: str | None = None, iscn: str | None = None) -> Resource:
    parts = [{"code": concept(LOINC, "48018-6"), "valueCodeableConcept": concept(HGNC, gene)} for gene in genes]
    if source:
        parts.append({"code": concept(LOINC, "48002-0"), "valueCodeableConcept": concept(LOINC, source)})
    if iscn:
        parts.append({"code": concept(LOINC, "81291-7"), "valueString": iscn})  # type: ignore[dict-item]
    return result("69548-6", valueCodeableConcept=value, component=parts)


REPORT = {"resourceType": "DiagnosticReport", "id": "r", "status": "final", "subject": SUBJECT, "conclusion": "CD19+"}
NEG, POS = {"valueCodeableConcept": NEGATIVE}, {"valueCodeableConcept": POSITIVE}
ZERO = {"valueQuantity": quantity("0", "%")}


@pytest.mark.parametrize(
    ("entries", "value"),
    [
        ((result("51867-0", **POS),), "positive"),
        ((result("51867-0", **NEG),), "negative"),
        ((result("51867-0", valueString="Negative for t(9;22)"),), "negative"),
        ((result("51867-0", valueString="BCR/ABL1 fusion detected"),), "positive"),
        ((result("51867-0", valueCodeableConcept=concept(SNOMED, "42425007")),), None),  # equivocal
        ((result("51867-0", status="preliminary", **NEG),), None),
        ((result("49490-6", **NEG),), None),  # p210 protein only
        ((result("75892-0", **NEG),), None),  # neither FISH nor told which transcript
        ((result("75892-0", **POS),), "positive"),
        ((result("69380-4", **ZERO),), None),  # p210 alone
        ((result("69380-4", valueQuantity=quantity("12.5", "%")),), "positive"),
        ((result("69380-4", valueQuantity=quantity("0.01", "%", comparator="<")),), None),
        ((result("46434-7", valueQuantity=quantity("90000", "{copies}")),), None),  # the control transcript
        ((named("BCR-ABL1 control transcript", valueQuantity=quantity("90000", "{copies}")),), None),
        ((result("21822-2", **NEG), result("21823-0", **NEG)), "negative"),  # p210 and p190
        ((result("69380-4", **ZERO), result("52132-8", **ZERO)), "negative"),
        ((result("21822-2", **NEG), result("21823-0", IN_REMISSION, **NEG)), None),
        ((named("BCR-ABL1 p190 and p210 by PCR", **NEG),), "negative"),
        ((named("BCR::ABL1 fusion by FISH", **NEG),), "negative"),
        ((named("BCR-ABL1 p210", **NEG),), None),
        ((named("Philadelphia chromosome", **POS),), "positive"),
        ((result("59267-5", valueString="46,XX[20]"),), None),  # a normal karyotype
        ((result("59267-5", valueString="46,XX,t(9;22)(q34;q11.2)[12]/46,XX[8]"),), "positive"),
        ((result("59267-5", valueString="46,XX,t(9; 22) (q34.1; q11.2)[12]"),), "positive"),
        ((variant("HGNC:1014", "HGNC:76"),), "positive"),
        ((variant("1014", "76"),), "positive"),
        ((variant("HGNC:1014", "HGNC:76", source="LA6683-2"),), None),  # germline
        ((variant("HGNC:1014", "HGNC:76", value=concept(LOINC, "LA9634-2")),), None),
        ((variant("HGNC:76"),), None),
        ((condition(SNOMED, "723889003"),), "positive"),
        ((condition(SNOMED, "425688002"),), "positive"),
        ((condition(SNOMED, "714251006"),), "negative"),
        ((condition(ICD_O, "9812/3"),), "positive"),
        ((condition(ICD_O, "9819/3"),), "negative"),  # BCR::ABL1-like is BCR::ABL1-negative
        ((named("BCR-ABL1-like signature", **POS),), "negative"),
        ((named("Ph-like ALL panel", **NEG),), None),  # not like says nothing of BCR::ABL1
        ((condition(SNOMED, "449108003"),), None),  # CML
        ((condition(SNOMED, "723889003", verified="unconfirmed"),), None),
        ((answers("other", bcr_abl1="negative"),), "negative"),
        ((answers("other", bcr_abl1="not-tested"),), None),
        ((answers("other", bcr_abl1_like="positive"),), "negative"),
        ((result("78219-3", **POS),), None),  # KMT2A says nothing of BCR::ABL1
        ((), None),
    ],
)
def test_bcr_abl1(entries: tuple[Resource, ...], value: str | None) -> None:
    fact = read(patient(), condition(onsetDateTime=DIAGNOSED, clinical="remission"), *entries).patient.bcr_abl1
    assert (fact.value, fact.conflict) == (value, False)


@pytest.mark.parametrize(
    ("status", "day", "value"),
    [
        ("remission-1", "2025-02-14", "negative"),  # 35 days after diagnosis
        ("remission-1", "2025-02-15", None),
        ("remission-1", IN_REMISSION, None),
        ("refractory", IN_REMISSION, "negative"),  # never in remission
        ("newly-diagnosed", IN_REMISSION, "negative"),
    ],
)
def test_a_negative_fish_of_a_remission_proves_nothing(status: str, day: str, value: str | None) -> None:
    entries = (condition(onsetDateTime=DIAGNOSED), result("51867-0", day, **NEG))
    assert read(patient(), *entries, course={"disease_status": status}).patient.bcr_abl1.value == value


def test_a_negative_fish_of_the_relapse_counts() -> None:
    relapse = condition(SNOMED, "12301000132103", onsetDateTime="2025-08-01")
    entries = (condition(onsetDateTime="2022-01-10"), relapse, result("51867-0", "2025-08-04", **NEG))
    assert read(patient(), *entries, course={"disease_status": "relapsed"}).patient.bcr_abl1.value == "negative"


def test_a_specimen_said_to_be_from_remission_proves_nothing_even_without_dates() -> None:
    entry = result("51867-0", None, note=[{"text": "Morphologic remission, day 29"}], **NEG)
    assert read(patient(), entry).patient.bcr_abl1.value is None


def test_zero_transcripts_on_treatment_are_no_negative_disease() -> None:
    both = (result("69380-4", IN_REMISSION, **ZERO), result("52132-8", IN_REMISSION, **ZERO))
    fact = read(patient(), condition(onsetDateTime=DIAGNOSED, clinical="remission"), *both).patient.bcr_abl1
    assert fact.value is None
    assert fact.problem == "a negative result in remission or on treatment does not tell BCR::ABL1-negative disease"


def test_a_positive_diagnosis_and_a_negative_fish_are_a_conflict() -> None:
    entries = (condition(SNOMED, "723889003", onsetDateTime=DIAGNOSED), result("51867-0", **NEG))
    fact = read(patient(), *entries).patient.bcr_abl1
    assert (fact.value, fact.conflict, len(fact.evidence)) == (None, True, 2)


@pytest.mark.parametrize(
    ("entries", "value"),
    [
        ((condition(ICD_O, "9819/3"),), "positive"),
        ((named("BCR::ABL1-like ALL", **POS),), "positive"),
        ((named("Ph-like gene expression", **NEG),), "negative"),
        ((answers("other", bcr_abl1_like="negative"),), "negative"),
        ((condition(SNOMED, "723889003"),), None),
    ],
)
def test_bcr_abl1_like(entries: tuple[Resource, ...], value: str | None) -> None:
    assert read(patient(), *entries).patient.bcr_abl1_like.value == value


@pytest.mark.parametrize(
    ("entries", "value"),
    [
        ((result("78219-3", **POS),), "positive"),
        ((result("78226-8", valueString="Not detected"),), "negative"),
        ((result("78234-2", valueQuantity=quantity("82", "%")),), None),  # needs the laboratory's cut-off
        ((result("78234-2", valueQuantity=quantity("82", "%"), interpretation=[POSITIVE]),), "positive"),
        ((variant("HGNC:7132"),), "positive"),
        ((named("MLL gene rearrangement", **NEG),), "negative"),
        ((condition(ICD_O, "9813/3"),), "positive"),
        ((condition(SNOMED, "838341005"),), "positive"),
        ((answers("other", kmt2a="positive"),), "positive"),
        ((answers("other", kmt2a="negative"), condition(SNOMED, "838341005")), None),
    ],
)
def test_kmt2a(entries: tuple[Resource, ...], value: str | None) -> None:
    assert read(patient(), *entries).patient.kmt2a.value == value


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("positive for CD10, CD79a, TdT, CD19, and CD20", "positive"),
        ("CD19+", "positive"),
        ("CD34+CD19+CD10+", "positive"),
        ("CD19 bright, CD20 dim", "positive"),
        ("Blasts express CD19", "positive"),
        ("CD19 expression: positive", "positive"),
        ("CD10 negative, CD19 positive", "positive"),
        ("CD19 negative", "negative"),
        ("CD19-", "negative"),
        ("CD19-negative relapse", "negative"),
        ("positive for CD10, negative for CD19", "negative"),
        ("loss of CD19", "negative"),
        ("CD19 not detected", "negative"),
        ("blasts CD19 negative after CD19 CAR-T", "negative"),
        ("CD19 dim", "partial-or-dim"),
        ("dim CD19", "partial-or-dim"),
        ("CD19+ (dim)", "partial-or-dim"),
        ("CD19 positive in a subset", "partial-or-dim"),
        ("partial CD19", "partial-or-dim"),
        ("anti-CD19 therapy planned", None),
        ("after CD19 CAR-T", None),
        ("no CD19 expression", None),
        ("CD19 positive; CD19 negative", None),
        ("CD19", None),
        ("CD20 positive", None),
    ],
)
def test_words_on_cd19(words: str, value: str | None) -> None:
    assert cd19_in_words(words) == value


@pytest.mark.parametrize(
    ("entries", "value"),
    [
        ((result("101119-6", valueString="positive for CD10, CD79a, TdT, CD19, and CD20"),), "positive"),
        ((result("101119-6", valueString="positive for CD10; negative for CD19"),), "negative"),
        ((result("101119-6", **POS),), None),  # positive for what?
        ((named("CD19 expression on blasts", **POS),), "positive"),
        ((named("CD19 on leukemic cells", valueString="negative"),), "negative"),
        ((named("CD19 on blasts", valueString="positive (dim)"),), "partial-or-dim"),
        ((named("CD19 on blasts", valueQuantity=quantity("98", "%")),), None),  # no cut-off of ours
        ((named("Anti-CD19 CAR expression", **POS),), None),
        ((result("8117-4", text="CD19 cells/100 blasts", valueQuantity=quantity("12", "%")),), None),  # lymphocytes
        ((named("CD19 cells", **POS),), None),  # no word of blasts
        ((answers("other", cd19_blasts="positive"),), "positive"),
        ((answers("other", cd19_blasts="partial-or-dim"),), "partial-or-dim"),
        ((answers("other", cd19_blasts="not-tested"),), None),
        ((answers("other", cd19_blasts="positive"), named("CD19 on blasts", **NEG)), None),
        (
            (
                {
                    "resourceType": "DiagnosticReport",
                    "id": "r",
                    "status": "final",
                    "subject": SUBJECT,
                    "conclusion": "CD19 positive",
                },
            ),
            None,
        ),
    ],
)
def test_cd19_on_blasts(entries: tuple[Resource, ...], value: str | None) -> None:
    assert read(patient(), *entries).patient.cd19.value == value


RELAPSE = condition(SNOMED, "12301000132103", onsetDateTime="2025-08-01")
DOSE = {
    "resourceType": "MedicationAdministration",
    "id": "dose",
    "status": "completed",
    "subject": SUBJECT,
    "medicationCodeableConcept": concept(RXNORM, "1597258"),
    "effectiveDateTime": "2024-03-01",
}


@pytest.mark.parametrize(
    ("entries", "course", "value"),
    [
        ((named("CD19 on blasts", "2025-07-31", **POS), RELAPSE), {}, None),
        ((named("CD19 on blasts", "2025-08-01", **POS), RELAPSE), {}, "positive"),
        ((named("CD19 on blasts", "2024-02-28", **POS), DOSE), {}, None),
        ((named("CD19 on blasts", "2024-03-02", **POS), DOSE), {}, "positive"),
        (
            (named("CD19 on blasts", "2024-02-28", **POS), DOSE),
            {"first_dose_date": date(2024, 3, 1)},
            "positive",
        ),  # this course
        ((RELAPSE,), {"cd19_blasts": "positive", "cd19_date": date(2025, 7, 1)}, None),
        ((RELAPSE,), {"cd19_blasts": "positive", "cd19_date": date(2025, 8, 2)}, "positive"),
    ],
)
def test_a_specimen_older_than_relapse_or_cd19_directed_therapy_no_longer_tells(
    entries: tuple[Resource, ...], course: dict[str, Any], value: str | None
) -> None:
    fact = read(patient(), *entries, course=course).patient.cd19
    assert fact.value == value
    assert fact.evidence


def test_cd19_after_undated_cd19_directed_therapy_is_doubtful() -> None:
    fact = read(patient(), course={"cd19_blasts": "positive", "prior_cd19_therapy": "car-t"}).patient.cd19
    assert (fact.value, fact.stale) == ("positive", True)
    assert not read(patient(), course={"cd19_blasts": "positive", "prior_cd19_therapy": "none"}).patient.cd19.stale


def test_the_order_alone_tells_no_biomarker() -> None:
    found = read(patient(), order_=order()).patient
    assert not any(fact.known for fact in (found.bcr_abl1, found.bcr_abl1_like, found.kmt2a, found.cd19, found.mrd))


def report(conclusion: str | None = None, *, title: str = "Bone marrow", **more: Any) -> Resource:
    said = {"conclusion": conclusion} if conclusion else {}
    head = {"resourceType": "DiagnosticReport", "id": "dr1", "status": "final", "subject": SUBJECT}
    return {**head, "code": concept(text=title), "effectiveDateTime": "2025-09-20", **said, **more}


ATTACHED = {"presentedForm": [{"contentType": "application/pdf", "data": "JVBERg=="}]}


@pytest.mark.parametrize(
    ("entry", "facts"),
    [
        (report("Remission. MRD 0.5 % by flow. Normal marrow."), {"mrd": "MRD 0.5 % by flow."}),
        (report("FISH negative for BCR::ABL1."), {"bcr_abl1": "FISH negative for BCR::ABL1."}),
        (report("No t(9;22). KMT2A not rearranged"), {"bcr_abl1": "No t(9;22).", "kmt2a": "KMT2A not rearranged"}),
        (report("Blasts positive for CD19"), {"cd19": "Blasts positive for CD19"}),
        (report(conclusionCode=[concept(text="MRD positive")]), {"mrd": "MRD positive"}),
        (report(title="MRD by flow cytometry", **ATTACHED), {"mrd": "in an attachment, which is not read"}),
        (report("Normal marrow.", title="MRD by flow cytometry", **ATTACHED), {}),
        (report(title="Chest X-ray", **ATTACHED), {}),
        (report("MRD positive", status="preliminary"), {}),
    ],
)
def test_what_a_report_says_in_words_is_shown_and_never_used(entry: Resource, facts: dict[str, str]) -> None:
    found = read(patient(), entry).patient
    for name in ("mrd", "cd19", "bcr_abl1", "kmt2a"):
        fact = getattr(found, name)
        assert fact.value is None
        assert [shown.value for shown in fact.evidence] == ([facts[name]] if name in facts else [])
        assert fact.problem == ("it is told in the text of a report only" if name in facts else None)


def test_a_result_counts_whatever_a_report_says_of_it() -> None:
    result = observation(concept(LOINC, "51867-0"), "2025-01-12", valueCodeableConcept=concept(SNOMED, "10828004"))
    found = read(patient(), result, report("FISH negative for BCR::ABL1.")).patient.bcr_abl1
    assert (found.value, found.conflict, len(found.evidence)) == ("positive", False, 2)
