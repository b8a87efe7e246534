"""`decision ID`: the whole story of one answer, for whoever asks what was shown that day, and why."""

from __future__ import annotations

import re

import click

from cds_service.commands.decision_story import story
from cds_service.commands.decision_text import text
from cds_service.commands.report import loaded_parts, names_of
from cds_service.commands.storing import opened

_UUID = re.compile(r"(?:urn:uuid:)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


@click.command()
@click.argument("decision_id", metavar="ID")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--database", default=None, metavar="WHERE", help="Instead of the setting: a file or a URL.")
def decision(decision_id: str, form: str, database: str | None) -> None:
    """Tell the whole story of one answer.

    When, for which client, what came of the record, the findings with their paragraphs, the cards as they were shown or
    withheld, and the feedback on them. ID is that of the answer (header X-Decision-Id, `decision` in the log), or the
    uuid of one of its cards. Values of the record are not kept, so none are told.

    \b
    Example:  blinatumomab-cds decision 0f5a2c1e-4b7d-4c39-9d0a-6a1c5e8f7b21
    """
    found = _UUID.fullmatch(decision_id.strip())
    if found is None:
        raise click.BadParameter("an id is a UUID, as in the header X-Decision-Id", param_hint="ID")
    wanted = found.group(1).lower()
    with opened(database) as store:
        kept = store.decision(wanted) or store.decision_of_card(wanted)
        if kept is None:
            raise click.ClickException(
                f"no decision {wanted} is on record at {store.place}. It may be older than decision_retention_days, "
                "erased, lost while the database failed, or on another installation"
            )
        feedback = store.feedback_on([card.uuid for card in kept.cards if card.uuid])
    document = story(kept, feedback, names_of(loaded_parts()))
    if form == "json":
        from cds_service.web.json_body import dump_json

        click.echo(dump_json(document))
        return
    click.echo(text(document), nl=False)
