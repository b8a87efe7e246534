"""The synthetic patients: equal to their recipes, valid FHIR R4, whole in themselves, covering what they promise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import simplejson
from fhir.resources.R4B import get_fhir_model_class

import fhir_fixtures
from fhir_fixtures import expectations, hook_calls, make, patients
from fhir_fixtures.bundles import PREFETCH_KEYS, PREFETCH_TYPES
from fhir_fixtures.codes import ANSWERS, CODES, LOCAL_LABORATORY, UCUM
from fhir_fixtures.expect import differences
from fhir_fixtures.recipe import merged, recipes

FOLDER = Path(fhir_fixtures.__file__).parent
PATIENTS = patients()
CALLS = hook_calls()
EXPECTED = expectations()
FIRST = "child-30kg-flat-28-mcg-mrd-positive"
SAFETY_TOPICS = {
    *("age-65", "benzyl-alcohol-allergy", "benzyl-alcohol-load", "cd19", "cns-disease", "crs-active"),
    *("duplicate-therapy", "hypersensitivity", "infection", "lactation", "leukoencephalopathy", "live-vaccine"),
    *("liver", "neurotoxicity-active", "neutropenia", "pancreatitis", "permanent-stop", "pregnancy"),
    *("preserved-bag-weight", "tumour-lysis", "under-one-month"),
}
TERMINOLOGY_OF_HL7 = re.compile(r"^http://terminology\.hl7\.org/CodeSystem/[\w-]+$")


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every JSON object inside a document."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _parts(each)


def _resources(call: dict[str, Any]) -> list[dict[str, Any]]:
    """Every resource of a hook call that is meant to be readable, the reads and all entries."""
    found = [call["prefetch"]["patient"], call["prefetch"]["practitioner"]]
    bundles = [call["context"]["draftOrders"], *(call["prefetch"][key] for key in PREFETCH_TYPES)]
    found += [entry["resource"] for bundle in bundles for entry in bundle.get("entry", [])]
    return [each for each in found if not str(each["id"]).startswith("unreadable-")]


def _subject(resource: dict[str, Any]) -> str | None:
    for element in ("subject", "patient", "beneficiary"):
        if element in resource:
            return str(resource[element]["reference"])
    return None


def test_the_files_equal_the_recipes() -> None:
    wanted = make.files()
    different = [path for path, text in wanted.items() if (FOLDER / path).read_text(encoding="utf-8") != text]
    assert different == [], "run `python -m fhir_fixtures.make`"
    on_disk = {f"{folder}/{f.name}" for folder in ("patients", "hook_calls") for f in (FOLDER / folder).iterdir()}
    assert on_disk == set(wanted) - {"README.md"}


def test_the_first_patient_sorts_first() -> None:
    assert min(PATIENTS) == next(iter(PATIENTS)) == next(iter(EXPECTED)) == recipes()[0].name == FIRST


def test_names_and_what_is_shown_are_unique_and_every_patient_is_expected_to_show_something() -> None:
    assert len(PATIENTS) == len(recipes()) >= 40
    assert [name for name, times in Counter(each.shows for each in recipes()).items() if times > 1] == []
    assert set(EXPECTED) == set(PATIENTS)
    assert [name for name, expected in EXPECTED.items() if len(expected) < 3] == []


def test_decimals_are_kept_digit_by_digit() -> None:
    entries = PATIENTS["edge-mrd-0-10-percent"]["entry"]
    mrd = next(e["resource"] for e in entries if e["resource"]["id"] == "edge-mrd-0-10-percent-mrd")
    assert str(mrd["valueQuantity"]["value"]) == "0.10"
    assert isinstance(mrd["valueQuantity"]["value"], Decimal)


def test_each_call_of_patients_gives_fresh_objects() -> None:
    patients()[FIRST]["entry"].clear()
    assert patients()[FIRST]["entry"]


@pytest.mark.parametrize("name", PATIENTS)
def test_every_patient_bundle_is_valid_r4(name: str) -> None:
    text = simplejson.dumps(PATIENTS[name], use_decimal=True)
    get_fhir_model_class("Bundle").model_validate_json(text)


@pytest.mark.parametrize("name", CALLS)
def test_every_resource_of_a_hook_call_is_valid_r4(name: str) -> None:
    for resource in _resources(CALLS[name]):
        text = simplejson.dumps(resource, use_decimal=True)
        get_fhir_model_class(resource["resourceType"]).model_validate_json(text)


def test_only_the_broken_entries_are_not_valid_r4() -> None:
    call = CALLS["order-sign--record-with-unreadable-entries"]
    broken = [part for part in _parts(call) if str(part.get("id", "")).startswith("unreadable-")]
    assert len(broken) == 4
    for resource in broken:
        with pytest.raises(ValueError, match=r"validation error"):
            get_fhir_model_class(resource.get("resourceType", "Observation")).model_validate(resource)
    elsewhere = [name for name, each in CALLS.items() if each is not call and "unreadable-" in simplejson.dumps(each)]
    assert elsewhere == []


@pytest.mark.parametrize("name", CALLS)
def test_every_hook_call_is_complete(name: str) -> None:
    call, (hook, patient) = CALLS[name], name.split("--")
    assert call["hook"] == hook
    assert call["context"]["patientId"] == patient
    assert set(call["prefetch"]) == set(PREFETCH_KEYS)
    assert UUID(call["hookInstance"]).version == 5
    assert ("selections" in call["context"]) == (hook == "order-select")
    drafts = [e["resource"] for e in call["context"]["draftOrders"]["entry"]]
    assert call["context"]["draftOrders"]["type"] == "collection"
    assert [d["status"] for d in drafts if d["resourceType"] == "MedicationRequest"]
    for draft in drafts:
        if draft["resourceType"] == "MedicationRequest":
            assert (draft["status"], draft["intent"]) == ("draft", "order")
            assert draft["authoredOn"]
    for selection in call["context"].get("selections", []):
        assert selection in [f"{d['resourceType']}/{d['id']}" for d in drafts]


@pytest.mark.parametrize("name", CALLS)
def test_every_key_holds_its_own_type_and_category(name: str) -> None:
    for key, (kind, category) in PREFETCH_TYPES.items():
        bundle = CALLS[name]["prefetch"][key]
        assert bundle["type"] == "searchset"
        for entry in bundle.get("entry", []):
            resource = entry["resource"]
            if resource["id"].startswith("unreadable-"):
                continue
            assert resource["resourceType"] == kind
            if category:
                assert resource["category"][0]["coding"][0]["code"] == category


@pytest.mark.parametrize("name", CALLS)
def test_every_reference_is_resolvable_inside_the_call(name: str) -> None:
    call = CALLS[name]
    here = {f"{each['resourceType']}/{each['id']}" for each in _resources(call)}
    here.add(f"Encounter/{call['context']['encounterId']}")
    assert call["context"]["userId"] in here
    for resource in _resources(call):
        contained = {f"#{each['id']}" for each in resource.get("contained", [])}
        for part in _parts(resource):
            if isinstance(target := part.get("reference"), str):
                assert target in here | contained, f"{resource['id']} points at {target}"


@pytest.mark.parametrize("name", CALLS)
def test_every_subject_is_the_patient_and_ids_are_unique(name: str) -> None:
    call = CALLS[name]
    patient = f"Patient/{call['context']['patientId']}"
    assert {_subject(each) for each in _resources(call)} <= {None, patient}
    on_file = [e["resource"]["id"] for key in PREFETCH_TYPES for e in call["prefetch"][key].get("entry", [])]
    assert len(on_file) == len(set(on_file))


def test_hook_instances_are_unique() -> None:
    assert len({each["hookInstance"] for each in CALLS.values()}) == len(CALLS)


def test_the_prefetch_is_what_the_patient_bundle_holds() -> None:
    for name, call in CALLS.items():
        bundle = PATIENTS[call["context"]["patientId"]]
        held = {entry["resource"]["id"]: entry["resource"] for entry in bundle["entry"]}
        for key in PREFETCH_TYPES:
            for entry in call["prefetch"][key].get("entry", []):
                resource = entry["resource"]
                if not resource["id"].startswith("unreadable-"):
                    assert held[resource["id"]] == resource, f"{name} {key}"


def test_people_shared_by_patients_are_the_same_everywhere() -> None:
    seen: dict[str, Any] = {}
    for bundle in PATIENTS.values():
        for entry in bundle["entry"]:
            if entry["resource"]["resourceType"] in ("Practitioner", "PractitionerRole"):
                resource = entry["resource"]
                assert seen.setdefault(resource["id"], resource) == resource


def test_every_code_comes_from_the_one_table() -> None:
    known = {(system, code): display for system, code, display in CODES.values()}
    strange = set()
    for call in CALLS.values():
        for resource in _resources(call):
            for part in _parts(resource):
                system, code = part.get("system"), part.get("code")
                if system in (None, UCUM, ANSWERS, LOCAL_LABORATORY) or not isinstance(code, str):
                    continue
                structural = TERMINOLOGY_OF_HL7.match(system) or system == "https://nahdo.org/sopt"
                if not structural and known.get((system, code)) != part.get("display"):
                    strange.add((system, code, part.get("display")))
    assert strange == set()


def test_every_date_time_has_its_zone() -> None:
    without = [text for text in re.findall(r'"\d{4}-\d\d-\d\dT[^"]*"', simplejson.dumps(CALLS)) if "-05:00" not in text]
    assert without == []


def test_the_readme_names_every_patient_with_what_it_shows() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for recipe in recipes():
        assert f"| `{recipe.name}` | {', '.join(recipe.hooks)} | {recipe.shows} |" in text


def test_the_patients_cover_every_criterion_met_and_not_met() -> None:
    shown = {(c, s) for expected in EXPECTED.values() for c, s in expected.get("criteria", {}).items()}
    for criterion in ("I.A.1", "I.A.2", "I.A.3", "I.A.4", "I.A.4.a", "I.A.4.b", "I.A.4.b.i", "I.A.4.b.ii", "I.A.4.c"):
        assert {(criterion, "met"), (criterion, "not_met")} <= shown
    for criterion in ("I.A.4.c.i", "I.A.4.c.ii", "I.A.4.c.iii", "I.A.4.d", "I.A.4.e", "I.A.5", "I.A.5.a"):
        assert {(criterion, "met"), (criterion, "not_met")} <= shown
    for criterion in ("II.A.1", "II.A.1.x", "II.A.2", "II.A.3", "II.A.3.a"):
        assert {(criterion, "met"), (criterion, "not_met")} <= shown
    assert {
        ("II.A.1.y", "met"),
        ("II.A.1.y", "not_met"),
        ("II.A.3.b", "not_met"),
        ("II.A.3", "not_applicable"),
    } <= shown
    assert {("I.A.5.b", "review"), ("I.A.5.b", "not_met"), ("I.A.5.fn", "met"), ("I.A.5.fn", "review")} <= shown


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("overall", {"criteria_met", "criteria_not_met", "insufficient_information", "manual_review"}),
        ("applies", {"yes", "no", "unknown"}),
        ("dose.track", {"mrd", "relapsed-refractory", "consolidation", "none", None}),
        ("dose.verdict", {"matches_label", "below_label", "above_label", "no_label_row", "unknown"}),
        ("dose.severity", {"warning", "critical"}),
        (
            "dose.toxicity_action",
            {"continue", "interrupt", "restart-stepped", "discontinue", "consider-discontinuation", "unknown", None},
        ),
        ("premedication.applies_now", {True, False, None}),
        ("hospitalisation.this_cycle_days", {9, 3, 2, 0}),
    ],
)
def test_the_patients_cover_every_value(key: str, values: set[Any]) -> None:
    assert values <= {expected[key] for expected in EXPECTED.values() if key in expected}


def test_the_patients_cover_every_safety_topic_that_depends_on_the_patient() -> None:
    shown = {
        (topic, wanted.split()[0])
        for expected in EXPECTED.values()
        for topic, wanted in expected.get("safety", {}).items()
    }
    assert {topic for topic, status in shown if status == "applies"} == SAFETY_TOPICS
    unsettled = {("liver", "unknown"), ("pregnancy", "unknown"), ("cd19", "unknown")}
    assert {
        ("liver", "clear"),
        ("pregnancy", "clear"),
        ("live-vaccine", "clear"),
        ("age-65", "clear"),
    } | unsettled <= shown


def test_the_editions_differ_for_some_patients_in_both_directions() -> None:
    def pairs() -> Iterator[tuple[str, str]]:
        for expected in EXPECTED.values():
            if expected.get("policy_difference.changes_result"):
                yield expected["overall"], expected["previous"]["overall"]

    assert {("criteria_met", "criteria_not_met"), ("criteria_not_met", "manual_review")} <= set(pairs())


def test_an_expectation_notices_what_is_otherwise() -> None:
    policy = {"role": "current", "version": "2025-09-05", "overall": "manual_review", "contested": []}
    document = {
        "policies": [policy | {"criteria": {"I.A.5": {"status": "met"}}}],
        "dose": {"ratio": Decimal("1.8905"), "issues": [{"code": "missing-step"}], "toxicity_action": None},
        "safety": [{"code": "liver", "status": "applies", "severity": "warning"}],
        "flags": [],
    }
    right = {
        "overall": "manual_review",
        "criteria": {"I.A.5": "met"},
        "dose.ratio": Decimal("1.89"),
        "dose.issues": ["missing-step"],
        "dose.toxicity_action": None,
        "safety": {"liver": "applies warning"},
    }
    assert differences(document, right) == []
    for key, wrong in {
        "overall": "criteria_met",
        "criteria": {"I.A.5": "unknown"},
        "dose.ratio": Decimal("1.90"),
        "dose.issues": ["unit-slip"],
        "dose.toxicity_action": "continue",
        "safety": {"liver": "applies critical"},
        "flags": ["request-type-assumed"],
        "previous": {"overall": "manual_review"},
        "editions": [],
        "dose.nothing_of_that_name": None,
    }.items():
        assert len(differences(document, {key: wrong})) == 1, key


def test_a_recipe_is_laid_over_another_table_by_table() -> None:
    base = {"answers": {"cycle": 1, "day": 1}, "order": {"steps": [1]}, "mrd": "0.5 %"}
    over = {"answers": {"cycle": 2, "day": "~"}, "order": {"steps": [2, 3]}, "mrd": "~"}
    assert merged(base, over) == {"answers": {"cycle": 2}, "order": {"steps": [2, 3]}}
