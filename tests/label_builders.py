"""The label on file, loaded once, and one dose judged by it, for the tests of dose, toxicity and label."""

from __future__ import annotations

from decimal import Decimal
from importlib.resources import files
from typing import Any

from cds_service.assess.dosing import DoseResult, assess_dose
from cds_service.assess.track import track_of
from cds_service.facts.model import Case
from cds_service.knowledge.label import Label
from cds_service.knowledge.labels import load_label
from tests.case_builders import case

LABEL_FILE = files("cds_service.knowledge") / "labels" / "blinatumomab" / "2025-04.toml"
LABEL: Label = load_label(LABEL_FILE)
MAXIMUM = Decimal(28)


def judged(facts: Case | None = None, **given: Any) -> DoseResult:
    """The dose of `case(**given)` (or of a ready case) against the label and a policy maximum of 28 mcg/day."""
    subject = facts or case(**given)
    citation = "LA.PHAR.312 I.A.5.a"
    return assess_dose(subject, LABEL, track_of(subject), policy_maximum=MAXIMUM, policy_maximum_citation=citation)


def codes(result: DoseResult) -> set[str]:
    """The codes of what is said."""
    return {issue.code for issue in result.issues}


def severity_of(result: DoseResult, code: str) -> str:
    """How serious one issue is."""
    return next(issue.severity for issue in result.issues if issue.code == code)
