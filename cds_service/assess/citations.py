"""Which documents, and which places in them, an assessment rests on. Pure; knows how our citations are written.

A citation names one or more documents, parted by semicolons: "US label April 2025, dosage; LA.PHAR.312 V".
What was looked at in the record ("order", "measurements") is evidence, not a document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

_LABEL = re.compile(r"(?:US )?label(?: [A-Z][a-z]+ \d{4})?, (?!older)")
_OLDER_LABEL = "US label, older editions"
_POLICY = re.compile(r"(?P<document>[A-Z]{2}\.[A-Z]+\.\d+(?: \d{4}-\d{2}-\d{2})?) (?P<place>.+)")
_OVERVIEW = "clinical overview of 15 May 2025"


def citations(document: dict[str, Any]) -> list[dict[str, str]]:
    """Every paragraph and label section that the assessment document rests on, once."""
    found = dict.fromkeys(_paragraphs(document))
    title = document["dose"]["label"]["title"]
    for citation in _citations(document):
        found.update(_known_places(citation, title))
    return [{"document": where, "paragraph": paragraph} for where, paragraph in found]


@lru_cache(maxsize=1024)
def _known_places(citation: str, label_title: str) -> Mapping[tuple[str, str], None]:
    """The places of a citation, in order; kept, because citations are the same from call to call."""
    return dict.fromkeys(places(citation, label_title))


def places(citation: str, label_title: str) -> Iterator[tuple[str, str]]:
    """(document, place) of each part of a citation; a part without a document goes with the one before it."""
    document = None
    for part in citation.split("; "):
        document, place = _place(part, label_title, document)
        if document:
            yield document, place


def _place(part: str, label_title: str, before: str | None) -> tuple[str | None, str]:
    if part.startswith(f"{label_title}, "):
        return label_title, part.removeprefix(f"{label_title}, ")
    if part.startswith(f"{_OLDER_LABEL}, "):
        return _OLDER_LABEL, part.removeprefix(f"{_OLDER_LABEL}, ")
    if _LABEL.match(part):
        return label_title, _LABEL.sub("", part, count=1)
    policy = _POLICY.fullmatch(part)
    if policy:
        return policy["document"], policy["place"]
    return (_OVERVIEW, part) if _OVERVIEW in part else (before, part)


def _paragraphs(document: dict[str, Any]) -> list[tuple[str, str]]:
    cited = [(f"{policy['id']} {policy['version']}", policy["criteria"]) for policy in document["policies"]]
    return [(edition, name) for edition, found in cited for name, item in found.items() if item["shown"]]


def _citations(document: dict[str, Any]) -> Iterator[str]:
    yield from (item["citation"] for item in document["dose"]["candidates"])
    yield from (item["citation"] for item in document["dose"]["issues"])
    found = (document["premedication"]["citation"], document["hospitalisation"]["citation"])
    yield from (citation for citation in found if citation)
    yield from (item["citation"] for item in document["safety"] if item["status"] != "clear")
