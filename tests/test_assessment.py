"""The assessment document as a whole: what one part of it may say where another part is silent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cds_service.assess.assessment import assess
from cds_service.assess.citations import places
from cds_service.facts.model import Fact, Mrd
from cds_service.knowledge.library import Knowledge
from cds_service.settings import Settings
from tests.case_builders import MEASURED, case

ADULT: dict[str, Any] = {"birth": "1980-01-01", "weight_kg": "70", "height_cm": "175"}
COMPLETE: dict[str, Any] = {
    **ADULT,
    "request_type": "initial",
    "prescriber": "qualifying",
    "payer": "lhcc",
    "bcr_abl1": "negative",
}


def test_two_answers_on_the_request_type_leave_the_section_unknown(knowledge: Knowledge) -> None:
    disagreeing: Fact[str] = Fact(None, problem="answered twice, differently", conflict=True)
    facts = {**COMPLETE, "request_type": disagreeing, "earlier_blinatumomab": False}

    document = assess(case(**facts), knowledge, Settings())

    assert {policy["section"] for policy in document["policies"]} == {None}
    assert {policy["overall"] for policy in document["policies"]} == {"insufficient_information"}
    assert "request-type-assumed" not in document["flags"]


def test_with_another_payer_nothing_is_held_against_this_policy(knowledge: Knowledge) -> None:
    document = assess(case(**{**COMPLETE, "payer": "other"}, dose="30", max_per_day=Decimal(40)), knowledge, Settings())

    assert document["dose"]["verdict"] == "above_label"
    assert document["dose"]["over_policy_maximum"] is None
    assert document["dose"]["policy_maximum_mcg_per_day"] is None
    assert {"over-policy-maximum", "policy-approval-not-shown"} & set(document["flags"]) == set()


@pytest.mark.parametrize(
    ("percent", "comparator", "status"),
    [
        ("0.1", None, "met"),
        ("0.1", ">", "met"),
        ("0.1", ">=", "met"),
        ("0.1", "<", "review"),
        ("0.05", "<", "review"),
        ("0.09", None, "review"),
        # below a limit above 0.1 %: the level is not stated
        ("1", "<", "met"),
    ],
)
def test_a_positive_result_below_a_limit_is_not_at_that_limit(
    percent: str, comparator: str | None, status: str, knowledge: Knowledge
) -> None:
    mrd = Mrd(True, Decimal(percent), comparator, "positive", "marrow", MEASURED)

    document = assess(case(**COMPLETE, mrd=mrd), knowledge, Settings())

    assert document["policies"][0]["criteria"]["I.A.4.a"]["status"] == status


def test_a_premedication_dose_by_area_is_cut_at_ten_decimals(knowledge: Knowledge) -> None:
    document = assess(case(), knowledge, Settings())

    assert document["premedication"]["dose_mg"] == Decimal("4.9371044145")


LABEL = "Blincyto US prescribing information, April 2025"
OVERVIEW = "clinical overview of 15 May 2025"


@pytest.mark.parametrize(
    ("citation", "expected"),
    [
        (
            "US label April 2025, dosage: MRD-positive, cycle 1; LA.PHAR.312 V",
            [(LABEL, "dosage: MRD-positive, cycle 1"), ("LA.PHAR.312", "V")],
        ),
        (f"{LABEL}, dosage", [(LABEL, "dosage")]),
        ("LA.PHAR.312 2025-09-05 I.A.5.a and section V", [("LA.PHAR.312 2025-09-05", "I.A.5.a and section V")]),
        ("LA.PHAR.312 VI; label, how supplied", [("LA.PHAR.312", "VI"), (LABEL, "how supplied")]),
        ("US label, older editions, administration", [("US label, older editions", "administration")]),
        (
            "US label April 2025, contraindications; infusion bags",
            [(LABEL, "contraindications"), (LABEL, "infusion bags")],
        ),
        (
            f"US label April 2025, dosage: infusion bags; 5.4 kg from the {OVERVIEW} only",
            [(LABEL, "dosage: infusion bags"), (OVERVIEW, f"5.4 kg from the {OVERVIEW} only")],
        ),
        # what was looked at in the record is evidence, not a document
        ("order", []),
        ("measurements", []),
    ],
)
def test_a_citation_stands_under_the_document_it_names(citation: str, expected: list[tuple[str, str]]) -> None:
    assert list(places(citation, LABEL)) == expected


def test_every_citation_of_an_overdose_names_its_document(knowledge: Knowledge) -> None:
    found = assess(case(**COMPLETE, dose="35"), knowledge, Settings())["citations"]

    assert {"document": "LA.PHAR.312 2025-09-05", "paragraph": "I.A.4.a"} in found
    assert {"document": "LA.PHAR.312 2025-09-05", "paragraph": "I.A.5.a and section V"} in found
    assert {item["document"].split()[0] for item in found} == {"LA.PHAR.312", "Blincyto", "US"}
    assert all("LA.PHAR" not in item["paragraph"] for item in found)
