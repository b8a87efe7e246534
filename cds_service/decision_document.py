"""What the record of a decision says of each order, taken from the assessment: statuses and codes, no value. Pure.

An allow-list: what is not named here is not kept. Which rules these are is told in `decisions`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from cds_service.hooks.prefetch import MEANING, State

NOT_ON_FILE, DISAGREE, NOT_USABLE, NOT_READ = "not-on-file", "sources-disagree", "not-usable", "not-read"
"""Why a criterion is unknown: nothing there; two answers; something there that does not tell; not all could be read."""
READ = "read"
"""What becomes of a read that succeeds."""
_BEAR_ON_COVERAGE = frozenset(
    (
        *("practitioner", "practitionerRoles", "conditions", "vitals", "laboratory", "coverage", "orderQuestions"),
        *("medicationRequests", "medicationStatements", "medicationAdministrations"),
    )
)
"""Templates whose answers settle criteria: while one is missing, nothing is known to be absent."""
REFERENCES = "references"
"""Stands for what the orders refer to, among the things that were asked for."""
UNKNOWN = "unknown"
_TYPE = re.compile(r"[A-Z][A-Za-z]{2,39}")
_ABSENT = ("is not on file", "not known", "on file", "not documented")
_SAFETY_KEPT = ("applies", "unknown")


def not_read(states: Mapping[str, State], reads: Mapping[str, str]) -> frozenset[str]:
    """The templates that nobody answered: neither the call nor, where it was asked, the FHIR server."""
    return frozenset(key for key, state in states.items() if not MEANING[state].answered and reads.get(key) != READ)


def order(assessment: Mapping[str, Any], missing: Collection[str] = ()) -> dict[str, Any]:
    """What is kept of the judgement of one order. `missing` are the templates that were not answered."""
    dose, label = assessment["dose"], assessment["dose"].get("label") or {}
    return {
        "matched_by": assessment["order"]["matched_by"],
        "policies": [_policy(policy, missing) for policy in assessment["policies"]],
        "label": {"id": label.get("id"), "edition": label.get("edition")},
        "dose": {
            "verdict": dose["verdict"],
            "severity": dose.get("severity"),
            "issues": sorted({issue["code"] for issue in dose.get("issues", ())}),
            "rows": list(dose.get("row_ids", ())),
        },
        "facts": _facts(assessment, missing),
        "safety": {item["code"]: item["status"] for item in assessment["safety"] if item["status"] in _SAFETY_KEPT},
        "flags": list(assessment["flags"]),
        "unreadable": len(assessment["unreadable"]),
    }


def _facts(assessment: Mapping[str, Any], missing: Collection[str]) -> dict[str, str]:
    """Of the facts that were judged: whether they were there. No value."""
    patient, dose = assessment.get("patient") or {}, assessment["dose"]
    surface = patient.get("bsa")
    return {
        "age_group": patient.get("age_group") or UNKNOWN,
        "weight": _measure(patient, "weight", missing),
        "height": _measure(patient, "height", missing),
        "body_surface": (DISAGREE if surface.get("conflict") else "computed") if surface else UNKNOWN,
        "use": dose.get("track") or UNKNOWN,
    }


def _measure(patient: Mapping[str, Any], name: str, missing: Collection[str]) -> str:
    found = patient.get(name)
    if found:
        return "old" if found.get("stale") else "on-file"
    if patient.get(f"{name}_problem"):
        return NOT_USABLE
    return NOT_READ if "vitals" in missing else NOT_ON_FILE


def data_of(states: Mapping[str, State], reads: Mapping[str, str]) -> dict[str, str]:
    """By template: how it came and, where it was read from the FHIR server, what became of that.

    The keys are those of our templates; references of the orders, which have ids in them, are one entry together.
    """
    found = {key: f"{state.value}, {reads[key]}" if key in reads else state.value for key, state in states.items()}
    others = sorted({word for key, word in reads.items() if key not in states})
    return found | ({REFERENCES: ", ".join(others)} if others else {})


def _policy(policy: Mapping[str, Any], missing: Collection[str]) -> dict[str, Any]:
    criteria = policy["criteria"]
    return {
        "id": policy["id"],
        "version": policy["version"],
        "role": policy["role"],
        "applies": policy["applies"],
        "section": policy["section"],
        "overall": policy["overall"],
        "criteria": {name: found["status"] for name, found in criteria.items() if found["status"] != "not_applicable"},
        "top": [name for name, found in criteria.items() if found.get("top")],
        "decisive": list(policy.get("decisive", ())),
        "unknown": {
            name: {"asks": _asks(found.get("settled_by")), "causes": causes}
            for name, found, causes in _unknown(policy, missing)
        },
        "evidence": {name: kinds for name, found in criteria.items() if (kinds := _kinds(found.get("evidence", ())))},
    }


def unknowns(assessment: Mapping[str, Any], missing: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """What was unknown at the top level of the current policy: criterion and cause, for counting."""
    for policy in assessment["policies"]:
        if policy["role"] == "current":
            yield from ((name, cause) for name, _, causes in _unknown(policy, missing) for cause in causes)


def recorded_unknowns(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same, of the record of a decision."""
    for policy in (policy for order in document.get("orders", ()) for policy in order["policies"]):
        if policy["role"] == "current":
            yield from ((name, cause) for name, found in policy["unknown"].items() for cause in found["causes"])


def _unknown(policy: Mapping[str, Any], missing: Collection[str]) -> Iterator[tuple[str, Mapping[str, Any], list[str]]]:
    absent = NOT_READ if _BEAR_ON_COVERAGE.intersection(missing) else NOT_ON_FILE
    for name, found in policy["criteria"].items():
        if found["status"] == "unknown" and found.get("top"):
            yield name, found, sorted(set(_causes(found["reason"], absent)))


def _kinds(evidence: Iterable[Mapping[str, Any]]) -> list[str]:
    """The types of the resources that are evidence, without their ids."""
    found = {str(item.get("reference") or "").partition("/")[0] for item in evidence}
    return sorted(kind for kind in found if _TYPE.fullmatch(kind))


def _asks(settled_by: str | None) -> list[str]:
    """What would settle it: words of ours, each question once."""
    return list(dict.fromkeys(settled_by.split("; or "))) if settled_by else []


def _causes(reason: str, absent: str) -> Iterator[str]:
    """The kinds of reasons in a reason; its words stay behind. `absent`: what "not on file" is worth here."""
    for piece in reason.split("; "):
        if "sources disagree" in piece:
            yield DISAGREE
        else:
            yield absent if piece.endswith(_ABSENT) else NOT_USABLE
