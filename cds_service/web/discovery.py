"""`GET /cds-services`: what we offer. `GET /`: where to look."""

from __future__ import annotations

from flask import Blueprint, Response, current_app

from cds_service.hooks.services import discovery
from cds_service.web.desk import Desk
from cds_service.web.wire import write_json

_QUESTIONS = {"questions": "/questions", "questionnaire": "/fhir/Questionnaire"}
"""Served where the knowledge files are loaded."""


def routes(desk: Desk) -> Blueprint:
    """The discovery document, made once; prefetch keys keep the order in which they were written (B-20)."""
    blueprint = Blueprint("discovery", __name__)
    document = discovery(desk.services)

    @blueprint.get("/cds-services", strict_slashes=False)
    def show_services() -> Response:
        return write_json(document)

    @blueprint.get("/")
    def show_entrance() -> Response:
        asked = _QUESTIONS if "questions" in current_app.blueprints else {}
        return write_json({"service": "blinatumomab-cds", "discovery": "/cds-services", "health": "/health", **asked})

    return blueprint
