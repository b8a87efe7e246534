"""Conditions and adverse events that bear on safety, with onset, grade and scale as far as they are recorded.

By code; by words where the field has no code (ICANS) or words are common (tremor, confusion). A grade is never turned
into a dose here, and a scale is only what the record states. Infection has no closed list: besides our codes, the
families of `_FAMILIES` are read, and what lies outside them is not found.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from cds_service.dates import PartialDate
from cds_service.facts.model import Evidence, Problem
from cds_service.facts.record import Diagnosed, Record, named, printed
from cds_service.facts.therapies import Given
from cds_service.fhir import codes, reader
from cds_service.fhir.chart import Entry
from cds_service.terminology import Code

_FAMILIES = (
    ("infection", re.compile(r"A\d\d|B[0-8]\d|J0[9]|J1[0-8]|J20|J21|J22|N39\.0|L03|T80\.21|R65\.2|R78\.81|U07\.1")),
    ("pregnancy", re.compile(r"Z33\.[13]|Z34|Z3A|O(?:09|[1-4]\d|99)")),
    ("lactation", re.compile(r"Z39\.1|O92")),
    ("pancreatitis", re.compile(r"K85")),
    ("neutropenia", re.compile(r"D70")),
    ("seizure", re.compile(r"G40|R56")),
)
_BY_WORDS = (
    ("icans", re.compile(r"\bicans\b|immune effector cell[- ]associated neuro")),
    ("crs", re.compile(r"cytokine release")),
    ("seizure", re.compile(r"\bseizure|convulsion|\bepilep")),
    ("neurotoxicity", re.compile(r"neurotoxic|encephalopathy|aphasia|\btremor|\bconfusion|\bdelirium")),
    (
        "cns-disease",
        re.compile(r"(?:cns|central nervous system|mening\w+|csf).{0,20}(?:leuk|involve|disease|relapse|blast)"),
    ),
    ("pancreatitis", re.compile(r"acute pancreatitis|(?<!chronic )pancreatitis")),
    ("leukoencephalopathy", re.compile(r"(?<!multifocal )leukoencephalopathy")),
    ("hlh", re.compile(r"ha?emophagocytic|macrophage activation")),
    ("tumour-lysis", re.compile(r"tumou?r lysis")),
    ("gvhd", re.compile(r"graft[- ]versus[- ]host")),
    (
        "infection",
        re.compile(r"\bsepsis|bacter[ae]?emia|pneumonia|\binfection\b|cellulitis|fung[ae]emia|candid[ae]emia"),
    ),
    ("cranial-radiation", re.compile(r"(?:cranial|brain|craniospinal|cns).{0,12}(?:radi|irradi)")),
)
_NOT_NOW = re.compile(
    r"\b(?:no|without|denies|ruled? out|risk (?:of|for)|prophyla\w*|screening|family history|exposure|suspected|"
    r"vaccin\w*)\b"
)
_GRADE = re.compile(r"\bgrade\s*(?:is\s*|:\s*)?([1-5]|iv|iii|ii|i|v)\b")
_ROMAN = {"i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5}
_PERMANENT = re.compile(
    r"permanent\w*\s+(?:stop|discontinu|withdraw)|(?:stop\w*|discontinu\w*|withdrawn)\s+(?:for good|permanently)|"
    r"do not (?:resume|restart|rechallenge)|never (?:resume|restart)"
)
_OVER = ("resolved", "recovered", "recoveredWithSequelae", "resolvedWithSequelae", "fatal")


def read_problems(record: Record, medications: tuple[Given, ...], cycle_start: date | None) -> tuple[Problem, ...]:
    """Every problem of ours on file. `cycle_start` is the first day of this cycle, None while it is not known."""
    found = [problem for condition in record.conditions for problem in _of_condition(record, condition, cycle_start)]
    for entry in record.chart.of("AdverseEvent"):
        found += _of_event(record, entry, cycle_start)
    for entry in record.chart.of("Procedure"):
        found += _of_procedure(record, entry)
    found += _permanent_stops(record, medications)
    return tuple(found)


def _of_condition(record: Record, condition: Diagnosed, cycle_start: date | None) -> Iterator[Problem]:
    onset = reader.partial(condition.onset or condition.recorded)
    words = _words(record, condition)
    clinical = condition.clinical
    over = condition.past or clinical == "remission" or any(key.startswith("abatement") for key in condition.resource)
    active = False if over else True if clinical in ("active", "recurrence", "relapse") else None
    for kind, code in _kinds(record, condition.resource.get("code"), condition.found, condition.said):
        shown = named(code) if code else record.chart.quote(condition.said, 80)
        status = ", ".join(word for word in (clinical, "unconfirmed" if condition.doubtful else None) if word)
        evidence = condition.evidence("Diagnosis", f"{shown}{', ' + status if status else ''}")
        grade, scale = _graded(code, words)
        yield Problem(kind, active, onset, grade, scale, _in_cycle(onset, cycle_start), evidence)


def _words(record: Record, condition: Diagnosed) -> str:
    """Where a grade may be written: the condition's words, its severity and stage, its notes."""
    resource = condition.resource
    said = [condition.said, reader.words(resource.get("severity"))]
    said += [reader.words(part.get("summary")) for part in reader.objects(resource, "stage")]
    said += [reader.words(part.get("type")) for part in reader.objects(resource, "stage")]
    said += [reader.text(note, "text") or "" for note in reader.objects(resource, "note")]
    return "; ".join(said).lower()


