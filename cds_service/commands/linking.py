"""`check --links`: does every address to which cards send a reader still answer? Needs the internet."""

from __future__ import annotations

from collections.abc import Mapping

import requests
from rich.console import Console
from rich.markup import escape

from cds_service.commands.console import table
from cds_service.knowledge.library import Knowledge

_SECONDS = 20
_AGENT = {"User-Agent": "blinatumomab-cds check --links"}


def addresses(knowledge: Knowledge) -> Mapping[str, str]:
    """What is linked -> its address: labels, and policies that have one."""
    policies = {policy.document: policy.url for policy in knowledge.policies if policy.url}
    return {label.title: label.url for label in knowledge.labels} | policies


def fate(address: str) -> tuple[bool, str]:
    """Does a reader get a page there, and what came; redirects are followed, as a browser does."""
    try:
        with requests.get(address, timeout=_SECONDS, headers=_AGENT, stream=True) as answer:
            return answer.ok, f"{answer.status_code} {answer.reason}"
    except requests.RequestException as failure:
        return False, f"not reached: {type(failure).__name__}"


def check_links(found: Mapping[str, str], out: Console) -> bool:
    """Ask each address, print what came, and tell whether all of them answer."""
    made, alive = table("Linked", "Address", "Answer", title="Links"), True
    for what, address in found.items():
        good, said = fate(address)
        alive = alive and good
        made.add_row(escape(what), escape(address), f"[{'green' if good else 'red'}]{escape(said)}")
    out.print()
    out.print(made)
    return alive
