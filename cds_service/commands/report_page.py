"""The report as one HTML page: nothing outside it, no script; to read on a screen or a phone, to print and to send."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2

from cds_service.commands.report_words import CAUSES, OVERALL, VERDICTS, counted, period, rate, spoken

Document = Mapping[str, Any]
FATES = (("accepted", "accepted"), ("overridden", "overridden"), ("no_feedback", "nothing said"))
STATUSES = (("met", "met"), ("review", "for review"), ("unknown", "unknown"), ("not_met", "not met"))
_WAITS_SHOWN = 12
_SMALL = 20
"""Below this many, a share says little; the page says so."""


def page(found: Document) -> str:
    """The whole page."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"spoken": spoken, "counted": counted}
    source = files("cds_service.commands").joinpath("report.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(source).render(
        found=found,
        period=period(found),
        tiles=_tiles(found),
        weeks=_weeks(found["weeks"]),
        cards=[_card(card) for card in found["cards"]],
        editions=_editions(found),
        waits=_bars(_summed(_newest(found), "waits_for", "what"), {})[:_WAITS_SHOWN],
        causes=_bars(_summed(_newest(found), "causes", "cause"), CAUSES),
        verdicts=_bars([(item["verdict"], item["count"]) for item in found["dose"]["verdicts"]], VERDICTS),
        safety=found["safety"],
        fates=FATES,
        statuses=STATUSES,
        few=found["answers"]["total"] < _SMALL,
    )


def _tiles(found: Document) -> list[dict[str, str]]:
    cards = found["cards"]
    shown, silent = (sum(card[name] for card in cards) for name in ("shown", "silent"))
    accepted, overridden = (sum(card[name] for card in cards) for name in ("accepted", "overridden"))
    hooks = ", ".join(f"{item['count']} {item['hook']}" for item in found["answers"]["by_hook"])
    return [
        {"value": str(found["answers"]["total"]), "name": "answers", "note": hooks},
        {"value": str(found["answers"]["patients"]), "name": "patients", "note": "counted by a keyed hash"},
        {"value": str(shown), "name": "cards shown", "note": f"{silent} more in silent mode" if silent else ""},
        {"value": rate(accepted, shown), "name": "accepted", "note": f"{accepted} cards"},
        {"value": rate(overridden, shown), "name": "overridden", "note": f"{overridden} cards"},
    ]


def _weeks(weeks: Sequence[Document]) -> dict[str, Any]:
    """Columns of the chart, in a box of 100 by 100: x, width, and the height of each part."""
    highest = max((week["answers"] for week in weeks), default=0)
    step = 100 / max(len(weeks), 1)
    columns = [
        {
            "x": round(number * step + step * 0.1, 3),
            "width": round(step * 0.8, 3),
            "height": round(100 * week["answers"] / highest, 3),
            "says": f"week of {spoken(week['week'])}: {week['answers']} answers, {week['accepted']} cards accepted, "
            f"{week['overridden']} overridden",
        }
        for number, week in enumerate(weeks)
    ]
    return {
        "columns": columns,
        "highest": highest,
        "first": weeks[0]["week"] if weeks else None,
        "last": weeks[-1]["week"] if weeks else None,
    }


def _card(card: Document) -> dict[str, Any]:
    whole = card["shown"]
    return {
        **card,
        "parts": parts(card, FATES, whole),
        "rates": {name: rate(card[name], whole) for name, _ in FATES},
        "why": _bars([(item["display"], item["count"]) for item in card["reasons"]], {"": "no reason given"}),
    }


def parts(counts: Document, kinds: Iterable[tuple[str, str]], whole: int) -> list[dict[str, Any]]:
    """A bar of 100 cut into parts: kind, x, width, count, share."""
    found, x = [], 0.0
    for kind, name in kinds:
        width = 100 * counts[kind] / whole if whole else 0.0
        share = rate(counts[kind], whole)
        found.append(
            {"kind": kind, "name": name, "x": round(x, 3), "width": round(width, 3), "n": counts[kind], "share": share}
        )
        x += width
    return found


def _editions(found: Document) -> list[dict[str, Any]]:
    """The criteria of each edition's top level, with the overall results."""
    editions = []
    for result in found["results"]:
        rows = [row for row in found["criteria"] if row["top"] and row["version"] == result["version"]]
        judged = sum(result.get(name, 0) for name in OVERALL)
        editions.append(
            {
                "name": f"{result['policy']}, review of {spoken(result['version'])}",
                "judged": judged,
                "overall": [
                    {"name": name, "n": result.get(kind, 0), "share": rate(result.get(kind, 0), judged)}
                    for kind, name in OVERALL.items()
                ],
                "rows": [_criterion(row) for row in rows],
            }
        )
    return editions


def _criterion(row: Document) -> dict[str, Any]:
    opened = sum(row["when_open"].values())
    return {
        **row,
        "parts": parts(row, STATUSES, row["judged"]),
        "opened": opened,
        "overridden": rate(row["when_open"]["overridden"], opened),
    }


def _newest(found: Document) -> list[Document]:
    """The criteria of the edition that was the current one last."""
    return [row for row in found["criteria"] if row["role"] == "current"]


def _summed(criteria: Iterable[Document], member: str, name: str) -> list[tuple[str, int]]:
    found: dict[str, int] = {}
    for row in criteria:
        for item in row[member]:
            found[item[name]] = found.get(item[name], 0) + item["count"]
    return sorted(found.items(), key=lambda item: -item[1])


def _bars(counts: Sequence[tuple[str, int]], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Bars beside each other, the longest 100."""
    longest = max((count for _, count in counts), default=0)
    return [
        {"name": names.get(name, name), "n": count, "width": round(100 * count / longest, 3)} for name, count in counts
    ]
