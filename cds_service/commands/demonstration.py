"""`demo`: plays the EHR. Real services on free local ports, real HTTP, synthetic patients; prints their cards."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule

from cds_service.app import create_app, make_server, warm_up
from cds_service.commands.rendering import print_cards
from cds_service.parts import load_parts
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json, parse_json
from fhir_fixtures import hook_calls
from fhir_fixtures.server import FixtureServer

_TOKEN = re.compile(r"\{\{\s*context\.(\w+)\s*\}\}")
_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Scene:
    """One call of the demonstration: which hook, which patient, and what to look for."""

    hook: str
    patient: str
    look_for: str


SCENES = (
    Scene(
        "order-sign",
        "child-30kg-flat-28-mcg-mrd-positive",
        "A girl of 30 kg, ordered a flat 28 mcg/day. The policy's own maximum is met; her body surface allows 14.8.",
    ),
)


def demonstrate(settings: Settings, out: Console, *, only: str | None = None) -> None:
    """Start both servers, play every scene (or those of one patient) and print the answers."""
    with _service(settings) as base, FixtureServer() as fhir:
        out.print(f"The service answers at [bold]{base}/cds-services[/bold], the synthetic charts at {fhir.base_url}\n")
        templates = {entry["hook"]: entry for entry in _get(f"{base}/cds-services")["services"]}
        for scene in SCENES:
            if only in (None, scene.patient):
                _play(scene, templates[scene.hook], base, fhir.base_url, out=out)


def _play(scene: Scene, service: Mapping[str, Any], base: str, fhir: str, *, out: Console) -> None:
    out.print(Rule(f"[bold]{scene.hook}[/bold]  {scene.patient}", align="left"))
    out.print(f"{escape(scene.look_for)}\n", style="italic")
    call = hook_calls()[f"{scene.hook}--{scene.patient}"]
    call = {
        **call,
        "hookInstance": str(uuid.uuid4()),
        "prefetch": _prefetch(service["prefetch"], call["context"], fhir),
    }
    call.pop("fhirServer", None)
    answer = _post(f"{base}/cds-services/{service['id']}", call)
    print_cards(answer["cards"], out)


def _prefetch(templates: Mapping[str, str], context: Mapping[str, Any], fhir: str) -> dict[str, Any]:
    """Fill our own templates from the FHIR server, as a CDS client does."""
    filled = {key: _TOKEN.sub(lambda match: str(context[match.group(1)]), query) for key, query in templates.items()}
    return {key: _get(f"{fhir}/{query.replace(' ', '%20').replace('|', '%7C')}") for key, query in filled.items()}


def _get(url: str) -> Any:
    with urlopen(Request(url, headers={"Accept": "application/json"}), timeout=_SECONDS) as answer:  # noqa: S310 - ours
        return parse_json(answer.read())


def _post(url: str, body: object) -> Any:
    request = Request(url, dump_json(body).encode(), {"Content-Type": "application/json"})  # noqa: S310 - ours
    with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310
        return parse_json(answer.read())


@contextmanager
def _service(settings: Settings) -> Iterator[str]:
    parts = load_parts(settings)
    warm_up(parts)
    server = make_server(create_app(settings, parts=parts, open_to_all=True))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(timeout=_SECONDS)
