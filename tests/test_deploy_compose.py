"""compose.yaml: by its public schema, and by what it says of the service: settings, commands, who reaches what."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from cds_service import __version__
from tests.deploying import check_command, check_settings
from tests.dockerfile_reading import ROOT, user
from tests.store_builders import new_database, postgresql_server
from tests.tools import tool

TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
EXAMPLE = (ROOT / "deploy/compose.env.example").read_text(encoding="utf-8")
FILLED = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE)) | {
    "POSTGRES_PASSWORD": "0123456789abcdef",
    "SITE_SECRET": "fedcba9876543210",
}
VARIABLE = re.compile(r"\$\{([A-Z_]+)(:\?|-)?[^}]*\}")


def _filled(found: Any) -> Any:
    """With the values of the example, put in where compose does: after the YAML is read."""
    if isinstance(found, dict):
        return {name: _filled(value) for name, value in found.items()}
    if isinstance(found, list):
        return [_filled(value) for value in found]
    return VARIABLE.sub(lambda variable: FILLED[variable[1]], found) if isinstance(found, str) else found


COMPOSED: dict[str, Any] = _filled(yaml.safe_load(TEXT))
SERVICES: dict[str, Any] = COMPOSED["services"]
OURS = ("service", "migrate")


def _validated(file: Path) -> subprocess.CompletedProcess[str]:
    command = [tool("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.tools
def test_the_compose_file_is_valid_by_the_schema_of_the_compose_specification() -> None:
    found = _validated(ROOT / "compose.yaml")
    assert found.returncode == 0, found.stdout


@pytest.mark.tools
def test_the_schema_refuses_a_word_that_compose_does_not_know(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(TEXT.replace("read_only: true", "readonly: true"))
    assert _validated(wrong).returncode == 1


def test_every_variable_is_in_the_example_and_the_other_way_round() -> None:
    used = {found[1] for found in VARIABLE.finditer(TEXT)}
    assert used == set(re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE))


def test_the_example_holds_no_secret_and_compose_insists_on_them() -> None:
    for name in ("POSTGRES_PASSWORD", "SITE_SECRET"):
        assert re.search(rf"^{name}=$", EXAMPLE, re.MULTILINE)
        assert f"${{{name}:?" in TEXT
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("name", OURS)
def test_the_settings_exist_and_take_the_values(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = check_settings(SERVICES[name]["environment"], monkeypatch)
    assert settings.database == "postgresql://cds:0123456789abcdef@database:5432/cds"
    assert settings.database_migrate is False
    assert settings.silent == "*"


@pytest.mark.parametrize("name", OURS)
def test_the_command_line_knows_the_command(name: str) -> None:
    check_command(SERVICES[name]["command"])


@pytest.mark.parametrize("name", OURS)
def test_our_containers_may_do_as_little_as_they_need(name: str) -> None:
    ours = SERVICES[name]
    assert ours["user"] == user()
    assert (ours["read_only"], ours["cap_drop"]) == (True, ["ALL"])
    assert ours["security_opt"] == ["no-new-privileges:true"]
    assert ours["image"] == f"blinatumomab-cds:{__version__}"


def test_only_this_machine_reaches_the_ports_and_nobody_the_database() -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["service"]["ports"])
    assert "ports" not in SERVICES["database"]
    assert SERVICES["database"]["networks"] == ["inside"]
    assert COMPOSED["networks"]["inside"]["internal"] is True


def test_the_ports_are_those_that_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = {port.rpartition(":")[2] for port in SERVICES["service"]["ports"]}
    served = str(check_command(SERVICES["service"]["command"])["port"])
    settings = check_settings(SERVICES["service"]["environment"], monkeypatch)
    assert inside == {served, settings.metrics_address.rpartition(":")[2]}


def test_the_service_waits_for_the_database_and_for_its_schema() -> None:
    assert SERVICES["service"]["depends_on"] == {
        "database": {"condition": "service_healthy"},
        "migrate": {"condition": "service_completed_successfully"},
    }
    assert SERVICES["migrate"]["command"] == ["database", "upgrade"]


def test_the_database_is_pinned_and_keeps_its_data_in_a_volume() -> None:
    database = SERVICES["database"]
    assert re.fullmatch(r"postgres:\d+\.\d+-\w+@sha256:[0-9a-f]{64}", database["image"])
    (volume,) = database["volumes"]
    assert volume.partition(":")[0] in COMPOSED["volumes"]
    assert "pg_isready" in database["healthcheck"]["test"]


def test_a_hospital_begins_silent_and_leaves_it_by_one_line() -> None:
    assert SERVICES["service"]["environment"]["BLINATUMOMAB_CDS_SILENT"] == "*"
    assert "${SILENT-*}" in TEXT, "an empty value has to stay empty"


# --- the steps of docs/operate.md, without containers ---------------------------------------------------------------


def _steps() -> list[list[str]]:
    """What the page runs in the container `migrate`, one after the other."""
    page = (ROOT / "docs/operate.md").read_text(encoding="utf-8").partition("<!-- compose -->")[2].partition("```\n")[0]
    lines = re.findall(r"^docker compose run --rm migrate *([^#\n]*)", page, re.MULTILINE)
    return [shlex.split(line) or SERVICES["migrate"]["command"] for line in lines]


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.mark.server
def test_after_the_steps_of_the_page_the_service_starts_by_its_settings_and_ends_in_order(tmp_path: Path) -> None:
    program, port, metrics = Path(sys.executable).parent / "blinatumomab-cds", _free_port(), _free_port()
    command = [word.replace("0.0.0.0", "127.0.0.1").replace("8080", port) for word in SERVICES["service"]["command"]]
    with new_database(postgresql_server()) as database:
        own = {"BLINATUMOMAB_CDS_DATABASE": database, "BLINATUMOMAB_CDS_METRICS_ADDRESS": f"127.0.0.1:{metrics}"}
        told = SERVICES["service"]["environment"] | own
        early = subprocess.run([program, *command], env=os.environ | told, capture_output=True, text=True, check=False)
        assert (early.returncode, "database upgrade" in early.stderr) == (2, True), early.stderr
        for step in _steps():
            subprocess.run([program, *step], env=os.environ | told, check=True, timeout=60)
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen([program, *command], env=os.environ | told, stderr=log)
        try:
            ready = _waited_for(f"http://127.0.0.1:{port}/health/ready", process, tmp_path / "log")
            assert (ready["status"], ready["database"], ready["open"]) == ("ready", "ok", False)
            assert ready["silent"]
            page = requests.get(f"http://127.0.0.1:{metrics}/metrics", timeout=5).text
            assert "blinatumomab_cds_build_info{" in page
            process.send_signal(signal.SIGTERM)
            assert process.wait(40) == 0
        finally:
            process.kill()
            process.wait()


def _waited_for(url: str, process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        try:
            found: dict[str, Any] = requests.get(url, timeout=5).json()
            return found
        except requests.ConnectionError:
            time.sleep(0.1)
    pytest.fail(f"nothing answers at {url}: {log.read_text()}")
