"""Let go of one patient's records at once, and of what a file still holds of deleted ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, select

from cds_service.store.store import Store
from cds_service.store.tables import CARDS, DECISIONS, FEEDBACK


@dataclass(frozen=True, slots=True)
class Erased:
    """How many records went."""

    decisions: int
    feedback: int


def erase_patient(store: Store, patient_keys: Collection[str]) -> Erased:
    """Delete all decisions under these hashes of one patient, and the feedback on their cards. Raises StoreError.

    All or nothing. Feedback on cards that are not on record cannot be told to be of anybody, and stays until it is old.
    """
    ours = select(DECISIONS.c.id).where(DECISIONS.c.patient_key.in_(list(patient_keys)))
    cards = select(CARDS.c.uuid).where(CARDS.c.decision.in_(ours), CARDS.c.uuid.is_not(None))
    with store.writing("erase a patient") as connection:
        feedback = connection.execute(delete(FEEDBACK).where(FEEDBACK.c.card.in_(cards))).rowcount
        decisions = connection.execute(delete(DECISIONS).where(DECISIONS.c.id.in_(ours))).rowcount
    scrub(store)
    return Erased(decisions, feedback)


def scrub(store: Store) -> None:
    """Take what was deleted out of the write-ahead log of a file, where nobody is reading it. Raises StoreError.

    In the file itself deleted rows are overwritten (`secure_delete`). What PostgreSQL keeps is for its VACUUM and its
    backups to say.
    """
    if store.is_file:
        with store.outside("tidy up the file") as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").close()
