"""docs/operate.md cannot rot: settings, commands, metrics and numbers are those of the code; its backups are made."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service import slow_clients, workers
from cds_service.__main__ import main
from cds_service.answering import READ
from cds_service.app import create_app
from cds_service.commands.storing import open_journal
from cds_service.journal import Journal
from cds_service.metrics import Metrics
from cds_service.parts import Parts, load_parts
from cds_service.settings import Settings
from cds_service.silence import ALL, TOPICS, checked
from cds_service.store import Store
from fhir_fixtures import hook_calls
from tests.deploying import PREFIX, check_command, check_settings
from tests.hook_builders import SIGN_URL
from tests.store_builders import new_database

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
BEHIND = re.compile(r"<!-- ([a-z ]+) -->\n+```(?:sh|nginx)\n(.*?)```", re.DOTALL)
BLOCKS = dict(BEHIND.findall(PAGE))
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def rows(section: str) -> list[list[str]]:
    """The cells of the tables of a section, without their heads."""
    lines = [line for line in SECTIONS[section].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if row[0].startswith("`")]


# --- settings -------------------------------------------------------------------------------------------------------


def _shown(default: Any) -> str:
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return "[" + ", ".join(map(str, default)) + "]"
    return str(default) or "(empty)"


def test_the_table_has_every_setting_once_and_none_that_is_not_there() -> None:
    assert [row[0].strip("`") for row in rows("Settings")] == list(Settings.model_fields)


@pytest.mark.parametrize("row", rows("Settings"), ids=lambda row: row[0].strip("`"))
def test_a_setting_stands_with_its_variable_its_default_and_what_it_means(row: list[str]) -> None:
    name, variable, default, meaning = row
    assert variable.strip("`") == f"{PREFIX}{name.strip('`').upper()}"
    field = Settings.model_fields[name.strip("`")]
    expected = "a file of this user" if field.default_factory else _shown(field.default)
    assert default == expected
    assert len(meaning) > 10


def test_the_settings_that_the_page_shows_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = re.findall(rf"^`?({PREFIX}[A-Z_]+)='(.*?)'", PAGE.replace(": `", ":\n`"), re.MULTILINE)
    assert len(shown) >= 2
    for name, value in shown:
        monkeypatch.setenv(name, value)
    assert load_parts(Settings()).knowledge.held_back
    assert Settings().cors_origins


def test_the_settings_of_the_unit_are_settings_and_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.partition("=") for line in BLOCKS["environment"].splitlines()]
    settings = check_settings({name: value.strip("'") for name, _, value in lines}, monkeypatch)
    unit = (ROOT / "deploy/blinatumomab-cds.service").read_text(encoding="utf-8")
    assert settings.database.startswith("/var/lib/blinatumomab-cds/")
    assert "StateDirectory=blinatumomab-cds\n" in unit
    assert "EnvironmentFile=/etc/blinatumomab-cds.env\n" in unit
    command = re.search(r"^ExecStart=\S+/blinatumomab-cds (.*)$", unit, re.MULTILINE)
    assert command
    assert check_command(command[1].split())["host"] == "127.0.0.1"


@pytest.mark.parametrize("row", rows("Silent mode"), ids=lambda row: row[0])
def test_the_examples_of_silent_mode_are_taken(row: list[str]) -> None:
    assert checked(row[0].strip("`"))


def test_the_cards_that_can_be_silent_are_named() -> None:
    assert ", ".join(f"`{topic}`" for topic in TOPICS) in SECTIONS["Silent mode"]
    assert rows("Silent mode")[0][0] == f"`{ALL}`"


# --- commands -------------------------------------------------------------------------------------------------------

FENCED = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL))
NAMED = re.compile(rf"(?:blinatumomab-cds|run --rm migrate) ((?:{'|'.join(main.commands)})\b[^<>|;#&\n]*)")
COMMANDS = sorted({found.strip() for text in (*FENCED, *INLINE) for found in NAMED.findall(text) if "…" not in found})


@pytest.mark.parametrize("words", COMMANDS)
def test_the_command_line_knows_every_command_of_the_page(words: str) -> None:
    check_command(shlex.split(words.replace("$BACKUP", "copy").replace("$DATABASE", "store")))


def test_the_page_shows_enough_commands_to_be_worth_the_test() -> None:
    assert len(COMMANDS) > 10
    assert any(words.startswith("client add") for words in COMMANDS)


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", PAGE))))
def test_every_link_leads_somewhere(link: str) -> None:
    file, _, anchor = link.partition("#")
    target = (ROOT / "docs" / file) if file else ROOT / "docs/operate.md"
    heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
    assert not anchor or anchor in {re.sub(r"[^\w\- ]", "", head).lower().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("file", sorted(set(re.findall(r"`((?:deploy/|\.ci/|bench/|compose)[\w./-]+)`", PAGE))))
def test_every_file_that_is_named_is_there(file: str) -> None:
    assert (ROOT / file).exists()


# --- numbers --------------------------------------------------------------------------------------------------------


def _seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_whoever_stops_the_service_waits_longer_than_it_takes() -> None:
    drain = Settings().drain_seconds
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]["service"]
    unit = ConfigParser(interpolation=None, strict=False)
    unit.read_string((ROOT / "deploy/blinatumomab-cds.service").read_text(encoding="utf-8"))
    pod = yaml.safe_load((ROOT / "deploy/kubernetes/deployment.yaml").read_text(encoding="utf-8"))
    pod = pod["spec"]["template"]["spec"]
    before = float(pod["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])
    waits = (_seconds(compose["stop_grace_period"]), float(unit["Service"]["TimeoutStopSec"]))
    assert min(*waits, pod["terminationGracePeriodSeconds"] - before) >= drain + 10
    told = SECTIONS["Stopping"]
    assert f"At most `drain_seconds` ({drain:.0f})" in told
    assert f"{waits[0]:.0f} s in `compose.yaml` and the systemd unit" in told
    assert waits[0] == waits[1]
    assert f"{pod['terminationGracePeriodSeconds']} s in Kubernetes, where\n{before:.0f} s pass first" in told


def test_the_replicas_are_as_many_as_the_page_says() -> None:
    scaled = yaml.safe_load((ROOT / "deploy/kubernetes/autoscaler.yaml").read_text(encoding="utf-8"))["spec"]
    words = {2: "two", 6: "six"}
    told = f"a Deployment of {words[scaled['minReplicas']]} to {words[scaled['maxReplicas']]} replicas"
    assert told in SECTIONS["Many machines"]


def test_a_worker_that_hangs_is_given_the_minute_that_the_page_says() -> None:
    assert workers.SILENT_LOOKS * workers.LOOK_SECONDS == 60
    assert "hangs for a minute" in SECTIONS["Stopping"]


def test_the_proxy_reads_what_the_service_reads_and_lets_go_of_connections_before_it() -> None:
    proxy = BLOCKS["nginx"]
    assert f"client_max_body_size {Settings().max_body_bytes // 1_000_000}m" in proxy
    kept = re.search(r"keepalive_timeout (\d+)s", proxy)
    assert kept
    assert int(kept[1]) < slow_clients.IDLE_SECONDS == 30
    assert "location = /metrics { return 404; }" in proxy


def test_the_alerts_ask_for_metrics_that_there_are_by_labels_and_values_that_they_have() -> None:
    metrics = Metrics(hooks=("order-sign",), topics=("dose",))
    for counted in (metrics.requests("services", "none", "500"), metrics.requests("services", "none", "503")):
        counted.inc()
    metrics.reads(READ).inc()
    metrics.refused("aud").inc()
    samples = [sample for family in metrics.registry.collect() for sample in family.samples]
    used = re.findall(r"(blinatumomab_cds_[a-z_]+)(?:\{([^}]*)\})?", SECTIONS["Being watched"])
    assert len(used) > 10
    for name, labels in used:
        asked = dict(re.findall(r'(\w+)!?="([^"]*)"', labels))
        found = [sample for sample in samples if sample.name == name]
        assert any(asked.items() <= sample.labels.items() for sample in found), (name, labels)
    by = re.findall(r"by \((\w+)\) \(rate\((blinatumomab_cds_[a-z_]+)", SECTIONS["Being watched"])
    assert all(label in sample.labels for label, name in by for sample in samples if sample.name == name)


def test_migrations_only_add() -> None:
    assert "migrations only add" in SECTIONS["Upgrades and migrations"]
    for file in (ROOT / "cds_service/store/migrations/versions").glob("*.py"):
        upgrade = file.read_text(encoding="utf-8").partition("def upgrade")[2].partition("def downgrade")[0]
        asked = set(re.findall(r"\bop\.(\w+)", upgrade))
        assert asked <= {"create_table", "create_index", "add_column"}, file.name
        for column in re.findall(r"op\.add_column\(.*", upgrade):
            assert "nullable=True" in column, file.name


# --- backups --------------------------------------------------------------------------------------------------------


def _do(block: str, **variables: str) -> None:
    """Carry out a block of the page, with the programs of this environment."""
    own = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | variables
    subprocess.run(["bash", "-euo", "pipefail", "-c", BLOCKS[block]], env=own, check=True, timeout=60)


def _journal(database: str, parts: Parts) -> Journal:
    store = Store(database)
    store.prepare()
    store.close()
    journal = open_journal(Settings(database=database), parts)
    assert journal is not None
    return journal


def _call(journal: Journal, parts: Parts) -> None:
    app = create_app(Settings(), parts=parts, open_to_all=True, journal=journal)
    call = hook_calls()["order-sign--child-30kg-flat-28-mcg-mrd-positive"]
    assert app.test_client().post(SIGN_URL, json=call).status_code == 200


def _count(database: str) -> int:
    store = Store(database, create=False)
    try:
        return store.count()
    finally:
        store.close()


def test_a_backup_of_the_file_made_while_the_service_writes_is_whole_and_can_be_restored(
    tmp_path: Path, parts: Parts
) -> None:
    database, backup = str(tmp_path / "store.sqlite3"), str(tmp_path / "backup.sqlite3")
    journal = _journal(database, parts)
    for _ in range(5):
        _call(journal, parts)
    while _count(database) < 5:
        pass
    _do("backup sqlite", DATABASE=database, BACKUP=backup)
    assert Path(backup).stat().st_mode & 0o077 == 0
    _call(journal, parts)
    journal.close()
    assert _count(database) == 6
    Path(database).write_bytes(b"not a database any more")
    _do("restore sqlite", DATABASE=database, BACKUP=backup)
    assert _count(database) == 5
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.server
def test_a_backup_of_postgresql_can_be_restored(tmp_path: Path, parts: Parts) -> None:
    if not (server := os.environ.get("POSTGRESQL_URL")) or shutil.which("pg_dump") is None:
        reason = "needs PostgreSQL and its programs: run this by tests/servers/postgres"
        pytest.fail(reason) if os.environ.get("REQUIRE_SERVERS") == "1" else pytest.skip(reason)
    backup = str(tmp_path / "backup.dump")
    with new_database(server) as database:
        journal = _journal(database, parts)
        _call(journal, parts)
        journal.close()
        assert _count(database) == 1
        _do("backup postgresql", DATABASE=database, BACKUP=backup)
        journal = _journal(database, parts)
        _call(journal, parts)
        journal.close()
        assert _count(database) == 2
        _do("restore postgresql", DATABASE=database, BACKUP=backup)
        assert _count(database) == 1


def test_the_version_of_the_image_is_the_one_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    kustomization = yaml.safe_load((ROOT / "deploy/kubernetes/kustomization.yaml").read_text(encoding="utf-8"))
    assert [image["newTag"] for image in kustomization["images"]] == [project["version"]]
