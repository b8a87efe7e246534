"""Premedication: the label's row by track and age, the dose for this patient, when it is due, what is ordered.

Age group follows age alone, weight band and treatment setting do not matter here. Without a row the protocol is
followed; nobody is ever told that none is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from cds_service.assess.measures import cut
from cds_service.assess.premedication_orders import Ordered, already_ordered
from cds_service.assess.premedication_times import Moment, applies_at_start, moments
from cds_service.assess.safety_item import evidence_document, plain
from cds_service.assess.supervision import without_row
from cds_service.facts.model import Case
from cds_service.knowledge.label import CONFIRM_GRADES, Guidance, Label, PremedicationRow

T = TypeVar("T")

TOPICS = frozenset({"intrathecal-prophylaxis"})
"""The topics a label file must have for this module."""

# A child reaches 12 mg at 2.4 m² (clinical-facts reading of the caps): beyond it the inputs are doubted, not the row.
DOUBTFUL_MG = Decimal(12)


@dataclass(frozen=True, slots=True)
class PremedicationResult:
    """The `premedication` object of the assessment document. Doses in mg, exact; None where not known."""

    rows: tuple[PremedicationRow, ...]
    """The row; both rows of the track while adult or child is unknown; none without a label row."""
    bsa_m2: Decimal | None
    applies_now: bool | None
    due: tuple[Moment, ...]
    ordered: Ordered
    intrathecal: Guidance
    reason: str | None = None
    note: str | None = None
    other_rows: tuple[PremedicationRow, ...] = ()
    """Rows of another track that fits as well."""

    @property
    def dose_mg(self) -> Decimal | None:
        """For this patient, capped, unrounded; None while a row or the body surface area is unknown."""
        return _same(row_dose_mg(row, self.bsa_m2) for row in self.rows)

    @property
    def dose_note(self) -> str | None:
        """How the dose came about, or what is missing for it."""
        return _dose_note(self.rows[0], self.bsa_m2) if len(self.rows) == 1 else None

    def document(self) -> dict[str, object]:
        """As the assessment document has it."""
        return {
            "label_row": bool(self.rows),
            **_row_document(self.rows),
            "dose_mg": cut(self.dose_mg),
            "dose_note": self.dose_note,
            "applies_now": self.applies_now,
            "times": [moment.name for moment in self.due],
            "already_ordered": self.ordered.answer,
            "ordered_evidence": [evidence_document(item) for item in self.ordered.evidence],
            "times_without_order": [moment.name for moment in self.ordered.without_order],
            "note": self.note,
            "reason": self.reason,
            "intrathecal": _guidance(self.intrathecal),
            "other_rows": [_other_row(row, self.bsa_m2) for row in self.other_rows],
        }


def assess_premedication(
    case: Case,
    label: Label,
    *,
    track: str | None,
    age_group: str | None,
    bsa_m2: Decimal | None,
    toxicity_action: str | None,
    other_tracks: tuple[str, ...] = (),
) -> PremedicationResult:
    """Judge premedication for one order. `age_group` is 'adult', 'pediatric' or None; `bsa_m2` in m².

    `toxicity_action` is that of the dose judgement; `other_tracks` are tracks whose row fits as well and is shown.
    """
    intrathecal = label.topic("intrathecal-prophylaxis")
    rows = _rows(label, track, age_group)
    if not rows:
        ordered = already_ordered(case, None, None, ())
        return PremedicationResult((), None, None, (), ordered, intrathecal, without_row(track, "premedication"))
    due = _same_moments(moments(case, row, toxicity_action) for row in rows)
    now = _same(applies_at_start(case, row, toxicity_action) for row in rows)
    dose = _same(row_dose_mg(row, bsa_m2) for row in rows)
    ordered = already_ordered(case, rows[0] if len(rows) == 1 else None, dose, due)
    return PremedicationResult(
        rows,
        bsa_m2,
        now,
        due,
        ordered,
        intrathecal,
        reason=_reason(case, rows, now, toxicity_action),
        note=_note(case, rows),
        other_rows=tuple(row for other in other_tracks for row in _rows(label, other, age_group)),
    )


def row_dose_mg(row: PremedicationRow, bsa_m2: Decimal | None) -> Decimal | None:
    """The dose of a row in mg: fixed, or per m² up to the cap; None while a needed body surface area is unknown."""
    if row.dose_mg is not None:
        return row.dose_mg
    if row.dose_mg_per_m2 is None or bsa_m2 is None:
        return None
    dose = row.dose_mg_per_m2 * bsa_m2
    return dose if row.cap_mg is None else min(dose, row.cap_mg)


def _rows(label: Label, track: str | None, age_group: str | None) -> tuple[PremedicationRow, ...]:
    of_track = (row for row in label.premedication if row.track == track)
    return tuple(row for row in of_track if age_group is None or row.age_group == age_group)


def _dose_note(row: PremedicationRow, bsa_m2: Decimal | None) -> str | None:
    if row.dose_mg is not None or row.dose_mg_per_m2 is None:
        return None
    cap = f", at most {plain(row.cap_mg)} mg" if row.cap_mg is not None else ""
    rule = f"{plain(row.dose_mg_per_m2)} mg/m²{cap}"
    dose = row_dose_mg(row, bsa_m2)
    if bsa_m2 is None or dose is None:
        return f"{rule}: no dose in mg without a usable height and weight."
    if dose > DOUBTFUL_MG:
        return f"{rule}. More than about {plain(DOUBTFUL_MG)} mg for a child: height, weight or BSA are doubtful."
    return f"{rule}, BSA {bsa_m2:.2f} m²."


def _reason(
    case: Case, rows: tuple[PremedicationRow, ...], now: bool | None, toxicity_action: str | None
) -> str | None:
    """Why `applies_now` is null, or why the row does not ask for it at this start."""
    missing = [name for name in ("cycle", "day") if getattr(case.course, name).value is None]
    if missing:
        return f"State the {' and the '.join(missing)} of this order: the row goes by them."
    if now is None and toxicity_action in ("interrupt", "discontinue", "consider-discontinuation", "unknown"):
        return "The toxicity on record comes first: no start is judged until it is settled."
    if now is None and len(rows) > 1:
        return "Adult or child is not known and the rows differ: give the birth date."
    if now is None:
        return "A restart is stated without the length of the interruption: state the hours."
    if now is False and not rows[0].each_cycle and case.course.cycle.value != 1:
        return "The label row asks for it in the first cycle only."
    return None if now else "This start is not one of the moments the label row names; see its timing and restart rule."


def _note(case: Case, rows: tuple[PremedicationRow, ...]) -> str | None:
    """What the row says beside the dose, and where sources differ."""
    steroids = ("dexamethasone", "prednisone", "corticosteroid")
    allergic = any(allergy.substance in steroids for allergy in case.patient.allergies)
    notes = [row.note for row in rows if row.note]
    if allergic:
        notes.insert(0, "A reaction to a steroid is on record: see safety.")
    return " ".join(dict.fromkeys(notes)) or None


def _row_document(rows: tuple[PremedicationRow, ...]) -> dict[str, object]:
    """What all candidate rows agree on; null where they differ or where there is none."""
    grades = [row.grade for row in rows]
    return {
        "row_id": _same(row.id for row in rows),
        "agent": _same(row.agent for row in rows),
        "mg_per_m2": _same(row.dose_mg_per_m2 for row in rows),
        "alternatives": list(_same(row.alternatives for row in rows) or ()),
        "route": _same(row.route for row in rows),
        "timing": _same(row.timing for row in rows),
        "restart_says": _same(row.restart_says or None for row in rows),
        "citation": _same(row.citation for row in rows),
        "grade": _same(grades),
        "confirm": any(grade in CONFIRM_GRADES for grade in grades),
    }


def _other_row(row: PremedicationRow, bsa_m2: Decimal | None) -> dict[str, object]:
    shown = ("agent", "route", "timing", "citation", "grade", "restart_says")
    return {
        "row_id": row.id,
        "track": row.track,
        "age_group": row.age_group,
        "dose_mg": cut(row_dose_mg(row, bsa_m2)),
        "alternatives": list(row.alternatives),
        **{name: getattr(row, name) for name in shown},
    }


def _guidance(topic: Guidance) -> dict[str, object]:
    return {"says": topic.says, "citation": topic.citation, "grade": topic.grade}


def _same(values: Iterable[T | None]) -> T | None:
    """The one value all agree on; None when they differ, or when there is none."""
    found = list(values)
    if len(found) == 1:
        return found[0]
    return found[0] if found and all(value == found[0] for value in found) else None


def _same_moments(each: Iterable[tuple[Moment, ...]]) -> tuple[Moment, ...]:
    """The moments every candidate row asks for."""
    lists = list(each)
    return tuple(moment for moment in lists[0] if all(moment in others for others in lists))
