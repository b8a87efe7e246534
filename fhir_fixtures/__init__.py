"""Synthetic patients, hook calls made from them, and a small FHIR server that serves them (`fhir_fixtures.server`).

    >>> from fhir_fixtures import patients, hook_calls, expectations
    >>> patients()["child-30kg-flat-28-mcg-mrd-positive"]["resourceType"]
    'Bundle'
    >>> hook_calls()["order-sign--child-30kg-flat-28-mcg-mrd-positive"]["hook"]
    'order-sign'

Nobody in here exists. The JSON files are the product; `recipes/` says what each is for, and
`python -m fhir_fixtures.make` writes them. This package knows nothing of the service: what it expects comes from the
policy and the label.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from fhir_fixtures.recipe import recipes

__all__ = ["client_calls", "expectations", "hook_calls", "patients"]


@cache
def _texts(folder: str) -> dict[str, str]:
    files = sorted((resources.files(__package__) / folder).iterdir(), key=lambda file: file.name)
    return {f.name.removesuffix(".json"): f.read_text(encoding="utf-8") for f in files if f.name.endswith(".json")}


def _loaded(folder: str) -> dict[str, dict[str, Any]]:
    return {name: json.loads(text, parse_float=Decimal) for name, text in _texts(folder).items()}


def patients() -> dict[str, dict[str, Any]]:
    """Every patient by what it shows: a FHIR R4 Bundle of type collection with all that is on file.

    The draft order is not in it (it is not on any server yet). Numbers with a decimal point are `Decimal`. Each call
    gives fresh objects: change them as you like.
    """
    return _loaded("patients")


def hook_calls() -> dict[str, dict[str, Any]]:
    """Every hook call as `<hook>--<patient>`: a complete CDS Hooks request body with full prefetch.

    Numbers with a decimal point are `Decimal`: post them with a JSON writer that keeps decimals (simplejson).
    """
    return _loaded("hook_calls")


def client_calls() -> dict[str, dict[str, Any]]:
    """Hook calls in the odd shapes of known clients; `clients/clients.toml` says who sends each, and to which hook."""
    return _loaded("clients")


def expectations() -> dict[str, dict[str, Any]]:
    """What each patient shows, for the answer to its hook calls; `fhir_fixtures.expect.differences` checks it.

    Keys: `overall`, `section`, `applies`, `criteria`, … of the policy edition in force; the same under `previous`;
    every other key is a dotted path into the assessment document.
    """
    return {recipe.name: _with_nulls(recipe.expect) for recipe in recipes()}


def _with_nulls(value: Any) -> Any:
    """TOML has no null: a recipe writes it as "null"."""
    if isinstance(value, Mapping):
        return {key: _with_nulls(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_nulls(each) for each in value]
    return None if value == "null" else value
