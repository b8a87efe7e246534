"""The label file: its rows as the sources have them, the discrepancies it answers for, and a museum of mistakes."""

from __future__ import annotations

import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from cds_service.errors import KnowledgeError
from cds_service.knowledge.labels import DAYS, load_label
from tests.label_builders import LABEL, LABEL_FILE

MISTAKES = Path(__file__).parent / "label_mistakes" / "mistakes.toml"

ROWS = """
mrd                 1  1   1  28  28  15  28  29-42
mrd                 2  4   1  28  28  15  28  29-42
relapsed-refractory 1  1   1   7   9   5   9  none
relapsed-refractory 1  1   8  28  28  15  28  29-42
relapsed-refractory 2  2   1  28  28  15  28  29-42
relapsed-refractory 3  5   1  28  28  15  28  29-42
relapsed-refractory 6  9   1  28  28  15  28  29-84
consolidation       1  1   1  28  28  15  28  29-42
"""
"""track, cycles, days, mcg/day from 45 kg on, mcg/m²/day below, cap, treatment-free days"""


def test_the_eight_rows_are_those_of_the_label() -> None:
    found = [
        " ".join(
            (
                row.track,
                *map(str, (row.first_cycle, row.last_cycle, row.first_day, row.last_day)),
                *map(str, (row.mcg_per_day, row.mcg_per_m2_per_day, row.cap_mcg_per_day)),
                f"{row.treatment_free_first_day}-{row.treatment_free_last_day}"
                if row.treatment_free_first_day
                else "none",
            )
        )
        for row in LABEL.rows
    ]

    assert found == [" ".join(line.split()) for line in ROWS.strip().splitlines()]


def test_only_relapsed_or_refractory_disease_has_a_step() -> None:
    assert [row.id for row in LABEL.rows if row.step] == ["relapsed-refractory-1-step"]


@pytest.mark.parametrize(
    ("track", "cycles", "days", "first", "later", "course"),
    [
        ("mrd", (1, 4), (42, 168), 784, 784, (784, 3136)),
        ("relapsed-refractory", (5, 9), (210, 546), 651, 784, (3787, 6923)),
        ("consolidation", (1, 1), (42, 42), 784, 784, (784, 784)),
    ],
)
def test_a_course_is_as_long_as_its_rows_and_as_many_units(
    track: str, cycles: tuple[int, int], days: tuple[int, int], first: int, later: int, course: tuple[int, int]
) -> None:
    shape = next(item for item in LABEL.courses if item.track == track)

    assert (shape.cycles, shape.cycles_up_to) == cycles
    assert (shape.days, shape.days_up_to) == days
    assert (shape.mcg_first_cycle, shape.mcg_later_cycle) == (first, later)
    assert (shape.mcg_course, shape.mcg_course_up_to) == course
    for number, length, units in zip(cycles, days, course, strict=True):
        assert sum(_micrograms(track, cycle) for cycle in range(1, number + 1)) == units
        assert sum(_length(track, cycle) for cycle in range(1, number + 1)) == length


def _micrograms(track: str, cycle: int) -> Decimal:
    """Of one cycle at the fixed dose, day by day."""
    return sum(
        (
            row.mcg_per_day
            for row in LABEL.rows
            for day in DAYS
            if row.track == track
            and row.first_cycle <= cycle <= row.last_cycle
            and row.first_day <= day <= row.last_day
        ),
        Decimal(0),
    )


def _length(track: str, cycle: int) -> int:
    ends = (
        r.treatment_free_last_day for r in LABEL.rows if r.track == track and r.first_cycle <= cycle <= r.last_cycle
    )
    return max(end for end in ends if end)


def test_the_label_is_the_april_2025_edition_and_says_what_a_vial_holds() -> None:
    assert (LABEL.id, LABEL.edition, LABEL.vial_mcg) == ("blinatumomab-us", "2025-04", 35)
    assert (LABEL.weight_line_kg, LABEL.bsa_tolerance) == (45, Decimal("0.05"))


def test_the_label_answers_for_its_discrepancies_once_each() -> None:
    mine = {f"D{n}" for n in (*range(1, 24), 31, 32, *range(35, 41))}
    items = [entry.item for entry in LABEL.discrepancies]

    assert set(items) == mine
    assert len(items) == len(mine)
    assert all(entry.prints and entry.used and entry.why for entry in LABEL.discrepancies)


def test_no_value_of_the_scan_that_we_refuse_is_a_dose_of_ours() -> None:
    doses = {row.mcg_per_day for row in LABEL.rows} | {row.cap_mcg_per_day for row in LABEL.rows}

    assert doses == {Decimal(9), Decimal(28)}
    assert Decimal("38.5") != LABEL.vial_mcg


def test_a_topic_that_judgement_needs_and_the_file_lacks_stops_the_start() -> None:
    with pytest.raises(KnowledgeError, match=r"judgement needs the codes no-such-topic"):
        load_label(LABEL_FILE, required_codes=("no-such-topic",))


def test_a_section_left_out_is_named(tmp_path: Path) -> None:
    text = LABEL_FILE.read_text(encoding="utf-8").replace("[[bags]]", "[[sacks]]")
    file = tmp_path / "2025-04.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(KnowledgeError, match="unknown key 'sacks'"):
        load_label(file)


@pytest.mark.parametrize(
    "mistake",
    [pytest.param(entry, id=entry["name"]) for entry in tomllib.loads(MISTAKES.read_text(encoding="utf-8"))["mistake"]],
)
def test_a_mistake_in_the_label_names_the_file_and_the_place(mistake: dict[str, str], tmp_path: Path) -> None:
    original = LABEL_FILE.read_text(encoding="utf-8")
    assert mistake["replace"] in original, "the museum has lost its original"
    file = tmp_path / "2025-04.toml"
    file.write_text(original.replace(mistake["replace"], mistake["with"], 1), encoding="utf-8")

    with pytest.raises(KnowledgeError) as caught:
        load_label(file)

    assert caught.value.file == "2025-04.toml"
    assert mistake["place"] in caught.value.place
    assert mistake["says"] in caught.value.message
