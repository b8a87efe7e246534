"""From what is decided to what is answered: reads, silence, the record, the id of the decision, and counting.

Around the spine, which knows none of these. Judges nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from cds_service import fhir_answers, guidance
from cds_service.decision_document import READ, not_read, recorded_unknowns, unknowns
from cds_service.ehr import Ehr
from cds_service.errors import CallerLeftError, StoreError
from cds_service.hooks.call import HookCall
from cds_service.hooks.feedback import Feedback
from cds_service.hooks.needs import Access, Fetched, Need
from cds_service.hooks.services import Service
from cds_service.journal import Journal
from cds_service.metrics import Metrics
from cds_service.metrics.counted import DROPPED, INDICATORS, KEPT, SHOWN, WITHHELD
from cds_service.outbound import Answer, Ask, LateError, NotPermittedError, Outbound, OutboundError, Reach, TooMuchError
from cds_service.parts import Parts
from cds_service.silence import Silence, topic_code
from cds_service.store import Decision, Recorded
from cds_service.trace import Trace
from cds_service.turns import Turns

Spine = Callable[[HookCall, date, Trace], guidance.Guidance]
"""A call, the day and what is noticed of it -> what is decided."""

PATIENCE_SECONDS = 1.0
"""A call that has waited for longer is computed only if its caller still waits. Before that nobody gives up, and some
clients close their sending side at once."""
FAILED = "failed"
_WORDS: Mapping[str, str] = {
    fhir_answers.LATE: "late",
    fhir_answers.UNREACHABLE: "unreachable",
    fhir_answers.NOT_PERMITTED: "not-permitted",
    fhir_answers.NOT_UNDERSTOOD: "not-understood",
    fhir_answers.NOT_ASKED_FOR: "not-asked-for",
    fhir_answers.REFUSED: "refused",
    fhir_answers.OVERLOADED: "overloaded",
    fhir_answers.TOO_MUCH: "too-much",
}
_FAULTS: Mapping[type[OutboundError], str] = {
    LateError: "late",
    NotPermittedError: "not-permitted",
    TooMuchError: "too-much",
}
_TOLD_STATUSES = (200, 401, 403, 404, 429)


class CountedOutbound(Outbound):
    """Calls to the FHIR servers of clients, each counted by what came of it and how long it took."""

    def __init__(self, reach: Reach, metrics: Metrics):
        super().__init__(reach)
        self._metrics = metrics

    def read(self, ask: Ask, *, deadline: float) -> Answer:
        """As `Outbound.read`."""
        begun, outcome = time.perf_counter(), "unreachable"
        try:
            answer = super().read(ask, deadline=deadline)
            outcome = str(answer.status) if answer.status in _TOLD_STATUSES else f"{answer.status // 100}xx"
            return answer
        except OutboundError as trouble:
            outcome = _FAULTS.get(type(trouble), outcome)
            raise
        finally:
            self._metrics.upstream(outcome).inc()
            self._metrics.upstream_seconds.observe(time.perf_counter() - begun)


def spine(parts: Parts, reader: Ehr, offered: Sequence[Service], metrics: Metrics) -> Spine:
    """The spine as it runs in the service: with a way to read what is missing, timed, and in its turn."""
    by_id, turns = {service.id: service for service in offered}, Turns()

    def answer(call: HookCall, today: date, trace: Trace) -> guidance.Guidance:
        def fetch(access: Access, needs: Sequence[Need], *, seconds: float) -> Fetched:
            with turns.given_away():
                found = reader.fetch(access, needs, seconds=seconds)
            _notice(needs, found, trace, metrics)
            return found

        service = by_id[call.service_id]
        with turns.taken():
            trace.lap("wait")
            if trace.seconds() > PATIENCE_SECONDS and trace.has_left():
                raise CallerLeftError
            return guidance.advise_fetching(call, parts, fetch, service=service, today=today, lap=trace.lap)

    return answer


def _notice(needs: Sequence[Need], found: Fetched, trace: Trace, metrics: Metrics) -> None:
    problems = found.problems
    trace.reads = {need.key: _WORDS.get(problems[need.key], FAILED) if need.key in problems else READ for need in needs}
    trace.note(asked=len(needs), fetched=len(found.values), failed=len(problems))
    for word, count in Counter(trace.reads.values()).items():
        metrics.reads(word).inc(count)


@dataclass(frozen=True, slots=True)
class Answering:
    """The body of an answer to a call. Calls about other drugs leave no trace but a count."""

    advise: Spine
    metrics: Metrics
    journal: Journal | None = None
    silence: Silence = field(default_factory=Silence)
    topics: Mapping[str, str] = field(default_factory=dict)
    """Code of a card's topic -> our name of it."""
    member: str = ""
    """Of `extension`, for the id of the decision."""

    def __call__(self, call: HookCall, today: date, trace: Trace) -> Mapping[str, Any]:
        """What is answered; what is decided is handed to the journal, whether it is shown or not."""
        found = self.advise(call, today, trace)
        cards = found.response["cards"]
        withheld = self.silence.withheld(call.hook, cards, self.topics)
        body = found.response
        if withheld:
            body = {**body, "cards": [card for place, card in enumerate(cards) if place not in withheld]}
        self._count(call, found, withheld, trace)
        if self.journal and (found.assessments or found.untold):
            decision = self.journal.keep(call, found, client=trace.client, reads=trace.reads, withheld=withheld)
            trace.note(decision=decision)
            body = {**body, "extension": {**body.get("extension", {}), self.member: decision}}
        return body

    def _count(self, call: HookCall, found: guidance.Guidance, withheld: Collection[int], trace: Trace) -> None:
        hook, cards = call.hook, found.response["cards"]
        indicators = [card.get("indicator", "none") for card in cards]
        for place, card in enumerate(cards):
            topic = self.topics.get(topic_code(card), "other")
            self.metrics.cards(hook, topic, indicators[place], WITHHELD if place in withheld else SHOWN).inc()
        if self.journal is None:  # else they are counted where the record is made, behind the answer
            missing = not_read(call.states, trace.reads)
            _count_unknowns(self.metrics, (pair for each in found.assessments for pair in unknowns(each, missing)))
        trace.note(cards=len(cards) - len(withheld), **{each: indicators.count(each) for each in INDICATORS})
        if withheld:
            trace.note(withheld=len(withheld))


