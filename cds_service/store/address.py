"""Where the database is: a setting becomes an engine that is durable, impatient and discreet.

Durable: SQLite in WAL mode with `synchronous=FULL`, PostgreSQL with `synchronous_commit=on`: what is committed survives
a crash of the process and of the machine. Impatient: seconds, not minutes, for a lock or a connection. Discreet:
parameters of statements never reach an error's text.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry

from cds_service.errors import NoDatabaseError, StoreError

LOCK_SECONDS = 5
"""How long a statement waits for a lock of others."""
CONNECT_SECONDS = 3
UNHEARD_SECONDS = 8
"""A server whose machine does not answer for so long is given up."""
SETTING = "BLINATUMOMAB_CDS_DATABASE"
Identity = tuple[int, int] | None
_A_SERVER = (0, 0)
_OPENED = "opened"
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


def engine_at(database: str, *, create: bool, look: bool = True) -> Engine:
    """The engine for a file path or URL. Nothing is connected yet, but a file and its folder are looked at.

    `create` False: a file that is not there is an error. `look` False: it is met when it is first used, and never made.
    Raises StoreError saying what to mend; `passing` where a file that is there cannot be written.
    """
    url = _url(database)
    if url.get_backend_name() == "sqlite":
        file = _file(url).absolute()
        if look:
            _look_at(file, create=create)
        return _sqlite(url, file)
    return _server(url)


def identity(engine: Engine) -> Identity:
    """Which database this is: another file in the place of the first is another one. None where there is no file."""
    return _identity(Path(str(engine.url.database)).absolute()) if engine.dialect.name == "sqlite" else _A_SERVER


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
        raise NoDatabaseError(f"there is no database at {file}; see {SETTING}")
    there = file.exists()
    if not os.access(file.parent, os.W_OK | os.X_OK):
        told = f"the folder {file.parent} of the database is not writable for this user; change {SETTING}"
        raise StoreError(told, passing=there)
    try:
        _touch(file, there=there)
    except OSError as mistake:
        told = f"the database {file} cannot be written: {mistake.strerror}; see {SETTING}"
        raise StoreError(told, passing=there) from mistake


def _touch(file: Path, *, there: bool) -> None:
    """Make a private file, or see that one can be written. Raises OSError.

    One that is there is not opened: closing it would let go of every lock that this process has on it, and the next
    process to close the database would take the log for unused and delete it, with what others write to it.
    """
    if not there:
        with suppress(FileExistsError):  # another process was first
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    elif not os.access(file, os.R_OK | os.W_OK):
        cause = errno.EROFS if os.statvfs(file).f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(cause, os.strerror(cause))


def _sqlite(url: URL, file: Path) -> Engine:
    engine = create_engine(url, hide_parameters=True, pool_timeout=LOCK_SECONDS)
    event.listen(engine, "do_connect", partial(_open_what_is_there, file))
    event.listen(engine, "connect", partial(_prepare_connection, file))
    event.listen(engine, "checkout", partial(_check_file, file))
    event.listen(engine, "begin", _begin)
    return engine


def _open_what_is_there(file: Path, _dialect: object, _record: object, given: list[Any], named: dict[str, Any]) -> None:
    """A file that has gone is not made anew behind everybody's back: what was in it is missed."""
    given[0] = f"{file.as_uri()}?mode=rw"
    named["uri"] = True


def _prepare_connection(file: Path, connection: Any, record: ConnectionPoolEntry) -> None:
    """Every new connection: we say BEGIN ourselves (the driver's own would come too late), then the pragmas."""
    record.info[_OPENED] = _identity(file)
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        connection.execute(pragma).close()


def _check_file(file: Path, _connection: object, record: ConnectionPoolEntry, _pooled: object) -> None:
    """A file that was removed or replaced can still be written by whoever has it open, and nobody will find it again.

    Raises DisconnectionError: then what is there now is opened.
    """
    if _identity(file) != record.info.get(_OPENED):
        raise DisconnectionError("the file is not the one that was opened")


def _identity(file: Path) -> Identity:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


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


@contextmanager
def patiently(connection: Connection) -> Iterator[None]:
    """For work on a server that may take its time."""
    driver: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "sqlite":
        yield
        return
    driver.patient = True
    try:
        yield
    finally:
        driver.patient = False


def _server(url: URL) -> Engine:
    try:
        from cds_service.store.impatient import Impatient

        engine = create_engine(
            url,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_timeout=LOCK_SECONDS,
            pool_recycle=1800,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "tcp_user_timeout": 1000 * UNHEARD_SECONDS,
                "keepalives_idle": UNHEARD_SECONDS,
                "keepalives_interval": 2,
                "keepalives_count": 3,
                "application_name": "blinatumomab-cds",
                "options": _SERVER_OPTIONS,
            },
        )
        event.listen(engine, "do_connect", lambda _dialect, _record, given, named: Impatient.connect(*given, **named))
        return engine
    except (ModuleNotFoundError, NoSuchModuleError) as mistake:
        raise StoreError(
            "PostgreSQL needs the driver psycopg; install it with: pip install 'blinatumomab-cds[postgresql]'"
        ) from mistake
