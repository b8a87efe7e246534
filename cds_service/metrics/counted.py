"""The metrics themselves: names, labels, buckets, and the children of each label, made at start-up.

A child that is looked up by name costs more than to count; so those that every call needs are made and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cds_service.metrics import files

PREFIX = "blinatumomab_cds"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds. The bar of the field is half a second for an answer."""
NO_HOOK = "none"
SHOWN, WITHHELD = "shown", "withheld"
KEPT, DROPPED = "kept", "dropped"
STAGES = ("queue", "read", "wait", "gather", "facts", "assess", "present", "write")
INDICATORS = ("info", "warning", "critical")


class Family:
    """One metric and its children by their label values, in the order of its labels."""

    def __init__(self, metric: Any):
        self._metric = metric
        self._children: dict[tuple[str, ...], Any] = {}

    def __call__(self, *values: str) -> Any:
        """The child of these label values."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values)
        return child


class Metrics:
    """What one app counts. Safe to use from several threads."""

    def __init__(self, *, hooks: Iterable[str] = (), topics: Iterable[str] = ()):
        """Everything that is labelled by these hooks and topics is there from the start, with zero."""
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, of when it began, which nobody reads
        self.registry = CollectorRegistry()

        def of(kind: Any, name: str, says: str, labels: tuple[str, ...] = (), /, **members: Any) -> Any:
            made = kind(f"{PREFIX}_{name}", says, labels, registry=self.registry, **members)
            return Family(made) if labels else made

        latest: dict[str, Any] = {"multiprocess_mode": "mostrecent"}
        buckets: dict[str, Any] = {"buckets": BUCKETS}
        self.requests = of(Counter, "requests", "requests answered", ("route", "hook", "status"))
        self.request_seconds = of(Histogram, "request_seconds", "time to answer", ("route", "hook"), **buckets)
        self.stage_seconds = of(Histogram, "stage_seconds", "time in a stage of a call", ("hook", "stage"), **buckets)
        self.refused = of(Counter, "refused", "callers not admitted", ("reason",))
        self.cards = of(Counter, "cards", "cards decided", ("hook", "topic", "indicator", "fate"))
        self.unknowns = of(
            Counter, "unknowns", "criteria of the current policy that were unknown", ("criterion", "cause")
        )
        self.upstream = of(Counter, "upstream_requests", "requests to FHIR servers of clients", ("outcome",))
        self.upstream_seconds = of(Histogram, "upstream_request_seconds", "time of such a request", **buckets)
        self.reads = of(Counter, "upstream_reads", "things read for calls, whatever requests it took", ("outcome",))
        self.decisions = of(Counter, "decisions", "decisions handed to the journal, by what became of them", ("fate",))
        self.waiting = of(Gauge, "decisions_waiting", "decisions that wait to be written", multiprocess_mode="livesum")
        self.feedback = of(Counter, "feedback_entries", "entries of feedback stored", ("outcome",))
        self.feedback_repeated = of(Counter, "feedback_repeated", "of these, those that had come before")
        self.feedback_unmatched = of(Counter, "feedback_unmatched", "of these, those about cards that were not shown")
        self.feedback_refused = of(Counter, "feedback_refused", "messages of feedback that could not be stored")
        self.database_up = of(Gauge, "database_up", "1 where the database answered last", **latest)
        self.build = of(Gauge, "build_info", "the version that runs", ("version",), **latest)
        self.policies = of(Gauge, "policy_info", "policy editions loaded", ("policy", "edition"), **latest)
        self.labels = of(Gauge, "label_info", "label editions loaded", ("label", "edition"), **latest)
        self.open_to_all = of(Gauge, "open", "1 where anyone may call", **latest)
        self._prepare(tuple(hooks), tuple(topics))

    def _prepare(self, hooks: Iterable[str], topics: Iterable[str]) -> None:
        for hook in hooks:
            self.requests("services", hook, "200")
            self.request_seconds("services", hook)
            for stage in STAGES:
                self.stage_seconds(hook, stage)
            for topic in topics:
                for indicator in INDICATORS:
                    self.cards(hook, topic, indicator, SHOWN)
        for fate in (KEPT, DROPPED):
            self.decisions(fate)

    # --- what is told here ---------------------------------------------------------------------------------

    def loaded(self, version: str, *, policies: Iterable[tuple[str, str]], labels: Iterable[tuple[str, str]]) -> None:
        """What this service is made of; editions as (id, edition)."""
        self.build(version).set(1)
        for policy in policies:
            self.policies(*policy).set(1)
        for label in labels:
            self.labels(*label).set(1)

    def answered(self, facts: Mapping[str, Any], stages: Mapping[str, float], seconds: float) -> None:
        """One request: the facts of its line of the log, the seconds of its stages, and of the whole."""
        route, hook = str(facts["route"]), str(facts.get("hook", NO_HOOK))
        self.requests(route, hook, str(facts["status"])).inc()
        self.request_seconds(route, hook).observe(seconds)
        if hook != NO_HOOK:
            for stage, taken in stages.items():
                self.stage_seconds(hook, stage).observe(taken)
        if "refused" in facts:
            self.refused(str(facts["refused"])).inc()

    def stored(self, *, accepted: int, overridden: int, repeated: int, unmatched: int) -> None:
        """One message of feedback that was stored."""
        for outcome, number in (("accepted", accepted), ("overridden", overridden)):
            if number:
                self.feedback(outcome).inc(number)
        if repeated:
            self.feedback_repeated.inc(repeated)
        if unmatched:
            self.feedback_unmatched.inc(unmatched)

    def page(self) -> bytes:
        """The text that Prometheus reads, of all processes that share files with this one."""
        return files.page(self.registry)