def _of_event(record: Record, entry: Entry, cycle_start: date | None) -> Iterator[Problem]:
    resource = entry.resource
    if reader.text(resource, "actuality") == "potential":
        return
    concept = resource.get("event")
    said = reader.words(concept).lower()
    written = reader.when(resource, "date", "detected", "recordedDate")
    onset = reader.partial(written)
    outcome = resource.get("outcome")
    active = False if reader.has_code(outcome, *_OVER) else True if reader.has_code(outcome, "ongoing") else None
    words = f"{said}; {reader.words(resource.get('severity')).lower()}"
    found = codes.matches(concept, record.value_sets)
    for kind, code in _kinds(record, concept, found, said):
        shown = named(code) if code else record.chart.quote(said, 80)
        grade, scale = _graded(code, words)
        evidence = Evidence(entry.reference, "Adverse event", shown, printed(written))
        yield Problem(kind, active, onset, grade, scale, _in_cycle(onset, cycle_start), evidence)


def _of_procedure(record: Record, entry: Entry) -> Iterator[Problem]:
    """Cranial radiation, for the risk of leukoencephalopathy."""
    said = reader.words(entry.resource.get("code")).lower()
    pattern = dict(_BY_WORDS)["cranial-radiation"]
    if reader.text(entry.resource, "status") == "completed" and pattern.search(said):
        written = reader.when(entry.resource, "performedDateTime", "performedPeriod")
        evidence = Evidence(entry.reference, "Procedure", record.chart.quote(said, 80), printed(written))
        yield Problem("cranial-radiation", False, reader.partial(written), None, None, None, evidence)


def _kinds(
    record: Record, concept: object, found: Iterable[tuple[str, Code]], said: str
) -> Iterator[tuple[str, Code | None]]:
    """(kind, code) by our value sets, else by family of ICD-10-CM, else by words that are not negated."""
    coded = {
        name.removeprefix("problem."): code for name, code in reversed(tuple(found)) if name.startswith("problem.")
    }
    coded.pop("cns-disease-in-remission", None)
    if coded:
        yield from coded.items()
        return
    families = list(dict.fromkeys(_families(record, concept)))
    if families:
        yield from ((family, None) for family in families)
        return
    if not _NOT_NOW.search(said):
        word = next((kind for kind, word in _BY_WORDS if word.search(said)), None)
        if word:
            yield word, None


def _families(record: Record, concept: object) -> Iterator[str]:
    for system, code, _ in reader.codings(concept):
        if system and code and record.value_sets.canonical(system) == codes.ICD_10_CM:
            written = codes.normal(codes.ICD_10_CM, code)
            yield from (kind for kind, family in _FAMILIES if family.match(written))


def _graded(code: Code | None, words: str) -> tuple[int | None, str | None]:
    """Grade and scale: by the code's own grade (its scale is not stated), else by the words."""
    written = _GRADE.search(words)
    scale = "ctcae" if "ctcae" in words else "astct" if "astct" in words or "asbmt" in words else None
    if written:
        return _ROMAN.get(written[1]) or int(written[1]), scale
    by_code = re.search(r"grade ([1-5])$", code.role) if code else None
    return (int(by_code[1]), scale) if by_code else (None, scale)


def _in_cycle(onset: PartialDate | None, cycle_start: date | None) -> bool | None:
    if onset is None or cycle_start is None:
        return None
    return True if onset.earliest >= cycle_start else False if onset.latest < cycle_start else None


def _permanent_stops(record: Record, medications: tuple[Given, ...]) -> Iterator[Problem]:
    """Blinatumomab recorded as stopped for good."""
    for given in medications:
        resource = given.entry.resource
        if not given.drug.ours or given.entry.draft is not None:
            continue
        said = [reader.words(reason) for reason in reader.objects(resource, "statusReason")]
        said += [reader.text(note, "text") or "" for note in reader.objects(resource, "note")]
        if _PERMANENT.search("; ".join(said).lower()):
            evidence = given.evidence(
                "Blinatumomab stopped for good", record.chart.quote("; ".join(filter(None, said)), 120)
            )
            yield Problem("permanent-stop", True, reader.partial(given.written), None, None, None, evidence)
    for entry in record.chart.of("Flag"):
        said_flag = reader.words(entry.resource.get("code")).lower()
        if "blina" in said_flag and _PERMANENT.search(said_flag) and entry.resource.get("status") != "inactive":
            evidence = Evidence(entry.reference, "Flag", record.chart.quote(said_flag, 120))
            yield Problem("permanent-stop", True, None, None, None, None, evidence)
