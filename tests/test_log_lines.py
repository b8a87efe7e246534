"""The lines of the log: one shape for everything that is said, and nothing in it that somebody else wrote."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from cds_service import log_lines
from cds_service.errors import SettingsError
from cds_service.log_lines import JSON, REQUEST, TEXT, JsonLines, Line, Remarks, TextLines, form_for, message
from cds_service.trace import Trace, request_id

MARK = "Zqm"


def record(name: str, said: object, *args: object, exc_info: Any = None) -> logging.LogRecord:
    return logging.LogRecord(name, logging.WARNING, __file__, 1, said, args, exc_info)


def as_json(found: logging.LogRecord) -> dict[str, Any]:
    written = JsonLines().format(found)
    assert "\n" not in written
    told: dict[str, Any] = json.loads(written)
    return told


def failure() -> Any:
    try:
        raise ValueError(f"{MARK}-value")
    except ValueError:
        return sys.exc_info()


# --- one shape --------------------------------------------------------------------------------------------------------


def test_an_event_is_members_for_machines_and_pairs_for_people() -> None:
    found = record("cds_service.calls", Line("request", {"route": "services", "status": 200, "ms": 1.5}))
    told = as_json(found)
    members = {"logger": "cds_service.calls", "level": "warning", "event": "request", "status": 200, "ms": 1.5}
    assert told == {**members, "route": "services", "at": told["at"]}
    assert told["at"].endswith("Z")
    assert TextLines().format(found).endswith("WARNING cds_service.calls route=services status=200 ms=1.5")


def test_a_line_of_ours_says_what_it_says_and_for_which_request() -> None:
    found = record("cds_service.journal", "decisions not kept: %d; %s", 3, "it is full")
    token = REQUEST.set("a" * 32)
    try:
        assert as_json(found) | {"message": "decisions not kept: 3; it is full", "request": "a" * 32} == as_json(found)
        assert TextLines().format(found).endswith(f"it is full request={'a' * 32}")
    finally:
        REQUEST.reset(token)
    assert "request" not in as_json(found)


@pytest.mark.parametrize(
    ("said", "args", "written"),
    [
        ("Booting worker with pid: %s", (17,), "Booting worker with pid: 17"),
        ("Error handling request %s", (f"/x?name={MARK}",), "Error handling request …"),
        ("%s of %d", (MARK, 4), "… of 4"),
        ("%(name)s is gone", ({"name": MARK},), "… is gone"),
        (f"Invalid request from ip={MARK}: header '{MARK}'", (), "Invalid request from ip …"),
        (f'no such column: "{MARK}"', (), "no such column …"),
        (f"got {{'name': '{MARK}'}}", (), "got …"),
        ("Starting", (), "Starting"),
        ("two\nlines", (), "two lines"),
    ],
)
def test_of_what_others_log_only_their_own_words_and_numbers_are_told(said: str, args: Any, written: str) -> None:
    found = record("library.part", said, *args)
    assert message(found) == written
    assert MARK not in JsonLines().format(found) + TextLines().format(found)


@pytest.mark.parametrize("name", ["cds_service.problems", "library"])
def test_of_an_exception_its_kind_and_place_are_told_and_never_its_text(name: str) -> None:
    found = record(name, "it failed", exc_info=failure())
    told = as_json(found)
    assert told["exception"].startswith("ValueError at tests.test_log_lines:")
    assert MARK not in JsonLines().format(found) + TextLines().format(found)


@pytest.mark.parametrize("bad", ["a\nb", "a\r\nb", "a\x1b[31mb", "a\u2028b", "a\x85b"])
def test_nothing_that_is_said_makes_a_second_line_or_paints_the_screen(bad: str) -> None:
    for shape in (JsonLines(), TextLines()):
        written = shape.format(record("cds_service.x", "%s", bad))
        assert len(written.splitlines()) == 1
        assert "\x1b" not in written


# --- set up -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def untouched() -> Iterator[None]:
    """The logging of this process as it was, afterwards."""
    root = logging.getLogger()
    before = list(root.handlers), root.level, sys.excepthook, threading.excepthook
    yield
    root.handlers[:], sys.excepthook, threading.excepthook = before[0], before[2], before[3]
    root.setLevel(before[1])
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = True
    logging.captureWarnings(capture=False)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_setting_people_get_text_and_machines_json() -> None:
    assert (form_for(None, Terminal()), form_for(None, io.StringIO())) == (TEXT, JSON)
    assert (form_for(JSON, Terminal()), form_for(TEXT, io.StringIO())) == (JSON, TEXT)


@pytest.mark.usefixtures("untouched")
@pytest.mark.filterwarnings("default")
def test_everything_that_is_said_in_the_process_is_a_json_line() -> None:
    out = io.StringIO()
    log_lines.set_up(JSON, out)
    server = logging.getLogger("a_server.error")
    server.addHandler(logging.StreamHandler(out))
    log_lines.adopt(["a_server.error"])
    server.error("went away: %s", MARK)
    warnings.warn(f"old {MARK}", DeprecationWarning, stacklevel=1)
    Remarks().write("database: /srv/x\n\nSILENT: order-sign\n")
    sys.excepthook(*failure())
    sys.excepthook(SettingsError, SettingsError("say who may call"), None)
    thread = threading.Thread(target=lambda: [][MARK])  # type: ignore[call-overload]
    thread.start()
    thread.join()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == [
        "a_server.error",
        "py.warnings",
        "cds_service.start",
        "cds_service.start",
        *["cds_service.problems"] * 3,
    ]
    assert lines[3]["message"] == "SILENT: order-sign"
    assert lines[5]["message"] == "not caught: say who may call"
    assert lines[6]["exception"].startswith("TypeError at ")
    assert MARK not in out.getvalue()


# --- the id of a request ----------------------------------------------------------------------------------------------

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
OWN = "7e410571-664a-54ea-a12c-b53332555279"


@pytest.mark.parametrize(
    ("parent", "given", "found"),
    [
        (PARENT, None, TRACE),
        (PARENT, OWN, TRACE),
        (f"{PARENT}-later", None, TRACE),
        (None, OWN, OWN),
        (None, OWN.upper(), OWN),
        (None, TRACE, TRACE),
        (f"ff-{TRACE}-b7ad6b7169203331-01", OWN, OWN),
        (f"00-{'0' * 32}-b7ad6b7169203331-01", OWN, OWN),
        (PARENT.upper(), OWN, OWN),
    ],
)
def test_a_well_formed_id_is_taken(parent: str | None, given: str | None, found: str) -> None:
    assert request_id(parent, given) == found


@pytest.mark.parametrize(
    "given", [None, "", "Jane Roe", "12345678", "MRN-0012345", "0" * 31, f"{TRACE}0", f"{OWN}\n{OWN}"]
)
def test_any_other_text_could_be_somebodys_name_or_number_so_an_id_is_made(given: str | None) -> None:
    made = request_id(given, given)
    assert len(made) == 32
    assert made != request_id(given, given)
    assert not given or given not in made


def test_the_stages_of_a_trace_follow_each_other_and_make_up_its_time() -> None:
    noticed = Trace()
    for stage in ("read", "facts", "facts"):
        noticed.lap(stage)
    assert list(noticed.stages) == ["read", "facts"]
    assert 0 < sum(noticed.stages.values()) <= noticed.seconds()
