"""Admits callers by the rules, and explains to an operator what the rules say of a token.

Clients are read from the registry every few seconds, so a new one may wait that long; one that is removed is refused at
once, everywhere, because its registration is looked up in the transaction that uses a token up. Without the registry
nobody is admitted: it could not be told who is a client, nor whether a token has been used before.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Literal, Protocol

from cds_service.errors import NotAdmittedError, StoreError, UnavailableError
from cds_service.settings import Settings
from cds_service.store.records import ClientRecord
from cds_service.trust import reading
from cds_service.trust.caller import Caller, Door
from cds_service.trust.clients import Client, Directory
from cds_service.trust.keys import Key
from cds_service.trust.remote_keys import Patience, Read, RemoteKeys
from cds_service.trust.rules import RULES, Examined, FailedError, Limits, Surroundings

_LOG = logging.getLogger("cds_service.trust")
READ_AGAIN_SECONDS = 5.0
PAUSE_SECONDS = 2.0
"""After a failure of the registry, callers are refused at once for this long."""
FORGET_SECONDS = 60.0
FORGET_AGAIN_SECONDS = 1.0
"""While there are used tokens to forget: they go faster than they can come."""
KEPT_LONGER = timedelta(minutes=2)
"""Used tokens are kept so long beyond their end: the clocks of the processes that share them may differ."""

Claimed = Literal["fresh", "spent", "removed"]


class Register(Protocol):
    """`store.Registry`, as far as it is needed here. Everything raises StoreError."""

    def clients(self) -> tuple[ClientRecord, ...]:
        """All clients."""

    def claim(self, key: str, client_id: str, until: datetime) -> Claimed:
        """Use a token up."""

    def is_spent(self, key: str) -> bool:
        """Has it been used?"""

    def forget(self, before: datetime) -> int:
        """Delete some tokens that are invalid by now."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What one rule says of a token; `passed` None where it could not be judged. `says` may quote claims."""

    code: str
    title: str
    passed: bool | None
    says: str = ""


class _ChangedError(Exception):
    """The registration of the client is not the one that was read a moment ago."""


