"""Starts HAPI FHIR on the loopback, loads the synthetic patients, runs a command, and stops the server again.

`tests/servers/run` calls this with the Python of the project. The first run lets Maven fetch about 300 MB; later runs
need neither Maven nor the network. What is built and the server's log are in the user's cache.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import requests
import simplejson

from fhir_fixtures import patients

PROJECT: Final = Path(__file__).parent / "hapi"
JAVA: Final = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
PATIENTS_AT_ONCE: Final = 10
SECONDS_TO_BUILD: Final = 900
SECONDS_TO_START: Final = 180
_STARTED: Final = time.monotonic()


class ServerError(Exception):
    """What is needed is missing or does not answer; the text says what to do."""


def say(words: str) -> None:
    """One line of progress, with the seconds since the start. Standard output belongs to the command."""
    print(f"[{time.monotonic() - _STARTED:5.0f} s] {words}", file=sys.stderr, flush=True)  # noqa: T201


def cache() -> Path:
    """Where this version of the server is built: its name changes with its source."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    source = b"".join(file.read_bytes() for file in sorted(PROJECT.rglob("*")) if file.is_file())
    return root / "blinatumomab-cds" / f"hapi-{hashlib.sha256(source).hexdigest()[:12]}"


def program(name: str) -> str:
    """The full path of a program. Raises ServerError."""
    if found := shutil.which(name):
        return found
    raise ServerError(f"{name} is not installed; HAPI FHIR needs Java 17 or newer, and Maven for its first run")


def wait_for(what: str, done: Callable[[], bool], process: subprocess.Popen[bytes], seconds: int) -> None:
    """Until `done`, telling every ten seconds. Raises ServerError when the time or the process is over."""
    begun = told = time.monotonic()
    while not done():
        now = time.monotonic()
        if process.poll() is not None and not done():
            raise ServerError(f"{what}: ended with status {process.returncode}")
        if now - begun > seconds:
            raise ServerError(f"{what}: not done after {seconds} s")
        if now - told > 10:
            say(f"{what} …")
            told = now
        time.sleep(0.3)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a process that may have ended already."""
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def is_whole(classpath: Path) -> bool:
    """Is the server built, and is every jar it needs still there?"""
    return classpath.exists() and all(Path(jar).exists() for jar in classpath.read_text().split(os.pathsep))


def build(folder: Path) -> str:
    """The Java class path of the server; Maven fetches and compiles what is not there yet."""
    classpath = folder / "classpath"
    if not is_whole(classpath):
        say("Maven fetches HAPI FHIR (about 300 MB, once) and compiles the server")
        goals = ["compile", "dependency:build-classpath"]
        command = [program("mvn"), "--batch-mode", "--quiet", "-Dstyle.color=never", f"-Dbuilt.in={folder}"]
        command += [f"--file={PROJECT / 'pom.xml'}", *goals]
        maven = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        try:
            wait_for("fetching and compiling", lambda: maven.poll() == 0, maven, SECONDS_TO_BUILD)
        finally:
            stop(maven)
    return os.pathsep.join([str(folder / "classes"), classpath.read_text()])


def free_port(wanted: int) -> int:
    """The wanted port of the loopback, or with 0 any, when nobody listens on it. Raises ServerError."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted))
        except (OSError, OverflowError) as problem:
            raise ServerError(f"port {wanted} cannot be had: {problem}") from problem
        return int(probe.getsockname()[1])


def answers(base: str) -> bool:
    """Does a FHIR server answer at this base?"""
    try:
        return requests.get(f"{base}/metadata", timeout=30).status_code == 200
    except requests.RequestException:
        return False


@contextmanager
def hapi(port: int) -> Iterator[str]:
    """HAPI FHIR while it runs: the base URL. Ends with its standard input, should this process be killed."""
    folder, java = cache(), program("java")
    folder.mkdir(parents=True, exist_ok=True)
    classpath, log = build(folder), folder / "server.log"
    command = [java, *JAVA, f"-Dlogback.configurationFile={PROJECT / 'logback.xml'}"]
    command += ["-cp", classpath, "FhirServer", str(port)]
    base = f"http://127.0.0.1:{port}/fhir"
    with log.open("wb") as written:
        server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=written, stderr=written, start_new_session=True
        )
        try:
            say(f"HAPI FHIR starts at {base}")
            wait_for(f"starting (log: {log})", lambda: answers(base), server, SECONDS_TO_START)
            yield base
        finally:
            stop(server)
            say("HAPI FHIR has stopped")


def transaction(bundles: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One transaction that puts every resource of these patients under its own id, each once."""
    resources = (entry["resource"] for bundle in bundles for entry in bundle["entry"])
    by_url = {f"{each['resourceType']}/{each['id']}": each for each in resources}
    entries = [{"resource": each, "request": {"method": "PUT", "url": url}} for url, each in by_url.items()]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def load(base: str) -> int:
    """Puts all synthetic patients on the server; how many. Raises ServerError with the server's own words."""
    everyone, done = patients(), 0
    waiting = iter(everyone.items())
    while some := dict(islice(waiting, PATIENTS_AT_ONCE)):
        body = simplejson.dumps(transaction(list(some.values())), use_decimal=True).encode()
        answer = requests.post(base, body, headers={"Content-Type": "application/fhir+json"}, timeout=300)
        if answer.status_code != 200:
            raise ServerError(f"{base} refused some of {', '.join(some)}: {answer.text[:2000]}")
        done += len(some)
        say(f"{done} of {len(everyone)} patients loaded")
    return done


def run(arguments: argparse.Namespace) -> int:
    """Server, patients, command; the status of the command."""
    with hapi(free_port(arguments.port)) as base:
        load(base)
        print(f"FHIR_SERVER_URL={base}", flush=True)  # noqa: T201
        if arguments.command:
            return subprocess.call(arguments.command, env={**os.environ, "FHIR_SERVER_URL": base})
        say("no command given: serving until Ctrl-C")
        while True:
            time.sleep(3600)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="tests/servers/run",
        usage="%(prog)s [--port PORT] [-- COMMAND …]",
        description="Start a HAPI FHIR R4 server on the loopback, load the synthetic patients, run COMMAND with "
        "FHIR_SERVER_URL set, stop the server. Without COMMAND it serves until Ctrl-C. Needs Java 17 or newer, and "
        "Maven for the first run.",
    )
    found.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    found.add_argument("command", nargs="*", help=argparse.SUPPRESS)
    return found


def main() -> int:
    """Status of the command; 2 when there is no server."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(parser().parse_args())
    except ServerError as problem:
        say(str(problem))
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
