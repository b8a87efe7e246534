"""What many tests share: the knowledge, loaded once, and the switch that refreshes goldens."""

from __future__ import annotations

import pytest

from cds_service.knowledge.library import Knowledge
from cds_service.parts import Parts, load_parts
from cds_service.settings import Settings


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what is answered now")


@pytest.fixture(scope="session")
def parts() -> Parts:
    return load_parts(Settings())


@pytest.fixture(scope="session")
def knowledge(parts: Parts) -> Knowledge:
    return parts.knowledge
