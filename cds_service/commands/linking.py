"""`check --links`: does every address to which cards send a reader still answer? Needs the internet."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape

from cds_service.commands.console import table
from cds_service.harness import page_at
from cds_service.knowledge.library import Knowledge


def addresses(knowledge: Knowledge) -> Mapping[str, str]:
    """What is linked -> its address: labels, and policies that have one."""
    policies = {policy.document: policy.url for policy in knowledge.policies if policy.url}
    return {label.title: label.url for label in knowledge.labels} | policies


def check_links(found: Mapping[str, str], out: Console) -> bool:
    """Ask each address, print what came, and tell whether all of them answer."""
    made, alive = table("Linked", "Address", "Answer", title="Links"), True
    for what, address in found.items():
        good, said = page_at(address)
        alive = alive and good
        made.add_row(escape(what), escape(address), f"[{'green' if good else 'red'}]{escape(said)}")
    out.print()
    out.print(made)
    return alive
