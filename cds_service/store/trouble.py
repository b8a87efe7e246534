"""One kind of error for everything a database does: what was tried, and in short why it failed; no stored value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cds_service.errors import StoreError


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Whatever goes wrong inside becomes a StoreError: "cannot <doing>: <why>"."""
    try:
        yield
    except SQLAlchemyError as mistake:
        raise StoreError(f"cannot {doing}: {_why(mistake)}", passing=_passing(mistake)) from mistake


def _why(mistake: SQLAlchemyError) -> str:
    """The driver's own first line where it speaks of the database; of anything else the kind alone, as it may quote."""
    cause = mistake.orig if isinstance(mistake, DBAPIError) else None
    if isinstance(mistake, OperationalError) or type(cause).__name__ == "DatabaseError":
        return next(iter(str(cause).strip().splitlines()), type(mistake).__name__)
    return type(cause or mistake).__name__


def _passing(mistake: SQLAlchemyError) -> bool:
    return isinstance(mistake, (OperationalError, PoolTimeoutError))
