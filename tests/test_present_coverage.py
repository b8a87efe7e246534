"""What the coverage cards say first, and what they never leave out."""

from __future__ import annotations

import pytest

from cds_service.present import words
from tests.card_reading import card_about, cards_for, first_lines, topic
from tests.document_builders import CURRENT, PREVIOUS, criterion, document, merged, policy


def test_the_first_patient_goes_to_review_for_the_footnote_only() -> None:
    card = card_about("coverage", document())
    assert card["summary"] == "Blinatumomab: 5 of 6 criteria of LA.PHAR.312 met, 1 for review (I.A.5.fn)"
    assert "I.A.5.fn" in first_lines(card)
    assert "| Labelled or guideline-listed regimen | for review | – | I.A.5.fn |" in card["detail"]
    assert "MRD, marrow: 0.5 % (2025-09-20)" in card["detail"]


def test_the_missing_approval_stands_on_every_coverage_card_of_the_newer_edition() -> None:
    for hook in ("order-sign", "order-select"):
        assert CURRENT["banner"].rstrip(".") in card_about("coverage", document(), hook=hook)["detail"]
    bannerless = document(policies=[policy(banner=None)])
    assert "LDH approval not shown" in card_about("coverage", bannerless)["detail"]
    alone = document(policies=[policy(version="2025-02-20", approval_shown="2025-05-19", banner=None)])
    card = card_about("coverage", alone)
    assert "not shown" not in card["detail"] + card["source"]["label"]


def test_months_are_said_only_with_all_criteria_met_and_never_as_a_decision() -> None:
    met = policy(overall="criteria_met", approval_duration_months=6, decisive=[], counts={"met": 6, "review": 0})
    card = card_about("coverage", document(policies=[met]))
    assert card["summary"].endswith("6 of 6 criteria of LA.PHAR.312 met; if the plan agrees: 6 months")
    assert card["indicator"] == "info"
    assert "months" not in card_about("coverage", document(policies=[policy(approval_duration_months=6)]))["summary"]


@pytest.mark.parametrize(("days", "said"), [(168, False), (210, True)])
def test_a_course_longer_than_the_months_says_to_plan_the_renewal(days: int, said: bool) -> None:
    met = policy(overall="criteria_met", approval_duration_months=6)
    card = card_about("coverage", document(policies=[met], dose={"course": {"days": days}}))
    assert ("plan the renewal" in card["detail"]) is said


def test_not_met_names_the_paragraph_its_reason_and_the_route() -> None:
    criteria = {**CURRENT["criteria"], "I.A.1": criterion("B-ALL", "not_met", "T-lineage disease only")}
    refused = policy(
        overall="criteria_not_met",
        decisive=["I.A.1"],
        criteria=criteria,
        route="LA.PMN.53",
        route_says="Uses not listed go by the off-label policy.",
        counts={"met": 4, "not_met": 1, "review": 1},
    )
    card = card_about("coverage", document(policies=[refused]))
    assert card["indicator"] == "warning"
    assert "I.A.1, B-ALL: not met, because T-lineage disease only" in first_lines(card)
    assert "go by LA.PMN.53: uses not listed go by the off-label policy" in first_lines(card)


def test_what_is_missing_is_said_with_what_settles_it() -> None:
    missing = [
        {"criteria": ["I.A.2"], "settled_by": "The prescriber's specialty"},
        {"criteria": ["I.A.4"], "settled_by": "MRD result with date"},
    ]
    open_policy = policy(overall="insufficient_information", missing=missing, decisive=["I.A.2", "I.A.4"])
    card = card_about("coverage", document(policies=[open_policy]))
    assert "Needed next: the prescriber's specialty (I.A.2)" in first_lines(card)
    assert "- I.A.4, Use: MRD result with date." in card["detail"]


READINGS = [{"name": "no condition", "status": "met"}, {"name": "MRD-positive only", "status": "not_met"}]


