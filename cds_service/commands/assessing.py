"""`assess FILE`: hook calls from a file or standard input, judged without HTTP. The same spine as the service."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import date
from typing import Any, BinaryIO

from rich.console import Console

from cds_service.commands.console import progress
from cds_service.commands.rendering import print_cards
from cds_service.errors import CallError
from cds_service.guidance import Guidance, advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import service_for, services
from cds_service.parts import Parts
from cds_service.web.json_body import dump_json, parse_json

_LOG = logging.getLogger("cds_service.assess")
_BUG = CallError(
    "this call failed; no advice was computed", mend="Do not read this as 'no concerns'. Please report it."
)


def assess_one(data: bytes, parts: Parts, *, today: date, as_of: date | None) -> Guidance:
    """Judge the one call in these bytes. Raises CallError naming the field and the mend."""
    body = parse_json(data)
    offered = services(parts.settings.canonical_base)
    hook = body.get("hook") if isinstance(body, dict) else None
    service = service_for(hook, offered) if isinstance(hook, str) else None
    if service is None:
        known = " or ".join(item.hook for item in offered)
        raise CallError("this is not a hook call that we answer", field="hook", mend=f"Send a call of {known}.")
    return advise(HookCall.parse(body, service=service), parts, today=today, as_of=as_of)


def as_json(guidance: Guidance) -> dict[str, Any]:
    """The output of `--format json`: what was decided and what is answered."""
    return {"assessments": list(guidance.assessments), "response": guidance.response}


def error_json(mistake: CallError, *, line: int | None = None) -> dict[str, Any]:
    """A refused call as data; `line` counts from 1."""
    told = {"message": mistake.message, "field": mistake.field, "mend": mistake.mend}
    return ({"line": line} if line is not None else {}) | {"error": told}


def print_text(guidance: Guidance, out: Console) -> None:
    """The cards, with a heading for each order."""
    for document in guidance.assessments:
        order = document["order"]
        out.print(
            f"[bold]{order['drug'].capitalize()}[/bold], order {order['reference']}, judged on {document['as_of']}"
        )
    out.print()
    print_cards(guidance.response["cards"], out)


def looks_like_lines(data: bytes) -> bool:
    """Is this NDJSON: more than one line, of which the first is a whole document or any is a whole call?

    A call written over several lines has no such line, and a bad first line must not hide the calls after it.
    """
    lines = [line for line in data.splitlines() if line.strip()]
    if len(lines) < 2:
        return False
    return _document(lines[0]) is not _NOT_JSON or any(_is_call(_document(line)) for line in lines[1:])


_NOT_JSON = object()


def _document(line: bytes) -> object:
    try:
        return parse_json(line)
    except CallError:
        return _NOT_JSON


def _is_call(document: object) -> bool:
    return isinstance(document, dict) and "hook" in document


def assess_lines(data: bytes, parts: Parts, *, today: date, as_of: date | None) -> Iterator[tuple[str, bool]]:
    """One line of JSON for each line that is not blank, in order, and whether it went well; a bad one never stops."""
    for number, line in enumerate(data.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield dump_json(as_json(assess_one(line, parts, today=today, as_of=as_of))), True
        except CallError as mistake:
            yield dump_json(error_json(mistake, line=number)), False
        except Exception as bug:  # as the service does: a bug spoils one answer, not the thousands after it
            _LOG.error("bug: %s at line %d", type(bug).__name__, number)
            yield dump_json(error_json(_BUG, line=number)), False


def write_lines(data: bytes, parts: Parts, out: BinaryIO, *, today: date, as_of: date | None, remarks: Console) -> int:
    """NDJSON in, NDJSON out, with a progress bar on a terminal. Returns how many lines were refused."""
    total, refused = sum(bool(line.strip()) for line in data.splitlines()), 0
    with progress(remarks, total) as advance:
        for text, fine in assess_lines(data, parts, today=today, as_of=as_of):
            out.write(text.encode() + b"\n")
            refused += not fine
            advance()
    out.flush()
    remarks.print(f"{total} calls, {refused} refused" if refused else f"{total} calls")
    return refused
