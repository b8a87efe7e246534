"""The lock file: everything that pyproject.toml needs, in a version it allows, with hashes, from no named registry."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PINNED = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)(?:\[[a-z,]+\])?==([^\s;]+)", LOCK, re.MULTILINE))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NEEDED = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["postgresql"]]


@pytest.mark.parametrize("needed", NEEDED)
def test_what_the_project_needs_is_locked_in_a_version_it_allows(needed: str) -> None:
    requirement = Requirement(needed)
    assert PINNED[canonicalize_name(requirement.name)] in requirement.specifier


def test_every_pinned_package_has_hashes_and_nothing_is_unpinned() -> None:
    blocks = [block for block in re.split(r"\n(?=[a-z0-9])", LOCK) if not block.startswith("#")]
    assert len(blocks) == len(PINNED) > 20
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_no_registry_is_named() -> None:
    assert not re.search(r"https?://|--index|--extra-index|--find-links|--trusted", LOCK)
