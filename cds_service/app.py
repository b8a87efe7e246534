"""Wiring: settings -> loaded parts -> Flask app -> server. The only module that knows everyone. Decides nothing.

Who may call has to be said by whoever makes an app: nothing is open because nobody thought of it.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import partial
from importlib import resources
from threading import Thread
from typing import Any

import waitress
from flask import Flask

from cds_service import __version__, guidance, slow_clients
from cds_service.ehr import Ehr
from cds_service.errors import SettingsError
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import ORDER_SIGN, service_for, services
from cds_service.journal import Journal
from cds_service.parts import Parts, load_parts
from cds_service.present.questionnaire import question_resources
from cds_service.settings import Settings
from cds_service.trust.caller import Admit
from cds_service.web import (
    call_log,
    cors,
    definitions,
    discovery,
    feedback,
    gate,
    headers,
    health,
    problems,
    questions,
)
from cds_service.web import services as calls
from cds_service.web.desk import Desk, keeps_nothing, local_today
from cds_service.web.json_body import dump_json, parse_json
from cds_service.web.questions import QuestionDesk
from cds_service.web.size import check_entries

Advise = Callable[[HookCall, date], guidance.Guidance]
"""A call and the day -> what is decided and answered."""

_OPEN = "anyone who reaches this service may call it: synthetic patients only"
_OBJECTS_BETWEEN_COLLECTIONS = 20_000
_SPOOLED = 3
"""The server itself takes bodies up to this multiple of the limit, so that the refusal is our JSON, and is read."""


def create_app(
    settings: Settings,
    *,
    parts: Parts | None = None,
    advise: Advise | None = None,
    admit: Admit | None = None,
    open_to_all: bool = False,
    read_loopback: bool = False,
    journal: Journal | None = None,
    today: Callable[[], date] = local_today,
) -> Flask:
    """The WSGI app. `admit` says who may call; without it, only `open_to_all` says that anyone may.

    `advise` replaces the spine (tests, bench). Without a `journal` nothing is kept, and feedback is refused with 503.
    Raises SettingsError when it is not said who may call, and KnowledgeError when `parts` are not given and a file is
    wrong.
    """
    _check_who_may_call(settings, admit, open_to_all)
    if advise is None:
        parts = parts or load_parts(settings)
        advise = _spine(parts, Ehr(settings, loopback=read_loopback))
    desk = Desk(
        services=services(settings.canonical_base),
        answer=_answering(advise, journal),
        health=_health(parts, open_to_all),
        today=today,
        check=partial(check_entries, settings=settings),
        keep_feedback=journal.keep_feedback if journal else keeps_nothing,
    )
    app = _house(settings, admit, sandbox=open_to_all and read_loopback)
    for room in (discovery, calls, feedback, health):
        app.register_blueprint(room.routes(desk))
    if parts is not None:
        _ask_order_questions(app, desk, parts)
    return app


def _check_who_may_call(settings: Settings, admit: Admit | None, open_to_all: bool) -> None:
    if (admit is None) != open_to_all:
        raise SettingsError("say who may call: either admit, or open_to_all")
    if admit is not None and not settings.public_url:
        raise SettingsError("tokens name the public address of this service, so public_url has to be set")


def _house(settings: Settings, admit: Admit | None, *, sandbox: bool) -> Flask:
    """The app before it has rooms: its log, its refusals, its headers and its door."""
    app = Flask("cds_service", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False
    call_log.register(app)
    problems.register(app)
    headers.register(app, public_url=settings.public_url)
    cors.register(app, settings.cors_origins, sandbox=sandbox)  # before the gate: a preflight has no token
    gate.register(app, admit, settings.public_url)
    return app


def _ask_order_questions(app: Flask, desk: Desk, parts: Parts) -> None:
    """The form, and the Questionnaire with its codes, made here once."""
    asked, settings, newest = parts.knowledge.questions, parts.settings, parts.knowledge.policies[-1]
    policy = f"{newest.id}, review of {newest.version.isoformat()}"
    asking = QuestionDesk(asked, settings.canonical_base, policy, parts.form_links, settings.frame_ancestors)
    app.register_blueprint(questions.routes(desk, asking))
    app.register_blueprint(definitions.routes(question_resources(asked, settings.canonical_base)))


def warm_up(parts: Parts) -> None:
    """Answer the call in `warm_up.json`, so that no caller pays, nor waits for files, for what is built on first use.

    Its order has every element that orders have: the validators of FHIR elements are loaded one by one as they occur.
    """
    service = service_for(ORDER_SIGN, services(parts.settings.canonical_base))
    if service is not None:
        body = resources.files("cds_service").joinpath("warm_up.json").read_bytes()
        call = HookCall.parse(parse_json(body), service=service)
        dump_json(guidance.advise(call, parts, today=date(2025, 10, 1)).response)


def settle() -> None:
    """Tell the garbage collector that what start-up made is here to stay, and to look less often at what calls make.

    For a process that only serves: each call makes some thousands of small objects, nearly all freed without it.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)


def make_server(app: Flask, *, host: str = "127.0.0.1", port: int = 0) -> Any:
    """A waitress server, bound but not yet running: `.run()`, `.close()`, `.effective_port` (0 takes a free one)."""
    listening: dict[int, Any] = {}
    server = waitress.create_server(
        app,
        map=listening,
        host=host,
        port=port,
        threads=8,
        ident=None,
        max_request_body_size=_SPOOLED * app.config["MAX_CONTENT_LENGTH"],
        clear_untrusted_proxy_headers=True,
        **slow_clients.limits(),
    )
    slow_clients.pace(listening.values())
    return server


def serve(app: Flask, host: str, port: int) -> None:
    """Serve until interrupted; one line per call goes to standard error."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    settle()
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


def _answering(advise: Advise, journal: Journal | None) -> Callable[[HookCall, date], Mapping[str, Any]]:
    """The body of the answer. What was decided is handed to the journal; calls about other drugs leave no trace."""

    def answer(call: HookCall, today: date) -> Mapping[str, Any]:
        found = advise(call, today)
        if journal and (found.assessments or found.untold):
            call_log.note(decision=journal.keep(call, found))
        return found.response

    return answer


def _health(parts: Parts | None, open_to_all: bool) -> dict[str, Any]:
    policies = parts.knowledge.policies if parts else ()
    labels = parts.knowledge.labels if parts else ()
    return {
        "status": "ok",
        "service": "blinatumomab-cds",
        "version": __version__,
        "open": open_to_all,
        **({"warning": _OPEN} if open_to_all else {}),
        "policies": [
            {"id": policy.id, "payer": policy.payer, "version": policy.version.isoformat()} for policy in policies
        ],
        "labels": [{"id": label.id, "drug": label.drug, "edition": label.edition} for label in labels],
    }