def _count_unknowns(metrics: Metrics, unknown: Iterable[tuple[str, str]]) -> None:
    for criterion, cause in unknown:
        metrics.unknowns(criterion, cause).inc()


@dataclass(frozen=True, slots=True)
class Counted:
    """Counts what becomes of the decisions of a journal: a `journal.Watch`."""

    metrics: Metrics

    def journal_kept(self, kept: Sequence[Decision], waiting: int) -> None:
        """These were written, so the database answers."""
        self.metrics.decisions(KEPT).inc(len(kept))
        self.metrics.waiting.set(waiting)
        self.metrics.database_up.set(1)
        _count_unknowns(self.metrics, (pair for each in kept for pair in recorded_unknowns(each.document)))

    def journal_dropped(self, count: int, waiting: int, *, failing: bool) -> None:
        """Decisions were given up; `failing`: the database did not take them."""
        if failing:
            self.metrics.database_up.set(0)
        self.metrics.decisions(DROPPED).inc(count)
        self.metrics.waiting.set(waiting)

    def journal_waits(self, waiting: int) -> None:
        """A decision was handed over."""
        self.metrics.waiting.set(waiting)


def extension_member(canonical_base: str) -> str:
    """The name of the member of `extension` that holds the decision's id: globally unique, from our own address."""
    host = urlsplit(canonical_base).hostname or "localhost"
    return ".".join([*reversed(host.split(".")), "decision"])


def counted_feedback(journal: Journal, metrics: Metrics) -> Callable[[str, Sequence[Feedback]], Recorded]:
    """Keeps feedback and counts it. Raises StoreError."""

    def keep(service: str, given: Sequence[Feedback]) -> Recorded:
        try:
            kept = journal.keep_feedback(service, given)
        except Exception as trouble:
            metrics.feedback_refused.inc()
            if isinstance(trouble, StoreError):
                metrics.database_up.set(0)
            raise
        metrics.database_up.set(1)
        accepted = sum(entry.accepted for entry in given)
        metrics.stored(
            accepted=accepted,
            overridden=len(given) - accepted,
            repeated=kept.entries - kept.new,
            unmatched=kept.unmatched,
        )
        return kept

    return keep
