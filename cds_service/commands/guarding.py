"""Who may call, as the commands need it: the gatekeeper of a service, and everything that keeps it from its work."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread

import click

from cds_service.commands.storing import NONE, store_at
from cds_service.errors import StoreError
from cds_service.hooks.services import services
from cds_service.outbound import Outbound, Reach
from cds_service.settings import Settings
from cds_service.store import ClientRecord, Registry, Store
from cds_service.trust.caller import Door
from cds_service.trust.clients import mistakes
from cds_service.trust.gatekeeper import Gatekeeper

_ADD = "blinatumomab-cds client add NAME --issuer ISS --jwks FILE"


def service_ids(settings: Settings) -> tuple[str, ...]:
    """The ids of our services."""
    return tuple(service.id for service in services(settings.canonical_base))


def doors(settings: Settings) -> tuple[Door, ...]:
    """Every address that takes a token, as clients name it in `aud`."""
    base = f"{settings.public_url.rstrip('/')}/cds-services"
    ids = service_ids(settings)
    return (
        *(Door(each, f"{base}/{each}") for each in ids),
        *(Door(each, f"{base}/{each}/feedback") for each in ids),
    )


def outbound(settings: Settings) -> Outbound:
    """What fetches key sets, as far as the settings let it reach. Raises click.ClickException."""
    try:
        return Outbound(Reach.of(settings), connections=4)
    except OSError as mistake:  # ssl.SSLError is one
        raise click.ClickException(
            f"the certificates of outbound_ca_file cannot be read: {mistake.strerror}"
        ) from mistake


def gatekeeper(settings: Settings) -> tuple[Gatekeeper, Store]:
    """The gatekeeper of one process, and its store; key sets are fetched meanwhile. Raises StoreError."""
    store = store_at(settings.database, create=False, migrate=settings.database_migrate)
    keeper = Gatekeeper(Registry(store), outbound(settings).read, settings)
    Thread(target=keeper.prepare, name="key sets", daemon=True).start()
    return keeper, store


def registered(settings: Settings) -> tuple[tuple[ClientRecord, ...], list[str]]:
    """The clients, and everything that keeps a service from telling them apart."""
    wrong: list[str] = []
    if not settings.public_url:
        wrong.append(
            "BLINATUMOMAB_CDS_PUBLIC_URL is not set: the tokens of clients name the address they are for, as clients "
            "see it (https://cds.example.org)"
        )
    if settings.database == NONE:
        return (), [
            *wrong,
            "BLINATUMOMAB_CDS_DATABASE is none: clients, and which tokens have been used, are kept there",
        ]
    clients, unread = _read(settings)
    return clients, [*wrong, *([unread] if unread else client_mistakes(clients, settings))]


def _read(settings: Settings) -> tuple[tuple[ClientRecord, ...], str | None]:
    try:
        store = store_at(settings.database, create=False, migrate=settings.database_migrate)
        try:
            return Registry(store).examined(), None
        finally:
            store.close()
    except StoreError as trouble:
        return (), f"no client is known: {trouble.message}. Clients are registered with: {_ADD}"


def client_mistakes(clients: Sequence[ClientRecord], settings: Settings) -> list[str]:
    """What is wrong with the clients; that there are none, too."""
    if not clients:
        return [f"no client is registered; register one: {_ADD}"]
    ids = service_ids(settings)
    return [
        f"client {client.name}: {mistake}"
        for client in clients
        for mistake in mistakes(client, ids, http=settings.outbound_http)
    ]
