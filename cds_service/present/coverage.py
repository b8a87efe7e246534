"""What a coverage card says of one policy, from the assessment document only. Judges nothing, words no sentence.

The words are in `cards/templates/coverage*.jinja`; here the document's values are put in the shape they use.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from cds_service.present import words
from cds_service.present.words import Document

DAYS_PER_MONTH = 30
EVIDENCE_LIMIT = 3
NAMED_LIMIT = 3
PATHS_FROM = 3
"""From so many paths on, why each holds or not stands in a list of its own."""
_NEXT_PATH = re.compile(r"; (?=I{1,2}\.[AB]\.)")
MISSING_LIMIT = 8
_OTHER_SECTION = {"I": "II.", "II": "I."}


def coverage_values(document: Document, policy: Document) -> dict[str, object]:
    """The names of the coverage templates, filled for this policy and the edition before it."""
    criteria = policy.get("criteria") or {}
    contested = {item["criterion"] for item in policy.get("contested") or () if _matters(item)}
    missing = [item for item in policy.get("missing") or () if not waits_for_the_dose(item, document)]
    return {
        "policy": _edition(policy),
        "insured_if": policy.get("payer") if policy.get("applies") == "unknown" else None,
        "result": policy.get("overall") or "insufficient_information",
        "result_words": words.OVERALL[policy.get("overall") or "insufficient_information"],
        "tally": tally(policy.get("counts") or {}, criteria),
        "section": policy.get("section"),
        "decided_by": [_decided(name, criteria, contested) for name in policy.get("decisive") or ()],
        "missing": [_missing(item, criteria) for item in missing[:MISSING_LIMIT]],
        "missing_more": max(0, len(missing) - MISSING_LIMIT),
        "dose_awaited": len(missing) < len(policy.get("missing") or ()),
        "rows": _rows(criteria, contested),
        "contested": [_contested(item) for item in policy.get("contested") or () if _matters(item)],
        "earlier": _earlier(document, policy),
        "months": policy.get("approval_duration_months") if policy.get("overall") == "criteria_met" else None,
        "course_days": _course_outlasting(document, policy),
        "route": policy.get("route"),
        "route_says": words.inside(policy.get("route_says")),
        "corrections": words.corrections(document, "coverage"),
        "notes": [words.sentence(note) for note in policy.get("notes") or ()],
        "not_judged": _not_judged(policy),
        "age_note": words.sentence(document["patient"].get("age_group_note")),
        "assumed_initial": "request-type-assumed" in (document.get("flags") or ()),
    }


def source_label(policy: Document) -> str:
    """'LA.PHAR.312, review of 2025-09-05 (LDH approval not shown)'."""
    shown = words.day(policy.get("approval_shown"))
    return f"{policy['id']}, review of {words.day(policy.get('version'))} (LDH approval {shown or 'not shown'})"


def tally(counts: Mapping[str, int], criteria: Mapping[str, Document]) -> dict[str, object]:
    """How many criteria of the top level are met of how many, and the others in words, with and without their names."""
    found = [status for status in ("not_met", "unknown", "review") if counts.get(status)]
    return {
        "met": counts.get("met", 0),
        "all": sum(counts.values()),
        "others": ", ".join(f"{counts[status]} {words.STATUS[status]}{_named(status, criteria)}" for status in found),
        "brief": ", ".join(f"{counts[status]} {words.STATUS[status]}" for status in found),
    }


def _named(status: str, criteria: Mapping[str, Document]) -> str:
    """' (I.A.4)': the criteria of the top level that came out so, unless they are many."""
    names = [name for name, item in criteria.items() if item.get("top") and item["status"] == status]
    return f" ({', '.join(names)})" if 0 < len(names) <= NAMED_LIMIT else ""


def open_policies(document: Document) -> list[Document]:
    """The edition in force of each policy that applies or may apply."""
    policies: list[Any] = document.get("policies") or []
    return [item for item in policies if item.get("role") == "current" and item.get("applies") != "no"]


def _edition(policy: Document) -> dict[str, object]:
    return {
        "id": policy["id"],
        "review": words.day(policy.get("version")),
        "approval": words.day(policy.get("approval_shown")),
        "banner": words.sentence(policy.get("banner")),
    }


def _decided(name: str, criteria: Mapping[str, Document], contested: Collection[str]) -> dict[str, object]:
    """A criterion that makes the result; a contested clause is named as such, whatever its literal reading gives."""
    found = criteria.get(name)
    if found is None:
        return {"id": name, "title": None, "status": None, "reason": None, "settled_by": None, "paths": []}
    paths = _NEXT_PATH.split(found.get("reason") or "")
    many = len(paths) >= PATHS_FROM and name not in contested
    listed = paths if many and found["status"] == "not_met" else []
    reason = None if many else words.inside(words.shortened(found.get("reason") or "", 260))
    disputed = name in contested
    return {
        "id": name,
        "title": found.get("title") or found.get("says"),
        "status": "contested wording" if disputed else words.STATUS[found["status"]],
        "reason": "its readings come out differently" if disputed else reason,
        "settled_by": words.inside(found.get("settled_by")),
        "paths": [words.bare(path) for path in listed],
    }


def _not_judged(policy: Document) -> list[dict[str, object]]:
    """The paragraphs this service does not judge, without those of the other section."""
    other = _OTHER_SECTION.get(policy.get("section") or "", "-")
    found = (item for item in policy.get("not_computed") or () if not item["id"].startswith(other))
    return [{"id": item["id"], "says": words.sentence(item["says"])} for item in found]


def waits_for_the_dose(item: Document, document: Document) -> bool:
    """While an order is being filled in, an absent dose is normal: what hangs on it is not asked for yet."""
    ordered = (document.get("dose") or {}).get("ordered_mcg_per_day")
    names = item.get("criteria") or ()
    return document.get("hook") == "order-select" and not ordered and all(".A.5" in name for name in names)


def _missing(item: Document, criteria: Mapping[str, Document]) -> dict[str, object]:
    ids = list(dict.fromkeys(name for name in item.get("criteria") or () if name != "section"))
    titles = dict.fromkeys(criteria[name].get("title") or name for name in ids if name in criteria)
    return {
        "ids": ", ".join(ids) or "section I or II",
        "what": words.inside(item.get("what")) or ", ".join(titles) or "which section applies",
        "settled_by": words.inside(item.get("settled_by")),
    }


def _worth_a_row(name: str, criteria: Mapping[str, Document]) -> bool:
    """Of what is to be shown: the top level, and below it what comes out as its parent on the top level does."""
    item = criteria[name]
    if item.get("top"):
        return True
    if item["status"] == "unknown" and not item.get("evidence"):
        return False
    tops = [found for top, found in criteria.items() if found.get("top") and name.startswith(f"{top}.")]
    return not tops or tops[-1]["status"] == item["status"]


def _matters(contested: Document) -> bool:
    """Do the readings of a contested clause come out differently for this order?"""
    return len({reading["status"] for reading in contested.get("readings") or ()}) > 1


def _rows(criteria: Mapping[str, Document], contested: Collection[str]) -> list[dict[str, object]]:
    """The table: a row whose evidence is that of a shown row below it points there instead of saying it twice."""
    names = [name for name, item in criteria.items() if item.get("shown") and _worth_a_row(name, criteria)]
    return [_row(name, criteria[name], _same_below(name, names, criteria), contested) for name in names]


def _row(name: str, item: Document, below: str | None, contested: Collection[str]) -> dict[str, object]:
    disputed = any(clause == name or clause.startswith(f"{name}.") for clause in contested)
    return {
        "title": item.get("title") or item.get("says"),
        "status": words.STATUS[item["status"]] + (", wording contested" if disputed else ""),
        "evidence": f"see {below}" if below else words.evidence(item.get("evidence"), EVIDENCE_LIMIT),
        "paragraph": name,
    }


def _same_below(name: str, names: Sequence[str], criteria: Mapping[str, Document]) -> str | None:
    evidence, within = criteria[name].get("evidence"), f"{name}."
    below = [other for other in names if other.startswith(within) and criteria[other].get("evidence") == evidence]
    return below[-1] if below and evidence else None


def _contested(item: Document) -> dict[str, object]:
    readings = [
        {"name": reading["name"], "status": words.STATUS[reading["status"]]} for reading in item.get("readings") or ()
    ]
    return {"id": item["criterion"], "readings": readings, "question": item.get("question")}


def _earlier(document: Document, policy: Document) -> dict[str, object] | None:
    """The edition before, when the two come out differently somewhere."""
    policies: list[Any] = document.get("policies") or []
    before = next((item for item in policies if item.get("role") == "previous" and item["id"] == policy["id"]), None)
    differs = document.get("policy_difference")
    if before is None or not differs or not (differs.get("changes_result") or differs.get("criteria")):
        return None
    return {
        **_edition(before),
        "result_words": words.OVERALL.get(before.get("overall") or "", "not judged"),
        "changes_result": bool(differs.get("changes_result")),
        "details": [_difference(item) for item in differs.get("details") or ()],
    }


def _difference(item: Document) -> dict[str, object]:
    now, before = (words.STATUS.get(item.get(side) or "", "no such clause") for side in ("current", "previous"))
    return {"id": item["criterion"], "now": now, "before": before}


def _course_outlasting(document: Document, policy: Document) -> int | None:
    """Days of the labelled course, when they are more than the months the plan would give (reading D35)."""
    course = (document.get("dose") or {}).get("course") or {}
    months, days = policy.get("approval_duration_months"), course.get("days")
    return int(days) if months and days and days > months * DAYS_PER_MONTH else None
