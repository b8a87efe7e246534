"""The image: pinned, not root, nothing in it that builds, a health check that asks an address of the service.

Where no container engine answers, IMAGE_STEPS=1 carries the Dockerfile's own steps out in an empty folder, and what
comes out serves as the image would: as another user, on a file system that is read-only but for one folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from cds_service.__main__ import main
from cds_service.app import create_app
from cds_service.metrics.files import VARIABLE
from cds_service.settings import Settings
from fhir_fixtures import hook_calls
from tests.dockerfile_reading import ROOT, carry_out, environment, instructions, sent
from tests.tools import tool

FOUND = instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
LAST = FOUND[-1].stage
FINAL = {each.name: each for each in FOUND if each.stage == LAST}
RULES = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
PREFIX = "BLINATUMOMAB_CDS_"


def test_both_stages_are_made_from_one_image_pinned_by_version_and_digest() -> None:
    bases = {each.words[0] for each in FOUND if each.name == "FROM"}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+@sha256:[0-9a-f]{64}", bases.pop())


def test_the_python_of_the_image_is_one_that_the_project_allows() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    minor = re.search(r"python:3\.(\d+)", FOUND[0].text)
    assert minor
    assert f">=3.{minor[1]}" == project["requires-python"], "the oldest that is allowed is the one that tests run on"


def test_what_is_run_beside_the_service_does_not_count_into_its_metrics() -> None:
    assert VARIABLE not in FINAL["ENV"].text


def test_the_image_runs_as_a_user_who_is_a_number_and_not_root() -> None:
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", FINAL["USER"].text)


def test_everything_is_installed_by_hash_and_the_service_without_looking_for_more() -> None:
    steps = " && ".join(each.text for each in FOUND if each.name == "RUN").split(" && ")
    installs = [step for step in steps if " install -" in step and "pip" in step]
    assert len(installs) == 3
    locked = [step for step in installs if "--require-hashes --only-binary :all: -r" in step]
    assert [step.split()[-1] for step in locked] == ["deploy/build.lock", "requirements.lock"]
    assert "--no-deps --no-index" in installs[-1]


def test_the_last_stage_gets_the_finished_folder_and_fetches_nothing() -> None:
    copies = [each.text for each in FOUND if (each.stage, each.name) == (LAST, "COPY")]
    assert copies == ["--from=build /opt/cds /opt/cds"]
    assert not re.search(r"apt|pip|curl|wget|gcc|make ", FINAL["RUN"].text)


def test_what_is_copied_goes_to_the_builder_and_nothing_of_a_site_does() -> None:
    copied = [name for each in FOUND if (each.stage, each.name) == ("build", "COPY") for name in each.words[:-1]]
    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert sent(name, RULES), name
    for name in ("deploy/compose.env", ".git/config", ".venv/bin/python", "store.sqlite3", "tests/conftest.py"):
        assert not sent(name, RULES), name
    assert not sent("cds_service/__pycache__/app.cpython-311.pyc", RULES)
    assert not sent("cds_service/.env", RULES)


def test_the_packages_of_the_wheel_are_those_that_are_copied() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]
    copied = {name for each in FOUND if (each.stage, each.name) == ("build", "COPY") for name in each.words[:-1]}
    assert set(wheel["wheel"]["packages"]) <= copied


def test_the_health_check_asks_an_address_of_the_service_at_the_port_that_is_served() -> None:
    asked = re.search(r"http://127\.0\.0\.1:(\d+)(/\S+?)'", FINAL["HEALTHCHECK"].text)
    assert asked
    served = FINAL["CMD"].words
    assert asked[1] == served[served.index("--port") + 1] == FINAL["EXPOSE"].text
    client = create_app(Settings(), open_to_all=True, advise=lambda call, day: pytest.fail("not called")).test_client()
    assert client.get(asked[2]).status_code == 200
    assert "curl" not in FINAL["HEALTHCHECK"].text


def test_the_image_starts_the_command_line_and_is_stopped_by_sigterm() -> None:
    assert FINAL["ENTRYPOINT"].words == ["blinatumomab-cds"]
    assert FINAL["CMD"].words[0] in main.commands
    assert FINAL["STOPSIGNAL"].text == "SIGTERM"


def test_the_settings_of_the_image_are_settings() -> None:
    names = {name for name in environment(FOUND, LAST) if name.startswith(PREFIX)}
    assert names
    assert {name.removeprefix(PREFIX).lower() for name in names} <= set(Settings.model_fields)


def test_everything_the_wheel_is_built_with_is_locked_with_hashes() -> None:
    lock = (ROOT / "deploy/build.lock").read_text(encoding="utf-8")
    blocks = [block for block in re.split(r"\n(?=[a-z])", lock) if not block.startswith("#")]
    assert "hatchling==" in lock
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.tools
def test_hadolint_finds_nothing() -> None:
    linted = subprocess.run([tool("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, "")


@pytest.mark.tools
def test_hadolint_does_find_what_is_wrong() -> None:
    wrong = "FROM python:latest\nRUN cd /tmp && apt-get install curl\nUSER root\n"
    linted = subprocess.run([tool("hadolint"), "-"], input=wrong, capture_output=True, text=True, check=False)
    assert linted.returncode == 1
    assert "DL3007" in linted.stdout


# --- the steps, without an engine -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the image, made by the Dockerfile's own steps."""
    if os.environ.get("IMAGE_STEPS") != "1":
        pytest.skip("IMAGE_STEPS=1 carries out the steps of the Dockerfile (.ci/image does)")
    there = tmp_path_factory.mktemp("image")
    carry_out(FOUND, "build", there, rules=RULES)
    for folder in (there, *there.parents):  # another user has to get there
        if folder.stat().st_uid == os.getuid() and folder != Path("/"):
            folder.chmod(folder.stat().st_mode | 0o055)
    return there / "opt/cds"


