"""The settings as the commands read them: all mistakes told at once, each with the variable and what it takes."""

from __future__ import annotations

import difflib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import get_origin

import click
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from cds_service.settings import Settings

PREFIX = "BLINATUMOMAB_CDS_"


def settings() -> Settings:
    """From the environment. Raises click.ClickException that lists every mistake."""
    found, wrong = as_far_as_right()
    if wrong:
        told = "\n".join(f"  {mistake}" for mistake in wrong.values())
        raise click.ClickException(f"the settings are wrong:\n{told}")
    return found


def as_far_as_right() -> tuple[Settings, Mapping[str, str]]:
    """The settings, with the default where one is wrong; and what is wrong, by the name of the setting."""
    wrong = _not_json()
    with _without(wrong):
        try:
            return Settings(), wrong
        except ValidationError as mistake:
            wrong |= {str(each["loc"][0]): _told(each) for each in mistake.errors()}
        fields = Settings.model_fields
        instead = {name: fields[name].get_default(call_default_factory=True) for name in wrong}
        return Settings(**instead), wrong


def _not_json() -> dict[str, str]:
    """The settings that are lists, and whose text is no JSON: reading stops at the first of them."""
    found = {}
    for name, setting in Settings.model_fields.items():
        text = next((os.environ[each] for each in _variables(name)), None)
        if text is None or get_origin(setting.annotation) is not tuple:
            continue
        try:
            json.loads(text)
        except ValueError:
            found[name] = f'{PREFIX}{name.upper()}: not a JSON list; write it like ["a", "b"]. {_takes(name)}'.rstrip()
    return found


def _variables(name: str) -> list[str]:
    return [each for each in os.environ if each.upper() == f"{PREFIX}{name.upper()}"]


@contextmanager
def _without(names: Iterable[str]) -> Iterator[None]:
    """The environment without these settings, while the block runs."""
    gone = {each: os.environ.pop(each) for name in names for each in _variables(name)}
    try:
        yield
    finally:
        os.environ.update(gone)


def unknown_names() -> list[str]:
    """Variables that look like settings and are none, each with the setting that was perhaps meant."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    found = []
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known:
            meant = difflib.get_close_matches(name.upper(), known, 1)
            found.append(f"{name} is no setting" + (f"; is {meant[0]} meant?" if meant else ""))
    return found


def _told(mistake: ErrorDetails) -> str:
    """Never the value: it could be a secret."""
    name, *inside = mistake["loc"]
    where = "".join(f"[{part}]" for part in inside)
    said = "not written as it has to be" if mistake["type"] == "string_pattern_mismatch" else mistake["msg"]
    return f"{PREFIX}{str(name).upper()}{where}: {said.removeprefix('Value error, ')}. {_takes(str(name))}".rstrip()


def _takes(name: str) -> str:
    field = Settings.model_fields.get(name)
    return f"It takes: {field.description}" if field is not None and field.description else ""
