"""Links to the form of order questions as the service of a test makes them: with this secret, on this day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from pydantic import SecretStr

from cds_service.form_links import FormLinks, link_key
from cds_service.parts import Parts

SECRET = "the secret of these tests"


def with_secret(parts: Parts, **settings: object) -> Parts:
    """The parts of a site with this secret and these settings."""
    told = parts.settings.model_copy(update={"site_secret": SecretStr(SECRET), **settings})
    return replace(parts, settings=told)


def form_link(asked: str, today: date) -> str:
    """What follows `/questions` in a link of that site."""
    found = FormLinks("?", 1, link_key(SECRET.encode())).link(asked.split(","), today)
    assert found is not None
    return found.removeprefix("?")
