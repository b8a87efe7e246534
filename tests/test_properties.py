"""What must hold for every case: knowing less never makes more of a request, and unknown stays unknown."""

from __future__ import annotations

import tomllib
from dataclasses import fields, replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.assess.assessment import assess
from cds_service.assess.findings import Finding, Status, all_of, any_of
from cds_service.facts.model import Case, Course, Fact, PatientFacts
from cds_service.knowledge.library import Knowledge
from cds_service.settings import Settings
from tests.test_scenarios import FOLDER, _case

STATUSES = st.sampled_from([Status.MET, Status.NOT_MET, Status.UNKNOWN, Status.REVIEW])


def _cases() -> list[Any]:
    found = []
    for file in sorted(FOLDER.glob("*.toml")):
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        found += [pytest.param(_case({**table["standing"], **row}), id=row["name"]) for row in table["scenario"]]
    return found


def _with_one_unknown(case: Case) -> list[tuple[str, Case]]:
    found = []
    for part, cls in (("patient", PatientFacts), ("course", Course)):
        source = getattr(case, part)
        for item in fields(cls):
            value = getattr(source, item.name)
            if isinstance(value, Fact) and value.known:
                found.append((item.name, replace(case, **{part: replace(source, **{item.name: Fact()})})))
    return found


def _contradiction(case: Case, name: str) -> bool:
    """Relapsed disease beside another phase: with either statement gone there is nothing left to contradict."""
    stated = (case.course.disease_status.value, case.course.treatment_phase.value)
    return name in ("disease_status", "treatment_phase") and stated == ("relapsed", "consolidation")


def _overall(case: Case, knowledge: Knowledge) -> list[str]:
    return [policy["overall"] for policy in assess(case, knowledge, Settings())["policies"]]


@pytest.mark.parametrize("case", _cases())
def test_replacing_a_fact_by_unknown_never_makes_the_criteria_met(case: Case, knowledge: Knowledge) -> None:
    before = _overall(case, knowledge)
    for name, less in _with_one_unknown(case):
        after = _overall(less, knowledge)
        for was, now in zip(before, after, strict=True):
            assert now != "criteria_met" or was == "criteria_met" or _contradiction(case, name), name


@pytest.mark.parametrize("case", _cases())
def test_replacing_a_fact_by_unknown_never_makes_the_dose_match(case: Case, knowledge: Knowledge) -> None:
    before = assess(case, knowledge, Settings())["dose"]
    for name, less in _with_one_unknown(case):
        after = assess(less, knowledge, Settings())["dose"]
        if before["above_every_label_row"] or before["verdict"] == "above_label":
            assert after["verdict"] != "matches_label" or name in ("disease_status", "treatment_phase"), name


@given(st.lists(STATUSES, min_size=1, max_size=6), st.integers(0, 5))
@settings(max_examples=200, deadline=None)
def test_knowing_less_never_raises_a_join(statuses: list[Status], place: int) -> None:
    less = [*statuses]
    less[place % len(less)] = Status.UNKNOWN
    for join in (all_of, any_of):
        before, after = (join(Finding(status, "") for status in found).status for found in (statuses, less))
        assert after is not Status.MET or before is Status.MET


def test_an_empty_chart_gives_no_verdict_but_unknown(knowledge: Knowledge) -> None:
    from tests.case_builders import case

    empty = replace(case(), patient=PatientFacts("Patient/x"), course=Course(), as_of=date(2025, 10, 1))
    document = assess(empty, knowledge, Settings())

    current = document["policies"][0]
    assert current["applies"] == "unknown"
    assert current["overall"] == "insufficient_information"
    assert "met" not in {criterion["status"] for criterion in current["criteria"].values()} - {
        current["criteria"]["I.A.5.a"]["status"],
        current["criteria"]["I.A.5"]["status"],
    }
    assert document["premedication"]["label_row"] is False
