"""The story of one answer for a terminal, as a person would tell it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from io import StringIO
from typing import Any

from rich.console import Console
from rich.padding import Padding

from cds_service.commands.console import WIDTH, table
from cds_service.commands.report_words import CAUSES, OVERALL, VERDICTS

Document = Mapping[str, Any]
STATUS_WORDS = {"met": "met", "not_met": "not met", "unknown": "unknown", "review": "for review"}
FACT_WORDS = {
    **CAUSES,
    "on-file": "on file",
    "old": "on file, but old",
    "unknown": "not known",
    "computed": "computed",
}
_WORDS = {
    "complete": "sent",
    "empty": "sent, nothing on file",
    "null": "sent, nothing on file",
    "absent": "not sent",
    "paged": "sent in part",
    "failed": "the client failed to get it",
    "invalid": "sent unreadable",
    "read": "read from the FHIR server",
    "late": "the FHIR server was late",
    "unreachable": "the FHIR server was not reached",
    "not-permitted": "the FHIR server did not permit it",
    "not-understood": "the FHIR server's answer was not understood",
    "not-asked-for": "the FHIR server sent something else",
    "refused": "the FHIR server refused or failed",
    "overloaded": "the FHIR server was overloaded",
    "too-much": "the FHIR server sent too much",
}
_KEY_DIGITS = 12


def text(found: Document) -> str:
    """The whole story as plain lines."""
    out = Console(file=StringIO(), width=WIDTH, highlight=False, color_system=None)
    _opening(found, out)
    _data(found["data"], out)
    for number, order in enumerate(found["orders"], 1):
        _order(order, f"Order {number}" if len(found["orders"]) > 1 else "The order", out)
    if not found["orders"]:
        out.print("\nNo order was judged: it could not be told whether one is for blinatumomab.")
    _cards(found["cards"], out)
    assert isinstance(out.file, StringIO)  # noqa: S101 - made above
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines()) + "\n"


def _opening(found: Document, out: Console) -> None:
    out.print(f"Decision {found['id']}", markup=False)
    caller = f"client {found['client']}" if found["client"] else "a client that was not told apart"
    out.print(
        f"{_moment(found['at'])}: {found['hook']} from {caller}, answered by version {found['version'] or 'unknown'}.",
        markup=False,
    )
    patient, user = found["patient"][:_KEY_DIGITS], (found["user"] or "")[:_KEY_DIGITS]
    out.print(f"Patient {patient}…, user {f'{user}…' if user else 'not named'} (keyed hashes)", markup=False)
    if found["instance"]:
        out.print(f"hookInstance {found['instance']}", markup=False)


def _data(data: Document, out: Console) -> None:
    rows = table("asked for", "what came", title="\nThe record")
    for key, words in data.items():
        rows.add_row(key, "; ".join(_WORDS.get(word, word) for word in words.split(", ")))
    if rows.row_count:
        out.print(rows)


def _order(order: Document, title: str, out: Console) -> None:
    out.print(f"\n{title}: blinatumomab, recognised by {order['matched_by']}", markup=False)
    facts = "; ".join(f"{name.replace('_', ' ')} {FACT_WORDS.get(word, word)}" for name, word in order["facts"].items())
    if facts:
        out.print(Padding(f"Facts: {facts}.", (0, 0, 0, 2)))
    for line in _dose(order):
        out.print(Padding(line, (0, 0, 0, 2)))
    told: dict[str, str] = {}
    for policy in order["policies"]:
        _policy(policy, told, out)
        told = {item["criterion"]: item["status"] for item in policy["criteria"]}
    for status, words in (("applies", "Safety, found"), ("unknown", "Safety, open")):
        titles = [item["title"] for item in order["safety"] if item["status"] == status]
        if titles:
            out.print(Padding(f"{words}: {'; '.join(titles)}.", (1, 0, 0, 2)))
    if order["flags"]:
        out.print(Padding(f"Flags: {', '.join(order['flags'])}.", (0, 0, 0, 2)))
    if order["unreadable"]:
        out.print(Padding(f"{order['unreadable']} entries of the record could not be read.", (0, 0, 0, 2)))


def _dose(order: Document) -> Iterator[str]:
    dose, label = order["dose"], order["label"]
    verdict = VERDICTS.get(dose.get("verdict", ""), dose.get("verdict", "unknown"))
    edition = f" by label {label['id']}, edition {label['edition']}" if label.get("id") else ""
    rows = f", row {', '.join(dose['rows'])}" if dose.get("rows") else ""
    yield f"Dose: {verdict}{edition}{rows}."
    if dose.get("issues"):
        yield f"Found in it ({dose.get('severity') or 'info'}): {', '.join(dose['issues'])}."


def _policy(policy: Document, told: Mapping[str, str], out: Console) -> None:
    """One edition; of the second only what came out otherwise than in the first (`told`)."""
    overall = OVERALL.get(policy["overall"] or "", "no verdict")
    section = f", section {policy['section']}" if policy["section"] else ""
    heading = f"\n  {policy['id']}, review of {policy['version']} ({policy['role']}){section}: {overall}"
    rows = table("paragraph", "status", "rests on", "why unknown, what would settle it", title=heading)
    for item in policy["criteria"]:
        if not (item["top"] or item["decisive"]) or told.get(item["criterion"]) == item["status"]:
            continue
        why = [*(CAUSES.get(cause, cause) for cause in item["causes"]), *item["asks"]]
        name = f"{item['criterion']} {item['title']}".strip() + (" *" if item["decisive"] else "")
        rows.add_row(
            name, STATUS_WORDS.get(item["status"], item["status"]), ", ".join(item["evidence"]), "; ".join(why)
        )
    if not rows.row_count:
        out.print(f"{heading}{'; each paragraph as above' if told else ''}")
        return
    out.print(rows)
    if any(item["decisive"] for item in policy["criteria"]):
        out.print("  * made the overall result")


def _cards(cards: Sequence[Document], out: Console) -> None:
    withheld = sum(not card["shown"] for card in cards)
    said = f", {withheld} of them withheld (silent mode)" if withheld else ""
    out.print(f"\n{len(cards)} card{'' if len(cards) == 1 else 's'}{said}; # is a number, … a word of the record")
    for card in cards:
        state = "" if card["shown"] else " WITHHELD"
        out.print(Padding(f"{card['title']} ({card['indicator']}){state}: {card['summary']}", (0, 0, 0, 2)))
        for item in card["suggestions"]:
            out.print(Padding(f"offered: {item['label']}{' - accepted' if item['accepted'] else ''}", (0, 0, 0, 6)))
        for line in _feedback(card):
            out.print(Padding(line, (0, 0, 0, 6)))


def _feedback(card: Document) -> Iterator[str]:
    for entry in card["feedback"]:
        reason = entry["reason"]
        because = f", because: {reason['display']}" if reason else ""
        yield f"{entry['outcome']} {_moment(entry['at'])}{because}{', with a comment' if entry['commented'] else ''}"
    if card["shown"] and not card["feedback"]:
        yield "nothing said"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"
