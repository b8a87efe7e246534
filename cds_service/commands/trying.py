"""`try`: sends calls to any running CDS service and holds its answers to the rules, and to what fixtures expect.

Prints names, numbers and rules, never content of a call or an answer: an own call may be about a real patient.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding

from cds_service.commands.console import progress, table
from cds_service.commands.expected_cards import expected_signs, missing_signs
from cds_service.commands.junit import write_junit
from cds_service.commands.trial_calls import Trial, Tried
from cds_service.errors import CallError
from cds_service.fhir_answers import UNREACHABLE
from cds_service.guidance import advise_fetching
from cds_service.harness import Client, Discovery, Offer, Reply, discover, judge, outcome_text
from cds_service.hooks.call import HookCall
from cds_service.hooks.needs import Access, Fetched, Need
from cds_service.hooks.rules import RULES, Breach
from cds_service.hooks.services import service_for, services
from cds_service.parts import Parts
from cds_service.web.json_body import parse_json

_SHOWN = 4
"""So many failures of one call are printed; all stand in the JUnit file."""


class AmbiguousServiceError(Exception):
    """Several services answer a hook, and none was chosen; the text names them."""


def run(
    client: Client, url: str, trials: Sequence[Trial], *, chosen: Sequence[str], compare: Parts | None, remarks: Console
) -> tuple[Tried, ...]:
    """Discover, send every trial, judge. Raises AmbiguousServiceError before anything is sent to a service.

    `compare`: the parts of this build, whose own cards the answers have to equal.
    """
    found = discover(client, url)
    offers = {hook: _choose(found, hook, chosen) for hook in {trial.hook for trial in trials if trial.hook}}
    first = _discovered(found)
    rows = [first]
    if found.offers:
        with progress(remarks, len(trials)) as advance:
            for trial in trials:
                rows.append(_try(client, found.url, trial, offers.get(trial.hook), compare))
                advance()
    if len(rows) > 1 and all(row.skipped for row in rows[1:]):
        rows[0] = replace(first, failures=(*first.failures, "no service answers any of these calls"))
    return tuple(rows)


def report(rows: Sequence[Tried], out: Console, *, strict: bool = False, junit: Path | None = None) -> bool:
    """Print the table and the totals, write the JUnit file; True when nothing failed. Raises OSError for the file."""
    told = tuple(replace(row, failures=(*row.failures, *row.remarks)) for row in rows) if strict else tuple(rows)
    out.print(_table(told))
    _print_failures(told, out)
    _print_remarks(rows, out)
    _print_totals(told, out)
    if junit is not None:
        write_junit(told, junit, suite="blinatumomab-cds try")
    return not any(row.failures for row in told)


def _choose(found: Discovery, hook: str, chosen: Sequence[str]) -> Offer | None:
    answering = found.answering(hook, chosen)
    if len(answering) > 1:
        names = ", ".join(offer.id for offer in answering)
        raise AmbiguousServiceError(f"several services answer {hook}: {names}; choose one with --service ID")
    return answering[0] if answering else None


def _discovered(found: Discovery) -> Tried:
    failures, remarks = _sorted(found.breaches)
    return Tried("discovery", milliseconds=found.milliseconds, failures=failures, remarks=remarks)


def _try(client: Client, url: str, trial: Trial, offer: Offer | None, compare: Parts | None) -> Tried:
    if trial.call is None:
        return Tried(trial.name, failures=(trial.problem,))
    if not trial.hook:
        return Tried(trial.name, failures=("is not a hook call: it names no hook",))
    if offer is None:
        return Tried(trial.name, skipped=f"no service for {trial.hook}")
    body, call = trial.body(offer)
    reply = client.post(f"{url}/{offer.id}", body)
    answer, breaches = judge(reply, call)
    failures, remarks = _sorted(breaches)
    alike = _alike(reply, answer, body, compare)
    if alike == ():  # refused by both, for the same reason: as it should be
        failures = tuple(text for text in failures if not text.startswith("G-01 "))
    row = Tried(
        name=trial.name,
        service=offer.id,
        status=reply.status,
        milliseconds=reply.milliseconds,
        failures=(*failures, *_said(reply, trial), *(alike or ())),
        remarks=remarks,
    )
    cards = answer.get("cards") if isinstance(answer, Mapping) else None
    return _expected(row, trial, cards) if isinstance(cards, list) else row


def _expected(row: Tried, trial: Trial, cards: list[Any]) -> Tried:
    row = replace(row, cards=len(cards))
    if trial.expected is None:
        return row
    seen = [card for card in cards if isinstance(card, Mapping)]
    missing = tuple(f"expected and not seen: {sign}" for sign in missing_signs(seen, trial.expected, trial.hook))
    checked = len(expected_signs(trial.expected, trial.hook))
    return replace(row, failures=(*row.failures, *missing), checked=checked)


def _said(reply: Reply, trial: Trial) -> tuple[str, ...]:
    """The service's own words for a refusal: of a fixture only, for they may repeat what was in the call."""
    words = outcome_text(reply) if reply.status not in (None, 200) and trial.expected is not None else None
    return (f"it says: {words}",) if words else ()


