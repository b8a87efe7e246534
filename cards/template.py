"""Card templates: one file per card, its words. Read and checked once, at start-up; never per call.

A file opens with TOML between two `+++` lines (what the card is), then has three Jinja blocks: `summary`,
`shorter_summary` (used when the first is too long) and `detail` (markdown). Every value put in is escaped.
A mistake raises TemplateError naming file and line.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import jinja2
from jinja2 import meta

from cards import escape
from cards.model import CardError, Indicator, OverrideReason, Topic
from cards.never import forbidden

OVERRIDE_SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
BLOCKS = ("summary", "shorter_summary", "detail")
_KEYS = frozenset({"title", "when", "topic", "may_be", "coding", "names", "override_reasons", "notes", "patient_free"})
_OPTIONAL = frozenset({"notes", "patient_free"})


class TemplateError(Exception):
    """A mistake in a template file; start-up stops."""

    def __init__(self, file: str, line: int | None, message: str):
        super().__init__(f"{file}, line {line}: {message}" if line else f"{file}: {message}")
        self.file, self.line, self.message = file, line, message


@dataclass(frozen=True, slots=True)
class Template:
    """One card's words, compiled, and what the file says about the card."""

    id: str
    title: str
    when: str
    topic: str
    """Our name of the topic; at most one card per topic and order."""
    may_be: tuple[Indicator, ...]
    coding: Topic
    names: Mapping[str, str]
    """Every name the words may use, with what it is."""
    override_reasons: tuple[OverrideReason, ...]
    notes: str
    patient_free: bool
    """Says nothing of the patient: the words for the same values are kept."""
    markdown: jinja2.Template
    plain: jinja2.Template


@dataclass(frozen=True, slots=True)
class Templates:
    """All templates by id."""

    by_id: Mapping[str, Template]

    def __getitem__(self, template_id: str) -> Template:
        return self.by_id[template_id]


def load_templates(folder: Traversable | None = None) -> Templates:
    """Every `*.jinja` file of the folder (ours by default), checked. Raises TemplateError."""
    where = folder if folder is not None else files("cards") / "templates"
    found = sorted((file for file in where.iterdir() if file.name.endswith(".jinja")), key=lambda file: file.name)
    if not found:
        raise TemplateError(str(where), None, "no templates here")
    return Templates({template.id: template for template in map(_load, found)})


def _load(file: Traversable) -> Template:
    name = file.name
    text = file.read_text(encoding="utf-8")
    for line, words, why in forbidden(text):
        raise TemplateError(name, line, f"a card never says '{words}': {why}")
    head, words_only = _split(name, text)
    _check_words(name, words_only, head["names"])
    try:
        return Template(
            id=name.removesuffix(".jinja"),
            title=str(head["title"]),
            when=str(head["when"]),
            topic=str(head["topic"]),
            may_be=tuple(Indicator(item) for item in head["may_be"]),
            coding=Topic(**head["coding"]),
            names=dict(head["names"]),
            override_reasons=tuple(OverrideReason(system=OVERRIDE_SYSTEM, **r) for r in head["override_reasons"]),
            notes=str(head.get("notes", "")),
            patient_free=bool(head.get("patient_free", False)),
            markdown=_MARKDOWN.from_string(words_only),
            plain=_PLAIN.from_string(words_only),
        )
    except (TypeError, ValueError, CardError) as mistake:
        raise TemplateError(name, None, f"in the head: {mistake}") from mistake


def _split(name: str, text: str) -> tuple[dict[str, Any], str]:
    """The head as a table, and the words with the head's lines left blank so that line numbers stay true."""
    opening, found, rest = text.partition("+++\n")
    head_text, closed, words = rest.partition("\n+++\n")
    if opening or not found or not closed:
        raise TemplateError(name, 1, "must open with a TOML head between two lines '+++'")
    try:
        head = tomllib.loads(head_text)
    except tomllib.TOMLDecodeError as mistake:
        raise TemplateError(name, 1, f"the head is not readable as TOML: {mistake}") from mistake
    if unknown := head.keys() - _KEYS:
        raise TemplateError(name, 1, f"unknown in the head: {', '.join(sorted(unknown))}")
    if missing := _KEYS - _OPTIONAL - head.keys():
        raise TemplateError(name, 1, f"missing in the head: {', '.join(sorted(missing))}")
    return head, "\n" * (head_text.count("\n") + 3) + words


def _check_words(name: str, words: str, names: Mapping[str, str]) -> None:
    try:
        tree = _MARKDOWN.parse(words)
        _MARKDOWN.compile(words)
    except jinja2.TemplateSyntaxError as mistake:
        raise TemplateError(name, mistake.lineno, str(mistake.message)) from mistake
    blocks = [block.name for block in tree.find_all(jinja2.nodes.Block)]
    if missing := [block for block in BLOCKS if block not in blocks]:
        raise TemplateError(name, None, f"block missing: {', '.join(missing)}")
    for undeclared in sorted(meta.find_undeclared_variables(tree) - names.keys()):
        lines = [node.lineno for node in tree.find_all(jinja2.nodes.Name) if node.name == undeclared]
        raise TemplateError(name, min(lines), f"'{undeclared}' is not among the names of the head")


def _escaped(value: object) -> str:
    """Put a value into markdown: text escaped, counts as they are; anything else is a mistake of the caller."""
    return escape.markdown(value if type(value) is str else _worded(value))


def _plain(value: object) -> str:
    return escape.plain(value if type(value) is str else _worded(value))


def _worded(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, jinja2.Undefined):
        return str(value)  # StrictUndefined raises, naming the name
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{type(value).__name__} reached the words: numbers and dates come worded, absences are tested for")


class _Environment(jinja2.Environment):
    """Jinja's, but `item.says` looks among the members first: the values are mappings, and it is used all the time."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The member of this name; what is not a mapping as Jinja does it."""
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def _environment(finalize: Callable[[object], str]) -> jinja2.Environment:
    """Every value goes through `finalize`; nothing a template does can pass one by."""
    return _Environment(
        autoescape=False,  # Jinja's own would escape for HTML, not for markdown
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


_MARKDOWN = _environment(_escaped)
_PLAIN = _environment(_plain)
