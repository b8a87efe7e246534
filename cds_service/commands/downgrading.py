"""`database downgrade`: the way back to the schema of an earlier version, for whoever has to roll a release back."""

from __future__ import annotations

import click

from cds_service.commands.storing import opened
from cds_service.store import schema


@click.command()
@click.option("--database", default=None, metavar="WHERE", help="Instead of the setting: a file or a URL.")
@click.option("--to", required=True, metavar="SCHEMA", help="The schema of the earlier version, as 0002.")
def downgrade(database: str | None, to: str) -> None:
    """Bring the schema back to that of an earlier version.

    For a rollback: the earlier version does not start on a newer schema. Run this with the newer version while no
    service runs, with a backup at hand; what only the newer schema could hold is lost, and told.

    \b
    Example:  blinatumomab-cds database downgrade --to 0002
    """
    with opened(database) as store:
        with store.writing("bring the schema back") as connection:
            undone = schema.step_back(connection, to)
        click.echo(f"{store.place}: schema {to}")
        for each in undone:
            click.echo(f"  {each}")
