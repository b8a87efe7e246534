"""A transaction Bundle on the fixture server: all of it or nothing. Entries put resources under their own ids."""

from __future__ import annotations

from typing import Any

from fhir_fixtures.store import Json, Store


def what_is_wrong(bundle: Any) -> str | None:
    """Why this is no transaction that we can run, or None. Names the entry."""
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle" or bundle.get("type") != "transaction":
        return "post a Bundle of type transaction"
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        return "Bundle.entry is not an array"
    for place, entry in enumerate(entries):
        if problem := _entry_problem(entry):
            return f"Bundle.entry[{place}]: {problem}"
    return None


def run(store: Store, bundle: Json) -> Json:
    """Put every resource of a transaction that `what_is_wrong` has nothing against; the transaction-response."""
    answers = []
    for entry in bundle.get("entry", []):
        status = "201 Created" if store.put(entry["resource"]) else "200 OK"
        answers.append({"response": {"status": status, "location": entry["request"]["url"]}})
    return {"resourceType": "Bundle", "type": "transaction-response"} | ({"entry": answers} if answers else {})


def _entry_problem(entry: Any) -> str | None:
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict) or request.get("method") != "PUT":
        return "only entries with request.method PUT are run here"
    resource = entry.get("resource")
    if not isinstance(resource, dict) or not resource.get("resourceType") or not resource.get("id"):
        return "a resource with resourceType and id is needed"
    if request.get("url") != f"{resource['resourceType']}/{resource['id']}":
        return "request.url is not the type and id of the resource"
    return None
