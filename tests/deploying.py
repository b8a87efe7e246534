"""What both ways to deploy are held to: commands that the command line knows, settings that exist, values they take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
import pytest

from cds_service.__main__ import main
from cds_service.settings import Settings

PREFIX = "BLINATUMOMAB_CDS_"
OTHERS = {"TZ"}
"""Variables that are not ours and may be set."""


def check_command(words: Sequence[str]) -> dict[str, object]:
    """What the command line makes of these words; it is not run. Raises click.UsageError."""
    command: click.Command = main
    rest = [str(word) for word in words]
    while isinstance(command, click.Group):
        _, found, rest = command.resolve_command(click.Context(command), rest)
        assert found is not None, words
        command = found
    return command.make_context(command.name, rest).params


def check_settings(variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of these variables, each of which has to be one."""
    for name, value in variables.items():
        assert isinstance(value, str), f"{name} has to be quoted"
        assert name in OTHERS or name.removeprefix(PREFIX).lower() in Settings.model_fields, name
        monkeypatch.setenv(name, value)
    return Settings()
