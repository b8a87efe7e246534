"""One line per request through stdlib logging, with nothing in it about a patient.

The service id is only logged when it is one of ours, and `hookInstance` only when it looks like a UUID: both are the
caller's text, and free text is where names hide.
"""

from __future__ import annotations

import logging
import re
import time

from flask import Flask, Response, g, request

_LOG = logging.getLogger("cds_service.calls")
_UUID = re.compile(r"(urn:uuid:)?[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")


def note(**facts: str | int) -> None:
    """Add facts of our own words or counts to the line of this request."""
    g.setdefault("noted", {}).update(facts)


def printable_instance(instance: str) -> str:
    """The hookInstance if it is a UUID; otherwise only that it was odd."""
    return instance if _UUID.fullmatch(instance) else "odd"


def register(app: Flask) -> None:
    """Write the line after every request; health checks only at debug level."""
    app.before_request(_start)
    app.after_request(_write)


def _start() -> None:
    g.started = time.perf_counter()


def _write(response: Response) -> Response:
    facts = {
        "route": (request.endpoint or "none").partition(".")[0],
        **g.get("noted", {}),
        "status": response.status_code,
        "ms": round((time.perf_counter() - g.get("started", time.perf_counter())) * 1000),
    }
    level = logging.DEBUG if facts["route"] == "health" else logging.INFO
    _LOG.log(level, " ".join(f"{name}={value}" for name, value in facts.items()))
    return response
