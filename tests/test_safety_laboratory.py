"""Liver tests against their limits, and the neutrophil count."""

from __future__ import annotations

from datetime import timedelta

import pytest

from cds_service.assess.safety import assess_safety
from cds_service.facts.model import LabResult
from tests.case_builders import case
from tests.safety_builders import LABEL, START, items, lab, problem, verdict

NORMAL = (lab("alt", "40", "40"), lab("ast", "30", "40"), lab("bilirubin", "1.0", "1.2"))


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        (NORMAL, ("clear", "info")),
        ((lab("alt", "200", "40"), *NORMAL[1:]), ("clear", "info")),
        ((lab("alt", "200.1", "40"), *NORMAL[1:]), ("applies", "critical")),
        ((lab("alt", "204", "40"), *NORMAL[1:]), ("applies", "critical")),
        ((NORMAL[0], lab("ast", "200", "40"), NORMAL[2]), ("clear", "info")),
        ((NORMAL[0], lab("ast", "204", "40"), NORMAL[2]), ("applies", "critical")),
        ((*NORMAL[:2], lab("bilirubin", "3.6", "1.2")), ("clear", "info")),
        ((*NORMAL[:2], lab("bilirubin", "3.7", "1.2")), ("applies", "critical")),
        ((lab("bilirubin", "3.7", "1.2"),), ("applies", "critical")),
        ((lab("alt", "400", None), *NORMAL[1:]), ("unknown", "warning")),
        (NORMAL[:2], ("unknown", "info")),
        ((), ("unknown", "info")),
    ],
)
def test_liver_stop_rule_above_5_times_or_3_times_the_limit_of_the_same_result(
    results: tuple[LabResult, ...], expected: tuple[str, str]
) -> None:
    assert verdict("liver", labs=results) == expected


@pytest.mark.parametrize(("age_days", "status"), [(7, "applies"), (8, "unknown")])
def test_a_liver_result_counts_for_seven_days(age_days: int, status: str) -> None:
    found = items(labs=(lab("alt", "400", "40", START - timedelta(days=age_days)),))["liver"]
    assert found.status == status
    assert (found.severity == "critical") is (status == "applies")


def test_a_stale_result_over_the_limit_is_a_warning_to_repeat() -> None:
    found = items(labs=(lab("alt", "400", "40", START - timedelta(days=30)),))["liver"]
    assert (found.status, found.severity) == ("unknown", "warning")
    assert "was above 5 times" in found.says


@pytest.mark.parametrize("undated", [lab("alt", "400", "40", None), lab("alt", "400", "40", stale=True)])
def test_an_undated_or_stale_result_decides_nothing(undated: LabResult) -> None:
    assert verdict("liver", labs=(undated, *NORMAL[1:])) == ("unknown", "warning")


def test_the_newest_result_decides_and_one_without_a_limit_reopens_the_question() -> None:
    old = lab("alt", "400", "40", START - timedelta(days=3))
    assert verdict("liver", labs=(old, *NORMAL))[0] == "clear"
    assert verdict("liver", labs=(*NORMAL, lab("alt", "60", None, START + timedelta(days=1))))[0] == "unknown"
    assert verdict("liver", labs=(*NORMAL, lab("alt", "60", None, START - timedelta(days=1))))[0] == "clear"


def test_missing_liver_tests_are_named_once_each_with_their_reason() -> None:
    says = items(labs=(lab("alt", "400", None),))["liver"].says
    assert "ALT: no upper limit is printed" in says
    assert "AST, total bilirubin: no result on file" in says


def test_the_setting_for_stale_results_is_used() -> None:
    chart = case(labs=(lab("alt", "400", "40", START - timedelta(days=10)),), start=START)
    found = {item.code: item for item in assess_safety(chart, LABEL, laboratory_stale_days=10)}
    assert found["liver"].status == "applies"


def test_neutropenia_on_record_warns_and_a_count_is_shown_but_not_judged() -> None:
    assert verdict("neutropenia", problems=(problem("neutropenia"),)) == ("applies", "warning")
    counted = items(labs=(lab("anc", "0.4", None),))["neutropenia"]
    assert counted.status == "unknown"
    assert "0.4" in counted.says
    assert verdict("neutropenia") == ("unknown", "info")
