"""What crosses the wire: the body of the current request in, JSON out."""

from __future__ import annotations

from typing import Any

from flask import Request, Response

from cds_service import forgetting
from cds_service.errors import CallError
from cds_service.web.json_body import dump_json, parse_json
from cds_service.web.size import check_pieces

JSON = "application/json"
FHIR_JSON = "application/fhir+json"


def read_json(request: Request) -> Any:
    """The JSON body of the request. Raises CallError; werkzeug's 413 where it is larger than the setting allows."""
    if request.mimetype != JSON and not request.mimetype.endswith("+json"):
        raise CallError(
            "the content type is not JSON", field="Content-Type", mend=f"Send {JSON}.", status=415, code="not-supported"
        )
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        raise CallError(
            "a compressed body is not read",
            field="Content-Encoding",
            mend="Send the body as it is.",
            status=415,
            code="not-supported",
        )
    data = request.get_data(cache=False)
    check_pieces(data)
    forgetting.took(len(data))
    return parse_json(data)


def write_json(document: object, *, status: int = 200, content_type: str = JSON) -> Response:
    """A response with this document. It may be about a patient, so nobody is to keep it."""
    response = Response(dump_json(document), status=status, content_type=content_type)
    response.headers["Cache-Control"] = "no-store"
    return response
