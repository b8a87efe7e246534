"""What a click could do, decided without FHIR: lower at most, to the row on every day, and nothing beside a halt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cds_service.assess.assessment import assess
from cds_service.assess.measures import rounded_down
from cds_service.facts.model import Case, Evidence, Fact, OrderedStep, Problem, Requested, Writing
from cds_service.knowledge.library import Knowledge
from cds_service.settings import Settings
from tests.case_builders import case, known, measured, other_order, step

ONE = Writing(None, ("rate-per-day",), ("duration",))
ADULT: Mapping[str, Any] = {"weight_kg": "75", "height_cm": "175", "birth": "1985-05-02", "sex": "male"}
RELAPSED: Mapping[str, Any] = {**ADULT, "status": "relapsed", "phase": "relapsed-refractory", "mrd_percent": None}
START = date(2025, 10, 2)


def offers(knowledge: Knowledge, given: Case) -> dict[str, Any]:
    """The offers for this case."""
    found: dict[str, Any] = assess(given, knowledge, Settings())["offers"]
    return found


def ordered(dose: str, last_day: int | None = 28, **facts: Any) -> Case:
    """An order of one dose that another could be written into."""
    return case(steps=(step(dose, 1, last_day),), writing=ONE, start=START, **facts)


BODIES = st.sampled_from([("75", "175"), ("45", "150"), ("44.9", "165"), ("30", "117"), ("12", "88"), ("5.5", "60")])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODIES,
    disease=st.sampled_from(["remission-1", "relapsed"]),
    cycle=st.integers(1, 3),
    day=st.integers(1, 28),
    tenths=st.integers(10, 450),
    bounded=st.booleans(),
)
def test_a_changed_order_matches_its_row_on_every_day_and_never_holds_more(
    body: tuple[str, str], disease: str, cycle: int, day: int, tenths: int, bounded: bool, knowledge: Knowledge
) -> None:
    dose, days = Decimal(tenths) / 10, 29 - day
    facts = {"weight_kg": body[0], "height_cm": body[1], "status": disease, "cycle": cycle, "day": day}
    if disease == "relapsed":
        facts["mrd_percent"] = None
    before = ordered(f"{dose}", days if bounded else None, **facts)
    offer = offers(knowledge, before)["dose"]
    assume(offer and offer["offered"])

    steps = offer["steps"]
    assert any(each["changed"] for each in steps)
    assert all(each["mcg_per_day"] <= dose for each in steps)
    assert all(each["mcg_per_day"] < dose for each in steps if each["changed"])
    assert all(rounded_down(each["mcg_per_day"]) == each["mcg_per_day"] for each in steps if each["changed"])
    assert [each["first_day"] for each in steps] == [1, *(each["last_day"] + 1 for each in steps[:-1])]
    if bounded or len(steps) > 1:
        assert steps[-1]["last_day"] == days

    after = replace(before, order=replace(before.order, steps=tuple(map(_step, steps))))
    document = assess(after, knowledge, Settings())
    assert document["dose"]["verdict"] == "matches_label"
    assert document["offers"]["dose"] is None, "it is not offered again"


def _step(offered: Mapping[str, Any]) -> OrderedStep:
    return step(str(offered["mcg_per_day"]), offered["first_day"], offered["last_day"])


def problem(kind: str, active: bool | None) -> Problem:
    """A problem on record."""
    return Problem(kind, active, None, None, None, None, Evidence("Condition/x", kind))


HELD: Mapping[str, dict[str, Any]] = {
    "active CRS": {"problems": (problem("crs", True),)},
    "CRS of unknown state": {"problems": (problem("crs", None),)},
    "ICANS": {"problems": (problem("icans", True),)},
    "neurotoxicity": {"problems": (problem("neurotoxicity", True),)},
    "a permanent stop": {"problems": (problem("permanent-stop", True),)},
    "two weights": {"weight_kg": Fact(None, conflict=True)},
    "two cycles": {"cycle": known(1, conflict=True)},
    "phase against status": {"phase": "consolidation", "status": "relapsed", "mrd_percent": None},
    "T lineage": {"lineage": "t"},
    "stale weight": {"weight_kg": measured("30", "kg", stale=True)},
    "stale height": {"height_cm": measured("117", "cm", stale=True)},
    "measures that do not fit": {"body_warnings": ("height and weight do not fit each other",)},
    "two surface areas": {"bsa_m2": "1.2"},
    "recognised by name": {"matched_by": "text"},
    "another order": {"others": (other_order(step("28")),)},
    "an order that may overlap": {"others": (other_order(step("28"), overlapping=None),)},
}


@pytest.mark.parametrize("name", HELD)
def test_a_doubt_keeps_a_changed_dose_back_and_is_named(name: str, knowledge: Knowledge) -> None:
    offer = offers(knowledge, ordered("28", **HELD[name]))["dose"]
    assert offer is None or (not offer["offered"] and offer["because"] and not offer["steps"])


def test_without_these_doubts_it_is_offered(knowledge: Knowledge) -> None:
    assert offers(knowledge, ordered("28"))["dose"]["offered"] is True
    resolved = {"problems": (problem("crs", False),)}
    assert offers(knowledge, ordered("28", **resolved))["dose"]["offered"] is True


def test_conflicts_that_concern_the_payer_alone_keep_nothing_back(knowledge: Knowledge) -> None:
    assert offers(knowledge, ordered("28", payer=Fact(None, conflict=True)))["dose"]["offered"] is True


def test_an_order_whose_writing_is_not_known_is_not_changed(knowledge: Knowledge) -> None:
    offer = offers(knowledge, case(steps=(step("28", 1, 28),)))["dose"]
    assert (offer["offered"], offer["by_hand"]) == (False, ["how the order is written is not known"])


def test_an_order_that_runs_past_day_28_is_left_to_people(knowledge: Knowledge) -> None:
    offer = offers(knowledge, ordered("28", 35))["dose"]
    assert not offer["offered"]
    assert "the order runs past day 28 of the cycle" in offer["because"]


def test_a_restart_after_resolved_crs_is_lowered_to_the_restart_dose(knowledge: Knowledge) -> None:
    toxic = {
        **RELAPSED,
        "day": 12,
        "restart_reason": "crs",
        "restart_interruption_hours": "30",
        "toxicity_grade": 3,
        "toxicity_scale": "ctcae",
        "toxicity_grade_now": 0,
    }
    offer = offers(knowledge, ordered("28", 17, **toxic))["dose"]
    assert [(each["first_day"], each["last_day"], each["mcg_per_day"]) for each in offer["steps"]] == [
        (1, 7, 9),
        (8, 17, 28),
    ]
    unresolved = offers(knowledge, ordered("28", 17, **{**toxic, "toxicity_grade_now": 2}))
    assert unresolved["dose"] is None
    assert unresolved["premedication"] is None
    assert unresolved["checks"] == []
    assert unresolved["admission"] is None


# --- premedication ----------------------------------------------------------------------------------------------------


def test_premedication_is_offered_only_where_orders_and_allergies_were_read(knowledge: Knowledge) -> None:
    read = {"earlier_blinatumomab": False, "allergies_asked": True}
    assert offers(knowledge, ordered("28", **RELAPSED, **read))["premedication"]["offered"] is True
    no_orders = offers(knowledge, ordered("28", **RELAPSED, allergies_asked=True))["premedication"]
    assert no_orders["because"] == ["the orders were not in the call"]
    no_allergies = offers(knowledge, ordered("28", **RELAPSED, earlier_blinatumomab=False))["premedication"]
    assert no_allergies["because"] == ["allergies were not in the call"]
    assert no_allergies["dose_mg"] is None


def test_where_another_row_fits_with_another_dose_none_is_offered(knowledge: Knowledge) -> None:
    both = {**ADULT, "phase": "consolidation", "bcr_abl1": "negative", "earlier_blinatumomab": False}
    offer = offers(knowledge, ordered("28", **both, allergies_asked=True))["premedication"]
    assert offer["because"] == ["another label row fits as well and asks for another dose"]


# --- orders beside it -------------------------------------------------------------------------------------------------


def requested(*concepts: str, said: str = "") -> dict[str, Any]:
    """What is ordered already."""
    return {"requests": (Requested(frozenset(concepts), said, Evidence(None, "Order on file")),)}


def keys(items: list[dict[str, Any]]) -> list[str]:
    return [item["key"] for item in items]


def with_requests(given: Case, **found: Any) -> Case:
    return replace(given, **found)


def test_a_panel_counts_for_what_is_in_it(knowledge: Knowledge) -> None:
    every = keys(offers(knowledge, ordered("28", **RELAPSED))["checks"])
    panel = requested("order.metabolic-panel")
    rest = keys(offers(knowledge, with_requests(ordered("28", **RELAPSED), **panel))["checks"])
    assert [key for key in every if key not in rest] == ["liver-panel", "potassium", "calcium"]
    alone = with_requests(ordered("28", **RELAPSED), **requested("lab.alt"))
    assert "liver-panel" in keys(offers(knowledge, alone)["checks"]), "one of its three tests is not the panel"


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"status": "relapsed", "mrd_percent": None, "bcr_abl1": "negative", "cd19": None}, ["cd19"]),
        ({"status": "remission-1", "mrd_percent": None, "phase": "maintenance", "cd19": None}, ["mrd"]),
        ({"status": "remission-1", "mrd_percent": None}, ["mrd"]),
        ({"status": "remission-1", "mrd_percent": None, "mrd_availability": "unavailable"}, []),
        ({"status": "remission-1", "mrd_percent": None, "mrd": Fact(None, conflict=True)}, []),
        ({"status": "relapsed", "mrd_percent": None, "bcr_abl1": None, "regimen": "single-agent"}, ["bcr-abl1"]),
        ({"status": "remission-1", "bcr_abl1": None}, []),
    ],
)
def test_a_test_is_offered_only_where_it_would_settle_what_is_open(
    facts: dict[str, Any], wanted: list[str], knowledge: Knowledge
) -> None:
    assert keys(offers(knowledge, ordered("28", **facts))["tests"]) == wanted


@pytest.mark.parametrize(
    "begun",
    [
        {"cycle": 2},
        {"day": 8},
        {"restart_reason": "administrative"},
        {"restart_interruption_hours": "5"},
        {"request_type": "continuation"},
    ],
)
def test_once_the_course_has_begun_no_test_is_offered_that_would_only_show_its_effect(
    begun: dict[str, Any], knowledge: Knowledge
) -> None:
    residual: dict[str, Any] = {"status": "remission-1", "mrd_percent": None, "phase": "maintenance"}
    philadelphia: dict[str, Any] = {
        "status": "relapsed",
        "mrd_percent": None,
        "bcr_abl1": None,
        "regimen": "single-agent",
    }
    for facts in (residual, philadelphia):
        assert keys(offers(knowledge, ordered("28", **facts))["tests"])
        assert offers(knowledge, ordered("28", **facts, **begun))["tests"] == []


# --- admission, or supervision at the starts that have no hospital days -----------------------------------------------


@pytest.mark.parametrize(
    ("facts", "admission", "supervision"),
    [
        ({"cycle": 1, "day": 1}, (1, 9), None),
        ({"cycle": 1, "day": 9}, (9, 9), None),
        ({"cycle": 1, "day": 10}, None, None),
        ({"cycle": 2, "day": 1}, (1, 2), None),
        ({"cycle": 3, "day": 1}, None, "start of cycle 3"),
        ({"cycle": 3, "day": 2}, None, None),
        ({"cycle": 4, "day": 1}, None, "start of cycle 4"),
        ({"cycle": 1, "day": 3, "restart_interruption_hours": "5"}, (3, 9), None),
        ({"cycle": 1, "day": 12, "restart_interruption_hours": "4"}, None, "restart after 4 h interruption"),
        ({"cycle": 1, "day": 12, "restart_interruption_hours": "3.9"}, None, None),
        ({"cycle": 3, "day": 12, "restart_interruption_hours": "30"}, None, "restart after 30 h interruption"),
        ({"cycle": None, "day": 1}, None, None),
        ({"cycle": 3, "day": None}, None, None),
        ({"cycle": 3, "day": 1, "problems": (problem("permanent-stop", True),)}, None, None),
    ],
)
def test_hospital_days_give_an_admission_and_other_starts_supervision_never_both(
    facts: dict[str, Any], admission: tuple[int, int] | None, supervision: str | None, knowledge: Knowledge
) -> None:
    found = offers(knowledge, ordered("28", 10, **RELAPSED, **facts))
    stay = found["admission"]
    assert (stay and (stay["first_day"], stay["days"])) == admission
    assert (found["supervision"] and found["supervision"]["moment"]) == supervision


def test_supervision_is_not_offered_where_it_or_hospital_is_ordered(knowledge: Knowledge) -> None:
    third = ordered("28", **RELAPSED, cycle=3)
    assert offers(knowledge, third)["supervision"]["start"] == START.isoformat()
    for held in (
        requested("order.hospital-admission"),
        requested("encounter.inpatient"),
        requested(said="supervision"),
    ):
        assert offers(knowledge, with_requests(third, **held))["supervision"] is None


def test_a_test_ordered_in_words_is_not_ordered_again(knowledge: Knowledge) -> None:
    asked = ordered("28", status="remission-1", mrd_percent=None)
    held = requested(said="minimal residual disease, marrow")
    assert keys(offers(knowledge, asked)["tests"]) == ["mrd"]
    assert offers(knowledge, with_requests(asked, **held))["tests"] == []


def test_measures_are_never_offered_beside_a_changed_dose(knowledge: Knowledge) -> None:
    assert offers(knowledge, ordered("28"))["measures"] == []
    assert keys(offers(knowledge, ordered("28", weight_kg=None))["measures"]) == ["weight"]
    assert keys(offers(knowledge, ordered("28", height_cm=None))["measures"]) == ["height"]
    assert offers(knowledge, ordered("28", **{**ADULT, "height_cm": None}))["measures"] == [], "the dose is fixed"
