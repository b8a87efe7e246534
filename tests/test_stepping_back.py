"""`database downgrade`: the schema goes back, what has a place there stays, and what is lost is told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from cds_service.__main__ import main
from cds_service.store import Store
from tests.store_builders import decided

VERSIONS = Path(__file__).parents[1] / "cds_service/store/migrations/versions"
REVISIONS = sorted(file.name.partition("_")[0] for file in VERSIONS.glob("*.py"))
NEWEST = REVISIONS[-1]


def filled(database: str) -> None:
    with closing(Store(database)) as store:
        store.prepare()
        store.record_decisions([decided("d-1"), decided("d-2")])


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["database", *arguments])


def schema_and_decisions(database: str) -> tuple[str, int]:
    with closing(Store(database, create=False, migrate=False)) as store, store._engine.connect() as connection:
        schema = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
        return schema, connection.execute(text("SELECT count(*) FROM decisions")).scalar_one()


def test_the_schemas_are_numbered_in_their_order() -> None:
    assert [f"{number:04}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS


@pytest.mark.parametrize("to", REVISIONS[:-1])
def test_the_schema_goes_back_and_forth_and_the_decisions_stay(to: str, database: str) -> None:
    filled(database)
    told = run("downgrade", "--database", database, "--to", to)
    assert told.exit_code == 0, told.output
    assert f"schema {to}" in told.output
    assert len(told.output.splitlines()) == 1 + int(NEWEST) - int(to), "what each step lost is told"
    assert schema_and_decisions(database) == (to, 2)
    assert run("upgrade", "--database", database).exit_code == 0
    assert schema_and_decisions(database) == (NEWEST, 2)


@pytest.mark.parametrize("to", ["0000", NEWEST, "9999", "head", "base", ""])
def test_what_is_no_earlier_schema_is_refused_and_changes_nothing(to: str, database: str) -> None:
    filled(database)
    refused = run("downgrade", "--database", database, "--to", to)
    assert refused.exit_code == 1
    assert f"the database has schema {NEWEST}; below it there is {', '.join(REVISIONS[:-1])}" in refused.output
    assert schema_and_decisions(database) == (NEWEST, 2)


def test_the_way_back_makes_no_database_where_there_is_none(tmp_path: Path) -> None:
    missing = tmp_path / "missing.sqlite3"
    assert run("downgrade", "--database", str(missing), "--to", "0001").exit_code == 1
    assert not missing.exists()
