"""The pages for people who connect an EHR say what the code does: repairs, prefetch keys, scopes, services."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from cds_service.fhir.quirks import REPAIRS, mended_order
from cds_service.hooks.call import HookCall
from cds_service.hooks.prefetch import Template
from cds_service.hooks.services import ORDER_SELECT, ORDER_SIGN, service_for, services
from cds_service.settings import Settings
from tests.hook_builders import PATIENT, bundle, changed, draft, order_select, order_sign

DOCS = Path(__file__).parents[1] / "docs"
NOTES = (DOCS / "ehr-notes.md").read_text(encoding="utf-8")
PAGE = (DOCS / "connect-your-ehr.md").read_text(encoding="utf-8")
OFFERED = services(Settings().canonical_base)
TEMPLATES = {key: text for each in OFFERED for key, text in each.prefetch.items()}
RATE = {"rateQuantity": {"value": 28, "unit": "ug/d"}}

QUIRKS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("list-where-due", {"category": {"text": "inpatient"}}, {"category": [{"text": "inpatient"}]}),
    ("list-where-due", {"reasonCode": {"text": "B-ALL"}}, {"reasonCode": [{"text": "B-ALL"}]}),
    (
        "dose-list-where-due",
        {"dosageInstruction": [{"doseAndRate": RATE}]},
        {"dosageInstruction": [{"doseAndRate": [RATE]}]},
    ),
    ("intent-missing", {"intent": None}, {"intent": "order"}),
    ("status-missing", {"status": None}, {"status": "draft"}),
]


def _rows(page: str) -> dict[str, list[str]]:
    """Table rows whose first cell is code, by it."""
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in cells}


@pytest.mark.parametrize("name", sorted(REPAIRS))
def test_every_repair_is_in_the_notes(name: str) -> None:
    who, what, how = _rows(NOTES)[name]
    assert who
    assert what
    assert how


@pytest.mark.parametrize(("name", "before", "after"), QUIRKS)
def test_a_quirk_is_mended_on_a_copy_and_named(name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    sent = {key: value for key, value in draft(**before).items() if value is not None}
    as_sent = repr(sent)
    mended, names = mended_order(sent)
    assert names == (name,)
    assert {key: mended[key] for key in after} == after
    assert {key: value for key, value in mended.items() if key not in after} == {
        key: value for key, value in sent.items() if key not in after
    }
    assert repr(sent) == as_sent


def test_an_order_without_quirks_is_left_alone() -> None:
    assert mended_order(draft()) == (draft(), ())


def _read(call: dict[str, Any]) -> HookCall:
    service = service_for(call["hook"], OFFERED)
    assert service is not None
    return HookCall.parse(call, service=service)


def test_what_needs_no_repair_is_read_as_it_is() -> None:
    untyped = bundle(draft())
    del untyped["type"]
    assert len(_read(changed(order_sign(), "context.draftOrders", untyped)).drafts) == 1
    assert _read(changed(order_sign(), "context.patientId", f"Patient/{PATIENT}")).patient_id == PATIENT
    assert not _read({**order_sign(), "fhirAuthorization": {"access_token": ""}}).access_token
    for written in ("rx-1", "MedicationRequest/rx-1", "https://ehr.example.org/fhir/MedicationRequest/rx-1"):
        assert _read(order_select(selections=[written])).in_scope == (0,)


@pytest.mark.parametrize("key", TEMPLATES)
def test_the_page_names_every_prefetch_key_with_its_resource_and_hooks(key: str) -> None:
    resource, hooks, what_for = _rows(PAGE)[key]
    types = Template.parse(TEMPLATES[key]).types
    assert resource in types
    assert hooks.split(", ") == [each.hook for each in OFFERED if key in each.prefetch]
    assert what_for


def test_the_page_names_no_key_that_is_not_asked_for() -> None:
    assert set(_rows(PAGE)) == set(TEMPLATES)


@pytest.mark.parametrize("kind", sorted({_rows(PAGE)[key][0] for key in TEMPLATES} | {"Medication"}))
def test_the_page_names_the_scope_of_every_resource_in_both_versions(kind: str) -> None:
    (row,) = [line for line in PAGE.splitlines() if re.match(rf"\| {kind}( \(.*\))? \|", line)]
    assert re.search(rf"`(patient|user)/{kind}\.read`", row)
    searched = any(kind in Template.parse(text).types and "?" in text for text in TEMPLATES.values())
    assert re.search(rf"`(patient|user)/{kind}\.{'rs' if searched else 'r'}`", row)


def test_the_page_names_services_limits_and_settings() -> None:
    for each in OFFERED:
        assert f"`{each.id}` for `{each.hook}`" in PAGE
    assert {each.hook for each in OFFERED} == {ORDER_SELECT, ORDER_SIGN}
    settings = Settings()
    assert f"{settings.max_body_bytes // 1_000_000} MB (setting `max_body_bytes`)" in PAGE
    assert f"{settings.fetch_deadline_seconds * 1000:.0f} ms (`fetch_deadline_seconds`)" in PAGE
    assert "`fhir_servers`" in PAGE
