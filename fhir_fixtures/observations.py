"""What was measured: body, leukaemia, laboratory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from fhir_fixtures.codes import CODES, LOCAL_LABORATORY, concept, hl7
from fhir_fixtures.datatypes import Json, at, is_quantity, named, quantity, reference
from fhir_fixtures.recipe import Recipe

_LABORATORY_VALUE = re.compile(r"^(?P<value>[\d.]+)(?:\s*/\s*(?P<high>[\d.]+))?\s+(?P<unit>\S+)$")


def _observation(recipe: Recipe, suffix: str, category: str, *, code: Json, day: date, value: Json) -> Json:
    return (
        named(recipe, "Observation", suffix)
        | {
            "status": "final",
            "category": [hl7("observation-category", category)],
            "code": code,
            "subject": reference(recipe),
            "effectiveDateTime": at(day, 8),
        }
        | value
    )


def _result(text: str) -> Json:
    """A quantity, a coded answer by its short name, or words."""
    if is_quantity(text):
        return {"valueQuantity": quantity(text)}
    return {"valueCodeableConcept": concept(text)} if text in CODES else {"valueString": text}


def vital_signs(recipe: Recipe) -> Iterator[Json]:
    """Weight, height and a charted body surface area."""
    rows = (
        ("weight", recipe.weight_code, recipe.weight, recipe.weight_days_ago),
        ("height", "height", recipe.height, recipe.height_days_ago),
        ("bsa", "bsa", recipe.bsa, recipe.height_days_ago),
    )
    for suffix, code, value, days in rows:
        if value:
            when = recipe.days_ago(days)
            yield _observation(recipe, suffix, "vital-signs", code=concept(code), day=when, value=_result(value))
    born = date.fromisoformat(recipe.born) if len(recipe.born) == 10 else recipe.diagnosed
    for suffix, code, value in (
        ("birth-weight", "birth-weight", recipe.birth_weight),
        ("gestational-age", "gestational-age", recipe.gestational_age),
    ):
        if value:
            yield _observation(recipe, suffix, "vital-signs", code=concept(code), day=born, value=_result(value))


def _local(code: str, text: str) -> Json:
    return {"coding": [{"system": LOCAL_LABORATORY, "code": code, "display": text}], "text": text}


def _specimen(recipe: Recipe, place: str) -> Json:
    names = {"marrow": "Bone marrow aspirate", "blood": "Peripheral blood"}
    return {"specimen": {"display": names[place]}}


def _mrd(recipe: Recipe, text: str) -> Json:
    place = {"marrow": "bone marrow", "blood": "peripheral blood"}[recipe.mrd_specimen]
    code = _local(f"MRD-FLOW-{recipe.mrd_specimen.upper()}", f"Minimal residual disease (MRD), {place}, flow cytometry")
    value = _result(text) | _specimen(recipe, recipe.mrd_specimen)
    return _observation(recipe, "mrd", "laboratory", code=code, day=recipe.days_ago(recipe.mrd_days_ago), value=value)


def _cd19(recipe: Recipe, text: str) -> Json:
    code = _local("CD19-BLASTS", "CD19 expression on leukemic blasts, flow cytometry")
    value = _result(text) | _specimen(recipe, "marrow")
    return _observation(recipe, "cd19", "laboratory", code=code, day=recipe.days_ago(recipe.cd19_days_ago), value=value)


def biomarkers(recipe: Recipe) -> Iterator[Json]:
    """MRD, BCR::ABL1 and KMT2A by FISH from the specimen at diagnosis (or at relapse), and CD19 on blasts."""
    if recipe.mrd:
        yield _mrd(recipe, recipe.mrd)
    at_disease = recipe.relapsed or recipe.diagnosed
    for suffix, text in (("bcr-abl1", recipe.bcr_abl1), ("kmt2a", recipe.kmt2a)):
        if text:
            value = _result(text) | _specimen(recipe, "marrow")
            code = concept(f"{suffix}-fish")
            yield _observation(recipe, suffix, "laboratory", code=code, day=at_disease, value=value)
    if recipe.cd19:
        yield _cd19(recipe, recipe.cd19)


def chemistry(recipe: Recipe) -> Iterator[Json]:
    """Liver panel, counts and a pregnancy test of the day before."""
    for name, text in recipe.laboratory.items():
        match = _LABORATORY_VALUE.match(text)
        if match is None:
            raise ValueError(f"{recipe.name}: not a laboratory value: {text!r}")
        value: Json = {"valueQuantity": quantity(f"{match['value']} {match['unit']}")}
        if match["high"]:
            value["referenceRange"] = [{"high": quantity(f"{match['high']} {match['unit']}")}]
        yield _observation(recipe, name, "laboratory", code=concept(name), day=recipe.days_ago(1), value=value)
    if recipe.pregnancy_test:
        value = _result(recipe.pregnancy_test)
        code = concept("pregnancy-test")
        yield _observation(recipe, "pregnancy-test", "laboratory", code=code, day=recipe.days_ago(1), value=value)
