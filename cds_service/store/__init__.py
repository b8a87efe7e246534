"""What the service remembers: decisions, masked before they come here, the feedback on their cards, and its clients.

A leaf over SQLAlchemy: knows the records of `records` and nothing of FHIR, hooks, Flask or judgement. Every error that
leaves this package is a StoreError. Who writes a decision, and what it may hold, is for `decisions` and `journal`.
"""

from cds_service.store.records import CardShown, ClientRecord, Decision, FeedbackEntry, Recorded, SuggestionShown
from cds_service.store.registry import Registry
from cds_service.store.store import Store

__all__ = [
    "CardShown",
    "ClientRecord",
    "Decision",
    "FeedbackEntry",
    "Recorded",
    "Registry",
    "Store",
    "SuggestionShown",
]
