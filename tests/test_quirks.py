"""Every repair of client quirks turns its before into its after, on a copy, and FHIR R4 accepts the after."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import fhir_fixtures
from cds_service.fhir import models
from cds_service.fhir.look_alikes import as_r4
from cds_service.fhir.quirks import REPAIRS, mended, mended_order
from cds_service.fhir.reader import number
from tests.fhir_builders import Resource, order, patient, rate, read

FOLDER = Path(fhir_fixtures.__file__).parent / "quirks"
NAMES = sorted(file.name.removesuffix("-before.json") for file in FOLDER.glob("*-before.json"))
NOTES = (Path(__file__).parents[1] / "docs/ehr-notes.md").read_text(encoding="utf-8")


def load(name: str) -> Resource:
    text = (FOLDER / f"{name}.json").read_text(encoding="utf-8")
    found: Resource = json.loads(text, parse_float=Decimal)
    return found


ORDERS = [name for name in NAMES if load(f"{name}-before")["resourceType"] == "MedicationRequest"]


def test_every_file_is_one_of_a_pair() -> None:
    files = {file.name for file in FOLDER.glob("*.json")}
    assert files == {f"{name}-{which}.json" for name in NAMES for which in ("before", "after")}


@pytest.mark.parametrize("repair", sorted(REPAIRS))
def test_every_repair_has_a_pair_and_a_row_in_the_notes(repair: str) -> None:
    assert repair in {name.partition("--")[0] for name in NAMES}
    assert f"\n| `{repair}` |" in NOTES


@pytest.mark.parametrize("name", NAMES)
def test_a_quirk_is_mended_on_a_copy_and_named(name: str) -> None:
    before = load(f"{name}-before")
    as_sent = repr(before)
    found, names = mended(before)
    assert found == load(f"{name}-after")
    assert names == (name.partition("--")[0],)
    assert repr(before) == as_sent


@pytest.mark.parametrize("name", NAMES)
def test_what_is_mended_is_valid_r4_and_needs_no_more_mending(name: str) -> None:
    after = load(f"{name}-after")
    assert models.validate(after) == ()
    assert mended(after) == (after, ())


@pytest.mark.parametrize("name", ORDERS)
def test_the_order_is_read_alike_before_and_after(name: str) -> None:
    if name in ("drug-missing", "r5-look-alike--rendered-dosage"):  # no drug, and a dose in words: nothing to compare
        return
    before, after = (read(patient(), order_=load(f"{name}-{which}")).order for which in ("before", "after"))
    assert (before.drug, before.matched_by, before.steps, before.start) == (
        *(after.drug, after.matched_by, after.steps, after.start),
    )
    assert before.steps[0].rate == Decimal(28)


@pytest.mark.parametrize("name", [name for name in ORDERS if not name.startswith("unknown-elements")])
def test_no_quirk_of_an_order_is_a_fault_of_the_record(name: str) -> None:
    assert models.validate_order(load(f"{name}-before")) == ()


def test_unknown_elements_of_an_order_are_named_to_the_clinician() -> None:
    assert models.validate_order(load("unknown-elements-before")) == (
        "vendorColour is no element of FHIR R4",
        "pharmacy is no element of FHIR R4",
    )


def test_an_order_without_quirks_is_left_alone() -> None:
    plain = order(rate("28"))
    assert mended(plain) == mended_order(plain) == (plain, ())
    assert as_r4(plain) == (plain, ())
    assert as_r4(plain)[0] is plain


def test_several_quirks_at_once_are_all_mended() -> None:
    odd = {
        **load("intent-missing-before"),
        "category": {"text": "inpatient"},
        "authoredOn": "2025-10-01T09:00:00",
        "note": [None],
    }
    found, names = mended(odd)
    assert set(names) == {"intent-missing", "list-where-due", "zone-missing", "empty-members"}
    assert models.validate(found) == ()


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("30", "30"),
        ("30.5", "30.5"),
        (" 30.5 ", "30.5"),
        ("-2", "-2"),
        ("30,5", "30.5"),
        ("0,125", "0.125"),
        ("1,25", "1.25"),
        ("1,200", None),  # a thousand, or one and two tenths
        ("12,000", None),
        ("1,200.5", None),
        ("1e3", None),
        ("30 kg", None),
        ("<5", None),
        ("", None),
        ("NaN", None),
        ("٣", None),  # digits of another script
        ("9" * 60, None),
    ],
)
def test_a_number_in_quotes_is_read_where_it_can_mean_one_thing_only(written: str, value: str | None) -> None:
    assert number(written) == (Decimal(value) if value else None)


def test_digits_that_are_names_stay_words() -> None:
    named: dict[str, Any] = {**order(rate("28")), "identifier": [{"system": "urn:example", "value": "4711"}]}
    assert mended(named) == (named, ())
