"""Is it up, which editions has it loaded, and what is wrong around it. For people, probes and proxies; open to all.

`GET /health/live` answers where the process answers at all. `GET /health/ready` says what this process can do: 200 as
soon as it can give guidance, whatever the database does, since no other process would do better; what is wrong stands
in the body. `GET /health` is the one from before these two.
"""

from __future__ import annotations

from flask import Blueprint, Response

from cds_service.web.desk import Desk
from cds_service.web.wire import write_json


def routes(desk: Desk) -> Blueprint:
    """What was loaded is told as it was at start-up; the state of the database is some seconds old at the most."""
    blueprint = Blueprint("health", __name__)
    live = {"status": "alive", "version": desk.health.get("version")}

    @blueprint.get("/health", strict_slashes=False)
    def show_health() -> Response:
        return write_json(desk.health)

    @blueprint.get("/health/live")
    def show_live() -> Response:
        return write_json(live)

    @blueprint.get("/health/ready")
    def show_ready() -> Response:
        database = desk.database()
        status = "degraded" if database == "failing" else "ready"
        told = {name: value for name, value in desk.health.items() if name != "status"}
        return write_json({"status": status, "database": database, "silent": desk.silent, **told})

    return blueprint
