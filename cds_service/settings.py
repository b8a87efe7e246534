"""What a site may set, with the defaults of the input contract. A leaf: of ours it knows the names of `silence`.

Read from the environment (`BLINATUMOMAB_CDS_WEIGHT_STALE_DAYS=14`), once, at start-up.
"""

from __future__ import annotations

import os
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, FilePath, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from cds_service.silence import checked


def default_database() -> str:
    """The file of somebody who sets nothing: where programs of this user keep their data."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return str(Path(home) / "blinatumomab-cds" / "store.sqlite3")


_ORIGIN = r"^https?://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]*)?$"


def _network(text: str) -> str:
    """A network in its one spelling. Raises ValueError."""
    return str(ip_network(text))


class Settings(BaseSettings):
    """Every setting, with its unit in the name. Raises pydantic.ValidationError that lists all mistakes at once."""

    model_config = SettingsConfigDict(env_prefix="BLINATUMOMAB_CDS_", frozen=True, extra="ignore")

    # --- judgement -------------------------------------------------------------------------------------
    adult_age_years: int = Field(18, ge=16, le=21, description="adult from this birthday on; the policy gives no line")
    weight_stale_days: int = Field(30, ge=1)
    weight_stale_days_infant: int = Field(7, ge=1)
    height_stale_days_child: int = Field(180, ge=1)
    height_stale_days_infant: int = Field(30, ge=1)
    laboratory_stale_days: int = Field(7, ge=1)
    mrd_stale_days: int = Field(90, ge=1)
    neurologic_checks_per_day: int | None = Field(None, ge=1, le=24, description="in suggested orders; blank if unset")
    weight_plausible_kg: tuple[Decimal, Decimal] = (Decimal(1), Decimal(300))
    height_plausible_cm: tuple[Decimal, Decimal] = (Decimal(30), Decimal(230))
    bsa_plausible_m2: tuple[Decimal, Decimal] = (Decimal("0.1"), Decimal("3.0"))
    policy_editions_held_back: tuple[str, ...] = Field(
        (), description="the newest editions, as 'LA.PHAR.312 2025-09-05', where the one before is to be judged"
    )
    # --- site vocabulary -------------------------------------------------------------------------------
    mrd_codes: tuple[str, ...] = Field((), description="'system|code' of the site's own MRD observations")
    payer_names: tuple[str, ...] = Field((), description="further names under which LHCC stands in Coverage")
    payer_identifiers: tuple[str, ...] = Field((), description="'system|value' of LHCC in Coverage.payor")
    # --- outward addresses -----------------------------------------------------------------------------
    canonical_base: str = "https://blinatumomab-cds.example.org/fhir"
    public_url: str = Field(
        "",
        pattern=r"^(|https://[^\s/?#]+(/[^\s?#]*)?|http://(localhost|127\.0\.0\.1)(:[0-9]+)?)$",
        description="https address under which browsers reach this service, as https://cds.example.org; "
        "empty: cards have no link to the form",
    )
    form_link_days: int = Field(1, ge=0, le=31, description="a card's link to the form works until the end of this day")
    frame_ancestors: tuple[Annotated[str, Field(pattern=r"^https://[A-Za-z0-9.*-]+(:[0-9]+)?$")], ...] = Field(
        (), description="origins that may show the form of order questions in a frame, as https://ehr.example.org"
    )
    fhir_servers: tuple[str, ...] = Field((), description="base URLs of the FHIR servers that may be read")
    outbound_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description="networks that are not public in which listed servers may stand, as 10.20.0.0/16"
    )
    outbound_http: bool = Field(False, description="read servers that are listed with http: as well")
    outbound_ca_file: FilePath | None = Field(None, description="certificates (PEM) that vouch for servers we read")
    cors_origins: tuple[Annotated[str, Field(pattern=_ORIGIN)], ...] = Field(
        (), description="origins of browser-based clients, as https://ehr.example.org"
    )
    # --- who may call ----------------------------------------------------------------------------------
    token_leeway_seconds: int = Field(30, ge=0, le=120, description="how far the clocks of clients may be apart")
    token_max_seconds: int = Field(3600, ge=60, le=86_400, description="longest life of a client's token")
    jwks_timeout_seconds: float = Field(2.0, gt=0, le=10, description="for fetching the key set of a client")
    jwks_fresh_seconds: int = Field(300, ge=30, le=86_400, description="a key set is fetched anew after this")
    jwks_keep_seconds: int = Field(86_400, ge=60, description="and used for so long while its address is down")
    # --- reading what is missing -----------------------------------------------------------------------
    fetch_deadline_seconds: float = Field(0.35, gt=0, le=10, description="for all reads of one call together")
    fetch_max_pages: int = Field(10, ge=1)
    fetch_max_bytes: int = Field(5_000_000, ge=10_000, description="of one page")
    fetch_workers: int = Field(32, ge=1)
    # --- what is kept ----------------------------------------------------------------------------------
    database: str = Field(
        default_factory=default_database, repr=False, description="a file (SQLite), a postgresql:// URL, or none"
    )
    database_migrate: bool = Field(True, description="bring the database's schema up to date at start")
    decision_retention_days: int = Field(365, ge=1, description="decisions and feedback are deleted after this")
    feedback_comments: bool = Field(False, description="keep the free text of feedback; it may name a patient")
    site_secret: SecretStr | None = Field(None, min_length=16, description="key of the hashes that stand for patients")
    # --- silent mode and being seen --------------------------------------------------------------------
    silent: Annotated[str, AfterValidator(checked)] = Field(
        "", description="cards that are decided and recorded, not shown: * for all, a hook, or hook:card; by commas"
    )
    log_format: Literal["json", "text"] | None = Field(
        None, description="of the log on standard error; if unset, text on a terminal and JSON lines elsewhere"
    )
    metrics_address: str = Field(
        "",
        pattern=r"^(|(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5})$",
        description="host:port of its own for /metrics; empty: on the service's port, for this machine only",
    )
    # --- processes -------------------------------------------------------------------------------------
    workers: int | None = Field(None, ge=1, le=64, description="processes that answer; unset: two for each processor")
    threads: int = Field(16, ge=1, le=128, description="calls at the same time, of each worker")
    drain_seconds: float = Field(
        20.0, ge=1, le=600, description="to answer what has been asked and write what is to be kept, when told to end"
    )
    # --- limits ----------------------------------------------------------------------------------------
    max_body_bytes: int = Field(5_000_000, ge=10_000)
    max_entries: int = Field(10_000, ge=100, description="entries of all Bundles of a call together")
    max_draft_orders: int = Field(200, ge=1, description="draft orders of a call")
    max_judged_orders: int = Field(20, ge=1, description="orders for the drug in a call, each of which is judged")
    strict_fhir: bool = Field(False, description="validate the whole prefetch with fhir.resources (conformance work)")

    @field_validator("weight_plausible_kg", "height_plausible_cm", "bsa_plausible_m2")
    @classmethod
    def _lowest_first(cls, limits: tuple[Decimal, Decimal]) -> tuple[Decimal, Decimal]:
        """Raises ValueError where nothing would be plausible."""
        if limits[0] >= limits[1]:
            raise ValueError("nothing would be plausible; write the lower limit first, then a higher one, as [1, 300]")
        return limits

    @field_validator("silent")
    @classmethod
    def _silence_is_kept(cls, silent: str, info: ValidationInfo) -> str:
        """Raises ValueError where silent mode would lose what it is for."""
        if silent and info.data.get("database") == "none":
            raise ValueError("silent mode only records, so it needs a database; BLINATUMOMAB_CDS_DATABASE is none")
        return silent

    @property
    def form_url(self) -> str | None:
        """The page that asks order questions; None while nobody has said where browsers reach this service."""
        return f"{self.public_url.rstrip('/')}/questions" if self.public_url else None
