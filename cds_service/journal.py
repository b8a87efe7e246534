"""Takes what is to be kept off the hands of the request: decisions behind its back, feedback before it is answered.

A decision is put into a bounded queue, masked and written by one thread; where the queue is full or the database fails
it is dropped, counted and logged: guidance is never delayed by the store, and never fails because of it. Feedback is
written before the client is told so; only a few requests at a time may wait for the database, so that one that hangs
leaves threads for guidance, and after a failure the next ones are refused at once for a moment.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Protocol

from cds_service import __version__
from cds_service.decisions import Asked, Mask, decision, feedback_entry
from cds_service.errors import StoreError
from cds_service.guidance import Guidance
from cds_service.hooks.call import HookCall
from cds_service.hooks.feedback import Feedback
from cds_service.own_words import our_words
from cds_service.parts import Parts
from cds_service.settings import Settings
from cds_service.store import Decision, Recorded, Store
from cds_service.store.erasing import scrub

_LOG = logging.getLogger("cds_service.journal")
CAPACITY = 256
"""Decisions that may wait."""
BATCH = 16
"""Decisions in one transaction."""
GATHER_SECONDS = 0.05
BREATH_SECONDS = 0.001
"""Between two decisions: threads of one process take turns, and an answer is not to wait for a row of records."""
WAITING_FEEDBACK = 2
"""Requests with feedback that may be in the database at once."""
TURN_SECONDS = 1.0
FEEDBACK_SECONDS = 8.0
"""Longer than the wait for a lock: what takes longer is a database that hangs."""
PAUSE_SECONDS = 2.0
"""After a failure of the database, feedback is refused at once for this long."""
TELL_SECONDS = 10.0
PURGE_SECONDS = 24 * 3600.0
RETRY_SECONDS = 600.0
"""When deleting failed, and at least this often a look at the clock."""

Waiting = tuple[str, datetime, Asked, Guidance, Collection[int]]


class Watch(Protocol):
    """Who counts what becomes of decisions."""

    def journal_kept(self, kept: Sequence[Decision], waiting: int) -> None:
        """These were written; so many wait."""

    def journal_dropped(self, count: int, waiting: int, *, failing: bool) -> None:
        """So many were given up; `failing`: because of the database."""

    def journal_waits(self, waiting: int) -> None:
        """One more waits."""


def utc_now() -> datetime:
    """The moment."""
    return datetime.now(UTC)


class Journal:
    """What a running service keeps, and where. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        parts: Parts,
        *,
        now: Callable[[], datetime] = utc_now,
        purges: bool = True,
    ):
        """`purges`: this one deletes what is too old. One of the processes that share a database is enough."""
        self._purges = purges
        self._store, self._settings, self._now = store, settings, now
        self._words, self._topics = our_words(), {t.coding.code: t.topic for t in parts.templates.by_id.values()}
        self._mask: Mask | None = None
        self._queue: SimpleQueue[Waiting | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._starting = threading.Lock()
        self._turns = threading.BoundedSemaphore(WAITING_FEEDBACK)
        self._refused_until = 0.0
        self._told = -TELL_SECONDS
        self._purged = -PURGE_SECONDS
        self.dropped = 0
        """Decisions that were not kept."""
        self.watch: Watch | None = None

    # --- decisions: behind the answer --------------------------------------------------------------------

    def keep(
        self,
        call: HookCall,
        guidance: Guidance,
        *,
        client: str | None = None,
        reads: Mapping[str, str] | None = None,
        withheld: Collection[int] = (),
    ) -> str:
        """Hand over what was decided on a call; its id. Takes microseconds and raises nothing.

        `client` called, `reads` were made for it (key -> a word of ours), and the cards at the places `withheld` were
        not shown.
        """
        decision_id = str(uuid.uuid4())
        if self._queue.qsize() >= CAPACITY:
            self._drop(1, "more decisions wait than may")
            return decision_id
        asked = Asked.of(call, client=client, reads=reads)
        self._queue.put((decision_id, self._now(), asked, guidance, withheld))
        if self.watch:
            self.watch.journal_waits(self._queue.qsize())
        if self._thread is None:
            with suppress(RuntimeError):  # no thread can be had now: the next decision asks again
                self._start()
        return decision_id

    def close(self, seconds: float = 5.0) -> None:
        """Write what waits, as far as it goes in this time, and let the database go."""
        thread = self._thread
        if thread is not None:
            self._queue.put(None)
            thread.join(seconds)
        self._store.close()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                thread = Thread(target=self._write_behind, name="journal", daemon=True)
                thread.start()
                self._thread = thread

    def _write_behind(self) -> None:
        more = True
        while more:
            self._outlive(self._purge_when_due)
            try:
                first = self._queue.get(timeout=RETRY_SECONDS)
            except Empty:
                continue
            if first is not None and self._queue.empty():
                time.sleep(GATHER_SECONDS)  # one transaction for the decisions of a moment
            waiting = [first, *self._waiting()]
            more = None not in waiting
            self._outlive(self._write, [item for item in waiting if item is not None])

    def _outlive(self, step: Callable[..., None], *given: object) -> None:
        """The thread has to outlive a bug, in counting too; its text may quote a record."""
        try:
            step(*given)
        except Exception as bug:
            _LOG.error("journal: bug: %s", type(bug).__name__)

    def _waiting(self) -> Iterator[Waiting | None]:
        """What else waits by now, as far as one transaction goes."""
        for _ in range(BATCH - 1):
            try:
                yield self._queue.get_nowait()
            except Empty:
                return

    def _write(self, waiting: Sequence[Waiting]) -> None:
        """Keep these decisions, or drop them."""
        try:
            kept = [self._record(*item) for item in waiting]
            self._store.record_decisions(kept)
        except StoreError as trouble:
            self._drop(len(waiting), trouble.message, failing=True)
        except Exception as bug:  # in masking; its text may quote a record
            self._drop(len(waiting), f"bug: {type(bug).__name__}")
        else:
            if self.watch and kept:
                self.watch.journal_kept(kept, self._queue.qsize())

    def _record(
        self, decision_id: str, at: datetime, asked: Asked, guidance: Guidance, withheld: Collection[int]
    ) -> Decision:
        time.sleep(BREATH_SECONDS)
        return decision(
            asked,
            guidance.assessments,
            guidance.response,
            decision_id=decision_id,
            at=at,
            mask=self._masked(),
            withheld=withheld,
        )

    def _drop(self, count: int, why: str, *, failing: bool = False) -> None:
        """Count, and tell at most every few seconds."""
        self.dropped += count
        if self.watch:
            self.watch.journal_dropped(count, self._queue.qsize(), failing=failing)
        if time.monotonic() - self._told >= TELL_SECONDS:
            self._told = time.monotonic()
            _LOG.warning("decisions not kept: %d since the start; %s", self.dropped, why)

    # --- feedback: before the answer ---------------------------------------------------------------------

    def keep_feedback(self, service: str, given: Sequence[Feedback]) -> Recorded:
        """Keep all entries, or none. Durable when it returns. Raises StoreError, soon."""
        if time.monotonic() < self._refused_until:
            raise StoreError("the database has just failed", passing=True)
        if not self._turns.acquire(timeout=TURN_SECONDS):
            raise StoreError("too many wait for the database", passing=True)
        writing: Future[Recorded] = Future()
        try:
            Thread(target=self._write_feedback, args=(service, given, writing), name="feedback", daemon=True).start()
        except Exception:  # no thread can be had, and so none gives the turn back
            self._turns.release()
            raise
        try:
            return writing.result(FEEDBACK_SECONDS)
        except TimeoutError:
            writing.cancel()
            raise self._refused(StoreError("the database does not answer", passing=True)) from None
        except StoreError as trouble:
            raise self._refused(trouble) from trouble.__cause__

    def _write_feedback(self, service: str, given: Sequence[Feedback], writing: Future[Recorded]) -> None:
        """In a thread of its own, which may hang for as long as the database does; the request does not."""
        try:
            received, mask = self._now(), self._masked()
            comments = self._settings.feedback_comments
            kept = self._store.record_feedback(
                [feedback_entry(service, entry, received=received, mask=mask, comments=comments) for entry in given],
                wanted=lambda: not writing.cancelled(),
            )
            with suppress(InvalidStateError):  # given up a moment ago
                writing.set_result(kept)
        except Exception as trouble:  # for the request, which knows what to make of it
            with suppress(InvalidStateError):
                writing.set_exception(trouble)
        finally:
            self._turns.release()

    def _refused(self, trouble: StoreError) -> StoreError:
        self._refused_until = time.monotonic() + PAUSE_SECONDS
        _LOG.error("feedback refused: %s", trouble.message)
        return trouble

    def ping(self) -> None:
        """Is the database there? Raises StoreError."""
        self._store.ping()

    # --- both --------------------------------------------------------------------------------------------

    def secret(self) -> bytes:
        """The secret of this installation. Raises StoreError."""
        return self._masked().key

    def _masked(self) -> Mask:
        """The mask; its key is the site's own, or that of the installation, read once. Raises StoreError."""
        if self._mask is None:
            key = site_key(self._settings, self._store)
            self._mask = Mask(key, self._words, self._topics, __version__)
        return self._mask

    def _purge_when_due(self) -> None:
        """Once a day, what is older than the setting allows is deleted."""
        if not self._purges or time.monotonic() - self._purged < PURGE_SECONDS:
            return
        self._purged = time.monotonic() - PURGE_SECONDS + RETRY_SECONDS  # until it is seen to have gone well
        try:
            gone = self._store.purge(self._now() - timedelta(days=self._settings.decision_retention_days))
            scrub(self._store)
        except StoreError as trouble:
            _LOG.warning("what is too old was not deleted: %s", trouble.message)
        else:
            self._purged = time.monotonic()
            if gone:
                _LOG.info("deleted as too old: %d", gone)

    def start(self) -> None:
        """Start the thread that writes and deletes, without waiting for a first decision."""
        self._start()


def site_key(settings: Settings, store: Store) -> bytes:
    """The key of the hashes: the site's secret, else the random one of the installation. Raises StoreError."""
    if settings.site_secret is not None:
        return settings.site_secret.get_secret_value().encode()
    return store.install_key()
