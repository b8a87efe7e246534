"""Calls to addresses that others name: checked as text, checked again when resolved, bounded in time and size.

Used by `ehr` for a caller's FHIR server and by `trust` for key sets. Knows neither FHIR nor tokens.
"""

from cds_service.outbound.address import Address, Network, NotPermittedError, OutboundError, is_public, parse, within
from cds_service.outbound.client import Answer, Ask, LateError, Outbound, Reach, TooMuchError, UnreachableError

__all__ = [
    "Address",
    "Answer",
    "Ask",
    "LateError",
    "Network",
    "NotPermittedError",
    "Outbound",
    "OutboundError",
    "Reach",
    "TooMuchError",
    "UnreachableError",
    "is_public",
    "parse",
    "within",
]
