"""How much one body may hold: members, entries of Bundles, draft orders. Counts; reads nothing of what is in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cds_service.errors import TooLargeError
from cds_service.settings import Settings

MOST_PIECES = 600_000
"""Commas and opening brackets of one body: a record of 5 MB has a third of it, a bomb has millions."""


def check_pieces(data: bytes) -> None:
    """Raises TooLargeError for a body of very many very small pieces, before anything is made of them."""
    if len(data) > MOST_PIECES and sum(map(data.count, (b",", b"[", b"{"))) > MOST_PIECES:
        raise TooLargeError("the body has too many parts", field="body", mend="Send a smaller prefetch.")


def check_entries(body: Any, settings: Settings) -> None:
    """Raises TooLargeError for more draft orders, or more entries in all Bundles, than the settings allow."""
    if not isinstance(body, dict):
        return
    context, prefetch = body.get("context"), body.get("prefetch")
    drafts = context.get("draftOrders") if isinstance(context, dict) else None
    if _entries([drafts]) > settings.max_draft_orders:
        raise TooLargeError(
            f"there are more than {settings.max_draft_orders} draft orders",
            field="context.draftOrders.entry",
            mend="Send the orders of one session of ordering.",
        )
    if _entries(prefetch.values() if isinstance(prefetch, dict) else ()) > settings.max_entries:
        raise TooLargeError(
            f"the Bundles have more than {settings.max_entries} entries",
            field="prefetch",
            mend="Send what the prefetch templates ask for.",
        )


def _entries(values: Iterable[Any]) -> int:
    """Entries of these Bundles; one inside another counts with them."""
    found, waiting = 0, list(values)
    while waiting:
        value = waiting.pop()
        entries = value.get("entry") if isinstance(value, dict) else None
        if isinstance(entries, list):
            found += len(entries)
            inner = [entry.get("resource") for entry in entries if isinstance(entry, dict)]
            waiting += [each for each in inner if isinstance(each, dict) and "entry" in each]
    return found
