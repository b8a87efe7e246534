"""Weight, height and BSA: which measurement counts, how old it may be, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cds_service.facts.model import Fact, Measurement
from cds_service.settings import Settings
from tests.fhir_builders import LOINC, Resource, concept, height, observation, patient, quantity, read, weight

D = Decimal


def read_weight(*entries: Resource, birth: str | None = "2016-05-01") -> Fact[Measurement]:
    return read(patient(birth), *entries).patient.weight


@pytest.mark.parametrize(
    ("value", "unit", "kilograms"),
    [
        ("44.9", "kg", "44.9"),
        ("45.0", "kg", "45.0"),
        ("44970", "g", "44.97"),
        ("99.2", "[lb_av]", "44.996363104"),
        ("66", "lbs", "29.93709642"),
    ],
)
def test_a_weight_is_read_unrounded_in_kilograms(value: str, unit: str, kilograms: str) -> None:
    fact = read_weight(weight(value, unit))
    assert fact.value is not None
    assert fact.value.value == D(kilograms)
    assert (fact.evidence[0].what, fact.evidence[0].value, fact.evidence[0].date) == (
        "Weight",
        f"{D(value).normalize():f} {unit}",
        "2025-09-28",
    )


@pytest.mark.parametrize(
    ("entries", "kilograms"),
    [
        ((weight("30", day="2025-09-20"), weight("31", day="2025-09-28")), "31"),
        ((weight("31", day="2025-09-28"), weight("30", day="2025-09-20")), "31"),
        ((weight("30", day="2025-09-28T08:00:00Z"), weight("31", day="2025-09-28T16:00:00Z")), "31"),
        ((weight("30", day="2025-09-28T23:30:00-06:00"), weight("31", day="2025-09-29T04:00:00Z")), "30"),
        ((weight("30"), weight("31", day="2025-09-29", status="amended")), "31"),
        ((weight("30"), weight("31", day="2025-09-29", status="corrected")), "31"),
        ((weight("30"), weight("31", day="2025-09-29", status="preliminary")), "30"),
        ((weight("30"), weight("31", day="2025-09-29", status="entered-in-error")), "30"),
        ((weight("30"), weight("31", day="2025-10-02")), "30"),  # dated after the day of the call
        ((weight("30"), weight("66.14", "lb")), "30"),  # one measurement in two units
        ((weight("30", code="3141-9"),), "30"),
        ((weight("30", code="8350-1"),), "30"),
    ],
)
def test_the_newest_usable_weight_counts(entries: tuple[Resource, ...], kilograms: str) -> None:
    fact = read_weight(*entries)
    assert fact.value is not None
    assert fact.value.value == D(kilograms)


@pytest.mark.parametrize(
    "entry",
    [
        weight("30", code="3142-7"),  # stated
        weight("30", code="75292-3"),  # usual
        weight("30", code="8341-0"),  # dry
        observation(concept(LOINC, "29463-7", text="Birth weight"), valueQuantity=quantity("30", "kg")),
        observation(concept(LOINC, "29463-7", display="Ideal body weight"), valueQuantity=quantity("30", "kg")),
        weight("30", method=concept(text="Stated by parent")),
    ],
)
def test_a_stated_usual_ideal_birth_or_dry_weight_is_never_used(entry: Resource) -> None:
    fact = read_weight(entry)
    assert fact.value is None
    assert fact.problem is not None
    assert "not used for dosing" in fact.problem


def test_a_birth_weight_is_no_weight() -> None:
    case = read(patient(), weight("3.2", code="8339-4"))
    assert case.patient.weight == Fact()
    assert case.patient.birth_weight_g.value == D(3200)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (weight("5400"), "implausible weight: 5400 kg is outside 1 to 300 kg"),
        (weight("0.9"), "implausible weight: 0.9 kg"),
        (weight("300.1"), "implausible weight: 300.1 kg"),
        (observation(concept(LOINC, "29463-7"), valueQuantity=quantity("30")), "no readable value or unit"),
        (observation(concept(LOINC, "29463-7"), valueQuantity=quantity("66", "lb", "kg")), "no readable value or unit"),
        (
            observation(concept(LOINC, "29463-7"), valueQuantity={"value": "30,000", "unit": "kg"}),
            "no readable value or unit",
        ),
        (observation(concept(LOINC, "29463-7"), valueString="about 30 kg"), "no readable value or unit"),
    ],
)
def test_an_implausible_or_unreadable_weight_is_refused_by_name(entry: Resource, words: str) -> None:
    fact = read_weight(weight("30", day="2025-09-01"), entry)
    assert fact.value is None
    assert words in (fact.problem or "")
    assert fact.evidence


@pytest.mark.parametrize("value", ["1", "300"])
def test_the_limits_of_plausibility_are_plausible(value: str) -> None:
    assert read_weight(weight(value)).known


def test_two_weights_of_one_moment_that_differ_are_a_conflict() -> None:
    fact = read_weight(weight("30"), weight("31"))
    assert (fact.value, fact.conflict, len(fact.evidence)) == (None, True, 2)


@pytest.mark.parametrize(
    ("birth", "day", "stale"),
    [
        ("2016-05-01", "2025-09-01", False),  # 30 days
        ("2016-05-01", "2025-08-31", True),
        ("2025-01-01", "2025-09-24", False),  # under one year: 7 days
        ("2025-01-01", "2025-09-23", True),
        ("2024-10-01", "2025-09-23", False),  # first birthday on the day of the start
        ("2024-10-02", "2025-09-23", True),
        ("2016-05-01", None, True),
        ("2016-05-01", "2025-08", True),
    ],
)
def test_a_weight_grows_old_sooner_in_infants(birth: str, day: str | None, stale: bool) -> None:
    fact = read_weight(weight("9", day=day), birth=birth)
    assert fact.known
    assert fact.stale is stale
    assert (fact.problem is not None) is stale


@pytest.mark.parametrize(
    ("birth", "day", "stale"),
    [
        ("2016-05-01", "2025-04-04", False),  # 180 days
        ("2016-05-01", "2025-04-03", True),
        ("2025-01-01", "2025-09-01", False),  # 30 days under one year
        ("2025-01-01", "2025-08-31", True),
        ("1980-05-01", "2015-01-01", False),  # grown
    ],
)
def test_a_height_grows_old_while_the_patient_grows(birth: str, day: str, stale: bool) -> None:
    assert read(patient(birth), height("117", day=day)).patient.height.stale is stale


def test_staleness_counts_to_the_planned_start() -> None:
    from tests.fhir_builders import order, rate

    planned = {**rate("28"), "timing": {"repeat": {"boundsPeriod": {"start": "2025-10-20"}}}}
    case = read(patient(), weight("30", day="2025-09-10"), order_=order(planned))
    assert case.patient.weight.stale
    assert case.patient.weight.problem == "the weight is 40 days old at the planned start"


def test_a_site_may_set_the_limits() -> None:
    case = read(patient(), weight("30", day="2025-09-20"), settings=Settings(weight_stale_days=10))
    assert case.patient.weight.stale


@pytest.mark.parametrize(
    ("value", "unit", "known"),
    [("0.98", "m2", True), ("0.098", "m2", False), ("3.1", "m2", False), ("9800", "cm2", False)],
)
def test_a_charted_body_surface_is_read_within_its_limits(value: str, unit: str, known: bool) -> None:
    found = read(
        patient(), observation(concept(LOINC, "8277-6"), valueQuantity=quantity(value, unit))
    ).patient.charted_bsa
    assert found.known is known


@pytest.mark.parametrize(
    ("birth", "kilograms", "centimetres", "words"),
    [
        ("2016-05-01", "30", "117", ()),
        ("2016-05-01", "30", "61", ("do not fit each other", "a height of 61 cm does not fit the age")),
        (
            "2016-05-01",
            "117",
            "30",
            ("do not fit each other", "a weight of 117 kg does not fit", "a height of 30 cm does not fit"),
        ),
        ("1980-05-01", "12", "160", ("do not fit each other", "a weight of 12 kg does not fit the age")),
        ("2025-07-20", "4.2", "55", ()),
        ("2025-07-20", "42", "55", ("do not fit each other", "a weight of 42 kg does not fit the age")),
        (None, "30", "117", ()),
    ],
)
def test_height_weight_and_age_that_do_not_fit_are_warned_of(
    birth: str | None, kilograms: str, centimetres: str, words: tuple[str, ...]
) -> None:
    warnings = read(patient(birth), weight(kilograms), height(centimetres)).patient.body_warnings
    assert len(warnings) == len(words)
    assert all(word in warning for word, warning in zip(words, warnings, strict=True))


@pytest.mark.parametrize(
    ("code", "value", "days"),
    [
        ("76516-4", {"valueQuantity": quantity("33", "wk", "wk")}, 231),
        ("76516-4", {"valueQuantity": quantity("237", "d", "d")}, 237),
        ("76516-4", {"valueString": "34w0d"}, 238),
        ("76516-4", {"valueString": "33+6"}, 237),
        ("18185-9", {"valueQuantity": quantity("33", "wk", "wk")}, None),  # of a pregnancy
    ],
)
def test_gestational_age_is_read_in_completed_days(code: str, value: Resource, days: int | None) -> None:
    assert read(patient(), observation(concept(LOINC, code), **value)).patient.gestational_age_days.value == days


@pytest.mark.parametrize(
    ("birth", "known"), [("2016-05-01", True), ("2016", True), (None, False), ("soon", False), ("2031-01-01", False)]
)
def test_a_birth_date_is_read_as_written(birth: str | None, known: bool) -> None:
    fact = read(patient(birth)).patient.birth_date
    assert fact.known is known
    assert not known or str(fact.value) == birth