def _shut_off(command: Sequence[str], data: Path) -> list[str]:
    """The command as user 10001, where only `data` can be written to; as it is where this may not be done."""
    if os.getuid() != 0 or not (shutil.which("unshare") and shutil.which("setpriv")):
        return list(command)
    shut = (
        f"mount --bind {data} {data} && mount -o remount,ro,bind / && "
        'exec setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --bounding-set=-all "$@"'
    )
    return ["unshare", "--mount", "--propagation", "private", "bash", "-c", shut, "bash", *command]


@contextmanager
def _served(built: Path, data: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    served = [port if word == "8080" else word for word in FINAL["CMD"].words]
    command = _shut_off([str(built / "bin/blinatumomab-cds"), *served, "--open"], data)
    own = {"PATH": f"{built}/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8", "HOME": str(data)}
    set_there = {name: value for name, value in environment(FOUND, LAST).items() if name != "PATH"}
    own |= {name: re.sub(r"^/(data|tmp)/", f"{data}/", value) for name, value in set_there.items()}
    own |= {"TMPDIR": str(data)}
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(command, env=own, cwd=data, stdout=log, stderr=log)
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            requests.get(url, timeout=2)
            return
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail(f"nothing answers at {url}")


def test_what_the_steps_make_serves_as_another_user_on_a_file_system_that_is_read_only(
    built: Path, tmp_path: Path
) -> None:
    tmp_path.chmod(0o777)
    with _served(built, tmp_path) as (process, port):
        base = f"http://127.0.0.1:{port}"
        _wait_for(f"{base}/health/live", process, tmp_path / "log")
        check = [word.replace(":8080", f":{port}") for word in _health_command()]
        asked = subprocess.run(check, env={"PATH": f"{built}/bin"}, capture_output=True, check=False)
        assert asked.returncode == 0, asked.stderr
        call = hook_calls()["order-sign--child-30kg-flat-28-mcg-mrd-positive"]
        answer = requests.post(f"{base}/cds-services/blinatumomab-order-sign", json=call, timeout=10)
        assert any("14.8 mcg/day" in card["summary"] for card in answer.json()["cards"])
        assert (tmp_path / "store.sqlite3").exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    refused = subprocess.run(check, env={"PATH": f"{built}/bin"}, capture_output=True, check=False)
    assert refused.returncode == 1, "the health check has to fail when nothing answers"


def _health_command() -> list[str]:
    words: list[str] = json.loads(FINAL["HEALTHCHECK"].text.partition("CMD ")[2])
    return words


def test_nothing_that_installs_or_tests_is_in_the_folder_of_the_image(built: Path) -> None:
    site = next((built / "lib").glob("python3*/site-packages"))
    names = {each.name.partition("-")[0].lower() for each in site.glob("*.dist-info")}
    assert {"blinatumomab_cds", "psycopg", "flask"} <= names
    assert not names & {"pip", "setuptools", "hatchling", "pytest", "ruff", "mypy", "hypothesis"}
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in site.parent.name
