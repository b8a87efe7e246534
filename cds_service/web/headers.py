"""Headers of every answer: what a browser may do with it, which is nothing, unless a page says what it needs.

Made once at start-up; a route that has set one of them has the last word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from flask import Flask

Header = tuple[str, str]
More = Callable[[dict[str, Any], list[Header]], Iterable[Header]]
"""The WSGI environment of a request and the headers of its answer -> further headers."""

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The Content-Security-Policy of whatever is no page."""
_YEAR = 31_536_000


def register(app: Flask, *, public_url: str) -> None:
    """Put the headers on every answer of this app, errors included; that of TLS where browsers come by https."""
    always = [(name.lower(), (name, value)) for name, value in _headers(public_url)]

    def missing(_request: dict[str, Any], headers: list[Header]) -> list[Header]:
        held = {name.lower() for name, _ in headers}
        return [header for name, header in always if name not in held]

    add_to_answers(app, missing)


def add_to_answers(app: Flask, more: More) -> None:
    """Every answer gets these headers as it leaves; that costs less than to look through Flask's own of it."""
    inner = app.wsgi_app

    def answer(request: dict[str, Any], start: Any) -> Any:
        def begin(status: str, headers: list[Header], *rest: Any) -> Any:
            return start(status, [*headers, *more(request, headers)], *rest)

        return inner(request, begin)

    app.wsgi_app = answer  # type: ignore[assignment, method-assign]  # the way Flask's documentation wraps an app


def page_policy(frame_ancestors: Sequence[str]) -> str:
    """The Content-Security-Policy of our pages: own files only, framed by these origins only."""
    ancestors = " ".join(frame_ancestors) or "'none'"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
        f"base-uri 'none'; frame-ancestors {ancestors}"
    )


def _headers(public_url: str) -> tuple[tuple[str, str], ...]:
    told = (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Content-Security-Policy", NOTHING),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        ("Cache-Control", "no-store"),
    )
    tls = ("Strict-Transport-Security", f"max-age={_YEAR}")
    return (*told, tls) if public_url.startswith("https://") else told
