"""What the premedication, monitoring, safety and record cards say."""

from __future__ import annotations

import pytest

from cds_service.hooks.services import services
from cds_service.present.unread import SEARCHES
from tests.card_reading import card_about, cards_for, first_lines, topic
from tests.document_builders import document, safety

PREMEDICATION = {
    "due and not ordered": (
        {"applies_now": True, "already_ordered": "no"},
        "warning",
        "due at this start, dexamethasone 4.9 mg IV or PO; no order for it found",
    ),
    "due and ordered": (
        {"applies_now": True, "already_ordered": "yes"},
        "info",
        "due at this start, dexamethasone 4.9 mg IV or PO; an order for it is on file",
    ),
    "later": (
        {"applies_now": False, "times": ["day 8 step"]},
        "info",
        "dexamethasone 4.9 mg IV or PO; not at this start, but at: day 8 step",
    ),
    "open": ({"applies_now": None}, "info", "whether it is due at this start is open"),
    "no row": (
        {"label_row": False, "agent": None, "applies_now": None},
        "info",
        "the label row is not known yet, state use and phase; follow the protocol",
    ),
    "no area": ({"dose_mg": None}, "warning", "dexamethasone 5 mg/m² IV or PO"),
}


@pytest.mark.parametrize("name", PREMEDICATION)
def test_premedication_says_what_is_due_and_whether_it_is_ordered(name: str) -> None:
    changes, indicator, expected = PREMEDICATION[name]
    card = card_about("premedication", document(premedication=changes))
    assert card["indicator"] == indicator
    assert expected in card["summary"]


@pytest.mark.parametrize("ordered", ["no", "yes", "unknown"])
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("premedication-allergy", "a reaction to a steroid is on record"),
        ("pancreatitis", "pancreatitis is on record"),
    ],
)
def test_a_steroid_is_never_called_due_before_what_speaks_against_it(code: str, says: str, ordered: str) -> None:
    due = {"applies_now": True, "already_ordered": ordered}
    card = card_about("premedication", document(premedication=due, safety=[safety(code, says)]))
    assert card["indicator"] == "warning"
    assert says in card["summary"]
    assert "due at this start" not in card["summary"]
    assert card["detail"].startswith("- **Settle first with the treating team**")
    clear = card_about(
        "premedication", document(premedication=due, safety=[safety(code, says, status="clear", severity="info")])
    )
    assert "due at this start" in clear["summary"]


HOSPITAL = {
    "this cycle": ({"this_cycle_days": 9}, "first 9 days of this cycle in hospital"),
    "start on day 9": (
        {"this_cycle_days": 9, "days_left": 1, "start_day": 9},
        "first 9 days of this cycle in hospital",
    ),
    "start on day 10": (
        {"this_cycle_days": 9, "days_left": 0, "start_day": 10},
        "supervision or hospital at each start and restart",
    ),
    "new cycle after a long interruption": (
        {"this_cycle_days": 9, "days_left": None, "start_day": 12, "new_cycle": True},
        "in hospital cycle 1 first 3 days, cycle 2 first 2",
    ),
    "start day unknown": ({"this_cycle_days": 9, "days_left": None}, "first 9 days of this cycle in hospital"),
    "third cycle": ({"this_cycle_days": 0}, "supervision or hospital at each start and restart"),
    "cycle unknown": ({"this_cycle_days": None}, "in hospital cycle 1 first 3 days, cycle 2 first 2"),
    "no row": (
        {"label_row": False, "this_cycle_days": None, "cycle1_days": None, "cycle2_days": None, "otherwise": None},
        "hospital days follow the protocol",
    ),
}


@pytest.mark.parametrize("name", HOSPITAL)
def test_monitoring_says_the_hospital_days_of_this_cycle(name: str) -> None:
    changes, expected = HOSPITAL[name]
    card = card_about("monitoring", document(hospitalisation=changes))
    assert card["indicator"] == "info"
    assert expected in card["summary"]
    assert "CTCAE grade" in card["detail"]


def test_a_restart_after_the_hospital_days_is_told_what_holds_at_the_restart_first() -> None:
    over = {"this_cycle_days": 9, "days_left": 0, "start_day": 12}
    detail = card_about("monitoring", document(hospitalisation=over))["detail"]
    assert detail.startswith(
        "- **At each start and restart of this cycle: supervision by a professional, or in hospital**"
    )
    assert "The hospital days are the first 9 of this cycle; this order starts after them" in detail


def test_safety_puts_the_patient_first_by_severity_and_the_list_for_all_behind() -> None:
    items = [
        safety("counts", "Counts", status="for-all", severity="info", short="counts"),
        safety("infection", "Infection", says="An infection is on record", confirm=True),
        safety("hypersensitivity", "Allergy", severity="critical", says="A confirmed allergy is on record"),
        safety("pregnancy", "Pregnancy", status="unknown", severity="info", says="Pregnancy status is not verified"),
    ]
    card = card_about("safety", document(safety=items))
    assert card["summary"] == "Blinatumomab, safety: a confirmed allergy is on record; 1 more"
    positions = [
        card["detail"].index(text)
        for text in ("Critical, Allergy", "Warning, Infection", "Ask or look for", "- Also: counts")
    ]
    assert positions == sorted(positions)
    assert "an infection is on record (label 5) (to be confirmed by a pharmacist)." in card["detail"]


