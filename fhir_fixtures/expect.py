"""Does an assessment show what its patient is meant to show? For tests and for other people's harness scripts.

An expectation is a table. `applies`, `section`, `overall`, `route`, `approval_duration_months`, `criteria` and
`contested` speak of the policy edition in force, the same keys under `previous` of the one before it. `editions` lists
the edition dates that must be there. `safety` gives topic -> "status" or "status severity"; `flags` and `dose.issues`
list codes that must be among those found; `unreadable` counts entries that could not be read; `assessments` (default 1)
counts the orders judged, the rest speaks of the first. Every other key is a dotted path into the document.
A number is compared at the precision it is written with. What is not named is not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

_POLICY_KEYS: Final = ("applies", "section", "overall", "route", "approval_duration_months", "criteria", "contested")
_MISSING: Final = "(not in the document)"


def differences(document: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """What an assessment document says otherwise than expected; empty when it shows all of it."""
    rest = {key: value for key, value in expected.items() if key not in (*_POLICY_KEYS, *_SPECIAL, "assessments")}
    found = list(_policy(document, "current", expected))
    for key, check in _SPECIAL.items():
        if key in expected:
            found.extend(check(document, expected[key]))
    for path, value in rest.items():
        found.extend(_compared(path, _at(document, path), value))
    return found


def _policy(document: Mapping[str, Any], role: str, expected: Mapping[str, Any]) -> Iterator[str]:
    wanted = {key: expected[key] for key in _POLICY_KEYS if key in expected}
    if not wanted:
        return
    policy = next((each for each in document["policies"] if each["role"] == role), None)
    if policy is None:
        yield f"no policy in the role {role!r}"
        return
    for key, value in wanted.items():
        if key == "criteria":
            for criterion, status in value.items():
                said = policy["criteria"].get(criterion, {}).get("status", _MISSING)
                yield from _compared(f"{role} {criterion}", said, status)
        elif key == "contested":
            said = [each["criterion"] for each in policy["contested"]]
            yield from (
                f"{role}: {want} is not contested" for want in value if not any(s.startswith(want) for s in said)
            )
        else:
            yield from _compared(f"{role} {key}", policy.get(key, _MISSING), value)


def _previous(document: Mapping[str, Any], expected: Mapping[str, Any]) -> Iterator[str]:
    yield from _policy(document, "previous", expected)


def _editions(document: Mapping[str, Any], expected: list[str]) -> Iterator[str]:
    said = [each["version"] for each in document["policies"]]
    if sorted(said) != sorted(expected):
        yield f"editions: {said}, expected {expected}"


def _safety(document: Mapping[str, Any], expected: Mapping[str, str]) -> Iterator[str]:
    topics = {each["code"]: each for each in document["safety"]}
    for code, wanted in expected.items():
        status, _, severity = wanted.partition(" ")
        topic = topics.get(code, {"status": _MISSING, "severity": _MISSING})
        yield from _compared(f"safety {code}", topic["status"], status)
        if severity:
            yield from _compared(f"safety {code} severity", topic["severity"], severity)


def _flags(document: Mapping[str, Any], expected: list[str]) -> Iterator[str]:
    yield from (f"flag {code} is missing" for code in expected if code not in document["flags"])


def _issues(document: Mapping[str, Any], expected: list[str]) -> Iterator[str]:
    said = [each["code"] for each in document["dose"]["issues"]]
    yield from (f"dose issue {code} is missing among {said}" for code in expected if code not in said)


def _changed(document: Mapping[str, Any], expected: list[str]) -> Iterator[str]:
    said = (document["policy_difference"] or {}).get("criteria", [])
    yield from (f"policy_difference does not name {each}: {said}" for each in expected if each not in said)


def _unreadable(document: Mapping[str, Any], expected: int) -> Iterator[str]:
    yield from _compared("unreadable", len(document["unreadable"]), expected)


_SPECIAL: Final[dict[str, Callable[[Mapping[str, Any], Any], Iterator[str]]]] = {
    "previous": _previous,
    "editions": _editions,
    "safety": _safety,
    "flags": _flags,
    "dose.issues": _issues,
    "policy_difference.criteria": _changed,
    "unreadable": _unreadable,
}


def _at(document: Any, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(document, Mapping):
            return None
        if part not in document:
            return _MISSING
        document = document[part]
    return document


def _compared(what: str, said: Any, expected: Any) -> Iterator[str]:
    if _same(said, expected):
        return
    yield f"{what}: {said}, expected {expected}"


def _same(said: Any, expected: Any) -> bool:
    if isinstance(expected, bool) or not isinstance(expected, int | Decimal):
        return bool(said == expected)
    if isinstance(said, bool) or not isinstance(said, int | float | Decimal):
        return False
    if isinstance(expected, int):
        return bool(said == expected)
    return abs(Decimal(str(said)) - expected) <= Decimal(1).scaleb(int(expected.as_tuple().exponent)) / 2
