"""`try` signs its calls as a registered client does: seen against our own service, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from cds_service.__main__ import main
from tests.bad_days.service import environment, free_port
from tests.served import served
from tests.trust_builders import jwk, number, pem, private

ISSUER = "https://staging.example.org"
ONE = ("--only", "child-30kg-flat-28-mcg-mrd-positive")


def private_pem(kid: str) -> bytes:
    form, none = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return private(kid).private_bytes(serialization.Encoding.PEM, form, none)


def private_jwk(kid: str, **changes: Any) -> dict[str, Any]:
    key = private(kid)
    numbers = key.private_numbers()
    if isinstance(numbers, rsa.RSAPrivateNumbers):
        names = {"d": numbers.d, "p": numbers.p, "q": numbers.q}
        more = {"dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
        return jwk(kid, **({name: number(value) for name, value in (names | more).items()} | changes))
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return jwk(kid, **({"d": number(numbers.private_value, (key.key_size + 7) // 8)} | changes))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("signing")
    (made / "ec.pem").write_bytes(pem("ec-s"))
    (made / "ec-private.pem").write_bytes(private_pem("ec-s"))
    (made / "rsa-private.jwk").write_text(json.dumps(private_jwk("rsa-s")))
    (made / "set-private.json").write_text(json.dumps({"keys": [private_jwk("ec-s")]}))
    (made / "stranger.pem").write_bytes(private_pem("ec-stranger"))
    (made / "rsa.json").write_text(json.dumps({"keys": [jwk("rsa-s")]}))
    return made


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[str]:
    """`serve` with two clients; one was registered with a key in PEM."""
    port = free_port()
    settings = {"database": folder / "s.sqlite3", "public_url": f"http://127.0.0.1:{port}"}

    def ours(*arguments: str) -> list[str]:
        return [sys.executable, "-m", "cds_service", *arguments]

    for name, issuer, keys in (
        ("by-pem", ISSUER, ("--pem", "ec.pem", "--kid", "ec-s")),
        ("by-jwks", f"{ISSUER}/rsa", ("--jwks", "rsa.json")),
        ("tenant", f"{ISSUER}/many", ("--pem", "ec.pem", "--kid", "ec-s", "--tenant", "north")),
    ):
        command = ours("client", "add", name, "--issuer", issuer, *keys)
        subprocess.run(command, cwd=folder, env=environment(**settings), check=True, capture_output=True, timeout=60)
    with served(folder / "log", at=port, **settings) as running:
        yield running.url


@pytest.mark.slow
@pytest.mark.parametrize(
    "signed",
    [
        ("--key", "ec-private.pem", "--kid", "ec-s", "--issuer", ISSUER),
        ("--key", "set-private.json", "--issuer", ISSUER),
        ("--key", "rsa-private.jwk", "--issuer", f"{ISSUER}/rsa"),
        ("--key", "ec-private.pem", "--kid", "ec-s", "--issuer", f"{ISSUER}/many", "--tenant", "north"),
    ],
    ids=["PEM", "set", "RSA", "tenant"],
)
def test_every_call_of_a_registered_client_is_answered(
    service: str, folder: Path, signed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    tried = run("try", service, *ONE, *signed)
    assert tried.exit_code == 0, tried.output
    assert "2 calls; 0 failed" in " ".join(tried.output.split())
    assert "eyJ" not in tried.output + (folder / "log").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "signed",
    [
        (),
        ("--key", "stranger.pem", "--kid", "ec-s", "--issuer", ISSUER),
        ("--key", "ec-private.pem", "--kid", "ec-s", "--issuer", f"{ISSUER}/other"),
        ("--key", "ec-private.pem", "--kid", "ec-s", "--issuer", f"{ISSUER}/many"),
        ("--key", "ec-private.pem", "--kid", "ec-s", "--issuer", ISSUER, "--jku", "https://staging.example.org/keys"),
    ],
    ids=["no key", "another key", "another issuer", "no tenant", "an unlisted jku"],
)
def test_no_call_of_anybody_else_is(
    service: str, folder: Path, signed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    tried = run("try", service, *ONE, *signed)
    assert tried.exit_code == 1
    assert "2 failed" in tried.output
    assert "401" in tried.output


WEAK = {"p256-x": "P-384", "p521-x": "P-384", "rsa1024-x": "2048 bits"}


@pytest.mark.parametrize("kid", WEAK)
@pytest.mark.parametrize("form", ["pem", "jwk"])
def test_a_key_of_another_kind_does_not_sign(kid: str, form: str, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(private_pem(kid) if form == "pem" else json.dumps(private_jwk(kid)).encode())
    told = run("try", "http://127.0.0.1:9", "--key", str(file), "--kid", "x", "--issuer", "x")
    assert told.exit_code == 2
    assert WEAK[kid] in " ".join(told.output.split()) or "no key" in told.output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "neither a JWK"),
        (b"[" * 90_000, "neither a JWK"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "PEM"),
        (pem("ec-s"), "PEM"),
        (json.dumps(jwk("ec-s")).encode(), "private JWK"),
        (json.dumps(private_jwk("ec-s", kty="oct")).encode(), "neither EC nor RSA"),
        (json.dumps(private_jwk("ec-s", d="!")).encode(), "no key"),
        (json.dumps({"keys": [private_jwk("ec-s"), private_jwk("ec-t")]}).encode(), "not one private JWK"),
        (json.dumps({**private_jwk("ec-s"), "kid": None}).encode(), "--kid"),
    ],
)
def test_what_is_no_private_key_is_said_and_not_quoted(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    told = run("try", "http://127.0.0.1:9", "--key", str(tmp_path / "key"), "--issuer", "x")
    assert told.exit_code == 2
    assert words in " ".join(told.output.split())
    for secret in (str(private_jwk("ec-s")["d"]), str(private_jwk("ec-s")["x"])):
        assert secret not in told.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--issuer", "x"), "give a --key"),
        (("--key", "ec-private.pem", "--kid", "x"), "needs --issuer"),
        (("--key", "ec-private.pem", "--issuer", "x", "--token-file", "ec.pem"), "either"),
    ],
)
def test_options_that_do_not_fit_together_are_told(
    arguments: tuple[str, ...], words: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    told = run("try", "http://127.0.0.1:9", *arguments)
    assert told.exit_code == 2
    assert words in told.output


def test_no_token_is_made_for_an_address_without_tls_that_is_not_this_machine(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    told = run("try", "http://cds.example.org", "--key", "ec-private.pem", "--kid", "x", "--issuer", "x")
    assert told.exit_code == 2
    assert "plain HTTP" in told.output


def test_a_signer_does_not_show_its_key() -> None:
    from cds_service.trust.signing import Signer, read_private_key

    key, kid = read_private_key(private_pem("ec-s"), "ec-s")
    shown = repr(Signer(key, kid, ISSUER))
    assert "ec-s" in shown
    assert "key=" not in shown


# --- keys in PEM, registered -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (private_pem("ec-s"), "a private key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "openssl x509"),
        (b"no key", "not a public key in PEM"),
        (pem("p256-x"), "P-384"),
        (pem("rsa1024-x"), "1024 bits"),
    ],
)
def test_what_is_no_public_key_in_pem_is_not_registered(
    content: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BLINATUMOMAB_CDS_DATABASE", str(tmp_path / "s.sqlite3"))
    (tmp_path / "key.pem").write_bytes(content)
    told = run("client", "add", "x", "--issuer", "x", "--pem", str(tmp_path / "key.pem"), "--kid", "k")
    assert told.exit_code == 1
    assert words in " ".join(told.output.split())
    assert "AAAA" not in told.output
    assert not (tmp_path / "s.sqlite3").exists()


def test_a_key_in_pem_needs_its_kid_and_takes_the_place_of_a_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    for wrong in (("--pem", "ec.pem"), ("--kid", "k"), ("--pem", "ec.pem", "--kid", "k", "--jwks", "rsa.json")):
        told = run("client", "add", "x", "--issuer", "x", *wrong)
        assert told.exit_code == 2
        assert "belong together" in told.output
