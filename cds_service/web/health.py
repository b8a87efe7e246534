"""`GET /health`: is it up, which version, which editions, and may anyone call."""

from __future__ import annotations

from flask import Blueprint, Response

from cds_service.web.desk import Desk
from cds_service.web.wire import write_json


def routes(desk: Desk) -> Blueprint:
    """Made at start-up: it says what was loaded, and reads nothing."""
    blueprint = Blueprint("health", __name__)

    @blueprint.get("/health", strict_slashes=False)
    def show_health() -> Response:
        return write_json(desk.health)

    return blueprint
