"""`demo`: plays the EHR. Real services on free local ports, real HTTP, synthetic patients; prints their cards."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from cds_service.app import create_app, running, warm_up
from cds_service.commands.rendering import print_cards, print_summaries
from cds_service.parts import load_parts
from cds_service.settings import Settings
from cds_service.web.json_body import dump_json, parse_json
from fhir_fixtures import hook_calls
from fhir_fixtures.server import FixtureServer

_TOKEN = re.compile(r"\{\{\s*context\.(\w+)\s*\}\}")
_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Scene:
    """One call of the demonstration: which hook, which patient, what to look for, and the cards shown whole."""

    hook: str
    patient: str
    look_for: str
    whole: tuple[str, ...] = ()
    """Topic codes of the cards to print whole; none: every card. The others are printed by their summary."""


DOSE, PREMEDICATION, COVERAGE, SAFETY = "guideline", "clinical-reminder", "coverage-info", "contraindication"
"""Topic codes of our cards (HL7's card types)."""
SCENES = (
    Scene(
        "order-sign",
        "child-30kg-flat-28-mcg-mrd-positive",
        "A girl of 9 years, 30 kg and 117 cm, MRD-positive, is ordered a flat 28 mcg/day. Every criterion of the payer "
        "is met, and so is its maximum of 28 mcg/day; only the footnote goes to review. Her body surface allows "
        "14.8 mcg/day.",
    ),
    Scene(
        "order-select",
        "record-order-select-without-dose",
        "The drug has just been picked and no dose is entered yet: an early look, and no complaint about the dose.",
    ),
    Scene(
        "order-sign",
        "suggestion-rr-missing-step-adult",
        "Relapsed disease, cycle 1, day 1, ordered 28 mcg/day from the start: the first seven days have to be at 9. "
        "One suggestion divides the order into its two steps, another orders the premedication for both days.",
        (DOSE, PREMEDICATION),
    ),
    Scene(
        "order-sign",
        "coverage-b-ii-adult-ph-mrd-negative-contested",
        "Ph-positive, MRD-negative, single agent in consolidation: the text of the policy can be read in two ways.",
        (COVERAGE,),
    ),
    Scene(
        "order-sign",
        "safety-preserved-bag-infant-of-5-kg",
        "An infant of 5 kg and a 72-hour bag: that bag is prepared with benzyl alcohol.",
        (SAFETY,),
    ),
    Scene(
        "order-sign",
        "toxicity-crs-grade-3-restarted-at-full-dose",
        "Restart after CRS grade 3, at the full dose: the label restarts at the step dose for seven days.",
        (DOSE,),
    ),
)


def demonstrate(settings: Settings, out: Console, *, only: str | None = None, whole: bool = False) -> None:
    """Start both servers, play every scene (or those of one patient) and print the answers.

    `whole` prints every card whole; otherwise each scene shows the cards it is about, the others by their summary.
    """
    with _service(settings) as base, FixtureServer() as fhir:
        out.print(f"The service answers at [bold]{base}/cds-services[/bold], the synthetic charts at {fhir.base_url}\n")
        templates = {entry["hook"]: entry for entry in _get(f"{base}/cds-services")["services"]}
        for scene in SCENES:
            if only in (None, scene.patient):
                call = _call(scene, templates[scene.hook], fhir.base_url)
                answer = _post(f"{base}/cds-services/{templates[scene.hook]['id']}", call)
                _introduce(scene, call["prefetch"]["patient"], out)
                _show(scene, answer["cards"], out, whole=whole)


def _call(scene: Scene, service: Mapping[str, Any], fhir: str) -> dict[str, Any]:
    """One hook call as an EHR makes it: its own draft, our templates filled from its FHIR server."""
    call = hook_calls()[f"{scene.hook}--{scene.patient}"]
    return {
        **call,
        "hookInstance": str(uuid.uuid4()),
        "prefetch": _prefetch(service["prefetch"], call["context"], fhir),
    }


def _introduce(scene: Scene, patient: Mapping[str, Any], out: Console) -> None:
    name = patient["name"][0]
    title = Text.assemble((scene.hook, "bold"), f"  {name['given'][0]} {name['family']}, born {patient['birthDate']}")
    out.print(Rule(title, align="left"))
    out.print(Text(f"{scene.look_for}", style="italic"))
    out.print(Text(f"({scene.patient})", style="dim"), "")


def _show(scene: Scene, cards: Sequence[Mapping[str, Any]], out: Console, *, whole: bool) -> None:
    shown = [card for card in cards if whole or not scene.whole or _topic(card) in scene.whole]
    print_cards(shown, out)
    rest = [card for card in cards if card not in shown]
    if rest:
        out.print("Also answered (whole with --whole):")
        print_summaries(rest, out)
        out.print()


def _topic(card: Mapping[str, Any]) -> str:
    return str(card["source"]["topic"]["code"])


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
    with running(create_app(settings, parts=parts, open_to_all=True)) as base:
        yield base
