"""Cards on a terminal: colour by indicator, wrapped, markdown rendered. Shows what the card says and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

COLOURS = {"critical": "bold white on red", "warning": "bold black on yellow", "info": "bold white on blue"}
EDGES = {"critical": "red", "warning": "yellow", "info": "blue"}


def print_cards(cards: Sequence[Mapping[str, Any]], out: Console) -> None:
    """Each card as a panel, in the order of the answer; a line when there is none."""
    if not cards:
        out.print("  No cards: the service has nothing to say about these orders.\n")
    for card in cards:
        out.print(_panel(card))
        out.print()


def print_summaries(cards: Sequence[Mapping[str, Any]], out: Console) -> None:
    """One line for each card."""
    for card in cards:
        mark = (f" {card['indicator'].upper()} ", COLOURS[card["indicator"]])
        out.print(Text.assemble("  ", mark, " ", card["summary"]))


def _panel(card: Mapping[str, Any]) -> Panel:
    indicator = card["indicator"]
    heading = Text.assemble((f" {indicator.upper()} ", COLOURS[indicator]), " ", (card["summary"], "bold"))
    parts: list[RenderableType] = [heading]
    if card.get("detail"):
        parts += [Text(), Markdown(card["detail"], hyperlinks=False)]
    parts += [Text(), *_tail(card)]
    return Panel(Group(*parts), border_style=EDGES[indicator], box=box.ROUNDED, title_align="left")


def _tail(card: Mapping[str, Any]) -> list[Text]:
    lines = [Text(f"Source: {card['source']['label']}", style="dim")]
    for item in card.get("suggestions", ()):
        lines.append(Text(f"Suggestion: {item['label']}", style="green"))
        lines += [Text(f"  {each['type']}: {each['description']}", style="dim") for each in item.get("actions", ())]
    lines += [Text(f"{item['label']}: {item['url']}", style="dim") for item in card.get("links", ())]
    return lines
