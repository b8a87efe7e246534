"""What to watch for, by which scale, and what the label does by grade."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from cds_service.assess.monitoring import TOPICS, monitoring
from cds_service.knowledge.labels import load_label

LABEL = load_label(files("cds_service.knowledge") / "labels/blinatumomab/2025-04.toml", required_codes=TOPICS)


@pytest.fixture(scope="module")
def watched() -> dict[str, Any]:
    return monitoring(LABEL)


@pytest.mark.parametrize(
    "sign",
    [
        "fever",
        "hypotension",
        "hypoxia",
        "dyspnoea",
        "chills",
        "tachycardia",
        "asthenia",
        "onset 2 days",
        "5 days",
        "capillary leak",
        "HLH/MAS",
    ],
)
def test_crs_names_each_sign_its_onset_and_what_overlaps(watched: dict[str, Any], sign: str) -> None:
    assert sign in watched["crs"]["says"]


@pytest.mark.parametrize("sign", ["headache", "tremor", "confusion", "aphasia", "seizure", "first 2 weeks"])
def test_neurotoxicity_names_each_sign_and_its_time(watched: dict[str, Any], sign: str) -> None:
    assert sign in watched["neurotoxicity"]["says"]


def test_both_scales_are_named_and_do_not_map(watched: dict[str, Any]) -> None:
    says = watched["grading"]["says"]
    assert "CTCAE" in says
    assert "ASTCT" in says
    assert "do not map" in says


def test_severe_crs_interrupts_and_life_threatening_crs_stops_for_good(watched: dict[str, Any]) -> None:
    by_grade = {tuple(row["grades"]): row["says"] for row in watched["crs_by_grade"]}
    assert by_grade[(3,)].startswith("Interrupt")
    assert "permanently" not in by_grade[(3,)]
    assert by_grade[(4,)].startswith("Discontinue permanently")
    assert by_grade[(1, 2)].startswith("Continue")


def test_neurotoxicity_by_grade_has_seizures_and_every_grade(watched: dict[str, Any]) -> None:
    rows = watched["neurotoxicity_by_grade"]
    assert [row["event"] for row in rows] == ["any", "seizure", "neurotoxicity", "neurotoxicity"]
    assert sorted(grade for row in rows for grade in row["grades"]) == [1, 2, 3, 4]


def test_label_actions_go_by_ctcae_only(watched: dict[str, Any]) -> None:
    rows = watched["crs_by_grade"] + watched["neurotoxicity_by_grade"]
    assert {row["scale"] for row in rows} == {"ctcae"}
    assert all(row["citation"] for row in rows)


def test_the_patient_is_told_about_driving_and_whom_to_call(watched: dict[str, Any]) -> None:
    says = watched["advice"]["says"]
    assert "driving" in says
    assert "call the treating team" in says


def test_rates_are_trial_rates_and_stand_apart_from_what_to_watch(watched: dict[str, Any]) -> None:
    assert all("not this patient's risk" in rate["says"] for rate in watched["trial_rates"])
    for part in ("crs", "neurotoxicity", "grading", "advice"):
        assert "%" not in watched[part]["says"]


def test_what_rests_on_the_overview_or_on_memory_is_to_be_confirmed(watched: dict[str, Any]) -> None:
    assert (watched["crs"]["grade"], watched["crs"]["confirm"]) == ("B", True)


def test_the_document_is_plain_json(watched: dict[str, Any]) -> None:
    assert json.loads(json.dumps(watched)) == watched
