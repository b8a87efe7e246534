"""Every fact of the patient is brought by a prefetch template of ours: a table from the fact to its keys.

Checked on the fixtures: with nothing but these keys, the fact is what it is with all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any

import pytest

from cds_service.facts.build import read_cases
from cds_service.facts.model import Case, Fact, PatientFacts
from cds_service.fhir.chart import read_chart
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import ORDER_SIGN, service_for, services
from cds_service.parts import Parts
from fhir_fixtures import hook_calls

SIGN = service_for(ORDER_SIGN, services("https://site.example.org/fhir"))
CALLS = {name: call for name, call in hook_calls().items() if name.startswith(ORDER_SIGN)}
DISEASE = ("conditions", "laboratory", "reports", "orderQuestions")
MEDICATIONS = ("medicationRequests", "medicationStatements", "medicationAdministrations")

KEYS: Mapping[str, tuple[str, ...]] = {
    "reference": ("patient",),
    "birth_date": ("patient",),
    "sex": ("patient",),
    "lineage": DISEASE,
    "diagnosis_date": DISEASE,
    "bcr_abl1": DISEASE,
    "bcr_abl1_like": DISEASE,
    "kmt2a": DISEASE,
    "cd19": (*DISEASE, *MEDICATIONS),
    "prior_cd19_therapy": MEDICATIONS,
    "mrd": (*DISEASE, *MEDICATIONS),
    "weight": ("vitals",),
    "height": ("vitals",),
    "charted_bsa": ("vitals",),
    "body_warnings": ("vitals",),
    "childbearing_potential": ("patient", "conditions"),
    "pregnancy": ("patient", "conditions", "vitals", "laboratory"),
    "allergies": ("allergies",),
    "allergies_asked": ("allergies",),
    "labs": ("laboratory",),
    "problems": ("conditions", "adverseEvents", "vitals", "orderQuestions", *MEDICATIONS),
    "vaccines": ("immunizations", *MEDICATIONS),
    "concomitant": MEDICATIONS,
    "steroid_orders": MEDICATIONS,
    "birth_weight_g": ("vitals",),
    "gestational_age_days": ("vitals",),
    "prescriber": ("practitioner", "practitionerRoles"),
    "payer": ("coverage",),
    "earlier_blinatumomab": MEDICATIONS,
}


def test_the_table_has_every_fact_and_our_templates_every_key_of_it() -> None:
    assert SIGN is not None
    assert set(KEYS) == {field.name for field in fields(PatientFacts)}
    assert set(SIGN.prefetch) == {key for keys in KEYS.values() for key in keys}


# Warnings about the body are made from the results that bring weight and height; no fixture has one.
@pytest.mark.parametrize("fact", sorted(KEYS.keys() - {"body_warnings"}))
def test_these_keys_alone_bring_the_fact(fact: str, parts: Parts) -> None:
    shown = 0
    for call in CALLS.values():
        whole = cases(call, call["prefetch"], parts)
        if not whole or not known(getattr(whole[0].patient, fact)):
            continue
        wanted = {"patient", *KEYS[fact]}
        cut = {key: value for key, value in call["prefetch"].items() if key in wanted}
        assert value_of(getattr(cases(call, cut, parts)[0].patient, fact)) == value_of(getattr(whole[0].patient, fact))
        shown += 1
        if shown == 3:
            break
    assert shown, "no fixture has this fact"


def cases(call: Mapping[str, Any], prefetch: Mapping[str, Any], parts: Parts) -> tuple[Case, ...]:
    """The cases of this call, with this prefetch in place of its own."""
    assert SIGN is not None
    read = HookCall.parse({**call, "prefetch": prefetch}, service=SIGN)
    return read_cases(
        read_chart(patient_id=read.patient_id, prefetch=read.prefetch, drafts=read.drafts),
        read.drafts,
        read.in_scope,
        user_id=read.user_id,
        as_of=date(2025, 10, 1),
        today=date(2025, 10, 1),
        value_sets=parts.knowledge.value_sets,
        settings=parts.settings,
        payers=parts.knowledge.payers,
        questions=parts.knowledge.questions,
    )


def known(found: object) -> bool:
    """Is anything there: a known fact, or a collection with something in it?"""
    if isinstance(found, Fact):
        return found.known
    return bool(found) if isinstance(found, Iterable) else found is not None


def value_of(found: object) -> object:
    """What the fact says, without its evidence."""
    return found.value if isinstance(found, Fact) else found
