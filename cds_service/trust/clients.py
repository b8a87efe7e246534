"""Registered clients: what an operator said of each, what is wrong with it, and which one a token claims to be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from cds_service.outbound import NotPermittedError, parse
from cds_service.store.records import ClientRecord
from cds_service.trust.caller import Caller
from cds_service.trust.keys import LONGEST_NAME, KeySet, KeySetError, read_key_set

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
EVERY_SERVICE = "*"
_PRINTABLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
_HTTP = ", without user and fragment (http only where the setting outbound_http allows it)"


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client, its local keys read."""

    record: ClientRecord
    keys: KeySet = field(default_factory=KeySet)

    @classmethod
    def of(cls, record: ClientRecord) -> Client:
        """From its record. `mistakes` has passed it when it was made; one that was spoiled since has no keys."""
        try:
            keys = read_key_set(record.jwks) if record.jwks is not None else KeySet()
        except KeySetError:
            keys = KeySet()
        return cls(record, keys if record.sandbox_key else keys.without_published())

    @property
    def caller(self) -> Caller:
        """What the web room may know of it."""
        return Caller(self.record.name, self.record.fhir_servers)

    def may_call(self, service: str) -> bool:
        """Is this service among those allowed to it?"""
        return service in self.record.services or EVERY_SERVICE in self.record.services


class Directory:
    """The clients at one moment, by issuer and tenant."""

    def __init__(self, records: Iterable[ClientRecord]):
        self.clients = tuple(Client.of(record) for record in records)
        self._by_issuer: dict[str, dict[str | None, Client]] = {}
        for client in self.clients:
            self._by_issuer.setdefault(client.record.issuer, {})[client.record.tenant] = client

    def find(self, issuer: str, tenant: str | None) -> Client | None:
        """The client: where its issuer is registered by tenant, the tenant decides; else it is passed over."""
        tenants = self._by_issuer.get(issuer, {})
        return tenants.get(None) if set(tenants) == {None} else tenants.get(tenant) if tenant is not None else None


def mistakes(record: ClientRecord, services: Iterable[str], *, http: bool) -> Iterator[str]:
    """Everything that keeps a client from being registered, each in a sentence that says what to do instead.

    `services` are the ids we offer, `http` the setting `outbound_http`.
    """
    offered = sorted(services)
    if not NAME.fullmatch(record.name):
        yield "the name has to be of a-z, 0-9, dot, dash and underscore, 64 at the most"
    if not 0 < len(record.issuer) <= LONGEST_NAME or not _PRINTABLE.fullmatch(record.issuer):
        yield "the issuer has to be the 'iss' of its tokens, letter by letter, without blanks"
    if record.tenant is not None and not 0 < len(record.tenant) <= LONGEST_NAME:
        yield f"the tenant has to be the 'tenant' of its tokens, {LONGEST_NAME} characters at the most"
    for service in record.services:
        if service not in offered and service != EVERY_SERVICE:
            yield f"there is no service {service!r}; there are {', '.join(offered)}, and {EVERY_SERVICE} for all"
    for server in record.fhir_servers:
        if not _may_be_called(server, http=http, query=False):
            yield f"the FHIR server {server!r} has to be a plain https base URL{_HTTP}"
    if record.jwks is None and record.jku is None:
        yield "it needs keys: a file with its JWK Set, or the URL (jku) where it publishes them"
    if record.jku is not None and not _may_be_called(record.jku, http=http, query=True):
        yield f"the jku has to be a plain https URL{_HTTP}"
    if record.jwks is not None:
        yield from _set_mistakes(record.jwks, published=record.sandbox_key)


def _set_mistakes(document: Mapping[str, object], *, published: bool) -> Iterator[str]:
    try:
        found = read_key_set(document)
    except KeySetError as mistake:
        yield str(mistake)
        return
    if found.secret:
        yield "the JWK Set holds a private or symmetric key: register public keys only, and replace that one"
    yield from found.problems
    if not found.keys and not found.problems:
        yield "the JWK Set is empty"
    for key in found.keys.values():
        if key.published_by and not published:
            yield (
                f"the key is the one of {key.published_by}, and its private half is public: anyone could call. "
                "For synthetic patients only there is --sandbox-key"
            )


def _may_be_called(url: str, *, http: bool, query: bool) -> bool:
    try:
        address = parse(url)
    except NotPermittedError:
        return False
    return (address.scheme == "https" or http) and (query or not address.query)
