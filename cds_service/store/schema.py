"""The schema of the database: which revision it has, which this version needs, and the way there (Alembic)."""

from __future__ import annotations

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from cds_service.errors import StoreError

_LOCK = 0x626C696E
"""Of the migration, among the advisory locks of a PostgreSQL database: several replicas may start at once."""


def bring_up_to_date(connection: Connection, *, migrate: bool) -> str | None:
    """Check the schema; with `migrate`, run what is missing, inside the caller's transaction.

    Gives the revision that was there before when something was run. Raises StoreError when the schema is older and
    `migrate` is off, or newer than this version knows.
    """
    _alone(connection)
    if not is_older(connection, migrate=migrate):
        return None
    found = revision(connection)
    _run(connection)
    return found or "none"


def is_older(connection: Connection, *, migrate: bool) -> bool:
    """Is there something to run? Locks and changes nothing. Raises StoreError as `bring_up_to_date`."""
    scripts = ScriptDirectory.from_config(_config())
    found, needed = revision(connection), scripts.get_current_head()
    if found == needed:
        return False
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"the database has schema {found}, which this version does not know: it was made by a newer one. "
            "Run that version, or restore a backup from before it"
        )
    if not migrate:
        raise StoreError(
            f"the database has schema {found or 'none'}, and this version needs {needed}: "
            "run 'blinatumomab-cds database upgrade'"
        )
    return True


def step_back(connection: Connection, to: str) -> list[str]:
    """Undo the migrations above the revision `to`, in the caller's transaction; what each undid, newest first.

    Raises StoreError where there is no such revision below the one that the database has.
    """
    _alone(connection)
    newest_first = list(ScriptDirectory.from_config(_config()).walk_revisions())
    below = [script.revision for script in newest_first if script.revision < (revision(connection) or "")]
    if to not in below:
        there = f"below it there is {', '.join(reversed(below)) or 'none'}"
        raise StoreError(f"the database has schema {revision(connection) or 'none'}; {there}, and not {to}")
    undone = [script for script in newest_first if to < script.revision <= (revision(connection) or "")]
    _run(connection, back_to=to)
    return [str(script.module.downgrade.__doc__).strip() for script in undone]


def is_up_to_date(connection: Connection) -> bool:
    """Is it what this version needs? Locks and changes nothing."""
    return revision(connection) == ScriptDirectory.from_config(_config()).get_current_head()


def revision(connection: Connection) -> str | None:
    """The revision the database is at; None for one that has never been ours."""
    return MigrationContext.configure(connection).get_current_revision()


def _alone(connection: Connection) -> None:
    """One process migrates at a time. SQLite's transaction has locked the file already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        connection.execute(text("SET LOCAL lock_timeout = '60s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _run(connection: Connection, *, back_to: str | None = None) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    if back_to is None:
        command.upgrade(config, "head")
    else:
        command.downgrade(config, back_to)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "cds_service.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
