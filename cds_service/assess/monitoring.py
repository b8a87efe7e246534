"""What to watch for under the infusion, by which scale, and what the label does by grade.

The same for every patient: trial rates are trial rates, an ASTCT grade is never a label action.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from cds_service.knowledge.label import CONFIRM_GRADES, Guidance, Label

CRS_EVENTS = ("crs",)
NEUROTOXICITY_EVENTS = ("neurotoxicity", "seizure")
SCALES = ("astct-crs", "astct-icans", "ice-score", "capd")
TRIAL_RATES = ("crs-trial-rates", "neurotoxicity-trial-rates")

WATCH = {"crs": "crs-watch", "neurotoxicity": "neurotoxicity-watch", "grading": "grading-scales"}
ADVICE = {"advice": "patient-advice", "interruption": "interruption"}
TOPICS = frozenset((*WATCH.values(), *ADVICE.values(), *SCALES, *TRIAL_RATES))
"""The topics a label file must have for this module."""


@lru_cache(maxsize=16)
def monitoring(label: Label) -> Mapping[str, object]:
    """The `monitoring` object of the assessment document, made once per label: never change it.

    Raises KeyError when the label file lacks a topic.
    """
    return {
        **{name: _topic(label.topic(code)) for name, code in WATCH.items()},
        "crs_by_grade": _by_grade(label, CRS_EVENTS),
        "neurotoxicity_by_grade": _by_grade(label, NEUROTOXICITY_EVENTS),
        **{name: _topic(label.topic(code)) for name, code in ADVICE.items()},
        "scales": [_topic(label.topic(code)) for code in SCALES],
        "trial_rates": [_topic(label.topic(code)) for code in TRIAL_RATES],
    }


def _topic(topic: Guidance) -> dict[str, object]:
    return {
        "title": topic.title,
        "says": topic.says,
        "citation": topic.citation,
        "grade": topic.grade,
        "confirm": topic.grade in CONFIRM_GRADES,
    }


def _by_grade(label: Label, events: tuple[str, ...]) -> list[dict[str, object]]:
    """The label's actions (CTCAE): those for any event first, then by grade."""
    rules = [rule for rule in label.toxicity_rules if rule.event in ("any", *events)]
    return [
        {
            "event": rule.event,
            "grades": list(rule.grades),
            "scale": "ctcae",
            "says": rule.says,
            "citation": rule.citation,
        }
        for rule in rules
    ]
