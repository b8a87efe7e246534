"""The store as the commands use it: opened for the service, and `database upgrade | check | purge | erase`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import click
from rich.console import Console

from cds_service.commands import configured
from cds_service.commands.console import console
from cds_service.commands.report_words import counted
from cds_service.decisions import Mask
from cds_service.errors import StoreError
from cds_service.journal import Journal, site_key
from cds_service.parts import Parts
from cds_service.settings import Settings, default_database
from cds_service.store import Store
from cds_service.store.erasing import erase_patient, scrub

NONE = "none"
"""The setting `database` of a service that keeps nothing."""
_DATABASE = click.option("--database", default=None, metavar="WHERE", help="Instead of the setting: a file or a URL.")


def store_at(database: str, *, create: bool = True, migrate: bool = True) -> Store:
    """The store that the setting or an option names. Raises StoreError."""
    if create and database == default_database():
        return Store.in_default_folder(database, migrate=migrate)
    return Store(database, create=create, migrate=migrate)


def prepare_database(settings: Settings, remarks: Console) -> bytes | None:
    """Make the database ready for the processes that use it; the secret of the installation, if it can be had.

    A database that does not answer, or cannot be written at the moment, is no reason not to give guidance: it is told,
    and tried again with each use.
    Raises click.ClickException for anything that does not pass by itself.
    """
    if settings.database == NONE:
        remarks.print("database: none. No decision is kept, and feedback is refused with 503.")
        return None
    try:
        store = _store_of_service(settings)
        try:
            return _prepare(store, settings, remarks)
        finally:
            store.close()
    except StoreError as trouble:
        raise click.ClickException(trouble.message) from trouble


def _store_of_service(settings: Settings) -> Store:
    """Its file is made where there is none; one that cannot be written is met when it is used. Raises StoreError."""
    try:
        return store_at(settings.database, migrate=settings.database_migrate)
    except StoreError as trouble:
        if not trouble.passing:
            raise
        return Store(settings.database, migrate=settings.database_migrate, look=False)


def open_journal(settings: Settings, parts: Parts, *, purges: bool = True) -> Journal | None:
    """What one process keeps its decisions and feedback in; None where the setting says so. Raises StoreError."""
    if settings.database == NONE:
        return None
    store = Store(settings.database, migrate=settings.database_migrate, look=False)
    journal = Journal(store, settings, parts, purges=purges)
    journal.start()
    return journal


def _prepare(store: Store, settings: Settings, remarks: Console) -> bytes | None:
    """The secret, where the database answers and can be written."""
    try:
        secret = site_key(settings, store)
        store.try_to_write()
    except StoreError as trouble:
        if not trouble.passing:
            raise
        remarks.print(f"[bold yellow]WARNING[/bold yellow] {trouble.message}", soft_wrap=True)
        remarks.print("Guidance is given all the same; until it answers, nothing is kept and feedback is refused.")
        return None
    remarks.print(f"database: {store.place}", soft_wrap=True)
    return secret


@contextmanager
def opened(database: str | None, *, create: bool = False, migrate: bool = False) -> Iterator[Store]:
    """The store of the option, else of the settings, while a command uses it; its errors become click's."""
    try:
        where = database or configured.settings().database
        if where == NONE:
            raise click.ClickException("the setting database is none: nothing is kept")
        store = store_at(where, create=create, migrate=migrate)
        try:
            store.prepare()
            yield store
        finally:
            store.close()
    except StoreError as trouble:
        raise click.ClickException(trouble.message) from trouble


@click.group()
def database() -> None:
    """Look after the database of decisions and feedback."""


@database.command()
@_DATABASE
def upgrade(database: str | None) -> None:
    """Bring the schema up to date.

    `serve` does this itself unless the setting database_migrate is off. Make a backup first.

    \b
    Example:  blinatumomab-cds database upgrade --database postgresql://cds@db.example.org/cds
    """
    with opened(database, create=True, migrate=True) as store:
        click.echo(f"{store.place}: up to date")


@database.command()
@_DATABASE
def check(database: str | None) -> None:
    """Is the database there, with the schema that this version needs? Changes nothing; leaves with 1 if not."""
    with opened(database) as store:
        click.echo(f"{store.place}: up to date, {counted(store.count(), 'decision')}")


@database.command()
@_DATABASE
@click.option("--days", type=click.IntRange(0), default=None, help="Instead of the setting decision_retention_days.")
def purge(database: str | None, days: int | None) -> None:
    """Delete decisions and feedback that are older than the setting allows.

    By the moment of the answer, and the moment the feedback came. `serve` does this itself once a day.
    """
    with opened(database) as store:
        kept = configured.settings().decision_retention_days if days is None else days
        gone = store.purge(datetime.now(UTC) - timedelta(days=kept))
        scrub(store)
        console().print(f"{store.place}: {gone} entries older than {kept} days deleted", soft_wrap=True)


@database.command()
@_DATABASE
@click.option("--patient", required=True, metavar="ID", help="The patient's id on the FHIR server, as calls have it.")
def erase(database: str | None, patient: str) -> None:
    """Delete every decision about one patient, and the feedback on its cards.

    Records hold a keyed hash instead of the id; it is made anew here, so the setting site_secret has to be the one with
    which they were written. '-' reads the id from standard input, so that it stands in no shell history. Backups keep
    what they have: erase there, or let them run out.

    \b
    Example:  blinatumomab-cds database erase --patient 5f2d81
    """
    written = sys.stdin.read().strip() if patient == "-" else patient.strip()
    bare = written.rstrip("/").rpartition("/")[2]
    if not bare:
        raise click.BadParameter("give the id of a patient", param_hint="--patient")
    with opened(database) as store:
        mask = Mask(site_key(configured.settings(), store))
        gone = erase_patient(store, {mask.hashed("patient", each) for each in (bare, f"Patient/{bare}", written)})
        told = f"{counted(gone.decisions, 'decision')} and {gone.feedback} of feedback erased"
        console().print(f"{store.place}: {told}", soft_wrap=True)
        if not gone.decisions:
            console(remarks=True).print("Nothing was on record under this id with the present site_secret.")
