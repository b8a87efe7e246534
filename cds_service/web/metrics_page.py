"""`GET /metrics`: what is counted, for Prometheus, where it has no port of its own.

Given to callers from this machine only, and not at all where a proxy stands in front (an https `public_url`): to this
process everybody who comes through a proxy on the same machine looks like that machine. Others find nothing here.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from flask import Blueprint, Response, abort, request

_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")


def routes(page: Callable[[], bytes], content_type: str) -> Blueprint:
    """The page; 404, as where nothing is, for whoever is not to read it."""
    blueprint = Blueprint("metrics", __name__)

    @blueprint.get("/metrics")
    def show_metrics() -> Response:
        if not _is_this_machine(request.remote_addr) or any(name in request.headers for name in _FORWARDED):
            abort(404)
        return Response(page(), content_type=content_type)

    return blueprint


def _is_this_machine(address: str | None) -> bool:
    try:
        return ip_address(address or "").is_loopback
    except ValueError:
        return False
