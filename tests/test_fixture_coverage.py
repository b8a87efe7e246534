"""What the synthetic patients cover, by what is really answered for them: criteria, label rows, premedication,
toxicity, safety topics, boundary pairs, ages. A row of the texts that no patient shows fails here by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from cds_service.dates import add_months
from cds_service.guidance import Guidance
from cds_service.knowledge.library import Knowledge
from fhir_fixtures import hook_calls
from tests.card_reading import topic

FIRST = "child-30kg-flat-28-mcg-mrd-positive"
NEVER_MET = {"I.A.5.b", "II.A.3.b"}
"""Evidence for an off-label dose is weighed by a person: review, never met."""
NEVER_NOT_MET = {"I.A.5.fn", "II.A.3.fn"}
"""Whether a regimen is guideline-listed is for a person: review, never not met."""


@pytest.fixture(scope="module")
def documents(answers: dict[str, Guidance]) -> list[dict[str, Any]]:
    return [
        document for name, each in answers.items() if name.startswith("order-sign") for document in each.assessments
    ]


def test_every_computed_criterion_is_met_and_not_met_in_both_editions(
    documents: list[dict[str, Any]], knowledge: Knowledge
) -> None:
    shown = {
        (policy["version"], name, criterion["status"])
        for document in documents
        for policy in document["policies"]
        for name, criterion in policy["criteria"].items()
    }
    wanted = {
        (policy.version.isoformat(), name, status)
        for policy in knowledge.policies
        for name in policy.computed
        for status in ("review" if name in NEVER_MET else "met", "review" if name in NEVER_NOT_MET else "not_met")
    }
    assert len({version for version, _, _ in wanted}) == 2
    assert wanted - shown == set()


def test_every_label_row_is_met_by_fixed_dose_or_by_surface_area(
    documents: list[dict[str, Any]], knowledge: Knowledge
) -> None:
    shown = {row for document in documents for row in document["dose"]["row_ids"]}
    matched = {
        row
        for document in documents
        if document["dose"]["verdict"] == "matches_label"
        for row in document["dose"]["row_ids"]
    }
    rows = {row.id for label in knowledge.labels for row in label.rows}
    assert len(rows) == 8
    assert shown == matched == rows
    bases = {(document["dose"]["label_mcg_per_day"] or {}).get("basis") for document in documents}
    assert bases >= {"fixed", "bsa"}


def test_every_premedication_row_is_due_for_someone(documents: list[dict[str, Any]], knowledge: Knowledge) -> None:
    due = {each["premedication"]["row_id"] for each in documents if each["premedication"]["applies_now"]}
    rows = {row.id for label in knowledge.labels for row in label.premedication}
    assert len(rows) == 6
    assert due - {None} == rows


def test_every_line_and_action_of_the_toxicity_table_is_reached(
    documents: list[dict[str, Any]], knowledge: Knowledge
) -> None:
    rules = [rule for label in knowledge.labels for rule in label.toxicity_rules]
    cited = {(each["dose"]["toxicity"] or {}).get("citation") for each in documents}
    assert {rule.citation for rule in rules} - cited == set()
    actions = {each["dose"]["toxicity_action"] for each in documents}
    assert actions == {rule.action for rule in rules} | {"interrupt", "unknown", None}


def test_every_safety_topic_of_the_patient_is_found_for_someone(
    documents: list[dict[str, Any]], knowledge: Knowledge
) -> None:
    found = {item["code"] for each in documents for item in each["safety"] if item["status"] == "applies"}
    assert found == {topic.code for label in knowledge.labels for topic in label.guidance if topic.applies == "patient"}


# Each row of the label's other toxicities and populations: on whose safety card, and the words that carry it.
TOPICS = [
    ("infection", FIRST, ("Prophylaxis, surveillance", "withhold or stop by severity", "about 25 % in trials")),
    ("infection", "safety-active-sepsis", ("treat it promptly", "withhold or stop blinatumomab by severity")),
    ("live vaccines", FIRST, ("No live vaccines from 2 weeks before until immune recovery",)),
    ("live vaccines", "safety-live-vaccine-given", ("at least 2 weeks before the start, during treatment",)),
    ("neutropenia", FIRST, ("Blood counts before and during; prolonged neutropenia interrupts",)),
    ("neutropenia", "safety-neutropenia", ("interrupt if neutropenia is prolonged",)),
    ("liver", FIRST, ("ALT, AST, GGT, bilirubin", "interrupt above 5", "or 3")),
    ("liver", "safety-bilirubin-over-3-times-the-limit", ("Interrupt if ALT or AST is above 5 times",)),
    ("liver, timing", FIRST, ("3 days", "outside CRS after 19", "7 %", "fewer than 1 %")),
    ("tumour lysis", FIRST, ("hydration, cytoreduction", "potassium, phosphate, uric acid, calcium (falls)")),
    ("tumour lysis", "safety-tumour-lysis", ("interrupt or stop by severity",)),
    ("pancreatitis", FIRST, ("symptoms: evaluate; interrupt or stop both blinatumomab and dexamethasone", "in trials")),
    ("pancreatitis", "safety-acute-pancreatitis", ("Fatal", "with dexamethasone", "both drugs")),
    ("leukoencephalopathy", FIRST, ("cranial radiation, high-dose methotrexate, intrathecal cytarabine",)),
    ("leukoencephalopathy", "safety-leukoencephalopathy", ("their meaning is not known",)),
    (
        "benzyl alcohol",
        "safety-preterm-very-low-birth-weight",
        ("Gasping syndrome", "preserved intravenous drugs in general", "all sources", "metabolic acidosis"),
    ),
    ("medication error", FIRST, ("strictly by the label (over- and underdoses reported), 35 mcg per vial",)),
    ("contraindication", "safety-allergy-to-blinatumomab", ("or to any component", "contraindication")),
    ("pregnancy", "safety-pregnancy-not-verified", ("pregnancy status not verified", "check B cells before live")),
    ("pregnancy", "safety-pregnancy-test-positive", ("may harm the fetus",)),
    ("contraception", FIRST, ("contraception until 48 h after the last dose",)),
    ("lactation", FIRST, ("No breastfeeding until 48 h after the last dose",)),
    ("older adults", "safety-aged-76", ("No overall difference", "cognitive disorder", "123", "8 %", "21, 1 %")),
    ("under one month", "edge-one-day-before-one-month-of-age", ("not been studied under one month",)),
]


@pytest.mark.parametrize(
    ("patient", "words"), [row[1:] for row in TOPICS], ids=[f"{row[0]}-{row[1]}" for row in TOPICS]
)
def test_every_topic_of_the_label_reaches_a_safety_card(
    patient: str, words: tuple[str, ...], answers: dict[str, Guidance]
) -> None:
    cards = answers[f"order-sign--{patient}"].response["cards"]
    (card,) = [card for card in cards if topic(card) == "safety"]
    assert [each for each in words if each not in card["detail"]] == []


PAIRS = [
    ("edge-weight-44-9-kg", "edge-weight-45-0-kg"),
    ("edge-one-day-before-one-month-of-age", "edge-exactly-one-month-of-age"),
    ("edge-mrd-0-09-percent", "edge-mrd-0-10-percent"),
    ("coverage-a-adult-mrd-positive-all-met", "edge-dose-28-1-mcg"),
    ("edge-mrd-90-days-old", "edge-mrd-91-days-old"),
    ("edge-preserved-bag-5-39-kg", "edge-preserved-bag-5-40-kg"),
    ("edge-day-before-18th-birthday", "edge-18th-birthday"),
    ("edge-age-64", "edge-age-65"),
    ("edge-alt-5-times-the-limit", "edge-alt-over-5-times-the-limit"),
    ("edge-live-vaccine-13-days-ago", "edge-live-vaccine-15-days-ago"),
    ("edge-ratio-1-05", "edge-ratio-1-051"),
    ("edge-ratio-1-249", "edge-ratio-1-25"),
    ("edge-ratio-0-95", "edge-ratio-0-949"),
    ("edge-dose-26-6-mcg-fixed", "edge-dose-26-5-mcg-fixed"),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_two_sides_of_a_boundary_are_judged_differently(one: str, other: str, answers: dict[str, Guidance]) -> None:
    assert _judged(answers, one) != _judged(answers, other)


def _judged(answers: dict[str, Guidance], patient: str) -> tuple[Any, ...]:
    """The verdicts of one assessment, without the numbers and words that differ anyhow."""
    (found,) = answers[f"order-sign--{patient}"].assessments
    dose = found["dose"]
    return (
        [(policy["overall"], [each["status"] for each in policy["criteria"].values()]) for policy in found["policies"]],
        (dose["verdict"], dose["severity"], (dose["label_mcg_per_day"] or {}).get("basis")),
        (
            found["premedication"]["row_id"],
            sorted((each["code"], each["status"], each["severity"]) for each in found["safety"]),
        ),
    )


def _ages() -> Iterator[tuple[date, date]]:
    for call in hook_calls().values():
        born = call["prefetch"]["patient"].get("birthDate") or ""
        if len(born) == len("2000-01-01"):
            yield date.fromisoformat(born), date.fromisoformat(_draft(call)["authoredOn"][:10])


def _draft(call: dict[str, Any]) -> dict[str, Any]:
    drafts = (entry["resource"] for entry in call["context"]["draftOrders"]["entry"])
    return next(each for each in drafts if each["resourceType"] == "MedicationRequest")


def test_there_are_adults_children_and_infants() -> None:
    ages = list(_ages())
    assert sum(add_months(born, 12 * 18) <= on for born, on in ages) > 10
    assert sum(add_months(born, 12) <= on < add_months(born, 12 * 18) for born, on in ages) > 10
    assert sum(on < add_months(born, 12) for born, on in ages) > 5