def _alike(reply: Reply, answer: Any, body: bytes, parts: Parts | None) -> tuple[str, ...] | None:
    """How the answer differs from what this build answers; () when both refuse alike; None: nothing to say."""
    if parts is None or reply.status is None:
        return None
    try:
        ours = _own_answer(body, parts)
    except CallError as mistake:
        return () if reply.status == mistake.status else (f"this build answers {mistake.status}",)
    if reply.status != 200:
        return ("this build answers 200",)
    place = first_difference(answer, ours)
    return None if place is None else (f"differs from what this build answers, first at {place or 'the top'}",)


def _own_answer(body: bytes, parts: Parts) -> dict[str, Any]:
    """What this build answers over HTTP, without reading from any FHIR server. Raises CallError."""
    call = parse_json(body)
    service = service_for(call["hook"], services(parts.settings.canonical_base))
    if service is None:
        raise CallError("no service of this build answers this hook", field="hook", status=404)
    today = datetime.now(UTC).astimezone().date()
    made = advise_fetching(HookCall.parse(call, service=service), parts, _no_server, service=service, today=today)
    return made.response


def _no_server(access: Access, needs: Sequence[Need], *, seconds: float) -> Fetched:
    return Fetched(problems={need.key: UNREACHABLE for need in needs})


def first_difference(one: Any, other: Any, place: str = "") -> str | None:
    """Where two answers differ first, ids of cards and suggestions aside; None when nowhere."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        names = [name for name in {**other, **one} if name != "uuid"]
        pairs = [(f"{place}.{name}".strip("."), one.get(name), other.get(name)) for name in names]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = [(f"{place}[{number}]", *pair) for number, pair in enumerate(zip(one, other, strict=True))]
    else:
        return None if one == other else place
    found = (first_difference(left, right, where) for where, left, right in pairs)
    return next((where for where in found if where is not None), None)


def _sorted(breaches: Sequence[Breach]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(failures, remarks), as text."""
    grave = tuple(each.text for each in breaches if each.rule.must)
    return grave, tuple(each.text for each in breaches if not each.rule.must)


def _table(rows: Sequence[Tried]) -> Any:
    made = table("Call", "Status", "ms", "Cards", "Verdict")
    for row in rows:
        milliseconds = "" if row.milliseconds is None else f"{row.milliseconds:.0f}"
        cards = "" if row.cards is None else str(row.cards)
        made.add_row(escape(row.name), str(row.status or ""), milliseconds, cards, _verdict(row))
    return made


def _verdict(row: Tried) -> str:
    if row.skipped:
        return f"[dim]skipped: {escape(row.skipped)}[/dim]"
    if row.failures:
        return "[bold red]FAILED[/bold red]"
    return f"[green]ok[/green]{_counted(row.checked, 'sign')}{_counted(len(row.remarks), 'remark')}"


def _counted(count: int, what: str) -> str:
    return f", {count} {what}{'s' if count > 1 else ''}" if count else ""


def _print_failures(rows: Sequence[Tried], out: Console) -> None:
    for row in rows:
        if row.failures:
            more = len(row.failures) - _SHOWN
            out.print(f"\n[bold red]FAILED[/bold red] {escape(row.name)}")
            for text in (*row.failures[:_SHOWN], *([f"and {more} more"] if more > 0 else [])):
                out.print(Padding(escape(text), (0, 0, 0, 4)))


def _print_remarks(rows: Sequence[Tried], out: Console) -> None:
    """Each rule of the lighter kind that was broken, once, with how often."""
    count = Counter(remark.split(" ", 1)[0] for row in rows for remark in row.remarks)
    if not count:
        return
    made = table("Rule", "Level", "What it says", "Times", title="Remarks (failures with --strict)")
    for rule in sorted(count):
        made.add_row(rule, RULES[rule].level, escape(RULES[rule].words), str(count[rule]))
    out.print()
    out.print(made)


def _print_totals(rows: Sequence[Tried], out: Console) -> None:
    calls = rows[1:]
    times = sorted(row.milliseconds for row in calls if row.status is not None and row.milliseconds is not None)
    failed, skipped = sum(bool(row.failures) for row in rows), sum(bool(row.skipped) for row in rows)
    parts = [f"{len(calls)} calls", f"{failed} failed", *([f"{skipped} skipped"] if skipped else [])]
    parts += [f"p50 {_percentile(times, 50):.0f} ms, p95 {_percentile(times, 95):.0f} ms"] if times else []
    out.print(f"\n[bold]{'; '.join(parts)}[/bold]")
    if any(row.checked for row in rows):
        out.print(
            "Signs: of a fixture's expectation only what shows on cards is checked here: how grave, which policy, the "
            "premedication, or no card. The assessment itself is not visible over HTTP; `assess` prints it."
        )


def _percentile(times: Sequence[float], share: int) -> float:
    """The smallest time that so many per cent of the calls took at most."""
    return times[max(0, -(-len(times) * share // 100) - 1)]
