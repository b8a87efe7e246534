"""The command line as its users meet it: real processes, files and pipes."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import fhir_fixtures
from cds_service.store import Store

CALLS = Path(fhir_fixtures.__file__).parent / "hook_calls"
CHILD = CALLS / "order-sign--child-30kg-flat-28-mcg-mrd-positive.json"


def run(*arguments: str, data: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "cds_service", *arguments]
    return subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)


def one_line(file: Path) -> bytes:
    return json.dumps(json.loads(file.read_text(encoding="utf-8"))).encode()


def test_a_call_as_json_gives_what_was_decided_and_what_is_answered() -> None:
    done = run("assess", str(CHILD), "--format", "json")
    answer = json.loads(done.stdout)

    assert done.returncode == 0, done.stderr
    assert set(answer) == {"assessments", "response"}
    assert answer["assessments"][0]["dose"]["verdict"] == "above_label"
    assert answer["assessments"][0]["policies"][0]["overall"] == "manual_review"
    assert answer["response"]["cards"][0]["indicator"] == "critical"


def test_a_call_as_text_can_be_read_by_a_pharmacist() -> None:
    text = run("assess", str(CHILD)).stdout.decode()

    assert "28 mcg/day is 1.89 times the label dose of 14.8 mcg/day" in text
    assert "CRITICAL" in text
    assert "I.A.5.fn" in text
    assert "**" not in text, "markdown is rendered"


def test_standard_input_is_read_too() -> None:
    done = run("assess", "-", "--format", "json", data=CHILD.read_bytes())

    assert len(json.loads(done.stdout)["assessments"]) == 1


@pytest.mark.parametrize(
    ("day", "editions"),
    [("2025-01-31", []), ("2025-06-01", ["2025-02-20"]), ("2025-10-01", ["2025-09-05", "2025-02-20"])],
)
def test_as_of_chooses_the_editions(day: str, editions: list[str]) -> None:
    document = json.loads(run("assess", str(CHILD), "--format", "json", "--as-of", day).stdout)["assessments"][0]

    assert document["as_of"] == day
    assert [policy["version"] for policy in document["policies"]] == editions


def test_many_calls_are_answered_line_by_line_and_a_bad_line_stops_nothing() -> None:
    lines = [one_line(CHILD), b'{"hook": "order-sign"}', b"not json", b"", one_line(CHILD)]
    done = run("assess", "-", data=b"\n".join(lines))
    answers = [json.loads(line) for line in done.stdout.splitlines()]

    assert done.returncode == 1
    assert [sorted(answer) for answer in answers] == [
        ["assessments", "response"],
        ["error", "line"],
        ["error", "line"],
        ["assessments", "response"],
    ]
    assert [answer.get("line") for answer in answers] == [None, 2, 3, None]
    assert answers[1]["error"]["field"] == "hookInstance"
    assert answers[1]["error"]["mend"]
    assert b"4 calls, 2 refused" in done.stderr


def test_one_line_of_json_is_one_call() -> None:
    done = run("assess", "-", "--format", "json", data=one_line(CHILD) + b"\n")

    assert set(json.loads(done.stdout)) == {"assessments", "response"}


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", b"it is empty"),
        (b"{", b"line 1"),
        (b'{"hook": "patient-view"}', b"Send a call of order-select or order-sign"),
        (b"[]", b"hook call"),
    ],
)
def test_a_call_that_cannot_be_read_is_told_in_words(data: bytes, says: bytes) -> None:
    done = run("assess", "-", data=data)

    assert done.returncode == 2
    assert says in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_wrong_date_is_told_in_words() -> None:
    done = run("assess", str(CHILD), "--as-of", "1.10.2025")

    assert done.returncode == 2
    assert b"write it like 2025-10-01" in done.stderr


def test_check_lists_what_is_open() -> None:
    done = run("check")
    text = " ".join(done.stdout.decode().split())

    assert done.returncode == 0
    for words in (
        "LA.PHAR.312 2025-09-05",
        "Paragraphs not computed",
        "GEN.doc",
        "confirmed by a pharmacist",
        "open to the payer",
    ):
        assert words in text


def test_explain_tells_a_paragraph_in_both_editions_and_its_doubt() -> None:
    text = " ".join(run("explain", "I.A.4.b.ii").stdout.decode().split())

    assert "review of 2025-02-20" in text
    assert "review of 2025-09-05" in text
    assert "Contested" in text


@pytest.mark.parametrize(
    ("citation", "says"),
    [
        ("mrd-2-4", "cycles 2-4, days 1-28: 28 mcg/day from 45 kg"),
        ("crs-3", "CTCAE grade 3: Interrupt until resolved"),
        ("premedication-mrd-pediatric", "dexamethasone 5 mg/m², at most 20 mg"),
        ("72h-preserved", "72 h at 1.8 mL/h, with benzyl alcohol, not under 5.4 kg"),
        ("pancreatitis", "interrupt or stop both drugs"),
    ],
)
def test_explain_tells_each_kind_of_row_of_the_label(citation: str, says: str) -> None:
    assert says in " ".join(run("explain", citation).stdout.decode().split())


def test_explain_of_something_unknown_offers_what_is_near() -> None:
    done = run("explain", "I.A.4.z")

    assert done.returncode == 2
    assert b"I.A.4" in done.stderr


def test_policy_diff_names_what_changed() -> None:
    rows = json.loads(run("policy", "diff", "2025-02-20", "2025-09-05", "--format", "json").stdout)
    found = {row["paragraph"]: row["change"] for row in rows}

    assert found["I.A.4.c.iv"] == "removed"
    assert found["I.A.4.c.i.k"] == "new"
    assert found["I.A.4.e.i"] == "removed"
    assert found["I.A.4.b.ii.con"] == "changed, contested"
    assert "I.A.1" not in found


def test_policy_diff_of_an_unknown_edition_lists_those_on_file() -> None:
    done = run("policy", "diff", "2024-01-01", "2025-09-05")

    assert done.returncode == 2
    assert b"2025-02-20, 2025-09-05" in done.stderr.replace(b"\n", b" ")


def test_serve_refuses_without_open() -> None:
    done = run("serve")

    assert done.returncode == 2
    assert b"--open" in done.stderr


@pytest.mark.parametrize(
    "command", [(), ("serve",), ("demo",), ("assess",), ("check",), ("explain",), ("policy", "diff"), ("cards",)]
)
def test_help_teaches(command: tuple[str, ...]) -> None:
    done = run(*command, "--help")

    assert done.returncode == 0
    assert len(done.stdout) > 200


def test_wrong_settings_are_all_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINATUMOMAB_CDS_ADULT_AGE_YEARS", "seven")
    monkeypatch.setenv("BLINATUMOMAB_CDS_MAX_BODY_BYTES", "1")
    done = run("check")

    assert done.returncode == 1
    assert b"BLINATUMOMAB_CDS_ADULT_AGE_YEARS" in done.stderr
    assert b"BLINATUMOMAB_CDS_MAX_BODY_BYTES" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("decision", "0f5a2c1e-4b7d-4c39-9d0a-6a1c5e8f7b21"),
        ("report",),
        ("database", "check"),
        ("database", "purge", "--database", "FILE"),
        ("database", "erase", "--database", "FILE", "--patient", "1"),
        ("try", "http://127.0.0.1:9", "--compare"),
    ],
    ids=lambda command: " ".join(command[:2]),
)
def test_every_command_tells_wrong_settings_in_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = str(tmp_path / "store.sqlite3")
    with closing(Store(file)) as store:
        store.prepare()
    monkeypatch.setenv("BLINATUMOMAB_CDS_MRD_CODES", "foo")
    monkeypatch.setenv("BLINATUMOMAB_CDS_WORKERS", "abc")
    done = run(*(file if word == "FILE" else word for word in command))

    assert done.returncode == 1
    assert b"Traceback" not in done.stderr
    assert b"BLINATUMOMAB_CDS_MRD_CODES: not a JSON list" in done.stderr
    assert b"BLINATUMOMAB_CDS_WORKERS: " in done.stderr


def test_the_demo_plays_its_first_patient_over_http() -> None:
    done = run("demo", "--patient", "child-30kg-flat-28-mcg-mrd-positive")
    text = done.stdout.decode()

    assert done.returncode == 0, done.stderr
    assert "1.89 times the label dose of 14.8 mcg/day" in text
    assert "5 of 6 criteria of LA.PHAR.312 met, 1 for review" in text
    assert b"Traceback" not in done.stderr
