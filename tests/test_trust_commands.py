"""`client add | list | remove | check` as an operator meets them; a token is explained, and never printed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cds_service.__main__ import main
from tests.hook_builders import SIGN_URL
from tests.little_service import little_service
from tests.test_trust_keys import SANDBOX
from tests.trust_builders import EHR, ISSUER, PUBLIC, URL, compact, header, jwk, jwks, number, token


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a site, and its file of keys."""
    monkeypatch.setenv("BLINATUMOMAB_CDS_DATABASE", str(tmp_path / "s.sqlite3"))
    monkeypatch.setenv("BLINATUMOMAB_CDS_PUBLIC_URL", f"{PUBLIC}/")
    (tmp_path / "keys.json").write_text(json.dumps(jwks("ec-1", "rsa-1")))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["client", *arguments], input=given)


def add(name: str = "st-anna", *more: str) -> Result:
    return run("add", name, "--issuer", ISSUER, "--jwks", "keys.json", *more)


def live(**changes: Any) -> str:
    """A token of this moment."""
    now = int(time.time())
    return token(**({"iat": now, "exp": now + 300} | changes))


# --- add, list, remove -----------------------------------------------------------------------------------------


def test_a_client_is_registered_listed_and_removed() -> None:
    assert add("st-anna", "--fhir-server", EHR, "--service", "blinatumomab-order-sign").output == (
        "client st-anna is registered\n"
    )
    listed = json.loads(run("list", "--format", "json").output)
    assert [(each["name"], each["kids"], each["fhir_servers"]) for each in listed] == [
        ("st-anna", ["ec-1", "rsa-1"], [EHR])
    ]
    table = run("list").output
    for words in ("st-anna", ISSUER, "ec-1", "RS384", EHR, "blinatumomab-order-sign"):
        assert words in table
    assert run("remove", "st-anna").exit_code == 0
    assert run("remove", "st-anna").exit_code == 1
    assert "No client" in run("list").output


def test_a_client_is_not_registered_twice_unless_it_is_replaced() -> None:
    add()
    again = add()
    assert (again.exit_code, "--replace" in again.output) == (1, True)
    other = add("st-berta")
    assert (other.exit_code, "client st-anna has this issuer" in other.output) == (1, True)
    assert add("st-anna", "--replace").exit_code == 0
    assert len(json.loads(run("list", "--format", "json").output)) == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "A B", "--issuer", "", "--service", "x"), ["the name", "the issuer", "no service 'x'", "needs keys"]),
        (("add", "x", "--issuer", "i", "--jwks", "missing.json"), ["missing.json", "No such file"]),
        (("add", "x", "--issuer", "i", "--jwks", "broken.json"), ["broken.json is not JSON"]),
        (("add", "x", "--issuer", "i", "--jwks", "null.json"), ["not a JWK Set"]),
        (("add", "x", "--issuer", "i", "--jwks", "private.json"), ["private or symmetric key"]),
        (("add", "x", "--issuer", "i", "--jwks", "sandbox.json"), ["CDS Hooks Sandbox", "--sandbox-key"]),
        (("add", "x", "--issuer", "i", "--jku", "http://ehr.example.org/keys"), ["plain https URL", "outbound_http"]),
    ],
)
def test_a_mistake_is_told_and_nothing_is_registered(site: Path, arguments: tuple[str, ...], words: list[str]) -> None:
    secret = number(5, 48)
    files = {
        "broken.json": "-----BEGIN PRIVATE KEY-----",
        "null.json": "null",
        "private.json": json.dumps(jwks(jwk("ec-1", d=secret))),
        "sandbox.json": json.dumps({"keys": [SANDBOX]}),
    }
    for name, content in files.items():
        (site / name).write_text(content)
    done = run(*arguments)
    assert done.exit_code == 1
    for each in words:
        assert each in done.output
    assert secret not in done.output
    assert "BEGIN" not in done.output
    assert not (site / "s.sqlite3").exists()


def test_the_key_of_the_sandbox_is_registered_with_a_warning_by_who_insists(site: Path) -> None:
    (site / "sandbox.json").write_text(json.dumps({"keys": [SANDBOX]}))
    done = run("add", "sandbox", "--issuer", "https://sandbox.cds-hooks.org", "--jwks", "sandbox.json", "--sandbox-key")
    assert (done.exit_code, "Synthetic patients only" in done.output) == (0, True)


def test_keys_at_a_jku_are_looked_at_when_it_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINATUMOMAB_CDS_OUTBOUND_HTTP", "true")
    monkeypatch.setenv("BLINATUMOMAB_CDS_OUTBOUND_NETWORKS", '["127.0.0.0/8"]')
    with little_service(discovery=jwks("ec-1", "p256-1")) as little:
        done = run("add", "far", "--issuer", "far", "--jku", f"{little.url}/keys")
        assert (done.exit_code, "keys at its jku: 'ec-1'" in done.output, "P-384" in done.output) == (0, True, True)
        little.discovery_status = 500
        done = run("add", "further", "--issuer", "further", "--jku", f"{little.url}/keys")
        assert (done.exit_code, "cannot be fetched from here: it was answered with status 500" in done.output) == (
            0,
            True,
        )


