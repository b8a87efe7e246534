"""`POST /cds-services/<id>/feedback`: what became of our cards. A 200 means that all of it is kept, durably.

All entries or none: one that is broken refuses the message (400, naming its field). A card that is not on record is no
error (O-06): it may have been shown long ago, or by another. The same entry twice is kept once.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from cds_service.errors import StoreError
from cds_service.hooks.feedback import parse_feedback
from cds_service.web.call_log import note
from cds_service.web.desk import Desk
from cds_service.web.problems import outcome
from cds_service.web.wire import FHIR_JSON, read_json, write_json

RETRY_SECONDS = 30


def routes(desk: Desk) -> Blueprint:
    """The feedback route: 200 with an empty object, 400 by `parse_feedback`, 503 when it cannot be kept."""
    blueprint = Blueprint("feedback", __name__)

    @blueprint.post("/cds-services/<service_id>/feedback", strict_slashes=False)
    def take_feedback(service_id: str) -> Response:
        service = desk.service(service_id)
        note(service=service.id)
        given = parse_feedback(read_json(request))
        note(entries=len(given))
        try:
            kept = desk.keep_feedback(service.id, given)
        except StoreError:
            return _not_kept()
        note(new=kept.new, unmatched=kept.unmatched)
        return write_json({})

    return blueprint


def _not_kept() -> Response:
    """Why is for the log: it names the database."""
    document = outcome(
        "transient",
        "the feedback was understood but could not be stored; take none of it as recorded",
        mend="Send it again later: what has been recorded by then is recognised and kept once.",
    )
    response = write_json(document, status=503, content_type=FHIR_JSON)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
