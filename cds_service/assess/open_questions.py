"""Which order questions are open for this order, and what each would settle. Pure.

A question is open when a finding that is unknown, or for a person's review, names it as what would settle it, and no
answer to it is in use yet. What is already decided asks nothing, however little is on file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from cds_service.assess.coverage import PolicyResult
from cds_service.assess.findings import Status
from cds_service.assess.track import NONE, Track
from cds_service.facts.model import Case
from cds_service.order_questions import OrderQuestions

Asked = tuple[str, str]
"""A question (linkId) and what its answer would settle: a paragraph, `section`, or a part of the document."""
_OPEN = (Status.UNKNOWN, Status.REVIEW)
_UNSETTLED = ("interrupt", "discontinue", "consider-discontinuation", "unknown")


def open_questions(
    asked: Iterable[Asked], questions: OrderQuestions, answered: Collection[str]
) -> list[dict[str, Any]]:
    """The `questions` of the assessment document, in the order of asking."""
    settles: dict[str, list[str]] = {}
    for link_id, topic in asked:
        topics = settles.setdefault(link_id, [])
        if topic not in topics:
            topics.append(topic)
    return [
        {"link_id": question.id, "what": question.what, "asks": question.asks, "settles": settles[question.id]}
        for question in questions.chosen(settles)
        if question.id not in answered
    ]


def of_the_policy(result: PolicyResult) -> Iterator[Asked]:
    """What the open criteria of an edition ask, each with the lowest paragraphs it would settle."""
    if result.section is None:
        yield "request-type", "section"
    if any(result.findings[name].asks for name in result.top):
        yield from _lowest(result)
    yield from ((link_id, item.clause.criterion) for item in result.contested for link_id in item.asks)


def _lowest(result: PolicyResult) -> Iterable[Asked]:
    """Each question with the paragraphs furthest down on the way on which the open criteria hang."""
    limbs, deciding = result.policy.limbs, set[str]()
    lowest: dict[Asked, None] = {}
    for name, finding in result.findings.items():
        parent = name.rpartition(".")[0]
        if name not in result.top:
            decides = parent in deciding and result.findings[parent].status is finding.status
            if not decides or name in limbs:
                continue
        if finding.status not in _OPEN:
            continue
        deciding.add(name)
        for link_id in finding.asks:
            lowest.pop((link_id, parent), None)
            lowest[link_id, name] = None
    return lowest


def of_the_label(case: Case, track: Track, document: Mapping[str, Any]) -> Iterator[Asked]:
    """What the dose, the premedication, the hospital days and the safety findings of this document ask."""
    yield from ((link_id, "dose") for link_id in track.asks)
    if track.name is None:
        yield from ((link_id, topic) for link_id in track.asks for topic in ("premedication", "hospitalisation"))
    yield from ((link_id, "dose") for link_id in (document["dose"]["toxicity"] or {}).get("asks", ()))
    if track.name != NONE:
        yield from _of_the_moment(case, document)
    for item in document["safety"]:
        if item["status"] == "unknown":
            yield from ((link_id, f"safety.{item['code']}") for link_id in item["asks"])


def _of_the_moment(case: Case, document: Mapping[str, Any]) -> Iterator[Asked]:
    """Cycle, day and the length of an interruption, where a row goes by them."""
    course, dose, premedication = case.course, document["dose"], document["premedication"]
    nameless = dose["verdict"] == "unknown" or dose["label_mcg_per_day"] is None
    undated = premedication["label_row"] and premedication["applies_now"] is None
    days, cycle_known, day_known = document["hospitalisation"], course.cycle.known, course.day.known
    wanted = (
        ("cycle", "dose", nameless and not cycle_known),
        ("cycle", "premedication", undated and not cycle_known),
        ("cycle", "hospitalisation", days["label_row"] and days["this_cycle_days"] is None and not cycle_known),
        ("day", "dose", nameless and not day_known),
        ("day", "premedication", undated and not day_known),
        ("day", "hospitalisation", bool(days["this_cycle_days"]) and not day_known),
        ("restart-interruption-hours", "premedication", undated and cycle_known and day_known and _of_no_length(case)),
    )
    settled = dose["toxicity_action"] not in _UNSETTLED
    yield from (
        (link_id, topic) for link_id, topic, open_ in wanted if open_ and (settled or topic == "hospitalisation")
    )


def _of_no_length(case: Case) -> bool:
    course = case.course
    return course.restart_reason.known and not course.restart_interruption_hours.known
