"""The policy, paragraph by paragraph, on cases a clinician can read (tests/scenarios/*.toml)."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from cds_service.assess.assessment import assess
from cds_service.facts.model import Fact
from cds_service.knowledge.library import Knowledge
from cds_service.settings import Settings
from tests.case_builders import case, step

FOLDER = Path(__file__).parent / "scenarios"
NOW, THEN = "2025-09-05", "2025-02-20"
EXPECTATIONS = {"now": NOW, "then": THEN}


def _scenarios() -> list[Any]:
    found = []
    for file in sorted(FOLDER.glob("*.toml")):
        table = tomllib.loads(file.read_text(encoding="utf-8"))
        for scenario in table["scenario"]:
            found.append(pytest.param({**table["standing"], **scenario}, id=f"{file.stem}: {scenario['name']}"))
    return found


def _case(scenario: dict[str, Any]) -> Any:
    facts = {key: value for key, value in scenario.items() if key not in ("name", "now", "then", "only", "differs")}
    dose = facts.pop("dose", "28")
    facts = {key: Fact() if value == "unknown" else value for key, value in facts.items()}
    if isinstance(facts.get("mrd_percent"), Fact):
        facts["mrd_percent"] = None
    if "as_of" in facts:
        facts["as_of"] = date.fromisoformat(facts["as_of"])
    if dose == "unreadable":
        return case(steps=(step(None, problem="volume rate"),), **facts)
    return case(dose=dose, **facts)


@pytest.mark.parametrize("scenario", _scenarios())
def test_the_paragraphs_come_to_what_the_scenario_says(scenario: dict[str, Any], knowledge: Knowledge) -> None:
    document = assess(_case(scenario), knowledge, Settings())

    editions = {policy["version"]: policy for policy in document["policies"]}
    expected = {EXPECTATIONS[key]: scenario[key] for key in EXPECTATIONS if key in scenario}
    if "only" in scenario:
        expected = {THEN: scenario["only"]}
    assert expected, "a scenario says what it expects"
    for version, wanted in expected.items():
        assert {name: _found(editions[version], name) for name in wanted} == wanted, version
    if "differs" in scenario:
        assert set(scenario["differs"]) <= set(document["policy_difference"]["criteria"])
        assert document["policy_difference"]["changes_result"]


def _found(policy: dict[str, Any], name: str) -> Any:
    special = {"overall": "overall", "route": "route", "months": "approval_duration_months"}
    if name in special:
        return policy[special[name]]
    if name == "section":
        return policy["section"] or "none"
    if name == "contested":
        return next((item["criterion"] for item in policy["contested"] if item["decides"]), None)
    return policy["criteria"][name]["status"]


def test_every_computed_paragraph_is_seen_met_and_not_met_in_each_edition(knowledge: Knowledge) -> None:
    seen: dict[tuple[str, str], set[str]] = {}
    for parameter in _scenarios():
        document = assess(_case(parameter.values[0]), knowledge, Settings())
        for policy in document["policies"]:
            for name, criterion in policy["criteria"].items():
                seen.setdefault((policy["version"], name), set()).add(criterion["status"])

    footnotes = ("I.A.5.fn", "II.A.3.fn")  # never not met: everything else is review
    literature = ("I.A.5.b", "II.A.3.b")  # a person weighs the evidence: never met
    one_sided = {
        key: statuses
        for key, statuses in seen.items()
        if not {"review" if key[1] in literature else "met", "review" if key[1] in footnotes else "not_met"} <= statuses
    }
    assert one_sided == {}
