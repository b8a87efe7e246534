"""`GET /fhir/<type>/<id>`: our Questionnaire, CodeSystem and ValueSets, so that canonical URLs lead somewhere.

Made at start-up; there is nothing of a patient under `/fhir`, and nothing can be written there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from cds_service.errors import CallError
from cds_service.web.json_body import dump_json
from cds_service.web.wire import FHIR_JSON

Published = Mapping[tuple[str, str], Mapping[str, Any]]
"""(type, id) -> resource."""


def routes(published: Published) -> Blueprint:
    """Read by type and id; search by `url`, with or without its version."""
    blueprint = Blueprint("definitions", __name__)
    written = {key: dump_json(resource) for key, resource in published.items()}
    types = {kind for kind, _ in published}

    @blueprint.get("/fhir/<kind>/<resource_id>")
    def read(kind: str, resource_id: str) -> Response:
        if (kind, resource_id) not in written:
            raise CallError("no such resource", status=404, code="not-found", mend="Search by url for those there are.")
        return _fhir(written[kind, resource_id])

    @blueprint.get("/fhir/<kind>")
    def search(kind: str) -> Response:
        if kind not in types:
            raise CallError(
                "no such type", status=404, code="not-found", mend=f"There are: {', '.join(sorted(types))}."
            )
        wanted = request.args.get("url", "").partition("|")[0]
        found = [
            resource for (each, _), resource in published.items() if each == kind and wanted in ("", resource["url"])
        ]
        entries = [{"fullUrl": resource["url"], "resource": resource} for resource in found]
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": len(found)}
        return _fhir(dump_json({**bundle, "entry": entries} if entries else bundle))

    return blueprint


def _fhir(body: str) -> Response:
    response = Response(body, content_type=FHIR_JSON)
    response.headers["Cache-Control"] = "public, max-age=3600"
    return response
