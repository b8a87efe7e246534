"""The gallery: rendered examples of every template, for pharmacists to read and for a test to keep equal.

`cards/gallery/index.toml` names, per template, the example documents (`examples/*.json`, assessment documents with the
draft that they judge) it is shown with. Used by the command line and tests only: no call touches it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import simplejson

from cards import Card, Templates, load_templates
from cds_service.present.plan import cards_of, untold_card
from cds_service.present.suggestions import Maker, Orders

INSTANCE = "gallery"
README = """\
# Gallery of cards

Made by `blinatumomab-cds cards` from the templates and the example documents in `examples/`; do not edit by hand.

| template | page | indicator | summary |
|---|---|---|---|
"""


def gallery_folder() -> Traversable:
    """Where our gallery lies."""
    return files("cards") / "gallery"


def pages(templates: Templates, folder: Traversable, maker: Maker) -> dict[str, str]:
    """File name -> text of every page, made anew. Raises KeyError where an example does not give the named card."""
    index: Mapping[str, list[str]] = tomllib.loads((folder / "index.toml").read_text(encoding="utf-8"))
    made: dict[str, str] = {}
    lines: list[str] = []
    for template_id, examples in index.items():
        for example in examples:
            document = _example(folder, example)
            card = _card(document, template_id, templates, maker)
            name = f"{template_id}--{example}"
            made[f"{name}.json"] = simplejson.dumps(card.to_json(), indent=2, ensure_ascii=False) + "\n"
            made[f"{name}.md"] = _page(card, document, name)
            lines.append(f"| {template_id} | [{example}]({name}.md) | {card.indicator} | {card.summary} |\n")
    made["README.md"] = README + "".join(lines)
    return made


def outdated(maker: Maker, templates: Templates | None = None, folder: Path | None = None) -> tuple[str, ...]:
    """The pages that differ from what the templates say now, or are no longer made; writes nothing."""
    made, kept, _ = _compared(maker, templates, folder)
    return (*sorted(kept.keys() - made.keys()), *(name for name, text in made.items() if kept.get(name) != text))


def refresh(maker: Maker, templates: Templates | None = None, folder: Path | None = None) -> tuple[str, ...]:
    """Write every page that differs, remove what is no longer made; the names of the files touched."""
    made, _, where = _compared(maker, templates, folder)
    names = outdated(maker, templates, folder)
    for name in names:
        if name in made:
            (where / name).write_text(made[name], encoding="utf-8")
        else:
            (where / name).unlink()
    return names


def _compared(
    maker: Maker, templates: Templates | None, folder: Path | None
) -> tuple[dict[str, str], dict[str, str], Path]:
    """What is made now, what lies there, and where."""
    where = folder if folder is not None else Path(str(gallery_folder()))
    kept = {file.name: file.read_text(encoding="utf-8") for file in where.iterdir() if file.suffix in (".md", ".json")}
    return pages(templates or load_templates(), where, maker), kept, where


def _example(folder: Traversable, name: str) -> dict[str, Any]:
    text = (folder / "examples" / f"{name}.json").read_text(encoding="utf-8")
    document: dict[str, Any] = simplejson.loads(text, use_decimal=True)
    return document


def _card(document: Mapping[str, Any], template_id: str, templates: Templates, maker: Maker) -> Card:
    if "untold" in document:
        return untold_card(document["untold"], instance=INSTANCE, templates=templates)
    orders = Orders((document["draft"],))
    hook = document["hook"]
    made = cards_of([document], hook=hook, instance=INSTANCE, templates=templates, maker=maker, orders=orders)
    found = [card for name, card in made if name == template_id]
    if not found:
        raise KeyError(f"the example gives no {template_id} card; it gives {', '.join(name for name, _ in made)}")
    return found[0]


def _page(card: Card, document: Mapping[str, Any], name: str) -> str:
    """The card as a person would read it."""
    head = f"{document['hook']} · {card.indicator} · {card.source.label}"
    return f"<!-- {name} -->\n{head}\n\n## {card.summary}\n\n{card.detail}\n" + "".join(_buttons(card))


def _buttons(card: Card) -> Iterator[str]:
    """Every suggestion with what it would do; the resources stand in the JSON beside the page."""
    if card.suggestions:
        yield f"\n---\n\nButtons ({'one' if len(card.suggestions) == 1 else 'at most one'} to press):\n\n"
    for suggestion in card.suggestions:
        yield f"- **{suggestion.label}**{' (recommended)' if suggestion.is_recommended else ''}\n"
        yield from (
            f"  - {action.type} {(action.resource or {}).get('resourceType')}: {action.description}\n"
            for action in suggestion.actions
        )