@pytest.mark.parametrize("statuses", [("met", "not_met"), ("met", "met")])
def test_a_contested_clause_shows_both_readings_where_they_differ(statuses: tuple[str, str]) -> None:
    readings = [{**reading, "status": status} for reading, status in zip(READINGS, statuses, strict=True)]
    clause = {"criterion": "I.A.4.b.ii", "readings": readings, "question": "Is MRD asked for?", "decides": True}
    card = card_about("coverage", document(policies=[policy(contested=[clause])]))
    both = '"no condition": met; "MRD-positive only": not met. Question to the payer: Is MRD asked for?'
    assert (both in card["detail"]) is (statuses[0] != statuses[1])


def test_both_editions_are_shown_where_they_differ_and_only_there() -> None:
    details = [{"criterion": "I.A.4.c.i", "current": "met", "previous": "not_met"}]
    differs = {"changes_result": True, "criteria": ["I.A.4.c.i"], "details": details}
    before = merged(PREVIOUS, {"overall": "criteria_not_met"})
    shown = card_about("coverage", document(policies=[CURRENT, before], policy_difference=differs))["detail"]
    assert "review of 2025-02-20, LDH approval 2025-05-19): Criteria not met, a different result" in shown
    assert "- I.A.4.c.i: now met, before not met." in shown
    assert "Edition before" not in card_about("coverage", document())["detail"]


def test_another_payer_gets_no_policy_verdict_but_dose_and_safety() -> None:
    other = policy(applies="no", overall=None, section=None, criteria={}, counts={}, decisive=[], not_computed=[])
    topics = [topic(card) for card in cards_for(document(policies=[other], policy_difference=None))]
    assert "coverage" not in topics
    assert {"dose", "safety"} <= set(topics)


def test_an_unknown_payer_is_shown_as_if_insured() -> None:
    card = card_about("coverage", document(policies=[policy(applies="unknown")]))
    assert "if insured by Louisiana Healthcare Connections" in card["summary"]
    assert "if insured by Louisiana Healthcare Connections" in first_lines(card, 1)


def test_before_the_first_edition_there_is_a_card_that_says_so() -> None:
    card = card_about("coverage", document(as_of="2025-01-10", policies=[], policy_difference=None))
    assert card["indicator"] == "info"
    assert "no edition of the coverage policy on file for 2025-01-10" in card["summary"]


def test_an_unknown_section_is_no_tally() -> None:
    unknown = policy(section=None, overall="insufficient_information", decisive=["section"], counts={"met": 8})
    card = card_about("coverage", document(policies=[unknown]))
    assert "8 of" not in card["summary"]
    assert "initial or continued request not known" in card["summary"]


def test_many_paths_not_met_stand_in_a_list_below_and_none_is_cut_off() -> None:
    reason = "; ".join(f"I.A.4.{letter}: reason {letter}, told at length" for letter in "abcde")
    criteria = {**CURRENT["criteria"], "I.A.4": criterion("Requested use", "not_met", reason)}
    refused = policy(overall="criteria_not_met", decisive=["I.A.4"], criteria=criteria)
    card = card_about("coverage", document(policies=[refused]))
    assert "I.A.4, Requested use: not met on each of its paths, listed below." in first_lines(card)
    for letter in "abcde":
        assert f"- I.A.4.{letter}: reason {letter}, told at length." in card["detail"]


def test_a_question_is_put_once_with_each_paragraph_named_once() -> None:
    missing = [{"criteria": ["I.A.4", "I.A.4"], "settled_by": "MRD result"}, {"criteria": ["section"], "what": None}]
    card = card_about("coverage", document(policies=[policy(overall="insufficient_information", missing=missing)]))
    assert "I.A.4, I.A.4" not in card["detail"]
    assert "section:" not in card["detail"]


def test_a_row_with_the_evidence_of_the_row_below_points_there() -> None:
    detail = card_about("coverage", document())["detail"]
    assert detail.count("MRD, marrow: 0.5 % (2025-09-20)") == 1


def test_machine_codes_and_unit_codes_do_not_reach_the_reader() -> None:
    item = {"reference": "Observation/1", "what": "Weight", "value": "99.2 [lb_av]", "date": "2025-09-28"}
    coded = {**item, "what": "Diagnosis", "value": "B-cell leukemia (277572006), remission"}
    assert (
        words.evidence([item, coded])
        == "Weight: 99.2 lb (2025-09-28); Diagnosis: B-cell leukemia, remission (2025-09-28)"
    )
