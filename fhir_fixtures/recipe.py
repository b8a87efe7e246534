"""What a synthetic patient is, before it is FHIR: a few facts, an order, and what the patient shows.

Recipes live in `recipes/*.toml`, one table each, named by what the patient shows. `like = "other"` starts from another
recipe (or from a table of `_bases.toml`) and overrides: tables are merged, and the value "~" takes a key away.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

NOTHING = "~"
BASES = "_bases.toml"
FIRST = "first.toml"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One patient with one draft order (or several). Dates not given are counted back from `authored`."""

    name: str
    theme: str
    shows: str
    born: str
    sex: str
    expect: Mapping[str, Any]
    """What the patient shows, see `fhir_fixtures.expect`."""
    authored: date = date(2025, 10, 1)
    hooks: tuple[str, ...] = ("order-sign",)
    prescriber: str = "hematologist-oncologist"
    # --- the disease -----------------------------------------------------------------------------------
    diagnoses: tuple[str, ...] = ("b-all",)
    diagnosed: date = date(2025, 1, 20)
    clinical_status: str = "remission"
    relapsed: date | None = None
    mrd: str | None = None
    """'0.5 %', '12 10*-4', 'positive', 'negative', 'not-detected', '<0.01 %'"""
    mrd_days_ago: int = 10
    mrd_specimen: str = "marrow"
    bcr_abl1: str | None = None
    kmt2a: str | None = None
    cd19: str | None = None
    """The coded result, or words ('CD19 negative on all blasts')."""
    cd19_days_ago: int = 20
    # --- the body --------------------------------------------------------------------------------------
    weight: str | None = None
    weight_code: str = "weight"
    weight_days_ago: int = 3
    height: str | None = None
    height_days_ago: int = 3
    bsa: str | None = None
    birth_weight: str | None = None
    gestational_age: str | None = None
    # --- laboratory: value / upper limit unit, '40 U/L' where no limit is printed ------------------------
    laboratory: Mapping[str, str] = field(default_factory=dict)
    pregnancy_test: str | None = None
    # --- people, plan ----------------------------------------------------------------------------------
    payer: str = "Louisiana Healthcare Connections"
    """'' for no Coverage at all."""
    # --- what else is on file --------------------------------------------------------------------------
    problems: tuple[Mapping[str, Any], ...] = ()
    adverse_events: tuple[Mapping[str, Any], ...] = ()
    allergies: tuple[Mapping[str, Any], ...] = ()
    vaccines: tuple[Mapping[str, Any], ...] = ()
    medications: tuple[Mapping[str, Any], ...] = ()
    reports: tuple[Mapping[str, Any], ...] = ()
    # --- the order -------------------------------------------------------------------------------------
    order: Mapping[str, Any] = field(default_factory=dict)
    more_orders: tuple[Mapping[str, Any], ...] = ()
    """Further drafts of the session: blinatumomab with its own `answers`, or other drugs."""
    answers: Mapping[str, Any] = field(default_factory=dict)
    answers_in: str = "draft-orders"
    """'draft-orders', 'contained', or 'on-file': not referenced by the order, as last cycle's answers would be."""
    unreadable: tuple[str, ...] = ()
    """Names of broken entries that the hook call carries besides the valid ones; see `broken.py`."""
    patches: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Members of one resource written as FHIR, laid over what was made: 'mrd' (the end of its id) -> members; a drug or
    result by its short name in `codes.CODES` is written {concept = "…"}, a dateTime {at = days after the order}, and
    "nothing" takes a member away ("~" would only forget the patch)."""
    only_if_asked: bool = False
    """True: every query of the prefetch was answered, and nothing but the patient was found."""

    def days_ago(self, days: int) -> date:
        """The day so many days before the order was written (negative: after it)."""
        return self.authored - timedelta(days=days)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the keys of `over`; tables are merged, lists replaced, and "~" takes a key away."""
    result = dict(base)
    for key, value in over.items():
        if value == NOTHING:
            result.pop(key, None)
        elif isinstance(value, dict):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, dict) else {}, value)
        else:
            result[key] = value
    return result


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _recipe(name: str, theme: str, table: Mapping[str, Any]) -> Recipe:
    known = {each.name for each in fields(Recipe)}
    if strange := sorted(set(table) - known):
        raise ValueError(f"recipe {name} in {theme}.toml has keys nobody reads: {', '.join(strange)}")
    return Recipe(name=name, theme=theme, **{key: _frozen(value) for key, value in table.items()})


def _files() -> list[Traversable]:
    folder = resources.files(__package__) / "recipes"
    names = {entry.name for entry in folder.iterdir() if entry.name.endswith(".toml")}
    rest = sorted(names - {BASES, FIRST})
    return [folder / name for name in (BASES, FIRST, *rest)]


def _resolved(name: str, written: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The table of a recipe laid over those it is like."""
    table = dict(written[name])
    like = table.pop("like", None)
    return merged(_resolved(like, written), table) if like else table


@cache
def recipes() -> tuple[Recipe, ...]:
    """Every recipe: the first patient first, then theme by theme in the order of the files. Raises ValueError."""
    written: dict[str, dict[str, Any]] = {}
    themes: dict[str, str] = {}
    for file in _files():
        theme = file.name.removesuffix(".toml")
        for name, table in tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal).items():
            if name in written:
                raise ValueError(f"two recipes are called {name}; the second is in {file.name}")
            written[name] = table
            if file.name != BASES:
                themes[name] = theme
    return tuple(_recipe(name, theme, _resolved(name, written)) for name, theme in themes.items())
