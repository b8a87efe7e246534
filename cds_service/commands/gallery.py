"""`cards`: the gallery's example documents, judged anew from the fixture calls, and the pages made from them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import simplejson

from cds_service.guidance import advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import service_for, services
from cds_service.parts import Parts
from cds_service.present.gallery import gallery_folder, outdated, refresh
from cds_service.present.suggestions import Orders
from fhir_fixtures import client_calls, hook_calls

_EARLY = "early--"
_UNUSED = ("citations",)
"""Members of the document that no card uses."""
_DAY = date(2026, 11, 21)
"""Fixture orders carry their own date; this stands in where one does not."""


def stale_examples(parts: Parts) -> dict[Path, str]:
    """Example file -> what it should hold, for each one that differs from what the fixtures come to now."""
    folder = Path(str(gallery_folder())) / "examples"
    wanted = {file: _example(file.stem, parts) for file in sorted(folder.glob("*.json"))}
    return {file: text for file, text in wanted.items() if file.read_text(encoding="utf-8") != text}


def refresh_gallery(parts: Parts) -> tuple[str, ...]:
    """Rewrite what is out of date; the names of the files touched."""
    examples = stale_examples(parts)
    for file, text in examples.items():
        file.write_text(text, encoding="utf-8")
    return (*(f"examples/{file.name}" for file in examples), *refresh(parts.maker))


def stale_gallery(parts: Parts) -> tuple[str, ...]:
    """What `refresh_gallery` would touch; writes nothing."""
    return (*(f"examples/{file.name}" for file in stale_examples(parts)), *outdated(parts.maker))


def _example(name: str, parts: Parts) -> str:
    """What an example shows: the assessment of its fixture call, or the orders of which none can be made."""
    body = _body(name)
    service = service_for(body["hook"], services(parts.settings.canonical_base))
    assert service is not None, body["hook"]  # noqa: S101 - our own fixtures name our own hooks
    call = HookCall.parse(body, service=service)
    found = advise(call, parts, today=_DAY)
    if found.untold:
        return _text({"hook": call.hook, "untold": found.untold})
    document = found.assessments[0]
    draft = Orders(call.drafts, call.draft_urls).draft(document["order"]["reference"])
    return _text({**_cut(document), "draft": draft})


def _body(name: str) -> dict[str, Any]:
    """`early--x` is x at order-select, x is order-sign, or the call of a known client."""
    calls = hook_calls()
    which = f"order-select--{name.removeprefix(_EARLY)}" if name.startswith(_EARLY) else f"order-sign--{name}"
    return calls[which] if which in calls else client_calls()[name]


def _text(shown: dict[str, Any]) -> str:
    return str(simplejson.dumps(shown, use_decimal=True, indent=1, ensure_ascii=False)) + "\n"


def _cut(document: dict[str, Any]) -> dict[str, Any]:
    """What cards use: no citations, and no limb of a sentence."""
    kept = {key: value for key, value in document.items() if key not in _UNUSED}
    policies = [
        policy | {"criteria": {name: item for name, item in policy["criteria"].items() if not item["limb"]}}
        for policy in document["policies"]
    ]
    return kept | {"policies": policies}
