"""The gate: every request needs a caller who is admitted, except at the doors listed as open.

Deny by default: a room that is added and not listed here is shut. Who is admitted is for `trust`; this module knows
which door a request is at, and keeps the caller for the routes. Nothing of the body has been read when it decides.
"""

from __future__ import annotations

from flask import Flask, g, request

from cds_service.trust.caller import ANYONE, Admit, Caller, Door
from cds_service.web.call_log import trace

OPEN_ROOMS = frozenset({"discovery", "health", "metrics", "questions", "definitions", "policies"})
"""Rooms that show nothing of a patient: discovery (so that a client can find us), the form, its definitions,
our pages on policies, health; and metrics, which looks for itself who asks."""


def register(app: Flask, admit: Admit | None, public_url: str) -> None:
    """Ask `admit` before every request that is for a room not open; without it anyone is admitted."""
    base = public_url.rstrip("/")

    def check() -> None:
        if admit is None or not needs_caller(request.endpoint, request.method):
            return
        service = (request.view_args or {}).get("service_id", "")
        door = Door(service, f"{base}{request.path.rstrip('/')}")
        g.caller = admit(request.headers.get("Authorization"), door)
        trace().client = g.caller.name
        trace().note(client=g.caller.name)

    app.before_request(check)


def needs_caller(endpoint: str | None, method: str) -> bool:
    """Is this a request that does something? No address of ours (404, 405) and a preflight do nothing."""
    return endpoint is not None and method != "OPTIONS" and endpoint.partition(".")[0] not in OPEN_ROOMS


def caller() -> Caller:
    """Who makes the current request."""
    found: Caller = g.get("caller", ANYONE)
    return found
