"""Documentation that cannot rot: commands, settings, flags and services are named where a reader looks for them."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from cds_service import http_server, slow_clients
from cds_service.__main__ import main
from cds_service.assess.assessment import assess
from cds_service.assess.criteria import KINDS
from cds_service.hooks.services import services
from cds_service.knowledge.library import Knowledge
from cds_service.parts import Parts
from cds_service.present.suggestions.words import KINDS as KINDS_OF_SUGGESTION
from cds_service.settings import Settings
from cds_service.web.json_body import MAX_DEPTH
from cds_service.web.size import MOST_PIECES
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


def test_the_wording_review_names_every_card_every_kind_of_suggestion_and_every_order_question(parts: Parts) -> None:
    named = set(re.findall(r"`([a-z0-9-]+)`", (ROOT / "docs/wording.md").read_text(encoding="utf-8")))
    assert {*parts.templates.by_id, *KINDS_OF_SUGGESTION, *parts.knowledge.questions.by_id} <= named


def test_the_changelog_sorts_changes_by_whom_they_concern() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", text, re.MULTILINE)[:4] == ["Policy", "Cards", "Interface", "Engine"]


THREATS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (ROOT / "docs/security.md").read_text(encoding="utf-8").splitlines()
    if "`tests/" in line and line.startswith("| ")
]


@pytest.mark.parametrize("row", THREATS, ids=lambda row: row[-1].strip("`").partition("::")[2])
def test_every_test_that_the_threat_model_names_is_there(row: list[str]) -> None:
    asset, threat, defence, proof = row
    assert asset
    assert threat
    assert defence
    file, name = proof.strip("`").split("::")
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_the_threat_model_has_a_row_for_each_part_of_the_house() -> None:
    assert len(THREATS) > 30
    proofs = {row[-1].strip("`").partition("::")[0] for row in THREATS}
    assert {"tests/test_outbound.py", "tests/test_cors.py", "tests/test_doors.py", "tests/test_privacy.py"} <= proofs
    assert any(proof.startswith("tests/test_trust") for proof in proofs)


def test_the_limits_of_the_security_page_are_those_of_the_code() -> None:
    page, settings = (ROOT / "docs/security.md").read_text(encoding="utf-8"), Settings()
    assert f"`max_entries` ({settings.max_entries:,})".replace(",", " ") in page
    assert f"`max_judged_orders` ({settings.max_judged_orders})" in page
    assert f"`fetch_deadline_seconds` ({settings.fetch_deadline_seconds} s)" in page
    assert f"first byte to its last | {slow_clients.REQUEST_SECONDS:.0f} s" in page
    assert f"has fetched it | {slow_clients.ANSWER_SECONDS:.0f} s" in page
    assert f"without a byte | {slow_clients.IDLE_SECONDS} s" in page
    assert f"more wait to be accepted | {slow_clients.CONNECTIONS} |" in page
    assert f"told to end | {slow_clients.UNFINISHED_SECONDS:.0f} s |" in page
    assert f"up to {http_server.SPOOLED} times `max_body_bytes`" in page
    assert f"{MOST_PIECES:,} commas and brackets".replace(",", " ") in page
    assert f"deeper than {MAX_DEPTH} levels" in page
