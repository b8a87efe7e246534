"""Everything that can go wrong, drawn as a tree. May know nothing of ours.

    BlinatumomabCdsError
    ├── CallError             the caller's request cannot be understood      → 400 (or the status it carries)
    │   ├── NotAdmittedError       not a client of ours, whatever the reason      → 401
    │   ├── UnavailableError       a door that cannot be guarded stays shut       → 503
    │   ├── UnknownServiceError    no such service id                             → 404
    │   ├── TooLargeError          the body is larger than we read                → 413
    │   └── CallerLeftError        nobody waits for the answer any more           → 499
    ├── KnowledgeError        a knowledge file or template is wrong          → start-up stops
    ├── SettingsError         the configuration is wrong                     → start-up stops
    └── StoreError            the database cannot be opened, read or written → start-up stops; later 503, for feedback

What is wrong with a *patient's record* is not an exception: it is a finding, or an entry of `unreadable`.
Any other exception that escapes is a bug of ours.
"""

from __future__ import annotations


class BlinatumomabCdsError(Exception):
    """The root of our tree."""


class CallError(BlinatumomabCdsError):
    """A hook call or feedback that cannot be understood.

    `field` is a JSON path into the request (`context.draftOrders.entry[0]`), `mend` says what to send instead.
    Neither may quote values from the request: they could be PHI.
    """

    status = 400
    code = "invalid"

    def __init__(self, message: str, *, field: str = "", mend: str = "", status: int | None = None, code: str = ""):
        super().__init__(message)
        self.message, self.field, self.mend = message, field, mend
        if status is not None:
            self.status = status
        if code:
            self.code = code


class UnknownServiceError(CallError):
    """No service answers at this id."""

    status = 404
    code = "not-found"


class NotAdmittedError(CallError):
    """The caller is not admitted. It is never told why; `reason`, a short code of ours, is for the log alone."""

    status = 401
    code = "login"

    def __init__(self, reason: str, client: str | None = None):
        super().__init__(
            "this client is not admitted",
            mend="Send a valid token of a registered client for this address. The service's operator can tell more.",
        )
        self.reason, self.client = reason, client


class UnavailableError(CallError):
    """Whether the caller may come in cannot be told at the moment; so it may not."""

    status = 503
    code = "transient"

    def __init__(self, reason: str):
        super().__init__("this service cannot tell its clients apart at the moment", mend="Send it again later.")
        self.reason = reason


class CallerLeftError(CallError):
    """The caller has closed the connection, or its sending side, before the call's turn came."""

    status = 499
    code = "timeout"

    def __init__(self) -> None:
        super().__init__(
            "the caller has left before the turn of this call came", mend="Send it again with a new token."
        )


class TooLargeError(CallError):
    """The body is larger than the setting `max_body_bytes` allows."""

    status = 413
    code = "too-long"


class KnowledgeError(BlinatumomabCdsError):
    """A mistake in a knowledge file, value set or template. Names the file and the place in it."""

    def __init__(self, file: str, place: str, message: str):
        super().__init__(f"{file}: {place}: {message}" if place else f"{file}: {message}")
        self.file, self.place, self.message = file, place, message


class SettingsError(BlinatumomabCdsError):
    """A mistake in the configuration."""


class StoreError(BlinatumomabCdsError):
    """The database cannot be opened, read or written. Its text is for operators and quotes nothing that is stored.

    `passing`: it may mend by itself (a server that is restarted, a file locked for the moment).
    """

    def __init__(self, message: str, *, passing: bool = False):
        super().__init__(message)
        self.message, self.passing = message, passing


class NoDatabaseError(StoreError):
    """A file that is to be the database is not there, and was not to be made."""
