"""Wiring: settings -> loaded parts -> Flask app -> server. The only module that knows everyone. Decides nothing.

Whether anyone may call is not decided here: the command line insists on saying so before it serves.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from importlib import resources
from threading import Thread
from typing import Any

import waitress
from flask import Flask

from cds_service import __version__, guidance
from cds_service.ehr import Ehr
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import ORDER_SIGN, service_for, services
from cds_service.parts import Parts, load_parts
from cds_service.settings import Settings
from cds_service.web import call_log, discovery, feedback, health, problems
from cds_service.web import services as calls
from cds_service.web.desk import Desk, local_today
from cds_service.web.json_body import dump_json, parse_json

Advise = Callable[[HookCall, date], guidance.Guidance]
"""A call and the day -> what is decided and answered."""

_SPOOLED = 8
"""The server itself takes bodies up to this multiple of the limit, so that the refusal is our JSON, and is read."""


def create_app(
    settings: Settings,
    *,
    parts: Parts | None = None,
    advise: Advise | None = None,
    open_to_all: bool = False,
    read_loopback: bool = False,
    today: Callable[[], date] = local_today,
) -> Flask:
    """The WSGI app. `advise` replaces the spine (tests, bench); `open_to_all` is only reported, by `/health`.

    Raises KnowledgeError when `parts` are not given and a file is wrong.
    """
    if advise is None:
        parts = parts or load_parts(settings)
        advise = _spine(parts, Ehr(settings, loopback=read_loopback))
    answer = advise
    desk = Desk(
        services=services(settings.canonical_base),
        answer=lambda call, day: answer(call, day).response,
        health=_health(parts, open_to_all),
        today=today,
    )
    app = Flask("cds_service", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False
    call_log.register(app)
    problems.register(app)
    for room in (discovery, calls, feedback, health):
        app.register_blueprint(room.routes(desk))
    return app


def warm_up(parts: Parts) -> None:
    """Answer the call in `warm_up.json`, so that no caller pays, nor waits for files, for what is built on first use.

    Its order has every element that orders have: the validators of FHIR elements are loaded one by one as they occur.
    """
    service = service_for(ORDER_SIGN, services(parts.settings.canonical_base))
    if service is not None:
        body = resources.files("cds_service").joinpath("warm_up.json").read_bytes()
        call = HookCall.parse(parse_json(body), service=service)
        dump_json(guidance.advise(call, parts, today=date(2025, 10, 1)).response)


def make_server(app: Flask, *, host: str = "127.0.0.1", port: int = 0) -> Any:
    """A waitress server, bound but not yet running: `.run()`, `.close()`, `.effective_port` (0 takes a free one)."""
    return waitress.create_server(
        app,
        host=host,
        port=port,
        threads=8,
        ident=None,
        max_request_body_size=_SPOOLED * app.config["MAX_CONTENT_LENGTH"],
        clear_untrusted_proxy_headers=True,
    )


def serve(app: Flask, host: str, port: int) -> None:
    """Serve until interrupted; one line per call goes to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    make_server(app, host=host, port=port).run()


@contextmanager
def running(app: Flask, *, port: int = 0) -> Iterator[str]:
    """The app served on loopback in a thread while the block runs; gives its base URL. For the demo and for tests."""
    server = make_server(app, port=port)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.task_dispatcher.shutdown()
        # Sockets are closed by the thread that selects on them; closing them from here would race with it.
        server.trigger.pull_trigger(lambda: server.asyncore.close_all(server._map))
        thread.join(timeout=5)


def _spine(parts: Parts, ehr: Ehr) -> Advise:
    offered = {service.id: service for service in services(parts.settings.canonical_base)}

    def answer(call: HookCall, today: date) -> guidance.Guidance:
        return guidance.advise_fetching(call, parts, ehr.fetch, service=offered[call.service_id], today=today)

    return answer


def _health(parts: Parts | None, open_to_all: bool) -> dict[str, Any]:
    policies = parts.knowledge.policies if parts else ()
    labels = parts.knowledge.labels if parts else ()
    return {
        "status": "ok",
        "service": "blinatumomab-cds",
        "version": __version__,
        "open": open_to_all,
        "policies": [
            {"id": policy.id, "payer": policy.payer, "version": policy.version.isoformat()} for policy in policies
        ],
        "labels": [{"id": label.id, "drug": label.drug, "edition": label.edition} for label in labels],
    }
