"""Every word of our own texts: what may stand in a record, because it came from no patient's. Reads files, at start."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from cds_service.decisions import known_words


def our_words() -> frozenset[str]:
    """The words of our cards and texts; anything else on a card came from a record."""
    return known_words(
        [
            *_texts(files("cards"), ".jinja", ".toml"),
            *_texts(files("cds_service.knowledge"), ".toml"),
            *_texts(files("cds_service.present"), ".py"),
        ]
    )


def _texts(folder: Traversable, *endings: str) -> list[str]:
    found: list[str] = []
    for item in folder.iterdir():
        if item.is_dir():
            found += _texts(item, *endings)
        elif item.name.endswith(endings):
            found.append(item.read_text(encoding="utf-8"))
    return found
