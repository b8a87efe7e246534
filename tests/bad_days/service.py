"""The service as its users start it: a process of its own on loopback, how to call it, and what it holds on to."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls
from tests.hook_builders import SIGN_URL

FEEDBACK_URL = SIGN_URL + "/feedback"
CHILD = "order-sign--child-30kg-flat-28-mcg-mrd-positive"
PREFIX = "BLINATUMOMAB_CDS_"
STARTS_WITHIN_SECONDS = 60.0
ENDS_WITHIN_SECONDS = 30.0
JSON = {"Content-Type": "application/json"}


def environment(**settings: Any) -> dict[str, str]:
    """Ours, with these settings and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return {**kept, **{f"{PREFIX}{name.upper()}": str(value) for name, value in settings.items()}}


@dataclass
class Service:
    """A running service: its first process and whatever that has started."""

    base: str
    process: subprocess.Popen[bytes]
    log: Path | None

    def post(self, body: Any, *, path: str = SIGN_URL, seconds: float = 30.0) -> requests.Response:
        """Post JSON on a connection of its own."""
        return requests.post(self.base + path, dump_json(body).encode(), headers=JSON, timeout=seconds)

    def feedback(self, *cards: str, seconds: float = 30.0) -> requests.Response:
        """Tell that these cards were overridden."""
        return self.post({"feedback": [overridden(card) for card in cards]}, path=FEEDBACK_URL, seconds=seconds)

    def logged(self) -> str:
        """All that it has written to standard output and standard error."""
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log else ""

    def processes(self) -> list[int]:
        """The process and its descendants."""
        return [self.process.pid, *_descendants(self.process.pid)]

    def holds(self) -> dict[str, int]:
        """Threads, sockets and all open files of all its processes together."""
        found = {"threads": 0, "sockets": 0, "files": 0}
        for pid in self.processes():
            links = [_link(each) for each in _listed(Path(f"/proc/{pid}/fd"))]
            found["threads"] += len(_listed(Path(f"/proc/{pid}/task")))
            found["sockets"] += sum(link.startswith("socket:") for link in links)
            found["files"] += len(links)
        return found

    def kill(self) -> None:
        """SIGKILL to all of it at once: nothing is written any more."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(ENDS_WITHIN_SECONDS)


def start(
    settings: dict[str, Any],
    *,
    log: Path | None = None,
    inside: Sequence[str] = (),
    output: int | None = None,
    port: int | None = None,
) -> Service:
    """Start `serve --open`, and wait until it answers. `inside` is a command that runs the rest of its arguments.

    Without a `log` its words go to `output`, by default nowhere.
    """
    port = port or free_port()
    command = [*inside, sys.executable, "-m", "cds_service", "serve", "--open", "--port", str(port)]
    written = log.open("ab") if log else output if output is not None else subprocess.DEVNULL
    given = environment(**settings)
    process = subprocess.Popen(command, env=given, stdout=written, stderr=written, start_new_session=True)
    if log and not isinstance(written, int):
        written.close()
    found = Service(f"http://127.0.0.1:{port}", process, log)
    try:
        until(lambda: answers(found.base, process, log), STARTS_WITHIN_SECONDS, "the service answers")
    except BaseException:
        found.kill()
        raise
    return found


@contextmanager
def running(settings: dict[str, Any], **options: Any) -> Iterator[Service]:
    """The same, while the block runs."""
    found = start(settings, **options)
    try:
        yield found
    finally:
        if found.process.poll() is None:
            found.kill()


def until(true: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for something that happens by itself; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.05)


def overridden(card: str) -> dict[str, str]:
    """An entry of feedback."""
    return {"card": card, "outcome": "overridden", "outcomeTimestamp": "2025-10-01T10:05:31Z"}


def call(*keys: str, name: str = CHILD, **members: Any) -> dict[str, Any]:
    """The call of this name with these keys of its prefetch only."""
    body = _calls()[name]
    return {**body, "prefetch": {key: body["prefetch"][key] for key in keys}, **members}


def full_call() -> dict[str, Any]:
    """A call that needs no server."""
    return _calls()[CHILD]


@cache
def _calls() -> dict[str, dict[str, Any]]:
    return hook_calls()


def gives_guidance(service: Service) -> bool:
    """Does a full call get its cards?"""
    answer = service.post(full_call())
    return answer.status_code == 200 and answer.json()["cards"][0]["indicator"] == "critical"


def refused_feedback(answer: requests.Response) -> bool:
    """Is this the refusal of feedback that could not be stored: 503, JSON, in words, and when to come again?"""
    assert answer.status_code == 503, answer.text
    assert answer.headers["Content-Type"] == "application/fhir+json"
    assert int(answer.headers["Retry-After"]) > 0
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    (issue,) = outcome["issue"]
    assert issue["code"] == "transient"
    return "could not be stored" in issue["details"]["text"] and "Send it again" in issue["diagnostics"]


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def namespace() -> list[str]:
    """A command that gives what it runs mounts of its own. Skips where this user may not have them."""
    command = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount anything, not even in a namespace of its own")
    return command


def within(pid: int) -> list[str]:
    """A command that runs the rest of its arguments among the mounts of that process."""
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    return ["nsenter", "--target", str(pid), "--mount", *user]


def answers(url: str, process: subprocess.Popen[bytes], log: Path | None) -> bool:
    """Does the service at this address, by now? Fails with its log where it has ended."""
    assert process.poll() is None, log.read_text(encoding="utf-8", errors="replace") if log else "it has ended"
    try:
        return requests.get(f"{url}/health", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def _descendants(pid: int) -> list[int]:
    """Processes that this one has started, and those that they have."""
    found = []
    for task in _listed(Path(f"/proc/{pid}/task")):
        try:
            children = [int(each) for each in (task / "children").read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def said(response: requests.Response) -> str:
    """Everything that a clinician reads on these cards."""
    cards = response.json()["cards"]
    return "\n".join(json.dumps([card["summary"], card.get("detail", "")], ensure_ascii=False) for card in cards)
