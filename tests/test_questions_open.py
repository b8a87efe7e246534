"""Which order questions are open: exactly those on which a finding hangs, on the document and on each card."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from cds_service.assess.assessment import assess
from cds_service.facts.model import Evidence, Fact
from cds_service.guidance import Guidance, advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import service_for, services
from cds_service.knowledge.library import Knowledge
from cds_service.parts import Parts
from cds_service.settings import Settings
from fhir_fixtures import hook_calls
from tests.case_builders import case
from tests.form_links import form_link, with_secret

TODAY = date(2026, 11, 21)
FORM = "https://cds.hospital.example/questions"
MRD = {"mrd-availability", "mrd-result", "mrd-date", "mrd-specimen"}
SETTLED = {"prescriber": "qualifying", "phase": "consolidation", "bcr_abl1": "negative", "bcr_abl1_like": "negative"}
SETTLED |= {"payer": "lhcc", "infusion_bag": "24h-preservative-free", "request_type": "initial", "birth": "2016-05-01"}
SECTION_II: dict[str, Any] = {"request_type": "continuation", "response": "responding", "paid_by_this_plan": True}
SECTION_II |= {"dose_increase": False}
CHART_CONFLICT: Fact[str] = Fact(None, (Evidence("Condition/1", "Diagnosis"),), conflict=True)
ANSWER_CONFLICT: Fact[str] = Fact(None, (Evidence("QuestionnaireResponse/1", "Lineage"),), conflict=True)
CRS: dict[str, Any] = {"restart_reason": "crs", "toxicity_grade": 3, "toxicity_scale": "ctcae", "toxicity_grade_now": 0}
NEURO: dict[str, Any] = {**CRS, "restart_reason": "neurotoxicity", "toxicity_grade_now": 1}


def opened(knowledge: Knowledge, **facts: Any) -> dict[str, list[str]]:
    """linkId -> what it settles, for a case in which everything else is settled."""
    document = assess(case(**{"dose": "14.81", **SETTLED, **facts}), knowledge, Settings())
    return {item["link_id"]: item["settles"] for item in document["questions"]}


def test_nothing_is_asked_where_everything_is_settled(knowledge: Knowledge) -> None:
    assert opened(knowledge) == {}


SCENARIOS: list[tuple[str, dict[str, Any], set[str]]] = [
    ("an unknown prescriber asks for the consultation", {"prescriber": None}, {"specialist-consulted"}),
    (
        "a prescriber of another specialty, consultation denied",
        {"prescriber": "ask", "specialist_consulted": False},
        set(),
    ),
    ("a use that is met by one path asks nothing of the others", {"regimen": "single-agent", "kmt2a": None}, set()),
    ("an unknown lineage", {"lineage": None}, {"lineage"}),
    ("a lineage on which the chart disagrees is not settled by an answer", {"lineage": CHART_CONFLICT}, set()),
    ("two answers that disagree are settled by a third", {"lineage": ANSWER_CONFLICT}, {"lineage"}),
    ("a mixed phenotype is answered", {"lineage": "mixed"}, set()),
    ("an unknown CD19", {"cd19": None}, {"cd19-blasts", "cd19-date"}),
    ("a negative CD19 is known", {"cd19": "negative"}, set()),
    ("an unknown MRD, in remission", {"mrd_percent": None, "phase": None}, {*MRD, "treatment-phase"}),
    ("an MRD that a limb does not need", {"mrd_percent": None}, set()),
    ("cycle and day", {"cycle": None, "day": None}, {"cycle", "day"}),
    ("the day alone", {"day": None}, {"day"}),
    (
        "an unsafe bag for a small child",
        {"weight_kg": "4", "height_cm": "54", "infusion_bag": None, "dose": "3.6"},
        {"infusion-bag"},
    ),
    ("a bag that no limit touches", {"weight_kg": "60", "height_cm": "165", "infusion_bag": None, "dose": "28"}, set()),
    ("a dose above the policy's maximum", {"weight_kg": "60", "dose": "30"}, {"supporting-literature"}),
    ("a dose above it, evidence sent", {"weight_kg": "60", "dose": "30", "supporting_literature": True}, set()),
    (
        "18 to 30 years, in combination",
        {
            "birth": "2004-05-01",
            "regimen": "combination-other",
            "mrd_percent": None,
            "mrd_reported": "negative",
            "childbearing_potential": False,
        },
        {"treatment-setting"},
    ),
    (
        "18 to 30 years, where the setting changes nothing",
        {"birth": "2004-05-01", "childbearing_potential": False},
        set(),
    ),
    ("another payer asks nothing for coverage", {"payer": "other", "prescriber": None, "lineage": None}, set()),
    ("continued therapy, settled", SECTION_II, set()),
    ("continued therapy, response unknown", {**SECTION_II, "response": None}, {"response"}),
    ("continued therapy, not yet assessed is an answer", {**SECTION_II, "response": "not-yet-assessed"}, set()),
    (
        "continued therapy, who paid",
        {**SECTION_II, "paid_by_this_plan": None},
        {"paid-by-this-plan", "current-use-documented", "first-dose-date"},
    ),
    ("continued therapy, nobody said whether the dose rises", {**SECTION_II, "dose_increase": None}, {"dose-increase"}),
    ("initial or continued", {**SECTION_II, "request_type": None, "earlier_blinatumomab": True}, {"request-type"}),
    (
        "a restart of unknown length",
        {"restart_reason": "administrative", "phase": None, "day": 3},
        {"restart-interruption-hours"},
    ),
    ("CRS resolved, all told", CRS, set()),
    ("CRS, grade now unknown", {**CRS, "toxicity_grade_now": None}, {"toxicity-grade-now"}),
    ("CRS, no scale", {**CRS, "toxicity_scale": None}, {"toxicity-scale"}),
    ("CRS graded by ASTCT is answered, though not usable", {**CRS, "toxicity_scale": "astct"}, set()),
    (
        "neurotoxicity of grade 3",
        NEURO,
        {"toxicity-days-to-resolve", "toxicity-days-at-grade-1-or-less", "toxicity-at-step-dose", "seizures"},
    ),
]


@pytest.mark.parametrize(("says", "facts", "asked"), SCENARIOS, ids=[says for says, *_ in SCENARIOS])
def test_exactly_what_a_finding_hangs_on_is_asked(
    says: str, facts: dict[str, Any], asked: set[str], knowledge: Knowledge
) -> None:
    answered = {"toxicity-scale"} if facts.get("toxicity_scale") == "astct" else set()
    assert set(opened(knowledge, **facts)) - answered == asked


def test_a_question_names_the_lowest_paragraphs_it_settles(knowledge: Knowledge) -> None:
    found = opened(knowledge, bcr_abl1=None, bcr_abl1_like=None, mrd_percent=None)
    assert found["bcr-abl1"] == ["I.A.4.b.ii", "I.A.4.c.i", "I.A.5.fn", "dose"]


def test_an_answer_in_use_is_not_asked_for_again(knowledge: Knowledge) -> None:
    unknown = case(**{"dose": "14.81", **SETTLED, "cd19": None})
    whole = assess(unknown, knowledge, Settings())["questions"]
    answered = type(unknown)(
        unknown.patient, unknown.course, unknown.order, unknown.as_of, (), frozenset({"cd19-blasts", "cd19-date"})
    )
    assert {item["link_id"] for item in whole} == {"cd19-blasts", "cd19-date"}
    assert assess(answered, knowledge, Settings())["questions"] == []


# --- over every fixture -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def answers(parts: Parts) -> dict[str, Guidance]:
    offered = services(parts.settings.canonical_base)
    asking = with_secret(parts, public_url="https://cds.hospital.example")
    found = {}
    for name, body in hook_calls().items():
        service = service_for(body["hook"], offered)
        assert service is not None
        found[name] = advise(HookCall.parse(body, service=service), asking, today=TODAY)
    return found


def test_what_a_question_settles_is_what_its_entry_in_the_file_says(
    answers: dict[str, Guidance], knowledge: Knowledge
) -> None:
    for name, guidance in answers.items():
        for document in guidance.assessments:
            for item in document["questions"]:
                question = knowledge.questions.by_id[item["link_id"]]
                for topic in item["settles"]:
                    listed = any(topic == each or topic.startswith(f"{each}.") for each in question.settles)
                    parts_of_label = topic in ("dose", "premedication", "hospitalisation") or topic.startswith(
                        "safety."
                    )
                    assert listed or topic == "section" or (parts_of_label and question.label), (name, item)


def test_a_criterion_that_is_settled_asks_nothing(answers: dict[str, Guidance]) -> None:
    for name, guidance in answers.items():
        for document in guidance.assessments:
            current = [policy for policy in document["policies"] if policy["role"] == "current"]
            open_ = {
                criterion
                for policy in current
                for criterion, found in policy["criteria"].items()
                if found["status"] in ("unknown", "review")
            } | {clause["criterion"] for policy in current for clause in policy["contested"]}
            asked = {topic for item in document["questions"] for topic in item["settles"]}
            assert {topic for topic in asked if topic.startswith(("I.", "II."))} <= open_, name


def test_a_card_names_and_links_the_questions_it_hangs_on_and_no_others(answers: dict[str, Guidance]) -> None:
    guidance = answers["order-sign--dose-cycle-not-answered"]
    linked = {
        card["source"]["label"]: [link["url"] for link in card.get("links", ()) if link["url"].startswith(FORM)]
        for card in guidance.response["cards"]
    }
    details = {card["summary"]: card["detail"] for card in guidance.response["cards"]}
    assert sorted(url for urls in linked.values() for url in urls)[:1] == [f"{FORM}{form_link('cycle', TODAY)}"]
    assert sum("Order questions still open" in detail for detail in details.values()) == 4
    assert any("Order questions still open: cycle; day of the cycle" in detail for detail in details.values())


def test_a_link_holds_link_ids_and_nothing_else(answers: dict[str, Guidance], knowledge: Knowledge) -> None:
    seen = 0
    for guidance in answers.values():
        for card in guidance.response["cards"]:
            for link in card.get("links", ()):
                if not link["url"].startswith(FORM):
                    continue
                seen += 1
                assert link["type"] == "absolute"
                asked, until, _sign = re.fullmatch(
                    rf"{re.escape(FORM)}\?q=([a-z0-9,-]+)&until=([0-9-]+)&sign=([\w-]{{24}})", link["url"]
                ).groups()  # type: ignore[union-attr]
                assert set(asked.split(",")) <= set(knowledge.questions.by_id)
                assert until == "2026-11-22"
                assert link["url"] == f"{FORM}{form_link(asked, TODAY)}"
                assert len(link["url"]) < 480
    assert seen > 40


def test_without_a_public_address_no_card_links_to_the_form(parts: Parts) -> None:
    body = hook_calls()["order-sign--dose-cycle-not-answered"]
    service = service_for(body["hook"], services(parts.settings.canonical_base))
    assert service is not None
    guidance = advise(HookCall.parse(body, service=service), parts, today=TODAY)
    assert "questions?q=" not in str(guidance.response)
    assert "Order questions still open" in str(guidance.response)


def test_before_there_is_a_dose_nothing_is_asked_that_waits_for_it(answers: dict[str, Guidance]) -> None:
    cards = answers["order-select--record-order-select-without-dose"].response["cards"]
    assert "supporting-literature" not in str(cards)
