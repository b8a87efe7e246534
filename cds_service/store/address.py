"""Where the database is: a setting becomes an engine that is durable, impatient and discreet.

Durable: SQLite in WAL mode with `synchronous=FULL`, PostgreSQL with `synchronous_commit=on`: what is committed survives
a crash of the process and of the machine. Impatient: seconds, not minutes, for a lock or a connection. Discreet:
parameters of statements never reach an error's text.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from cds_service.errors import StoreError

LOCK_SECONDS = 5
"""How long a statement waits for a lock of others."""
CONNECT_SECONDS = 3
SETTING = "BLINATUMOMAB_CDS_DATABASE"
_PRAGMAS = (
    f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
)
_SERVER_OPTIONS = (
    "-c synchronous_commit=on -c timezone=UTC "
    f"-c lock_timeout={LOCK_SECONDS}s -c statement_timeout=30s -c idle_in_transaction_session_timeout=60s"
)


def engine_at(database: str, *, create: bool) -> Engine:
    """The engine for a file path or URL. Nothing is connected yet, but a file's folder is looked at.

    `create` False: a file that is not there is an error. Raises StoreError saying what to mend.
    """
    url = _url(database)
    if url.get_backend_name() == "sqlite":
        _look_at(_file(url), create=create)
        return _sqlite(url)
    return _server(url)


def place(engine: Engine) -> str:
    """Where that is, without a password, for people."""
    is_file = engine.dialect.name == "sqlite"
    return str(engine.url.database) if is_file else engine.url.render_as_string(hide_password=True)


def _url(database: str) -> URL:
    if "://" not in database:
        return URL.create("sqlite", database=str(Path(database).expanduser()))
    try:
        url = make_url(database)
    except (ArgumentError, ValueError) as mistake:
        raise StoreError(f"{SETTING} is neither a path nor a URL that can be read") from mistake
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername != "sqlite":
        raise StoreError(f"{SETTING}: '{url.drivername}' is not supported; give a file path or a postgresql:// URL")
    return url


def _file(url: URL) -> Path:
    if not url.database or url.database == ":memory:":
        raise StoreError(f"{SETTING} must name a file: what is kept in memory would not survive")
    return Path(url.database)


def _look_at(file: Path, *, create: bool) -> None:
    """Raises StoreError where the file cannot be had, before SQLite says so in fewer words. A new one is private."""
    if not file.parent.is_dir():
        raise StoreError(f"the folder {file.parent} of the database does not exist; create it, or change {SETTING}")
    if file.is_dir():
        raise StoreError(f"{file} is a folder; {SETTING} has to name a file")
    if not file.exists() and not create:
        raise StoreError(f"there is no database at {file}; see {SETTING}")
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise StoreError(f"the folder {file.parent} of the database is not writable for this user; change {SETTING}")
    try:
        os.close(os.open(file, os.O_RDWR | (os.O_CREAT if create else 0), 0o600))
    except OSError as mistake:
        raise StoreError(f"the database {file} cannot be written: {mistake.strerror}; see {SETTING}") from mistake


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, hide_parameters=True, pool_timeout=LOCK_SECONDS)
    event.listen(engine, "connect", _prepare_connection)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare_connection(connection: Any, _record: object) -> None:
    """Every new connection: we say BEGIN ourselves (the driver's own would come too late), then the pragmas."""
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _begin(connection: Connection) -> None:
    """Writers queue up at the start: a reader that turns writer half-way would fail at once instead of waiting."""
    options = connection.get_execution_options()
    if options.get("no_begin"):
        return
    if options.get("only_reads"):
        connection.exec_driver_sql("BEGIN")
        return
    # Of the connection, and another user of the pool may have left it otherwise; cannot be set once it has begun.
    connection.exec_driver_sql(f"PRAGMA synchronous = {'NORMAL' if options.get('hurried') else 'FULL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _server(url: URL) -> Engine:
    try:
        return create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_timeout=LOCK_SECONDS,
            pool_recycle=1800,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "blinatumomab-cds",
                "options": _SERVER_OPTIONS,
            },
        )
    except (ModuleNotFoundError, NoSuchModuleError) as mistake:
        raise StoreError(
            "PostgreSQL needs the driver psycopg; install it with: pip install 'blinatumomab-cds[postgresql]'"
        ) from mistake
