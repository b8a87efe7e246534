"""Who may call, as the commands need it: the gatekeeper of a service, and everything that keeps it from its work."""

from __future__ import annotations

from collections.abc import Sequence

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


def guard(settings: Settings) -> tuple[Gatekeeper, Store, tuple[ClientRecord, ...]]:
    """The gatekeeper of a service, its store, and its clients.

    Raises click.UsageError that lists everything which keeps it from telling clients apart.
    """
    wrong: list[str] = []
    store: Store | None = None
    clients: tuple[ClientRecord, ...] = ()
    if not settings.public_url:
        wrong.append(
            "BLINATUMOMAB_CDS_PUBLIC_URL is not set: the tokens of clients name the address they are for, as clients "
            "see it (https://cds.example.org)"
        )
    if settings.database == NONE:
        wrong.append("BLINATUMOMAB_CDS_DATABASE is none: clients, and which tokens have been used, are kept there")
    else:
        try:
            store = store_at(settings.database, create=False, migrate=settings.database_migrate)
            clients = Registry(store).clients()
        except StoreError as trouble:
            wrong.append(f"no client is known: {trouble.message}. Clients are registered with: {_ADD}")
        else:
            wrong += client_mistakes(clients, settings)
    if wrong or store is None:
        if store is not None:
            store.close()
        raise click.UsageError(_told(wrong))
    return Gatekeeper(Registry(store), outbound(settings).read, settings), store, clients


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


def _told(wrong: Sequence[str]) -> str:
    listed = "\n".join(f"  - {each}" for each in wrong)
    return (
        f"the service does not start, because it could not tell its clients apart:\n{listed}\n"
        "With --open anyone who reaches the port may call: for sandboxes and tests with synthetic patients, never with "
        "real ones."
    )
