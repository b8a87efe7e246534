"""Which web pages may call: cross-origin rules for discovery, the services and feedback, on errors as well.

An origin that is registered gets its own name back, never `*`, and never leave to send cookies (there are none). A
preflight needs no token: browsers send none. Any other origin gets no header, so its browser keeps the answer from it.
This protects users of browsers only; who may call is for client authentication to say.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, request

from cds_service.errors import CallError
from cds_service.web.headers import Header, add_to_answers

PUBLIC_SANDBOX = "https://sandbox.cds-hooks.org"
_THIS_MACHINE = re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?")
_NAME_OF_THIS_MACHINE = re.compile(r"(localhost|127(\.[0-9]{1,3}){3}|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
_PATH = "/cds-services"
_PREFLIGHT = (
    ("Access-Control-Allow-Methods", "GET, POST, OPTIONS"),
    ("Access-Control-Allow-Headers", "authorization, content-type"),
    ("Access-Control-Max-Age", "600"),
)
_VARIES = ("Vary", "Origin")
_READABLE = ("Access-Control-Expose-Headers", "Retry-After, X-Decision-Id, X-Request-Id")


def register(app: Flask, origins: Collection[str], *, sandbox: bool) -> None:
    """Answer preflights of these origins and mark what they may read.

    `sandbox` adds the public CDS Hooks Sandbox and pages of this machine: for an open service on loopback.
    """
    registered = frozenset({*origins, PUBLIC_SANDBOX}) if sandbox else frozenset(origins)

    def allowed(origin: str | None) -> bool:
        return bool(origin) and (origin in registered or (sandbox and bool(_THIS_MACHINE.fullmatch(origin or ""))))

    @app.before_request
    def _answer_preflight() -> Response | None:
        asks = request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers
        if not asks or not _is_ours(request.path) or not allowed(request.headers.get("Origin")):
            return None
        response = Response(status=204)
        response.headers.extend(_PREFLIGHT)
        if request.headers.get("Access-Control-Request-Private-Network") == "true":
            response.headers["Access-Control-Allow-Private-Network"] = "true"
        return response

    def mark(called: dict[str, Any], _headers: list[Header]) -> tuple[Header, ...]:
        path = f"/{called.get('PATH_INFO', '').lstrip('/')}"  # one slash in front, as Flask reads it
        if not _is_ours(path):
            return ()
        origin: str = called.get("HTTP_ORIGIN", "")
        return (_VARIES, ("Access-Control-Allow-Origin", origin), _READABLE) if allowed(origin) else (_VARIES,)

    add_to_answers(app, mark)


def insist_on_own_name(app: Flask, public_url: str) -> None:
    """Refuse requests that name another machine than this one: for an open service on loopback.

    A page can lead its own name to this machine (rebinding). To the browser it then calls its own origin, and no rule
    of CORS applies; but the request still bears the name of the page.
    """
    public = urlsplit(public_url).netloc.lower()

    @app.before_request
    def _refuse_another_name() -> None:
        named = request.headers.get("Host", "localhost")
        if not _NAME_OF_THIS_MACHINE.fullmatch(named) and named.lower() != public:
            raise CallError(
                "an open service on loopback answers to names of its own machine only",
                field="Host",
                mend="Call it as http://localhost or http://127.0.0.1, or set public_url to the name it is called by.",
                status=421,
                code="forbidden",
            )


def _is_ours(path: str) -> bool:
    return path == _PATH or path.startswith(f"{_PATH}/")
