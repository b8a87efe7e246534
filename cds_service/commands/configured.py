"""The settings as the commands read them: all mistakes told at once."""

from __future__ import annotations

import click
from pydantic import ValidationError

from cds_service.settings import Settings


def settings() -> Settings:
    """From the environment. Raises click.ClickException that lists every mistake."""
    try:
        return Settings()
    except ValidationError as mistake:
        told = "\n".join(
            f"  BLINATUMOMAB_CDS_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in mistake.errors()
        )
        raise click.ClickException(f"the settings are wrong:\n{told}") from mistake
