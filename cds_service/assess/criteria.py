"""The kinds of condition a policy file may use: a table from the kind to its function. Pure.

A new kind is one function and one row of `KINDS`. The policy file says what is asked; the functions say whether the
facts answer it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.assess import disease_criteria as disease
from cds_service.assess import request_criteria as request
from cds_service.assess.ages import age_group_finding
from cds_service.assess.findings import Finding, any_of
from cds_service.assess.judged import Judged


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of condition: its function and the parameters it takes."""

    judge: Callable[[Judged, Mapping[str, Any]], Finding]
    parameters: tuple[str, ...] = ()


KINDS: Mapping[str, Kind] = {
    "lineage": Kind(disease.lineage),
    "prescriber": Kind(request.prescriber),
    "age-months": Kind(request.age_months, ("at_least",)),
    "age-group": Kind(request.age_group, ("is",)),
    "infant": Kind(request.infant),
    "remission": Kind(disease.remission),
    "use": Kind(request.use, ("is",)),
    "regimen": Kind(request.regimen, ("in", "review")),
    "bcr-abl1": Kind(disease.bcr_abl1, ("is",)),
    "bcr-abl1-like": Kind(disease.bcr_abl1_like),
    "kmt2a": Kind(disease.kmt2a),
    "mrd-positive": Kind(disease.mrd_positive),
    "mrd-negative-or-unavailable": Kind(disease.mrd_negative_or_unavailable),
    "dose-maximum": Kind(request.dose_maximum),
    "literature": Kind(request.literature),
    "labelled-regimen": Kind(request.labelled_regimen),
    "answer": Kind(request.answer, ("of",)),
    "days-since-first-dose": Kind(request.days_since_first_dose, ("at_least",)),
    "responding": Kind(request.responding),
}
"""Every kind a policy file may use. The loader is handed the names."""

PARAMETERS: Mapping[str, tuple[str, ...]] = {name: kind.parameters for name, kind in KINDS.items()}


def judge_condition(judged: Judged, condition: Mapping[str, Any]) -> Finding:
    """One condition of a paragraph; with `only_for` it binds that age group alone."""
    finding = KINDS[condition["kind"]].judge(judged, condition)
    if "only_for" not in condition:
        return finding
    others = {"adult": "pediatric", "pediatric": "adult"}[condition["only_for"]]
    exempt = age_group_finding(judged.case, others, judged.adult_age_years)
    return any_of([exempt, finding])
