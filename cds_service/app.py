"""Wiring: settings -> loaded parts -> Flask app -> server. The only module that knows everyone. Decides nothing.

Who may call has to be said by whoever makes an app: nothing is open because nobody thought of it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from functools import partial
from importlib import resources
from socket import socket
from threading import Event, Thread
from typing import Any

from flask import Flask

from cds_service import __version__, guidance
from cds_service.answering import Answering, Counted, CountedOutbound, Spine, counted_feedback, extension_member, spine
from cds_service.ehr import Ehr
from cds_service.errors import SettingsError
from cds_service.fhir.models import validate
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import ORDER_SIGN, service_for, services
from cds_service.http_server import Alone, Server, Share, listen
from cds_service.journal import Journal
from cds_service.knowledge.policy import Policy
from cds_service.metrics import Metrics
from cds_service.metrics.port import CONTENT_TYPE
from cds_service.outbound import Reach
from cds_service.parts import Parts, load_parts
from cds_service.present.questionnaire import question_resources
from cds_service.probing import NONE, Probe
from cds_service.settings import Settings
from cds_service.silence import HOOKS, TOPICS, Silence
from cds_service.trust.caller import Admit
from cds_service.web import (
    call_log,
    cors,
    definitions,
    discovery,
    feedback,
    gate,
    headers,
    metrics_page,
    policy_pages,
    problems,
    questions,
)
from cds_service.web import health as health_page
from cds_service.web import services as calls
from cds_service.web.desk import Desk, keeps_nothing, local_today
from cds_service.web.json_body import dump_json, parse_json
from cds_service.web.questions import QuestionDesk
from cds_service.web.size import check_entries

Advise = Callable[[HookCall, date], guidance.Guidance]
"""A call and the day -> what is decided and answered."""

_OPEN = "anyone who reaches this service may call it: synthetic patients only"
_OBJECTS_BETWEEN_COLLECTIONS = 20_000
_SLICE_SECONDS = 0.001


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
    silence = Silence.of(settings.silent)
    _check_who_may_call(settings, admit, open_to_all)
    if silence and journal is None:
        raise SettingsError("silent mode only records, so it needs a database")
    metrics = Metrics(hooks=HOOKS, topics=TOPICS)
    if advise is None:
        parts = parts or load_parts(settings)
        decide = _spine(settings, parts, metrics, loopback=read_loopback)
    else:
        decide = _plain(advise)
    health = _health(parts, open_to_all)
    _tell_metrics(metrics, health)
    desk = Desk(
        services=services(settings.canonical_base),
        answer=_answering(
            parts,
            decide,
            silence=silence,
            metrics=metrics,
            journal=journal,
            member=extension_member(settings.canonical_base),
        ),
        health=health,
        database=_probe(journal, metrics),
        silent=silence.told(),
        today=today,
        check=partial(check_entries, settings=settings),
        keep_feedback=counted_feedback(journal, metrics) if journal else keeps_nothing,
    )
    app = _house(settings, admit, metrics, sandbox=open_to_all and read_loopback)
    for room in (discovery, calls, feedback, health_page):
        app.register_blueprint(room.routes(desk))
    if not settings.metrics_address and not settings.public_url.startswith("https://"):
        app.register_blueprint(metrics_page.routes(metrics.page, CONTENT_TYPE))
    if parts is not None:
        _ask_order_questions(app, desk, parts)
        _show_policies(app, parts)
    return app


def _answering(
    parts: Parts | None, decide: Spine, *, silence: Silence, metrics: Metrics, journal: Journal | None, member: str
) -> Answering:
    """What makes answers of decisions; without `parts` (tests, bench) cards have no topic that is known."""
    return Answering(
        advise=decide,
        metrics=metrics,
        journal=journal,
        silence=silence,
        topics={t.coding.code: t.topic for t in parts.templates.by_id.values()} if parts else {},
        member=member,
    )


def _spine(settings: Settings, parts: Parts, metrics: Metrics, *, loopback: bool) -> Spine:
    """What decides, with a way to read what is missing."""
    reader = Ehr(settings, CountedOutbound(Reach.of(settings, loopback=loopback), metrics), loopback=loopback)
    return spine(parts, reader, services(settings.canonical_base), metrics)


def _plain(advise: Advise) -> Spine:
    return lambda call, today, _trace: advise(call, today)


def _probe(journal: Journal | None, metrics: Metrics) -> Callable[[], str]:
    """The state of the database; what becomes of decisions is counted from here on."""
    if journal is None:
        return lambda: NONE
    journal.watch = Counted(metrics)
    return Probe(journal.ping, metrics.database_up.set).state


def _tell_metrics(metrics: Metrics, health: Mapping[str, Any]) -> None:
    metrics.loaded(
        health["version"],
        policies=[(policy["id"], policy["version"]) for policy in health["policies"]],
        labels=[(label["id"], label["edition"]) for label in health["labels"]],
    )
    metrics.open_to_all.set(health["open"])


def _check_who_may_call(settings: Settings, admit: Admit | None, open_to_all: bool) -> None:
    if (admit is None) != open_to_all:
        raise SettingsError("say who may call: either admit, or open_to_all")
    if admit is not None and not settings.public_url:
        raise SettingsError("tokens name the public address of this service, so public_url has to be set")


def _house(settings: Settings, admit: Admit | None, metrics: Metrics, *, sandbox: bool) -> Flask:
    """The app before it has rooms: its log, its refusals, its headers and its door."""
    app = Flask("cds_service", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_body_bytes
    app.url_map.merge_slashes = False
    call_log.register(app, metrics.answered)
    problems.register(app)
    headers.register(app, public_url=settings.public_url)
    if sandbox:
        cors.insist_on_own_name(app, settings.public_url)
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


def _show_policies(app: Flask, parts: Parts) -> None:
    """The page that each coverage card links to, also for an edition that is held back."""
    knowledge = parts.knowledge
    payers = {payer.id: payer.name for payer in knowledge.payer_list}
    app.register_blueprint(policy_pages.routes(knowledge.on_file, payers, parts.settings.frame_ancestors))


def warm_up(parts: Parts) -> None:
    """Answer the call in `warm_up.json`, so that no caller pays, nor waits for files, for what is built on first use.

    Its order has every element that orders have: the validators of FHIR elements are loaded one by one as they occur.
    """
    service = service_for(ORDER_SIGN, services(parts.settings.canonical_base))
    if service is not None:
        body = resources.files("cds_service").joinpath("warm_up.json").read_bytes()
        call = HookCall.parse(parse_json(body), service=service)
        for order in call.drafts:
            validate(order)  # by the models, which are not asked about a plain one
        dump_json(guidance.advise(call, parts, today=date(2025, 10, 1)).response)


def settle() -> None:
    """Tell the garbage collector that what start-up made is here to stay, and to look less often at what calls make.

    For a process that only serves: each call makes some thousands of small objects, nearly all freed without it. And
    threads that compute let others in soon: those have a socket to serve, or hold a lock of the database.
    """
    sys.setswitchinterval(_SLICE_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, 20, 20)


def make_server(
    app: Flask, sockets: Sequence[socket] = (), *, port: int = 0, threads: int = 16, share: Share | None = None
) -> Server:
    """A server on these sockets, else on a port of loopback (0 takes a free one): bound, and not yet running.

    `share` is how it shares the work with other processes that have the same sockets.
    """
    where = sockets or listen("127.0.0.1", port)
    most = app.config["MAX_CONTENT_LENGTH"]
    return Server(app, where, threads=threads, max_body_bytes=most, share=share or Alone())


@contextmanager
def running(app: Flask, *, port: int = 0) -> Iterator[str]:
    """The app served on loopback in a thread while the block runs; gives its base URL. For the demo and for tests."""
    server, ended = make_server(app, port=port), Event()
    thread = Thread(target=server.run, args=(lambda: not ended.is_set(),), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        ended.set()
        server.wake()
        thread.join(timeout=5)
        server.close()


def _edition(policy: Policy) -> dict[str, str]:
    return {"id": policy.id, "payer": policy.payer, "version": policy.version.isoformat()}


def _health(parts: Parts | None, open_to_all: bool) -> dict[str, Any]:
    policies, held_back = (parts.knowledge.policies, parts.knowledge.held_back) if parts else ((), ())
    labels = parts.knowledge.labels if parts else ()
    return {
        "status": "ok",
        "service": "blinatumomab-cds",
        "version": __version__,
        "open": open_to_all,
        **({"warning": _OPEN} if open_to_all else {}),
        "policies": [_edition(policy) for policy in policies],
        "policies_held_back": [_edition(policy) for policy in held_back],
        "labels": [{"id": label.id, "drug": label.drug, "edition": label.edition} for label in labels],
    }
