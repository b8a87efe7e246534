"""Code lists load whole or not at all: a mistake names the file and the row."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import pytest

from cds_service.errors import KnowledgeError
from cds_service.knowledge.valuesets import load_value_sets, loinc_check_digit_holds, snomed_check_digit_holds
from cds_service.terminology import ValueSets

LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
HEADER = "concept,role,system,code,display,source\n"
GOOD = f"measure.weight,preferred,{LOINC},29463-7,Body weight,US Core\n"
ALIASES = "alias,system\nhttps://loinc.org,http://loinc.org\n"
OURS = load_value_sets(resources.files("cds_service.knowledge") / "valuesets")


def folder(path: Path, files: Mapping[str, str]) -> Path:
    for name, text in {"code-system-aliases.csv": ALIASES, **files}.items():
        (path / name).write_text(text, encoding="utf-8")
    return path


def load(path: Path, **files: str) -> ValueSets:
    return load_value_sets(folder(path, {f"{name}.csv": text for name, text in files.items()}))


def test_a_good_folder_is_read(tmp_path: Path) -> None:
    sets = load(tmp_path, measures=HEADER + GOOD)
    assert sets.matches([("https://loinc.org", "29463-7")], "measure.weight")
    assert not sets.matches([(None, "29463-7")], "measure.weight")


@pytest.mark.parametrize(
    ("rows", "place", "words"),
    [
        ("concept,system,code\n" + GOOD, "row 1", "header"),
        (HEADER + GOOD + GOOD, "row 3", "duplicate"),
        (HEADER + f"measure.weight,preferred,{LOINC},29463-8,Body weight,US Core\n", "row 2", "mod-10"),
        (HEADER + f"diagnosis.b-all,x,{SNOMED},277571005,B-ALL,y\n", "row 2", "Verhoeff"),
        (HEADER + f"diagnosis.b-all,x,{SNOMED},,B-ALL,y\n", "row 2", "'code' is empty"),
        (HEADER + f"drug.x,x,{LOINC},29463-7,x,unverified\n", "row 2", "not verified"),
        (HEADER + f"drug.x,x,{LOINC},29463-7,x\n", "row 2", "expected 6 cells"),
        (HEADER + f"Drug X,x,{LOINC},29463-7,x,y\n", "row 2", "concept name"),
        (HEADER + "drug.x,x,loinc,29463-7,x,y\n", "row 2", "no URI"),
        (HEADER + "drug.x,x,https://loinc.org,29463-7,x,y\n", "row 2", "canonical system"),
        (HEADER, "", "no value set"),
    ],
)
def test_a_mistake_names_the_file_and_the_row(tmp_path: Path, rows: str, place: str, words: str) -> None:
    with pytest.raises(KnowledgeError) as caught:
        load(tmp_path, wrong=rows)
    assert caught.value.place == place
    assert words in str(caught.value)
    assert not place or caught.value.file == "wrong.csv"


def test_a_concept_may_not_be_spread_over_two_files(tmp_path: Path) -> None:
    more = f"measure.weight,measured,{LOINC},3141-9,Body weight measured,US Core\n"
    with pytest.raises(KnowledgeError, match=r"stands in measures\.csv already"):
        load(tmp_path, measures=HEADER + GOOD, more=HEADER + more)


@pytest.mark.parametrize(
    "rows",
    ["http://loinc.org,http://loinc.org\n", "https://loinc.org,http://other.org\n", "urn:oid:1,https://loinc.org\n"],
)
def test_an_alias_leads_to_one_canonical_system(tmp_path: Path, rows: str) -> None:
    files = {"measures.csv": HEADER + GOOD, "code-system-aliases.csv": ALIASES + rows}
    with pytest.raises(KnowledgeError, match="row 3"):
        load_value_sets(folder(tmp_path, files))


@pytest.mark.parametrize(
    ("code", "holds"),
    [("277571004", True), ("277571005", False), ("12301000132103", True), ("27757", False), ("x", False)],
)
def test_the_check_digit_of_snomed_ct(code: str, holds: bool) -> None:
    assert snomed_check_digit_holds(code) is holds


@pytest.mark.parametrize(
    ("code", "holds"), [("29463-7", True), ("29463-6", False), ("LA6576-8", True), ("294637", False)]
)
def test_the_check_digit_of_loinc(code: str, holds: bool) -> None:
    assert loinc_check_digit_holds(code) is holds


@pytest.mark.parametrize(
    ("system", "code", "concept"),
    [
        ("http://www.nlm.nih.gov/research/umls/rxnorm", "1597258", "drug.blinatumomab"),
        ("https://bluebutton.cms.gov/resources/codesystem/hcpcs", "J9039", "drug.blinatumomab"),
        ("http://snomed.info/sct", "723889003", "diagnosis.bcr-abl1-positive"),
        ("http://snomed.info/sct", "723889003", "diagnosis.b-all"),
        ("http://hl7.org/fhir/sid/icd-10-cm", "C91.02", "disease-status.relapse"),
        ("http://hl7.org/fhir/sid/cvx", "206", "vaccine.ambiguous"),
        ("http://nucc.org/provider-taxonomy", "2080P0207X", "specialty.qualifying"),
        (
            "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes",
            "patient-contraindication",
            "override-reason",
        ),
    ],
)
def test_our_own_lists_know(system: str, code: str, concept: str) -> None:
    assert concept in {name for name, _ in OURS.concepts(system, code)}


@pytest.mark.parametrize(
    ("system", "code", "concept"),
    [
        ("http://hl7.org/fhir/sid/icd-10-cm", "C91.00", "diagnosis.b-all"),  # states no lineage
        ("http://snomed.info/sct", "449108003", "diagnosis.bcr-abl1-positive"),  # CML
        ("http://terminology.hl7.org/CodeSystem/icd-o-3", "9819/3", "diagnosis.bcr-abl1-positive"),  # BCR::ABL1-like
        ("http://loinc.org", "1968-7", "lab.bilirubin"),  # direct bilirubin
        ("http://loinc.org", "3142-7", "measure.weight"),  # stated
        ("http://loinc.org", "8339-4", "measure.weight"),  # at birth
        ("http://loinc.org", "23761-0", "lab.anc"),  # a percentage
        ("http://hl7.org/fhir/sid/cvx", "187", "vaccine.live"),  # recombinant zoster
        ("http://snomed.info/sct", "418862001", "specialty.qualifying"),  # paediatric infectious diseases
        ("urn:oid:2.16.840.1.113883.6.238", "2106-3", "lab.hcg"),  # a race code of the same number
    ],
)
def test_our_own_lists_do_not_take_a_neighbour_for_the_thing(system: str, code: str, concept: str) -> None:
    assert concept not in {name for name, _ in OURS.concepts(system, code)}
