"""What a site may set, with the defaults of the input contract. A leaf: knows nothing of ours.

Read from the environment (`BLINATUMOMAB_CDS_WEIGHT_STALE_DAYS=14`), once, at start-up.
"""

from __future__ import annotations

from decimal import Decimal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


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
    weight_plausible_kg: tuple[Decimal, Decimal] = (Decimal(1), Decimal(300))
    height_plausible_cm: tuple[Decimal, Decimal] = (Decimal(30), Decimal(230))
    bsa_plausible_m2: tuple[Decimal, Decimal] = (Decimal("0.1"), Decimal("3.0"))
    # --- site vocabulary -------------------------------------------------------------------------------
    mrd_codes: tuple[str, ...] = Field((), description="'system|code' of the site's own MRD observations")
    payer_names: tuple[str, ...] = Field((), description="further names under which LHCC stands in Coverage")
    payer_identifiers: tuple[str, ...] = Field((), description="'system|value' of LHCC in Coverage.payor")
    # --- outward addresses -----------------------------------------------------------------------------
    canonical_base: str = "https://blinatumomab-cds.example.org/fhir"
    fhir_servers: tuple[str, ...] = Field((), description="base URLs of the FHIR servers that may be read")
    # --- reading what is missing -----------------------------------------------------------------------
    fetch_deadline_seconds: float = Field(0.35, gt=0, le=10, description="for all reads of one call together")
    fetch_max_pages: int = Field(10, ge=1)
    fetch_max_bytes: int = Field(5_000_000, ge=10_000, description="of one page")
    fetch_workers: int = Field(32, ge=1)
    # --- limits ----------------------------------------------------------------------------------------
    max_body_bytes: int = Field(5_000_000, ge=10_000)
    strict_fhir: bool = Field(False, description="validate the whole prefetch with fhir.resources (conformance work)")
