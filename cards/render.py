"""Fill a template: its words and the values for one order become a card. Reads no files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import jinja2

from cards.model import SUMMARY_LIMIT, Card, CardError, Indicator, Link, Source
from cards.template import Template

_GAPS = re.compile(r"\n{3,}")


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the words: how grave, which document, which identity."""

    indicator: Indicator
    source_label: str
    source_url: str | None = None
    links: tuple[Link, ...] = ()
    uuid: str | None = None


def render(template: Template, values: Mapping[str, object], frame: Frame) -> Card:
    """One card. Raises CardError when the template may not be this grave or both summaries are too long."""
    if frame.indicator not in template.may_be:
        raise CardError(f"{template.id}: may not be {frame.indicator}")
    names = dict(values)
    return Card(
        summary=_summary(template, names),
        indicator=frame.indicator,
        source=Source(frame.source_label, frame.source_url, template.coding),
        detail=_tidy(_block(template.markdown, "detail", names)),
        uuid=frame.uuid,
        links=frame.links,
        override_reasons=template.override_reasons,
    )


def _summary(template: Template, names: dict[str, object]) -> str:
    for block in ("summary", "shorter_summary"):
        words = " ".join(_block(template.plain, block, names).split())
        if len(words) < SUMMARY_LIMIT:
            return words
    raise CardError(f"{template.id}: both summaries have {SUMMARY_LIMIT} characters or more: {words!r}")


def _block(words: jinja2.Template, block: str, names: dict[str, object]) -> str:
    """One block's words. Jinja's globals are left out: a template may use the names of its head and nothing else."""
    return "".join(words.blocks[block](words.new_context(names, shared=True)))


def _tidy(text: str) -> str:
    return _GAPS.sub("\n\n", "\n".join(line.rstrip() for line in text.split("\n"))).strip()
