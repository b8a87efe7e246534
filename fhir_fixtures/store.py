"""The resources that the fixture server holds, and what it says of them: pages of a search, its capabilities."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from fhir_fixtures.search import PARAMETERS, SearchError, search

Json = dict[str, Any]
PAGE: Final = 100
MOST: Final = 1000
_OFFSET: Final = "_offset"


class Store:
    """Resources by type and id, in memory. Safe to use from several threads."""

    def __init__(self, bundles: Mapping[str, Mapping[str, Any]]) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, dict[str, Json]] = {kind: {} for kind in PARAMETERS}
        for bundle in bundles.values():
            for entry in bundle.get("entry", ()):
                self.put(entry["resource"])

    def put(self, resource: Json) -> bool:
        """Keep a resource under its type and id; True when it was not there before."""
        with self._lock:
            held = self._held.setdefault(resource["resourceType"], {})
            new = resource["id"] not in held
            held[resource["id"]] = resource
            return new

    def get(self, kind: str, identity: str) -> Json | None:
        """One resource, or None."""
        with self._lock:
            return self._held.get(kind, {}).get(identity)

    def all(self, kind: str) -> list[Json]:
        """Every resource of a type, in the order they came."""
        with self._lock:
            return list(self._held.get(kind, {}).values())


def capability(base: str) -> Json:
    """What GET /metadata says."""
    kinds = [
        {
            "type": kind,
            "interaction": [{"code": code} for code in ("read", "search-type", "create", "update")],
            "searchParam": [
                {"name": name, "type": "uri" if each.kind == "canonical" else each.kind} for name, each in known.items()
            ],
        }
        for kind, known in PARAMETERS.items()
    ]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2025-10-01",
        "kind": "instance",
        "implementation": {"description": "Synthetic patients for blinatumomab decision support", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{"mode": "server", "resource": kinds, "interaction": [{"code": "transaction"}]}],
    }


def _number(text: str, name: str) -> int:
    if not text.isdigit():
        raise SearchError(f"{name} must be a whole number, not {text!r}")
    return int(text)


def searchset(store: Store, base: str, kind: str, query: list[tuple[str, str]]) -> Json:
    """One page of a search as a Bundle with self and, where more follows, next link. Raises SearchError."""
    given = dict(query)
    count = min(_number(given.get("_count", str(PAGE)), "_count"), MOST)
    offset = _number(given.get(_OFFSET, "0"), _OFFSET)
    plain = [(name, value) for name, value in query if name != _OFFSET]
    found = search(store.all(kind), kind, plain)
    links = [{"relation": "self", "url": f"{base}/{kind}?{urlencode(query)}"}]
    if count and offset + count < len(found):
        links.append(
            {"relation": "next", "url": f"{base}/{kind}?{urlencode([*plain, (_OFFSET, str(offset + count))])}"}
        )
    bundle: Json = {"resourceType": "Bundle", "type": "searchset", "total": len(found), "link": links}
    page = found[offset : offset + count]
    entries = [
        {"fullUrl": f"{base}/{kind}/{each['id']}", "resource": each, "search": {"mode": "match"}} for each in page
    ]
    return bundle | ({"entry": entries} if entries else {})
