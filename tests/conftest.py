"""What many tests share: the knowledge, loaded once, and the switch that refreshes goldens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from cds_service.guidance import Guidance, advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import service_for, services
from cds_service.knowledge.library import Knowledge
from cds_service.parts import Parts, load_parts
from cds_service.settings import Settings
from fhir_fixtures import hook_calls
from tests.store_builders import new_database, postgresql_server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden from what is answered now")


@pytest.fixture(scope="session")
def parts() -> Parts:
    return load_parts(Settings())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new, empty database: a file, and where `tests/servers/postgres` runs, one of that server."""
    if request.param == "sqlite":
        yield str(tmp_path / "store.sqlite3")
        return
    with new_database(postgresql_server()) as url:
        yield url


@pytest.fixture(scope="session")
def knowledge(parts: Parts) -> Knowledge:
    return parts.knowledge


@pytest.fixture(scope="session")
def answers(parts: Parts) -> dict[str, Guidance]:
    """What every fixture call is answered, by its name."""
    offered = services(parts.settings.canonical_base)
    found = {}
    for name, body in hook_calls().items():
        service = service_for(body["hook"], offered)
        assert service is not None
        found[name] = advise(HookCall.parse(body, service=service), parts, today=date(2026, 11, 21))
    return found
