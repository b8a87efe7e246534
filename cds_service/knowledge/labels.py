"""Read one label edition from TOML and refuse any mistake in it. Knows nothing of patients."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any

from cds_service.errors import KnowledgeError
from cds_service.knowledge.label import (
    Bag,
    CourseShape,
    Discrepancy,
    DosingRow,
    Guidance,
    Label,
    PremedicationRow,
    Supervision,
    ToxicityRule,
)
from cds_service.knowledge.tables import build, build_all, read_toml

TRACKS = ("mrd", "relapsed-refractory", "consolidation")
DAYS = tuple(range(1, 29))
"""The infusion days of a cycle: every row table must cover them once."""
_GRADES = ("V", "V-old", "K", "B")
_AGE_GROUPS = ("adult", "pediatric")
_EVENTS = ("any", "crs", "neurotoxicity", "seizure", "other-toxicity")
_ACTIONS = ("continue", "interrupt", "restart-stepped", "discontinue", "consider-discontinuation")
_CTCAE = (1, 2, 3, 4)
_SECTIONS: Mapping[str, tuple[type, str]] = {
    "courses": (CourseShape, "track"),
    "rows": (DosingRow, "id"),
    "toxicity_rules": (ToxicityRule, "id"),
    "premedication": (PremedicationRow, "id"),
    "supervision": (Supervision, "track"),
    "bags": (Bag, "id"),
    "guidance": (Guidance, "code"),
    "discrepancies": (Discrepancy, "item"),
}
"""Arrays of the file: what each entry is, and the key that names it (unique within its array)."""
_LEGAL: Mapping[str, tuple[str, ...]] = {
    "grade": _GRADES,
    "track": TRACKS,
    "age_group": _AGE_GROUPS,
    "event": _EVENTS,
    "action": _ACTIONS,
    "applies": ("all", "patient"),
}


@dataclass(frozen=True, slots=True)
class _Header:
    """The keys above the arrays."""

    id: str
    drug: str
    title: str
    edition: str
    from_date: date
    url: str
    weight_line_kg: Decimal
    bsa_tolerance: Decimal
    vial_mcg: Decimal
    minimum_age_months: int


def load_label(file: Traversable, *, required_codes: Collection[str] = ()) -> Label:
    """One edition of the prescribing information.

    `required_codes` are the guidance codes that judgement looks up. Raises KnowledgeError naming file and place for
    anything unreadable, unknown, missing, mistyped, illegal or contradictory.
    """
    table = read_toml(file)
    header = build(_Header, {k: v for k, v in table.items() if k not in _SECTIONS}, file=file.name, place="header")
    parts: dict[str, Any] = {item.name: getattr(header, item.name) for item in fields(header)}
    parts.update((name, _array(name, table, file.name)) for name in _SECTIONS)
    label = Label(**parts)
    _check_header(label, file.name)
    for row in label.rows:
        _check_row(row, file.name)
    _check_coverage(label, file.name)
    for rule in label.toxicity_rules:
        _check_toxicity(rule, file.name)
    _check_topics(label, required_codes, file.name)
    return label


def _array(name: str, table: Mapping[str, Any], file: str) -> tuple[Any, ...]:
    if name not in table:
        raise KnowledgeError(file, name, "the section is missing")
    cls, key = _SECTIONS[name]
    entries: tuple[Any, ...] = build_all(cls, table[name], file=file, place=name, name=key)
    for value, count in Counter(getattr(entry, key) for entry in entries).items():
        if count > 1:
            raise KnowledgeError(file, f"{name}[{value}]", f"stands here {count} times")
    for entry in entries:
        _check_legal(entry, f"{name}[{getattr(entry, key)}]", file)
    return entries


def _check_legal(entry: object, place: str, file: str) -> None:
    for name, legal in _LEGAL.items():
        value = getattr(entry, name, legal[0])
        if value not in legal:
            raise KnowledgeError(file, f"{place}.{name}", f"'{value}' is none of {', '.join(legal)}")


def _check_header(label: Label, file: str) -> None:
    if label.from_date.strftime("%Y-%m") > label.edition:
        raise KnowledgeError(file, "from_date", "is later than the edition")
    if not label.url.startswith("https://"):
        raise KnowledgeError(file, "url", "must be an https address")
    if not 0 < label.bsa_tolerance < 1:
        raise KnowledgeError(file, "bsa_tolerance", "must lie between 0 and 1")


def _check_row(row: DosingRow, file: str) -> None:
    if not 1 <= row.first_cycle <= row.last_cycle:
        raise KnowledgeError(file, f"rows[{row.id}]", "the cycles run backwards")
    if not DAYS[0] <= row.first_day <= row.last_day <= DAYS[-1]:
        raise KnowledgeError(file, f"rows[{row.id}]", "the days run backwards or leave days 1 to 28")
    if row.cap_mcg_per_day > row.mcg_per_day:
        raise KnowledgeError(file, f"rows[{row.id}]", "the cap is above the fixed dose")
    if min(row.mcg_per_day, row.mcg_per_m2_per_day, row.cap_mcg_per_day) <= 0:
        raise KnowledgeError(file, f"rows[{row.id}]", "a dose must be above zero")


def _check_coverage(label: Label, file: str) -> None:
    """Every day of every cycle of every course has exactly one row."""
    for course in label.courses:
        if not 1 <= course.cycles <= course.cycles_up_to or course.days > course.days_up_to:
            raise KnowledgeError(file, f"courses[{course.track}]", "the course is longer than its longest form")
        for cycle in range(1, course.cycles_up_to + 1):
            _check_cycle(label.rows, course.track, cycle, file=file)
    stray = {row.track for row in label.rows} - {course.track for course in label.courses}
    if stray:
        raise KnowledgeError(file, "rows", f"no course for track {', '.join(sorted(stray))}")


def _check_cycle(rows: Iterable[DosingRow], track: str, cycle: int, *, file: str) -> None:
    here = [row for row in rows if row.track == track and row.first_cycle <= cycle <= row.last_cycle]
    days = Counter(day for row in here for day in range(row.first_day, row.last_day + 1))
    for day in DAYS:
        if days[day] != 1:
            wrong = "has no row" if not days[day] else "has rows that overlap"
            raise KnowledgeError(file, f"rows[{track}]", f"cycle {cycle} day {day} {wrong}")


def _check_toxicity(rule: ToxicityRule, file: str) -> None:
    place = f"toxicity_rules[{rule.id}]"
    if not set(rule.grades) <= set(_CTCAE):
        raise KnowledgeError(file, place, "CTCAE grades run from 1 to 4")
    if not rule.grades and rule.event != "seizure":
        raise KnowledgeError(file, place, "the grades are missing")
    doses = (rule.restart_mcg_per_day, rule.restart_mcg_per_m2_per_day, rule.restart_days, rule.resolved_to_grade)
    if rule.action == "restart-stepped" and None in doses:
        raise KnowledgeError(file, place, "a stepped restart needs its doses, its days and the grade it waits for")
    if rule.action != "restart-stepped" and any(dose is not None for dose in doses):
        raise KnowledgeError(file, place, f"'{rule.action}' has no restart dose")


def _check_topics(label: Label, required_codes: Collection[str], file: str) -> None:
    missing = sorted(set(required_codes) - {topic.code for topic in label.guidance})
    if missing:
        raise KnowledgeError(file, "guidance", f"judgement needs the codes {', '.join(missing)}")
    for entry in label.discrepancies:
        if not re.fullmatch(r"D([1-9]|[123]\d|40)", entry.item):
            raise KnowledgeError(file, f"discrepancies[{entry.item}]", "items run from D1 to D40")
    for row in label.premedication:
        if (row.dose_mg is None) == (row.dose_mg_per_m2 is None):
            raise KnowledgeError(file, f"premedication[{row.id}]", "one of dose_mg and dose_mg_per_m2, not both")
    for pair, count in Counter((row.track, row.age_group) for row in label.premedication).items():
        if count > 1:
            raise KnowledgeError(file, "premedication", f"two rows for {' '.join(pair)}")