def test_selecting_hears_of_a_contraindication_but_not_of_the_list() -> None:
    grave = document(hook="order-select", safety=[safety("hypersensitivity", "Allergy", severity="critical")])
    assert card_about("safety", grave, hook="order-select")["indicator"] == "critical"
    assert "safety" not in [topic(card) for card in cards_for(document(), hook="order-select")]


def test_what_could_not_be_read_is_said_once_however_many_orders() -> None:
    unreadable = [{"reference": f"Observation/{n}", "why": "no unit"} for n in range(10)]
    first = document(unreadable=unreadable)
    cards = [card for card in cards_for(first, document(unreadable=unreadable)) if topic(card) == "record"]
    assert len(cards) == 1
    assert "10 entries" in cards[0]["summary"]
    assert "Observation/7" in cards[0]["detail"]
    assert "Observation/8" not in cards[0]["detail"]
    assert "and 2 more" in cards[0]["detail"]


def test_searches_that_failed_for_one_reason_stand_on_one_line_in_plain_words() -> None:
    late = "could not be read: the FHIR server did not answer in time"
    failed = [{"reference": key, "why": late} for key in ("practitionerRoles", "vitals", "laboratory")]
    weight = {"reference": "Observation/weight", "why": "no unit"}
    card = card_about("record", document(unreadable=[*failed, weight]))
    assert "4 parts of the record" in card["summary"]
    line = f"- the prescriber's roles, weight, height and surface area, laboratory results: {late}.\n"
    assert line in card["detail"].replace("\\", "")
    assert "- Observation/weight: no unit." in card["detail"]
    assert "practitionerRoles" not in card["detail"]


def test_every_search_that_may_fail_has_its_words() -> None:
    keys = {key for service in services("https://example.org/fhir") for key in service.prefetch}
    assert set(SEARCHES) == keys


def test_an_entry_that_was_read_in_part_is_not_said_to_be_left_out() -> None:
    old_order = [{"reference": "MedicationRequest/rx", "why": "is a MedicationOrder, read as far as it goes"}]
    card = card_about("record", document(unreadable=old_order))
    assert "left out" not in card["detail"]
    assert first_lines(card, 2) == (
        "- **1 entry could not be used, or only in part**; the lines below say why.\n"
        "- What could not be used counts as unknown, not as absent."
    )


def test_an_unreadable_order_is_a_warning() -> None:
    own = [{"reference": "MedicationRequest/blinatumomab-1", "why": "no dose"}]
    assert card_about("record", document(unreadable=own))["indicator"] == "warning"


def test_an_open_point_that_is_grave_leads_before_a_mere_note() -> None:
    items = [
        safety("preserved-bag-weight", "Bag", severity="info", says="A preserved bag is ordered"),
        safety("pregnancy", "Pregnancy", status="unknown", severity="warning", says="Pregnancy is not verified"),
    ]
    card = card_about("safety", document(safety=items))
    assert card["summary"] == "Blinatumomab, safety: pregnancy is not verified"
    assert card["detail"].startswith("- **Open, Pregnancy**")


def test_the_list_for_everyone_stands_by_theme_with_each_citation_once() -> None:
    items = [
        safety("pump", "Pump", status="for-all", severity="info", short="Pump", citation="label, use: pump"),
        safety("line-flush", "Line", status="for-all", severity="info", short="No flush", citation="label, use: line"),
    ]
    assert (
        "- Preparation, pump and line: Pump. No flush (label, use: pump, line)."
        in (card_about("safety", document(safety=items))["detail"])
    )


@pytest.mark.parametrize(("track", "said"), [("none", "has no row for this use"), (None, "row is not known yet")])
def test_no_row_for_the_use_and_a_row_not_known_yet_are_told_apart(track: str | None, said: str) -> None:
    without = document(
        dose={"track": track},
        premedication={"label_row": False, "agent": None, "applies_now": None},
        hospitalisation={"label_row": False, "this_cycle_days": None, "cycle1_days": None, "cycle2_days": None},
    )
    for name in ("premedication", "monitoring"):
        assert said in card_about(name, without)["summary"]


def test_every_moment_of_the_premedication_stands_in_the_first_lines() -> None:
    changes = {"times": ["start of cycle 1", "day 8 step"], "times_without_order": ["day 8 step"]}
    card = card_about(
        "premedication", document(premedication={**changes, "applies_now": True, "already_ordered": "no"})
    )
    assert "Due in this order: start of cycle 1; day 8 step (no order found)." in first_lines(card)


@pytest.mark.parametrize(
    ("name", "shortened"),
    [
        ("this cycle", "first 9 days of this cycle in hospital"),
        ("start on day 10", "supervision or hospital at each start and restart"),
        ("third cycle", "supervision or hospital at each start and restart"),
        ("cycle unknown", "hospital days open, see cycle"),
        ("no row", "hospital days follow the protocol"),
    ],
)
def test_beside_other_orders_the_headline_still_says_what_is_open_about_the_hospital_days(
    name: str, shortened: str
) -> None:
    open_cycle, other = (document(hospitalisation=HOSPITAL[each][0]) for each in ("cycle unknown", name))
    summaries = [card["summary"] for card in cards_for(open_cycle, other) if topic(card) == "monitoring"]
    assert any(shortened in summary for summary in summaries), summaries
    assert all(len(summary) < 140 for summary in summaries)
