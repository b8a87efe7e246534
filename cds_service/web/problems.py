"""Everything that goes wrong becomes a status and a FHIR OperationOutcome: one handler, no HTML, no stack trace.

Texts are ours and name fields of the standard; nothing is quoted from a request, because it could be about a patient.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flask import Flask, Response
from werkzeug.exceptions import HTTPException

from cds_service.errors import CallError, NotAdmittedError, TooLargeError, UnavailableError
from cds_service.log_lines import places
from cds_service.web.call_log import note
from cds_service.web.wire import FHIR_JSON, write_json

_LOG = logging.getLogger("cds_service.problems")
RETRY_SECONDS = 5

_SAID: Mapping[int, tuple[str, str, str]] = {
    # status: FHIR issue type, what is wrong, what to do
    400: ("structure", "the request cannot be read", "Send a well-formed HTTP request with a JSON body."),
    404: ("not-found", "nothing is at this address", "See GET /cds-services for what is here."),
    405: ("not-supported", "this address does not take that method", "See the Allow header for those it takes."),
    413: ("too-long", "the body is larger than this service reads", "Send a smaller prefetch."),
    415: ("not-supported", "the content type is not read here", "Send application/json."),
}
_BUG = (
    "exception",
    "this service failed; no advice was computed",
    "Do not read this as 'no concerns'. Tell its operator.",
)


def outcome(code: str, message: str, *, mend: str = "", field: str = "") -> dict[str, Any]:
    """An OperationOutcome with one issue. `field` is a path into the request, in `expression`."""
    issue: dict[str, Any] = {
        "severity": "error",
        "code": code,
        "details": {"text": message},
        "diagnostics": f"{message}. {mend}".strip(),
    }
    if field:
        issue["expression"] = [field]
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def answer(problem: Exception) -> Response:
    """The answer to whatever was raised while a request was handled."""
    if isinstance(problem, CallError):
        document = outcome(problem.code, problem.message, mend=problem.mend, field=problem.field)
        response = write_json(document, status=problem.status, content_type=FHIR_JSON)
        if isinstance(problem, NotAdmittedError | UnavailableError):
            _shut(problem, response)
        return response
    if isinstance(problem, HTTPException) and problem.code in _SAID:
        return _answer_http(problem)
    way = places(problem.__traceback__)
    _LOG.error("bug: %s at %s", type(problem).__name__, way[-1] if way else "unknown")
    _LOG.debug("bug, from outside in: %s", " < ".join(way))
    code, message, mend = _BUG
    return write_json(outcome(code, message, mend=mend), status=500, content_type=FHIR_JSON)


def register(app: Flask) -> None:
    """Make this the only way in which the app reports problems."""
    app.register_error_handler(Exception, answer)


def _shut(problem: NotAdmittedError | UnavailableError, response: Response) -> None:
    """The same headers for every caller who is not admitted; why is for the log, and a name only once it is proved."""
    note(refused=problem.reason)
    if isinstance(problem, UnavailableError):
        response.headers["Retry-After"] = str(RETRY_SECONDS)
        return
    response.headers["WWW-Authenticate"] = "Bearer"
    if problem.client:
        note(client=problem.client)


def _answer_http(problem: HTTPException) -> Response:
    status = problem.code or 500
    code, message, mend = _SAID[status]
    field = "body" if status == TooLargeError.status else ""
    response = write_json(outcome(code, message, mend=mend, field=field), status=status, content_type=FHIR_JSON)
    for name, value in problem.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response
