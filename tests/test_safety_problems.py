"""Conditions and adverse events on record, and what is not."""

from __future__ import annotations

import pytest

from cds_service.facts.model import ConcomitantDrug
from tests.safety_builders import PROBLEMS, SEEN, items, problem, verdict


@pytest.mark.parametrize(("code", "kind", "severity"), PROBLEMS)
def test_an_active_problem_applies_to_its_topic_and_shows_what_was_seen(code: str, kind: str, severity: str) -> None:
    found = items(problems=(problem(kind),))[code]
    assert (found.status, found.severity) == ("applies", severity)
    assert SEEN in found.evidence


@pytest.mark.parametrize(("code", "kind", "severity"), PROBLEMS)
def test_a_problem_that_is_not_on_file_is_unknown_never_clear(code: str, kind: str, severity: str) -> None:
    assert items()[code].status == "unknown"


@pytest.mark.parametrize("kind", ["crs", "icans", "infection", "pancreatitis", "tumour-lysis"])
def test_a_problem_not_known_to_be_active_is_asked_for_and_a_past_one_is_settled(kind: str) -> None:
    code = {"crs": "crs-active", "icans": "neurotoxicity-active"}.get(kind, kind)
    assert verdict(code, problems=(problem(kind, None),)) == ("unknown", "warning")
    assert verdict(code, problems=(problem(kind, False),))[0] == "clear"


def test_a_past_seizure_still_counts() -> None:
    assert verdict("cns-disease", problems=(problem("seizure", False),)) == ("applies", "warning")


@pytest.mark.parametrize(
    ("grade", "scale", "words"),
    [
        (None, None, "state the CTCAE grade"),
        (3, "ctcae", "Grade 3 (CTCAE)"),
        (3, "astct", "not a CTCAE grade"),
        (3, None, "scale not stated"),
    ],
)
def test_crs_on_record_asks_for_the_ctcae_grade_and_never_gives_a_restart_dose(
    grade: int | None, scale: str | None, words: str
) -> None:
    found = items(problems=(problem("crs", in_this_cycle=True, grade=grade, scale=scale),))["crs-active"]
    assert (found.status, found.severity) == ("applies", "warning")
    assert words in found.says
    assert "mcg" not in found.says


@pytest.mark.parametrize(
    ("seizures", "expected"),
    [
        ("none", ("unknown", "info")),
        ("one", ("applies", "warning")),
        ("more-than-one", ("applies", "critical")),
        (None, ("unknown", "info")),
    ],
)
def test_more_than_one_seizure_is_the_stop_rule(seizures: str | None, expected: tuple[str, str]) -> None:
    assert verdict("neurotoxicity-active", seizures=seizures) == expected


@pytest.mark.parametrize(
    ("kind", "name", "status"),
    [
        ("high-dose-methotrexate", "methotrexate 5 g/m2", "applies"),
        ("intrathecal", "cytarabine intrathecal", "applies"),
        ("intrathecal", "methotrexate intrathecal", "unknown"),
        ("steroid", "dexamethasone", "unknown"),
    ],
)
def test_leukoencephalopathy_risk_from_earlier_treatment(kind: str, name: str, status: str) -> None:
    found = items(concomitant=(ConcomitantDrug(kind, name, True, SEEN),))["leukoencephalopathy"]
    assert found.status == status
    assert "cranial radiation" in found.says


@pytest.mark.parametrize("active", [True, False, None])
def test_a_recorded_permanent_stop_holds_whatever_its_clinical_status(active: bool | None) -> None:
    assert verdict("permanent-stop", problems=(problem("permanent-stop", active),)) == ("applies", "critical")
