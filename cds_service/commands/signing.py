"""The options by which `try` signs its calls as a registered client does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, BinaryIO

import click

from cds_service.trust.signing import Signer, SigningKeyError, read_private_key

MakeToken = Callable[[str], str]
"""The address that is called -> a token for it."""
_LONGEST_FILE = 100_000
_OPTIONS = (
    click.option("--key", type=click.File("rb"), default=None, help="Sign each call: a private key (JWK or PEM)."),
    click.option("--issuer", default=None, metavar="ISS", help="With --key: the 'iss' under which it is registered."),
    click.option("--kid", default=None, help="With --key: its kid, where the file has none."),
    click.option("--tenant", default=None, help="With --key: the 'tenant' of the tokens."),
    click.option("--jku", default=None, metavar="URL", help="With --key: where the public key is published."),
)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add them to a command, which hands what they hold to `tokens`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tokens(key: BinaryIO | None, issuer: str | None, kid: str | None, **told: str | None) -> MakeToken | None:
    """What makes a token for each call; None without a key. Raises click.UsageError and click.BadParameter."""
    if key is None:
        if issuer or kid or any(told.values()):
            raise click.UsageError("--issuer, --kid, --tenant and --jku say how to sign; give a --key to sign with")
        return None
    if not issuer:
        raise click.UsageError("--key needs --issuer: the 'iss' under which the service knows this client")
    try:
        private, named = read_private_key(key.read(_LONGEST_FILE), kid)
    except SigningKeyError as mistake:
        raise click.BadParameter(str(mistake), param_hint="--key") from None
    signer = Signer(private, named, issuer, **told)
    return lambda url: signer.token(url, time.time())
