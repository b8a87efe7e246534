"""The README of this folder: how to use the fixtures, and the table of what each shows."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from typing import Final

from fhir_fixtures.recipe import Recipe

_HEAD: Final = "| patient | hook calls | what it shows |\n| --- | --- | --- |"


def _row(recipe: Recipe) -> str:
    return f"| `{recipe.name}` | {', '.join(recipe.hooks)} | {recipe.shows} |"


def readme(recipes: Iterable[Recipe]) -> str:
    """The whole README: the words of `recipes/README.head.md`, then one table per theme."""
    parts = [(resources.files(__package__) / "recipes" / "README.head.md").read_text(encoding="utf-8")]
    theme = None
    for recipe in recipes:
        if recipe.theme != theme:
            theme = recipe.theme
            parts.append(f"\n### {theme.replace('-', ' ').capitalize()}\n\n{_HEAD}")
        parts.append(_row(recipe))
    return "\n".join(parts) + "\n"
