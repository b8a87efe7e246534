"""Text of others made harmless: what a chart, an order or a data file says may never act as markup on a card.

Knows markdown and HTML, nothing of templates or cards.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_MARKS = re.compile(r"[\\`*\[\]~|]|(?<![^\W_])_|_(?![^\W_])")  # an underscore inside a word marks nothing
_TAG_OPENS = re.compile(r"<(?=[A-Za-z/!?])")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_LINE_OPENS = re.compile(r"^(?=[#>+=-])")
_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
_ADDRESS = re.compile(r"(?i)(?<=[a-z])://|www\.|(?<=\S)@(?=\S)")
_HARMLESS = re.compile(r"""(?: ?(?:[A-Za-z(,.:;…†]|\d+(?:\.\d+)?(?![.)\d]))[0-9A-Za-z ,.:;()/%²³⁹×≥≤µ–…†'"=?!+-]*)?""")
"""Most text has nothing in it that could act as markup, and to see that is far cheaper than the substitutions."""
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cs", "Zl", "Zp"})


def one_line(text: str) -> str:
    """White space runs become one blank; control, format and private characters go."""
    if text.isprintable() and "  " not in text:
        return text.strip()
    kept = "".join(" " if mark.isspace() else mark for mark in text if _keeps(mark))
    return " ".join(kept.split())


def _keeps(mark: str) -> bool:
    return mark.isspace() or unicodedata.category(mark) not in _UNSEEN


@lru_cache(maxsize=4096)
def markdown(text: str) -> str:
    """Text that reads as it stands in GitHub Flavored Markdown, table cells and HTML included.

    A `<` that cannot open a tag stays as it is, so that "< 0.01 %" is legible where markdown is shown raw. Most of what
    cards say are the words of the knowledge files, the same on every card: hence the cache.
    """
    if _harmless(text):
        return text
    line = one_line(text)
    line = _ENTITY.sub("&amp;", line)
    line = _ADDRESS.sub(_broken, line)
    line = _MARKS.sub(r"\\\g<0>", line)
    line = _TAG_OPENS.sub("&lt;", line)
    return _spaced(text, _NUMBERED.sub(r"\1\\\2", _LINE_OPENS.sub(r"\\", line)))


def _harmless(text: str) -> bool:
    if not _HARMLESS.fullmatch(text):
        return False
    return "  " not in text and "://" not in text and "www." not in text.lower()


def _spaced(text: str, line: str) -> str:
    """A blank before or behind stays, so that templates can write `{{ " (" ~ citation ~ ")" }}`."""
    if text[:1].isspace():
        line = f" {line}"
    return f"{line} " if line.strip() and text[-1:].isspace() else line


def _broken(found: re.Match[str]) -> str:
    """Addresses must not turn into links that leave the record."""
    return {"://": ": //", "@": " @ "}.get(found.group(), "www .")


def plain(text: str) -> str:
    """Text for a summary: one line, and no tag even where a client shows it as HTML."""
    return _spaced(text, _TAG_OPENS.sub("‹", one_line(text)))
