"""Fill a template: its words and the values for one order become a card. Reads no files."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import jinja2

from cards.model import SUMMARY_LIMIT, Card, CardError, Indicator, Link, Source, Suggestion
from cards.template import Template


class Frame(NamedTuple):
    """What stands around the words: how grave, which document, which identity."""

    indicator: Indicator
    source_label: str
    source_url: str | None = None
    links: tuple[Link, ...] = ()
    uuid: str | None = None
    suggestions: tuple[Suggestion, ...] = ()


def render(template: Template, values: Mapping[str, object], frame: Frame) -> Card:
    """One card. Raises CardError when the template may not be this grave or both summaries are too long."""
    if frame.indicator not in template.may_be:
        raise CardError(f"{template.id}: may not be {frame.indicator}")
    names = dict(values)
    summary, detail = _kept(template, names) if template.patient_free else _words(template, names)
    return Card(
        summary=summary,
        indicator=frame.indicator,
        source=_source(frame.source_label, frame.source_url, template.coding),
        detail=detail,
        uuid=frame.uuid,
        suggestions=frame.suggestions,
        links=frame.links,
        override_reasons=template.override_reasons,
    )


_source = lru_cache(maxsize=64)(Source)
"""Checked once: documents are few."""


def _words(template: Template, names: dict[str, object]) -> tuple[str, str]:
    """Summary and detail."""
    return _summary(template, names), _tidy(_block(template.markdown, "detail", names))


def _kept(template: Template, names: dict[str, object]) -> tuple[str, str]:
    """The same values give the same words: those of a template that says nothing of a patient are kept."""
    key = (template.id, repr(names))
    if key not in _KEPT:
        if len(_KEPT) >= _MOST_KEPT:
            _KEPT.clear()
        _KEPT[key] = _words(template, names)
    return _KEPT[key]


_KEPT: dict[tuple[str, str], tuple[str, str]] = {}
_MOST_KEPT = 64


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
    if " \n" in text:
        text = "\n".join(line.rstrip() for line in text.split("\n"))
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    return text.strip()
