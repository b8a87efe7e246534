"""`POST /cds-services/<id>/feedback`: understood and checked, but not stored by this version (501)."""

from __future__ import annotations

from flask import Blueprint, Response, request

from cds_service.hooks.feedback import parse_feedback
from cds_service.web.call_log import note
from cds_service.web.desk import Desk
from cds_service.web.problems import outcome
from cds_service.web.wire import FHIR_JSON, read_json, write_json


def routes(desk: Desk) -> Blueprint:
    """The feedback route. Malformed is 400; well-formed is 501, never a 200 that would let the client forget it."""
    blueprint = Blueprint("feedback", __name__)

    @blueprint.post("/cds-services/<service_id>/feedback", strict_slashes=False)
    def take_feedback(service_id: str) -> Response:
        note(service=desk.service(service_id).id)
        note(entries=len(parse_feedback(read_json(request))))
        document = outcome(
            "not-supported",
            "the feedback was understood, but this version does not store feedback",
            mend="Keep it, or drop it: nothing was recorded here.",
        )
        return write_json(document, status=501, content_type=FHIR_JSON)

    return blueprint