class Gatekeeper:
    """Who may come in. Safe to use from several threads; one for each process."""

    def __init__(self, register: Register, read: Read, settings: Settings, *, now: Callable[[], float] = time.time):
        """`read` calls the addresses of key sets. Nothing is read yet."""
        self._register, self._read, self._now = register, read, now
        self._limits = Limits(settings.token_leeway_seconds, settings.token_max_seconds)
        self._patience = Patience(
            settings.jwks_timeout_seconds, settings.jwks_fresh_seconds, settings.jwks_keep_seconds
        )
        self._reading, self._opening = Lock(), Lock()
        self._directory: Directory | None = None
        self._read_at = self._forget_at = self._refused_until = 0.0
        self._remote: dict[str, RemoteKeys] = {}

    def admit(self, authorization: str | None, door: Door) -> Caller:
        """The caller of this request. Raises NotAdmittedError with a code for the log, or UnavailableError."""
        if authorization is None:
            raise NotAdmittedError("no-token")
        try:
            token = Examined(reading.bearer(authorization))
        except reading.UnreadableError:
            raise NotAdmittedError("authorization") from None
        try:
            return self._judge_twice(token, door)
        except StoreError as trouble:
            self._refused_until = time.monotonic() + PAUSE_SECONDS
            _LOG.error("nobody is admitted: %s", trouble.message)
            raise UnavailableError("registry") from None

    def explain(self, token: str, doors: Sequence[Door]) -> tuple[Door, tuple[Judged, ...]]:
        """What every rule says of a token at the door its audience names, else at the first. Uses nothing up.

        Raises StoreError.
        """
        examined = Examined(token)
        door = _door_of(examined, doors)
        around = self._surroundings(door, lambda seen: not self._register.is_spent(seen.spent_key))
        found: dict[str, Judged] = {}
        for rule in RULES:
            passed: bool | None = None
            says = ""
            if all(found[code].passed for code in rule.after):
                try:
                    rule.test(examined, around)
                    passed = True
                except FailedError as failed:
                    passed, says = False, str(failed)
            found[rule.code] = Judged(rule.code, rule.title, passed, says)
        return door, tuple(found.values())

    def clients(self) -> tuple[Client, ...]:
        """The clients that are known by now. Raises StoreError."""
        return self._known().clients

    def prepare(self) -> None:
        """Fetch the key sets of all clients, so that this process has them should an address be down later."""
        try:
            clients = self.clients()
        except StoreError:
            return
        for client in clients:
            if client.record.jku is not None:
                self._keys_at(client.record.jku).prepare()

    # --- inside --------------------------------------------------------------------------------------------

    def _judge_twice(self, token: Examined, door: Door) -> Caller:
        """Once more with the clients read anew, where the registration has changed since they were read."""
        try:
            return self._judge(token, door)
        except _ChangedError:
            self._read_at = -READ_AGAIN_SECONDS
        try:
            return self._judge(Examined(token.token), door)
        except _ChangedError:
            raise NotAdmittedError("client") from None

    def _judge(self, token: Examined, door: Door) -> Caller:
        if time.monotonic() < self._refused_until:
            raise UnavailableError("registry")
        around, proved = self._surroundings(door, self._use_up), False
        for rule in RULES:
            try:
                rule.test(token, around)
            except FailedError:
                name = token.client.record.name if proved and token.client else None
                raise NotAdmittedError(rule.code, name) from None
            proved = proved or rule.code == "signature"
        if token.client is None:  # no rule lets this happen
            raise NotAdmittedError("client")
        return token.client.caller

    def _surroundings(self, door: Door, is_fresh: Callable[[Examined], bool]) -> Surroundings:
        return Surroundings(door, self._now(), self._limits, self._known().find, self._key, is_fresh)

    def _known(self) -> Directory:
        """The clients, read anew every few seconds by one thread; the others go on with what there is."""
        directory = self._directory
        if directory is not None and time.monotonic() - self._read_at < READ_AGAIN_SECONDS:
            return directory
        if not self._reading.acquire(blocking=directory is None):
            return directory or Directory(())
        try:
            if self._directory is None or time.monotonic() - self._read_at >= READ_AGAIN_SECONDS:
                self._directory = Directory(self._register.clients())
                self._read_at = time.monotonic()
            return self._directory
        finally:
            self._reading.release()

    def _key(self, client: Client, kid: str) -> Key | None:
        """A local key first; one of the address where the client publishes them otherwise."""
        key = client.keys.keys.get(kid)
        if key is None and client.record.jku is not None:
            key = self._keys_at(client.record.jku).find(kid)
        return None if key is None or (key.published_by and not client.record.sandbox_key) else key

    def _keys_at(self, url: str) -> RemoteKeys:
        with self._opening:
            return self._remote.setdefault(url, RemoteKeys(url, self._read, self._patience))

    def _use_up(self, token: Examined) -> bool:
        if token.client is None:
            return False
        until = datetime.fromtimestamp(token.until + self._limits.leeway, UTC) + KEPT_LONGER
        claimed = self._register.claim(token.spent_key, token.client.record.id, until)
        if claimed == "removed":
            raise _ChangedError
        self._forget_when_due()
        return claimed == "fresh"

    def _forget_when_due(self) -> None:
        if time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_SECONDS
            if self._register.forget(datetime.fromtimestamp(self._now(), UTC)):
                self._forget_at = time.monotonic() + FORGET_AGAIN_SECONDS


def _door_of(token: Examined, doors: Sequence[Door]) -> Door:
    """The door that the audience names; the first where it names none that is ours."""
    try:
        audience = reading.json_object(reading.parts(token.token)[1]).get("aud")
    except reading.UnreadableError:
        audience = None
    named = [each for each in (audience if isinstance(audience, list) else [audience]) if isinstance(each, str)]
    return next((door for door in doors if door.url in named or f"{door.url}/" in named), doors[0])