# --- check -------------------------------------------------------------------------------------------------------


def test_a_good_token_passes_every_rule_and_is_not_printed() -> None:
    add()
    made = live()
    for given in (made, f"Bearer {made}\n"):
        done = run("check", given=given)
        assert done.exit_code == 0
        assert "would be accepted" in done.output
        assert f"for {URL}" in done.output
        assert done.output.count("pass") >= 20
        assert "FAIL" not in done.output
        unprinted(made, done.output)
    assert run("check", made).exit_code == 0


def unprinted(made: str, output: str) -> None:
    together = "".join(output.split())
    for part in made.split("."):
        assert part[:24] not in together


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"exp": 1_000_000_000, "iat": 999_999_900}, "exp", "it expired"),
        ({"aud": PUBLIC}, "aud", "the address called is"),
        ({"aud": None}, "aud", "neither a string nor an array"),
        ({"iss": "https://nobody.example.org"}, "client", "https://nobody.example.org"),
        ({"iss": "\x1b[31m\nred"}, "client", "\\x1b[31m\\nred"),
        ({"iss": "[bold]markup[/bold]"}, "client", "[bold]markup[/bold]"),
        ({"iat": int(time.time()) + 7200, "exp": int(time.time()) + 7300}, "iat", "in the future"),
        ({"exp": int(time.time()) + 86_400}, "lifetime", "up to 1:00:00"),
        ({"jti": None}, "jti", "not a text"),
    ],
)
def test_a_faulty_token_is_explained(changes: dict[str, Any], code: str, words: str) -> None:
    add()
    made = live(**changes)
    done = run("check", given=made)
    assert done.exit_code == 1
    told = json.loads(run("check", "--format", "json", given=made).output)
    assert told["accepted"] is False
    (failed,) = [rule for rule in told["rules"] if rule["passed"] is False]
    assert failed["code"] == code
    assert words in failed["says"]
    assert "FAIL" in done.output
    assert "\x1b" not in done.output
    unprinted(made, done.output)


def test_what_depends_on_a_rule_that_fails_is_not_judged_and_the_rest_is() -> None:
    add()
    told = json.loads(run("check", "--format", "json", given=live(iss="x", exp=1, iat=0)).output)
    verdicts = {rule["code"]: rule["passed"] for rule in told["rules"]}
    assert {code for code, passed in verdicts.items() if passed is False} == {"client", "exp"}
    assert {code for code, passed in verdicts.items() if passed is None} == {
        *("jku", "key", "signature", "service", "replay")
    }


@pytest.mark.parametrize("given", ["", "x", "a.b.c", "Bearer", "{}", "é.é.é", compact("[]", "[]")])
def test_what_is_no_token_is_explained_too(given: str) -> None:
    add()
    done = run("check", given=given)
    assert (done.exit_code, done.exception.__class__) == (1, SystemExit)
    assert "FAIL" in done.output


def test_a_token_is_judged_for_the_address_that_is_asked_for() -> None:
    add()
    feedback = live(aud=f"{PUBLIC}{SIGN_URL}/feedback")
    assert run("check", given=feedback).exit_code == 0
    assert run("check", "--service", "blinatumomab-order-sign", "--feedback", given=feedback).exit_code == 0
    assert run("check", "--service", "blinatumomab-order-sign", given=feedback).exit_code == 1
    assert run("check", "--service", "nothing", given=feedback).exit_code == 2


def test_a_token_that_was_used_is_said_to_be(site: Path) -> None:
    from contextlib import closing
    from datetime import UTC, datetime

    from cds_service.store import Registry, Store
    from cds_service.trust.rules import Examined
    from tests.trust_builders import claims

    add()
    used = claims(iat=int(time.time()), exp=int(time.time()) + 300)
    with closing(Store(str(site / "s.sqlite3"))) as store:
        registry = Registry(store)
        key = Examined("", claims=used).spent_key
        assert registry.claim(key, registry.clients()[0].id, datetime.now(UTC)) == "fresh"
    done = run("check", given=compact(header(), used))
    assert (done.exit_code, "has been used before" in done.output) == (1, True)


def test_without_a_public_address_no_token_can_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINATUMOMAB_CDS_PUBLIC_URL", "")
    done = run("check", given=live())
    assert (done.exit_code, "PUBLIC_URL is not set" in done.output) == (1, True)


def test_without_a_database_there_are_no_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINATUMOMAB_CDS_DATABASE", "none")
    for arguments in (("list",), ("remove", "x"), ("check", "x")):
        assert run(*arguments).exit_code == 1
    assert add().exit_code == 1


# --- nothing shows -----------------------------------------------------------------------------------------------


def test_what_is_known_of_a_token_does_not_show_it() -> None:
    from cds_service.trust.rules import Examined

    made = token()
    head, payload, _ = made.split(".")
    shown = repr(Examined(made, (head, payload, ""), {"kid": "secret-kid"}, {"iss": "secret-iss"}))
    assert "eyJ" not in shown
    assert "secret" not in shown
