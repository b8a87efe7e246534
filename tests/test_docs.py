"""Documentation that cannot rot: commands, settings, flags and services are named where a reader looks for them."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cds_service.__main__ import main
from cds_service.assess.assessment import assess
from cds_service.assess.criteria import KINDS
from cds_service.hooks.services import services
from cds_service.knowledge.library import Knowledge
from cds_service.settings import Settings
from tests.case_builders import case

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands(group: click.Group, before: str = "") -> list[str]:
    found = []
    for name, command in group.commands.items():
        found += _commands(command, f"{before}{name} ") if isinstance(command, click.Group) else [before + name]
    return found


@pytest.mark.parametrize("command", _commands(main))
def test_the_readme_names_every_command(command: str) -> None:
    assert f"blinatumomab-cds {command}" in README


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_readme_names_every_setting_with_its_default(name: str) -> None:
    assert f"`{name}`" in README


@pytest.mark.parametrize("service", services("https://example.org"), ids=lambda service: str(service.id))
def test_the_readme_names_every_service(service: object) -> None:
    assert getattr(service, "id") in README  # noqa: B009


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_policy_format_page_names_every_kind_of_condition(kind: str) -> None:
    assert f"`{kind}`" in (ROOT / "docs/policy-format.md").read_text(encoding="utf-8")


def test_every_flag_is_documented(knowledge: Knowledge) -> None:
    documented = set(re.findall(r"`([a-z0-9-]+)`", (ROOT / "docs/assessment.md").read_text(encoding="utf-8")))
    given = [
        {},
        {"status": "relapsed", "phase": "consolidation"},
        {"status": None, "cycle": None, "weight_kg": None, "dose": "60"},
        {"dose": "35", "lineage": None, "matched_by": "text"},
        {"status": "maintenance", "payer": "other", "birth": "2003-01-01"},
    ]
    for facts in given:
        flags = assess(case(**facts), knowledge, Settings())["flags"]
        assert {flag for flag in flags if not flag.startswith("conflict-")} <= documented


def test_the_changelog_sorts_changes_by_whom_they_concern() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", text, re.MULTILINE)[:4] == ["Policy", "Cards", "Interface", "Engine"]
