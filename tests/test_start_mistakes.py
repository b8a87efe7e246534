"""What keeps the service from starting is told all at once, with the mend, and nothing is begun."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cds_service.store import Registry, Store, schema
from tests.served import SERVE, environment
from tests.trust_builders import PUBLIC, client


def started(*options: str, **settings: Any) -> subprocess.CompletedProcess[str]:
    given = environment(**settings)
    return subprocess.run([*SERVE, *options], env=given, capture_output=True, text=True, timeout=60, check=False)


def listed(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The mistakes, one each."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return [line.removeprefix("  - ") for line in done.stderr.splitlines() if line.startswith("  - ")]


@contextmanager
def taken() -> Iterator[str]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield str(listening.getsockname()[1])


@pytest.mark.slow
def test_everything_that_is_wrong_is_told_in_one_message_the_port_last(tmp_path: Path) -> None:
    database = str(tmp_path / "store.sqlite3")
    (tmp_path / "ca.pem").write_text("no certificate")
    with closing(Store(database)) as store:
        Registry(store).add(client(services=("gone",)))
    with taken() as port, taken() as metrics:
        done = started(
            *("--port", port),
            database=database,
            adult_age_years="seven",
            weight_stale_days="0",
            public_url="ftp://cds.example.org",
            site_secret="a short one",
            fhir_servers='["http://ehr.example.org/r4", "ehr"]',
            outbound_ca_file=tmp_path / "ca.pem",
            policy_editions_held_back='["no such edition"]',
            metrics_address=f"127.0.0.1:{metrics}",
        )
    found = listed(done)
    expected = [
        ("BLINATUMOMAB_CDS_ADULT_AGE_YEARS", "valid integer", "the policy gives no line"),
        ("BLINATUMOMAB_CDS_WEIGHT_STALE_DAYS", "greater than or equal to 1"),
        ("BLINATUMOMAB_CDS_PUBLIC_URL", "https address"),
        ("BLINATUMOMAB_CDS_SITE_SECRET", "at least 16"),
        ("no such edition",),
        ("FHIR_SERVERS", "'http://ehr.example.org/r4' has no TLS", "OUTBOUND_HTTP=true"),
        ("FHIR_SERVERS", "'ehr' is no base URL"),
        ("OUTBOUND_CA_FILE", "PEM"),
        ("METRICS_ADDRESS", "in use"),
        ("client st-anna", "there is no service 'gone'"),
    ]
    for words in expected:
        assert any(all(word in line for word in words) for line in found), (words, found)
    assert f"cannot listen on 127.0.0.1:{port}" in found[-1]
    assert len(found) == len(expected) + 1, found
    assert "a short one" not in done.stderr
    assert "seven" not in done.stderr


DATABASES = {
    # the setting, what is said of it; FOLDER is a folder that is there
    "a folder": ("FOLDER", "is a folder"),
    "nowhere": ("FOLDER/none/store.sqlite3", "does not exist"),
    "not of ours": ("FOLDER/text", "file is not a database"),
    "of another kind": ("mysql://db.example.org/cds", "not supported"),
    "no URL": ("postgresql://db.example.org:x/cds", "neither a path nor a URL"),
    "in memory": ("sqlite://", "must name a file"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("database", "says"), DATABASES.values(), ids=DATABASES)
def test_a_database_that_cannot_be_used_is_told_with_the_other_mistakes(
    tmp_path: Path, database: str, says: str
) -> None:
    (tmp_path / "text").write_text("no database, and longer than the header of one " * 20)
    where = database.replace("FOLDER", str(tmp_path))
    found = listed(started("--open", "--port", "0", database=where, threads="0"))
    assert len(found) == 2
    assert "BLINATUMOMAB_CDS_THREADS" in found[0]
    assert says in found[1]
    assert "BLINATUMOMAB_CDS_DATABASE" in found[1]


@pytest.mark.slow
def test_lists_that_are_no_json_are_all_told(tmp_path: Path) -> None:
    wrong = {"fhir_servers": "https://ehr.example.org/r4", "mrd_codes": "a|b", "bsa_plausible_m2": "0.1 to 3"}
    found = listed(started("--open", "--port", "0", database=str(tmp_path / "s"), threads="none", **wrong))
    assert [line.partition(":")[0] for line in found] == [
        f"BLINATUMOMAB_CDS_{name}" for name in ("BSA_PLAUSIBLE_M2", "MRD_CODES", "FHIR_SERVERS", "THREADS")
    ]
    assert all("not a JSON list" in line for line in found[:3])


@pytest.mark.slow
def test_silent_mode_without_a_database_is_a_mistake(tmp_path: Path) -> None:
    (found,) = listed(started("--open", "--port", "0", database="none", silent="*"))
    assert "BLINATUMOMAB_CDS_SILENT" in found
    assert "BLINATUMOMAB_CDS_DATABASE" in found


@pytest.mark.slow
def test_a_start_that_fails_makes_no_database(tmp_path: Path) -> None:
    database = tmp_path / "store.sqlite3"
    with taken() as port:
        (found,) = listed(started("--open", "--port", port, database=database))
    assert "take another --port" in found
    assert not database.exists()


@pytest.mark.slow
@pytest.mark.parametrize("older", ["0001", "0002"])
@pytest.mark.parametrize("options", [(), ("--open",)], ids=["clients", "open"])
def test_a_start_that_fails_leaves_the_schema_as_it_was(tmp_path: Path, options: tuple[str, ...], older: str) -> None:
    database = str(tmp_path / "store.sqlite3")
    with closing(Store(database)) as store:
        Registry(store).add(client())
        with store.writing("bring the schema back") as connection:
            schema.step_back(connection, older)
    found = listed(started(*options, "--port", "0", database=database, public_url=PUBLIC, workers="abc"))
    assert "BLINATUMOMAB_CDS_WORKERS" in found[0]
    none = not options and older == "0001"
    assert [each for each in found[1:] if "no client is registered" in each] == found[1:]
    assert len(found) == (2 if none else 1), "clients are read from the older schema that has them"
    with closing(sqlite3.connect(database)) as there:
        assert there.execute("SELECT version_num FROM alembic_version").fetchall() == [(older,)]


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--open",)], ids=["clients", "open"])
def test_an_older_schema_that_may_not_be_migrated_is_a_mistake(tmp_path: Path, options: tuple[str, ...]) -> None:
    database = str(tmp_path / "store.sqlite3")
    with closing(Store(database)) as store, store.writing("bring the schema back") as connection:
        schema.step_back(connection, "0002")
    (found,) = listed(started(*options, "--port", "0", database=database, public_url=PUBLIC, database_migrate="false"))
    assert "run 'blinatumomab-cds database upgrade'" in found


WORDS = {
    # setting, value: how its mistake begins, what it says
    "weight": ("weight_plausible_kg", "[300, 1]", "BLINATUMOMAB_CDS_WEIGHT_PLAUSIBLE_KG: ", "lower limit first"),
    "height": ("height_plausible_cm", "[30, 30]", "BLINATUMOMAB_CDS_HEIGHT_PLAUSIBLE_CM: ", "lower limit first"),
    "bsa": ("bsa_plausible_m2", "[3, 0.1]", "BLINATUMOMAB_CDS_BSA_PLAUSIBLE_M2: ", "lower limit first"),
    "address": ("public_url", "cds.example.org", "BLINATUMOMAB_CDS_PUBLIC_URL: ", "as https://cds.example.org"),
    "edition": (
        "policy_editions_held_back",
        '["no such"]',
        "BLINATUMOMAB_CDS_POLICY_EDITIONS_HELD_BACK: ",
        "is on file",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "value", "begins", "says"), WORDS.values(), ids=WORDS)
def test_a_mistake_is_told_by_its_setting_and_in_words(name: str, value: str, begins: str, says: str) -> None:
    (found,) = listed(started("--open", "--port", "0", **{"database": "none", name: value}))
    assert found.startswith(begins)
    assert says in found
    assert "^" not in found
    assert "'check'" not in found


@pytest.mark.slow
def test_a_wrong_address_hides_no_mistake_of_a_client_and_is_told_once(tmp_path: Path) -> None:
    database = str(tmp_path / "store.sqlite3")
    with closing(Store(database)) as store:
        Registry(store).add(client(fhir_servers=("http://ehr.example.org/r4",)))
    found = listed(started("--port", "0", database=database, public_url="cds.example.org"))
    assert len(found) == 2
    assert "BLINATUMOMAB_CDS_PUBLIC_URL" in found[0]
    assert "client st-anna: the FHIR server" in found[1]


@pytest.mark.slow
def test_a_misspelt_setting_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    with taken() as port:
        done = started("--port", port, database=str(tmp_path / "s"), public_url=PUBLIC, databse_migrate="false")
    assert "BLINATUMOMAB_CDS_DATABSE_MIGRATE is no setting; is BLINATUMOMAB_CDS_DATABASE_MIGRATE meant?" in done.stderr
