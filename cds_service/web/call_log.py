"""One line per request, with nothing in it about a patient; and what is counted of it.

The service id is only logged when it is one of ours, `hookInstance` only when it looks like a UUID, and the request's
own id only when it looks like one: all three are the caller's text, and free text is where names hide.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping

from flask import Flask, Response, g, request

from cds_service.log_lines import REQUEST, Line
from cds_service.trace import Fact, Trace, request_id
from cds_service.web import arrival

_LOG = logging.getLogger("cds_service.calls")
_UUID = re.compile(r"(urn:uuid:)?[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_QUIET = frozenset({"health", "metrics"})
"""Routes that are asked every few seconds."""
DECISION_HEADER, REQUEST_HEADER = "X-Decision-Id", "X-Request-Id"

Count = Callable[[Mapping[str, Fact], Mapping[str, float], float], None]
"""Facts, seconds by stage, seconds in all."""


def note(**facts: Fact) -> None:
    """Add facts of our own words or counts to the line of this request."""
    trace().note(**facts)


def trace() -> Trace:
    """What is noticed of the current request."""
    found: Trace = g.trace
    return found


def printable_instance(instance: str) -> str:
    """The hookInstance if it is a UUID; otherwise only that it was odd."""
    return instance if _UUID.fullmatch(instance) else "odd"


def register(app: Flask, count: Count = lambda *_: None) -> None:
    """Write the line after every request (health and metrics only at debug level), and `count` it."""

    def write(response: Response) -> Response:
        noticed: Trace = g.trace
        seconds = noticed.seconds()
        facts: dict[str, Fact] = {
            "route": (request.endpoint or "none").partition(".")[0],
            **noticed.facts,
            "status": response.status_code,
            "ms": round(seconds * 1000, 2),
            **{f"{stage}_ms": round(taken * 1000, 2) for stage, taken in noticed.stages.items()},
            "request": noticed.request,
        }
        response.headers[REQUEST_HEADER] = noticed.request
        if "decision" in facts:
            response.headers[DECISION_HEADER] = str(facts["decision"])
        count(facts, noticed.stages, seconds)
        _LOG.log(logging.DEBUG if facts["route"] in _QUIET else logging.INFO, Line("request", facts))
        return response

    app.before_request(_start)
    app.after_request(write)
    app.teardown_request(_end)


def _start() -> None:
    headers, environ = request.headers, request.environ
    noticed = g.trace = Trace(request_id(headers.get("traceparent"), headers.get(REQUEST_HEADER)))
    noticed.started = environ.get(arrival.SINCE, noticed.started)
    noticed.has_left = environ.get(arrival.HAS_LEFT, noticed.has_left)
    noticed.lap("queue")
    REQUEST.set(noticed.request)


def _end(_problem: BaseException | None) -> None:
    REQUEST.set(None)
