"""Headers of every answer: what a browser may do with it, which is nothing, unless a page says what it needs.

Made once at start-up; a route that has set one of them has the last word.
"""

from __future__ import annotations

from collections.abc import Sequence

from flask import Flask, Response

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""The Content-Security-Policy of whatever is no page."""
_YEAR = 31_536_000


def register(app: Flask, *, public_url: str) -> None:
    """Put the headers on every answer of this app, errors included; that of TLS where browsers come by https."""
    always = _headers(public_url)

    @app.after_request
    def _write(response: Response) -> Response:
        for name, value in always:
            if name not in response.headers:
                response.headers[name] = value
        return response


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
