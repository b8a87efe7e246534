"""The order: is it blinatumomab, how much per day, on which days, and what stands beside it."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.facts.build import read_cases
from cds_service.facts.dosage import read_dosage
from cds_service.facts.model import Case, OrderedStep
from cds_service.fhir.chart import read_chart
from cds_service.settings import Settings
from tests.fhir_builders import (
    PATIENT,
    PAYERS,
    QUESTIONS,
    RXNORM,
    SNOMED,
    TODAY,
    VALUE_SETS,
    Resource,
    answers,
    concept,
    medication_request,
    order,
    patient,
    quantity,
    rate,
    read,
)

D = Decimal
HCPCS, ATC, NDC = (
    "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "http://www.whocc.no/atc",
    "http://hl7.org/fhir/sid/ndc",
)


def cases(
    *drafts: Resource, in_scope: tuple[int, ...] | None = None, prefetch: dict[str, Any] | None = None
) -> tuple[Case, ...]:
    chart = read_chart(patient_id=PATIENT, prefetch=prefetch or {}, drafts=drafts)
    scope = tuple(range(len(drafts))) if in_scope is None else in_scope
    return read_cases(
        chart,
        drafts,
        scope,
        user_id=None,
        as_of=None,
        today=TODAY,
        value_sets=VALUE_SETS,
        settings=Settings(),
        payers=PAYERS,
        questions=QUESTIONS,
    )


@pytest.mark.parametrize(
    ("drug", "matched_by"),
    [
        (concept(RXNORM, "1597258"), "rxnorm"),
        (concept(RXNORM, "1597262"), "rxnorm"),
        (concept(RXNORM, "1597263"), "rxnorm"),
        (concept(NDC, "55513-160-01"), "ndc"),
        (concept(NDC, "55513-0160-01"), "ndc"),
        (concept(NDC, "55513016001"), "ndc"),
        (concept(HCPCS, "J9039"), "hcpcs"),
        (concept("https://bluebutton.cms.gov/resources/codesystem/hcpcs", "J9039"), "hcpcs"),
        (concept(SNOMED, "716122004"), "snomed"),
        (concept(ATC, "L01FX07"), "atc"),
        (concept(ATC, "L01XC19"), "atc"),
        (concept(text="Blinatumomab 28 mcg/day continuous infusion"), "text"),
        (concept(text="BLINCYTO"), "text"),
        (concept("http://local.example.org", "123", "blinatumomab (Blincyto) infusion"), "text"),
        ({"coding": [{}, {"system": RXNORM, "code": "1"}, {"system": RXNORM, "code": "1597258"}]}, "rxnorm"),
    ],
)
def test_the_drug_is_known_by_any_coding_and_else_by_its_name(drug: Resource, matched_by: str) -> None:
    (case,) = cases(order(rate("28"), drug=drug))
    assert (case.order.drug, case.order.matched_by) == ("blinatumomab", matched_by)


@pytest.mark.parametrize(
    "drug",
    [
        concept(RXNORM, "3264", text="Dexamethasone before blinatumomab"),
        concept(text="Dexamethasone 20 mg before blinatumomab"),
        concept(text="Blinatumomab premedication: dexamethasone 20 mg"),
        concept(text="Blincyto pre-med"),
        concept(text="Premedication for blinatumomab"),
        concept("http://other.example.org", "1597258"),
        concept(None, "1597258"),
        concept(NDC, "5551316001"),  # ten digits can be cut in three ways
        concept(text="inotuzumab ozogamicin"),
        {},
    ],
)
def test_another_drug_is_not_ours(drug: Resource) -> None:
    assert cases({**order(rate("28")), "medicationCodeableConcept": drug}) == ()


MEDICATION = {"resourceType": "Medication", "id": "m", "code": concept(RXNORM, "1597258")}
BAG = {"resourceType": "Medication", "id": "m", "ingredient": [{"itemCodeableConcept": concept(RXNORM, "1597258")}]}


@pytest.mark.parametrize("medication", [MEDICATION, BAG])
@pytest.mark.parametrize("place", ["contained", "drafted", "prefetched", "absolute"])
def test_a_medication_reference_is_followed(place: str, medication: Resource) -> None:
    written = {"contained": "#m", "absolute": "https://ehr.example.org/fhir/Medication/m/_history/2"}.get(
        place, "Medication/m"
    )
    draft = order(rate("28"), medicationReference={"reference": written})
    if place == "contained":
        draft["contained"] = [medication]
    drafts = (draft, medication) if place == "drafted" else (draft,)
    prefetch = {"theirs": medication} if place in ("prefetched", "absolute") else {}
    assert len(cases(*drafts, prefetch=prefetch)) == 1


def test_a_reference_that_leads_nowhere_is_read_by_its_display() -> None:
    named = {"reference": "Medication/gone", "display": "blinatumomab"}
    assert [case.order.matched_by for case in cases(order(rate("28"), medicationReference=named))] == ["text"]
    assert cases(order(rate("28"), medicationReference={"reference": "Medication/gone"})) == ()


def test_one_case_for_each_draft_in_scope() -> None:
    drafts = (order(rate("9"), id="a"), medication_request(concept(RXNORM, "3264")), order(rate("28"), id="b"))
    assert [case.order.reference for case in cases(*drafts)] == ["MedicationRequest/a", "MedicationRequest/b"]
    assert [case.order.reference for case in cases(*drafts, in_scope=(2, 9))] == ["MedicationRequest/b"]


def test_a_draft_without_an_id_is_known_by_its_place() -> None:
    (case,) = cases({name: value for name, value in order(rate("28")).items() if name != "id"})
    assert case.order.reference == "draftOrders.entry[0]"


def given_dose(value: str, unit: str, **repeat: Any) -> Resource:
    timing = (
        {"timing": {"repeat": {name: D(v) if isinstance(v, int) else v for name, v in repeat.items()}}}
        if repeat
        else {}
    )
    return {"doseAndRate": [{"doseQuantity": quantity(value, unit)}], **timing}


def ratio(value: str, unit: str, per: str, per_unit: str) -> Resource:
    return {
        "doseAndRate": [{"rateRatio": {"numerator": quantity(value, unit), "denominator": quantity(per, per_unit)}}]
    }


def dose_and_rate(**stated: Resource) -> Resource:
    return {"doseAndRate": [stated]}


@pytest.mark.parametrize(
    ("dosage", "low", "high", "per"),
    [
        (rate("28", "ug/d"), "28", None, None),
        (rate("28.1", "ug/d"), "28.1", None, None),
        (rate("28", "mcg/day"), "28", None, None),
        (rate("28", "µg/d"), "28", None, None),
        (rate("1.1667", "ug/h"), "28", None, None),  # 28 / 24, as a pump shows it
        (rate("1.17", "ug/h"), "28.08", None, None),
        (rate("1.2", "ug/h"), "28.8", None, None),
        (rate("0.375", "ug/h"), "9", None, None),
        (rate("0.028", "mg/d"), "28", None, None),
        (rate("28", "mg/d"), "28000", None, None),
        (rate("15", "ug/m2/d"), "15", None, "m2"),
        (rate("15", "ug/(m2.d)"), "15", None, "m2"),
        (rate("0.5", "ug/kg/d"), "0.5", None, "kg"),
        (dose_and_rate(rateQuantity=quantity("28", "per day", "ug/d")), "28", None, None),
        (ratio("28", "ug", "24", "h"), "28", None, None),
        (ratio("28", "mcg", "1", "d"), "28", None, None),
        (ratio("196", "ug", "7", "d"), "28", None, None),
        (ratio("15", "ug/m2", "1", "d"), "15", None, "m2"),
        (given_dose("28", "ug", frequency=1, period=1, periodUnit="d"), "28", None, None),
        (given_dose("14", "ug", frequency=2, period=1, periodUnit="d"), "28", None, None),
        (given_dose("28", "ug", period=24, periodUnit="h"), "28", None, None),
        (given_dose("196", "ug", duration=7, durationUnit="d"), "28", None, None),  # the seven-day bag
        (given_dose("196", "ug", duration=168, durationUnit="h"), "28", None, None),
        (
            given_dose("196", "ug", frequency=1, period=1, periodUnit="wk", duration=7, durationUnit="d"),
            "28",
            None,
            None,
        ),
        (
            given_dose("196", "ug", frequency=1, period=1, periodUnit="d", duration=7, durationUnit="d"),
            "28",
            "196",
            None,
        ),
        (given_dose("28", "ug", frequency=1, frequencyMax=2, period=1, periodUnit="d"), "28", "56", None),
        (given_dose("15", "ug/m2", frequency=1, period=1, periodUnit="d"), "15", None, "m2"),
        (given_dose("28", "ug/d"), "28", None, None),
        ({**given_dose("28", "ug"), "timing": {"code": concept(code="QD")}}, "28", None, None),
        ({**given_dose("28", "ug"), "timing": {"code": concept(text="Daily")}}, "28", None, None),
        (dose_and_rate(rateRange={"low": quantity("25", "ug/d"), "high": quantity("28", "ug/d")}), "25", "28", None),
        (dose_and_rate(rateQuantity=quantity("28", "ug/d"), doseQuantity=quantity("28", "ug")), "28", None, None),
        (dose_and_rate(rateQuantity=quantity("10", "mL/h"), doseQuantity=quantity("28", "ug/d")), "28", None, None),
        (
            {"doseAndRate": [{"rateQuantity": quantity("15", "ug/m2/d")}, {"rateQuantity": quantity("14.8", "ug/d")}]},
            "14.8",
            None,
            None,
        ),
        ({"doseAndRate": {"rateQuantity": quantity("28", "ug/d")}}, "28", None, None),  # an object where a list is due
    ],
)
def test_a_dose_is_micrograms_per_day_whatever_its_shape(
    dosage: Resource, low: str, high: str | None, per: str | None
) -> None:
    (step,) = read(patient(), order_=order(dosage)).order.steps
    assert (step.rate, step.high_rate, step.per) == (D(low), D(high) if high else None, per)
    assert step.as_written


@pytest.mark.parametrize(
    ("dosage", "as_written", "problem"),
    [
        (rate("10", "mL/h"), "10 mL/h", "a pump rate gives no dose without the concentration"),
        (
            given_dose("240", "mL", duration=24, durationUnit="h"),
            "240 mL",
            "a volume gives no dose without the concentration",
        ),
        (given_dose("1", "vial", frequency=1, period=1, periodUnit="d"), "1 vial", "a number of containers"),
        (given_dose("28", "ug"), "28 ug", "not stated how long one dose lasts"),
        (dose_and_rate(rateQuantity={"value": D(28)}), "28", "no unit is stated"),
        (dose_and_rate(rateQuantity=quantity("28", "ug/h", "ug/d")), "28 ug/h", "mean different things"),
        (dose_and_rate(rateQuantity=quantity("28", "ug/d", "mL/h")), "28 ug/d", "mean different things"),
        (dose_and_rate(rateQuantity=quantity("28", "ug/d", comparator="<")), "< 28 ug/d", "a limit, not"),
        (rate("0"), "0 ug/d", "not above zero"),
        (rate("-28"), "-28 ug/d", "not above zero"),
        ({"text": "28 mcg/day by continuous IV infusion"}, "28 mcg/day by continuous IV infusion", "in words only"),
        (ratio("28", "ug", "1", "mo"), "28 ug / 1 mo", "the time over which the dose runs"),
    ],
)
def test_a_dose_that_cannot_be_told_is_unknown_and_says_why(dosage: Resource, as_written: str, problem: str) -> None:
    (step,) = read(patient(), order_=order(dosage)).order.steps
    assert step.rate is None
    assert step.as_written == as_written
    assert problem in (step.problem or "")


@pytest.mark.parametrize(
    "dosages", [(), ({"route": concept(text="IV")},), ({"doseAndRate": [{}]},), ({"doseAndRate": "28"},)]
)
def test_no_dose_stated_is_no_step(dosages: tuple[Resource, ...]) -> None:
    assert read(patient(), order_=order(*dosages)).order.steps == ()


def test_a_rate_and_a_dose_that_do_not_agree_are_both_kept() -> None:
    both = {
        **dose_and_rate(rateQuantity=quantity("9", "ug/d"), doseQuantity=quantity("28", "ug")),
        "timing": {"code": concept(code="QD")},
    }
    (step,) = read(patient(), order_=order(both)).order.steps
    assert (step.rate, step.high_rate) == (D(9), D(28))
    assert "do not agree" in (step.problem or "")


def during(dosage: Resource, sequence: int | None = None, **bounds: Any) -> Resource:
    """The dosage with its bounds: days=7, or start and end."""
    repeat: Resource = {}
    if "days" in bounds:
        repeat = {"boundsDuration": quantity(str(bounds["days"]), "d", "d")}
    elif bounds:
        repeat = {"boundsPeriod": bounds}
    numbered = {"sequence": sequence} if sequence else {}
    return {**dosage, **numbered, "timing": {"repeat": repeat}}


def steps(*dosages: Resource) -> list[tuple[Decimal | None, int, int | None]]:
    return [(step.rate, step.first_day, step.last_day) for step in read(patient(), order_=order(*dosages)).order.steps]


NINE, FULL = rate("9"), rate("28")


@pytest.mark.parametrize(
    ("dosages", "days"),
    [
        ((FULL,), [(28, 1, None)]),
        ((during(FULL, days=28),), [(28, 1, 28)]),
        ((during(FULL, start="2025-10-01", end="2025-10-28"),), [(28, 1, 28)]),
        ((during(FULL, start="2025-10-01T08:00:00Z", end="2025-10-29T08:00:00Z"),), [(28, 1, 28)]),
        ((during(NINE, 1, days=7), during(FULL, 2, days=21)), [(9, 1, 7), (28, 8, 28)]),
        ((during(FULL, 2, days=21), during(NINE, 1, days=7)), [(9, 1, 7), (28, 8, 28)]),
        ((during(NINE, 1, days=7), during(FULL, 2)), [(9, 1, 7), (28, 8, None)]),
        ((during(NINE, days=7), during(FULL, days=21)), [(9, 1, 7), (28, 8, 28)]),
        (
            (during(NINE, start="2025-10-01", end="2025-10-07"), during(FULL, start="2025-10-08", end="2025-10-28")),
            [(9, 1, 7), (28, 8, 28)],
        ),
        (
            (
                during(NINE, start="2025-10-01T10:00:00Z", end="2025-10-08T10:00:00Z"),
                during(FULL, start="2025-10-08T10:00:00Z", end="2025-10-29T10:00:00Z"),
            ),
            [(9, 1, 7), (28, 8, 28)],
        ),
        ((during(NINE, start="2025-10-01"), during(FULL, start="2025-10-08")), [(9, 1, 7), (28, 8, None)]),
        ((during(NINE, 1), during(FULL, 2)), [(9, 1, None), (28, 1, None)]),  # sequence, but no end
        ((during(rate("14"), 1, days=28), during(rate("14"), 1, days=28)), [(28, 1, 28)]),  # both at the same time
        ((given_dose("196", "ug", count=4, duration=7, durationUnit="d"),), [(28, 1, 28)]),
        ((given_dose("28", "ug", count=28, period=1, periodUnit="d"),), [(28, 1, 28)]),
    ],
)
def test_steps_follow_each_other(dosages: tuple[Resource, ...], days: list[tuple[int, int, int | None]]) -> None:
    assert steps(*dosages) == [(D(dose), first, last) for dose, first, last in days]


def test_instructions_without_order_or_bounds_say_so() -> None:
    found = read(patient(), order_=order(NINE, FULL)).order.steps
    assert [step.rate for step in found] == [D(9), D(28)]
    assert all("do not say when" in (step.problem or "") for step in found)


def test_a_step_after_one_without_an_end_says_that_its_begin_is_unknown() -> None:
    _, second = read(patient(), order_=order(during(NINE, 1), during(FULL, 2))).order.steps
    assert second.problem == "it is not stated when this step begins"


def test_two_doses_at_once_of_which_one_is_unknown_are_unknown() -> None:
    (step,) = read(patient(), order_=order(during(FULL, 1, days=7), during(rate("10", "mL/h"), 1, days=7))).order.steps
    assert (step.rate, step.as_written) == (None, "28 ug/d + 10 mL/h")


@pytest.mark.parametrize(
    ("limit", "per_day"),
    [
        ({"numerator": quantity("28", "ug"), "denominator": quantity("1", "d")}, "28"),
        ({"numerator": quantity("784", "ug"), "denominator": quantity("28", "d")}, "28"),
        ({"numerator": quantity("15", "ug/m2"), "denominator": quantity("1", "d")}, None),
        ({"numerator": quantity("240", "mL"), "denominator": quantity("1", "d")}, None),
    ],
)
def test_the_daily_maximum_is_read(limit: Resource, per_day: str | None) -> None:
    found = read(patient(), order_=order({**FULL, "maxDosePerPeriod": limit})).order.max_per_day
    assert found == (D(per_day) if per_day else None)


def test_start_duration_and_text_of_the_order() -> None:
    dosage = {**during(FULL, start="2025-10-06", end="2025-11-02"), "text": "Start 28 mcg/day"}
    found = read(patient(), order_=order(dosage, note=[{"text": "Quillon has a\nport"}])).order
    assert (found.start, found.duration_days, found.status) == (date(2025, 10, 6), D(28), "draft")
    assert found.text == "Start 28 mcg/day | […] has a port"  # one line, no patient name
    supply = {"expectedSupplyDuration": quantity("4", "wk", "wk")}
    assert read(patient(), order_=order(FULL, dispenseRequest=supply)).order.duration_days == D(28)


@pytest.mark.parametrize(
    ("as_of", "authored", "expected"),
    [
        (date(2025, 3, 1), "2025-09-30", date(2025, 3, 1)),
        (None, "2025-09-30T10:00:00Z", date(2025, 9, 30)),
        (None, None, TODAY),
    ],
)
def test_the_date_that_counts(as_of: date | None, authored: str | None, expected: date) -> None:
    placed = {**order(FULL), "authoredOn": authored}
    assert read(patient(), order_=placed, as_of=as_of).as_of == expected


def other(start: str | None, end: str | None = None, **more: Any) -> Resource:
    bounds = {name: value for name, value in (("start", start), ("end", end)) if value}
    return order(
        during(NINE, **bounds) if bounds else NINE, id="other", **{"status": "active", "authoredOn": None, **more}
    )


THIS = order(during(FULL, start="2025-10-08", end="2025-10-28"))


@pytest.mark.parametrize(
    ("entry", "same_course", "overlapping"),
    [
        (other("2025-10-01", "2025-10-07"), True, False),  # a step order and its continuation
        (other("2025-10-01", "2025-10-08"), True, False),  # ends on the day on which the next begins
        (other("2025-10-01", "2025-10-09"), False, True),
        (other("2025-10-01"), False, True),  # goes on
        (other("2025-10-29", "2025-11-20"), True, False),
        (other("2025-11-20", "2025-12-17"), False, False),
        (other("2025-08-01", "2025-08-28"), False, False),
        (other(None), False, None),
        (other(None, authoredOn="2025-10-05"), False, True),
    ],
)
def test_another_active_order_is_one_course_or_overlaps(
    entry: Resource, same_course: bool, overlapping: bool | None
) -> None:
    (found,) = read(patient(), entry, order_=THIS).order.others
    assert (found.same_course, found.overlapping, found.draft) == (same_course, overlapping, False)
    assert found.steps[0].rate == D(9)


def step_order(**more: Any) -> Resource:
    return order(during(NINE, days=7), id="step", authoredOn=None, **more)


def continuing(*, text: str | None = None, days: int | None = 21, **more: Any) -> Resource:
    dosage = during(FULL, days=days) if days else FULL
    return order({**dosage, **({"text": text} if text else {})}, id="next", authoredOn=None, **more)


def told(name: str, **given: Any) -> tuple[Resource, Resource]:
    """Answers, and the member by which an order points to them."""
    return answers(name, **given), {"supportingInformation": [{"reference": f"QuestionnaireResponse/{name}"}]}


FIRST, POINT_FIRST = told("qr-1", cycle=1, day=1)
EIGHTH, POINT_EIGHTH = told("qr-8", cycle=1, day=8)
NINTH, POINT_NINTH = told("qr-9", cycle=1, day=9)
TENTH, POINT_TENTH = told("qr-10", cycle=1, day=10)
SECOND_CYCLE, POINT_SECOND = told("qr-2", cycle=2, day=8)
PRIOR = {"priorPrescription": {"reference": "MedicationRequest/step"}}
WORDED = during({**NINE, "text": "Days 1-7: 9 mcg/day"}, days=7)


@pytest.mark.parametrize(
    ("one", "two", "same_course", "overlapping", "why"),
    [
        (step_order(), continuing(), False, None, "a start is missing"),  # the doses and lengths alone tell nothing
        (step_order(), continuing(**PRIOR), False, None, "a start is missing"),  # it may be what this one replaces
        (step_order(**POINT_FIRST), continuing(**PRIOR, **POINT_EIGHTH), True, False, None),
        (
            step_order(),
            continuing(basedOn=[{"reference": "MedicationRequest/step"}]),
            False,
            None,
            "a start is missing",
        ),
        (step_order(**POINT_FIRST), continuing(**POINT_EIGHTH), True, False, None),
        (step_order(**POINT_FIRST), continuing(**POINT_NINTH), True, False, None),  # a day's pause
        (step_order(**POINT_FIRST), continuing(**POINT_TENTH), False, False, None),
        (step_order(**POINT_FIRST), continuing(**POINT_FIRST), False, True, None),
        (step_order(**POINT_FIRST), continuing(**POINT_SECOND), False, None, "a start is missing"),
        (step_order(**POINT_FIRST), continuing(), False, None, "a start is missing"),
        (order(WORDED, id="step", authoredOn=None), continuing(text="Days 8 to 28"), True, False, None),
        (order(WORDED, id="step", authoredOn=None), continuing(text="Days 1-21"), False, True, None),
        (order(WORDED, id="step", authoredOn=None), continuing(text="Days 8-21"), False, None, "a start is missing"),
        (order(WORDED, id="step", authoredOn=None), continuing(text="Cycle 1: days 8-28"), True, False, None),
        (
            order({**WORDED, "text": "Cycle 1, days 1-7"}, id="step", authoredOn=None),
            continuing(text="Cycle 2, days 8-28"),
            *(False, None, "a start is missing"),
        ),
        (step_order(), continuing(text="after the first 7 days"), False, None, "a start is missing"),
    ],
)
def test_two_undated_drafts_are_one_course_only_where_something_tells_their_sequence(
    one: Resource, two: Resource, same_course: bool, overlapping: bool | None, why: str | None
) -> None:
    on_file = (FIRST, EIGHTH, NINTH, TENTH, SECOND_CYCLE)
    for mine, theirs in ((one, two), (two, one)):
        (found,) = read(patient(), *on_file, order_=mine, drafts=(theirs,)).order.others
        assert (found.same_course, found.overlapping, found.draft) == (same_course, overlapping, True)
        assert (why or "") in (found.why or "")
        assert bool(found.why) is bool(why)


def test_another_draft_is_another_order_and_a_past_one_is_not() -> None:
    drafted = read(patient(), order_=THIS, drafts=(other("2025-10-08"),)).order.others
    assert [(found.draft, found.overlapping) for found in drafted] == [(True, True)]
    for status in ("completed", "cancelled", "stopped", "draft"):
        assert read(patient(), other("2025-10-08", status=status), order_=THIS).order.others == ()
    assert read(patient(), other("2025-10-08", intent="plan"), order_=THIS).order.others == ()


def test_the_filed_version_of_the_draft_is_not_another_order() -> None:
    assert read(patient(), {**THIS, "status": "active"}, order_=THIS).order.others == ()


@pytest.mark.parametrize("numbers", [([1], [2]), ("1", 2), ({"a": 1}, 2), (1, None), (1, 1), (True, 2)])
def test_instructions_without_plain_numbers_are_read_and_not_written_into(numbers: tuple[Any, Any]) -> None:
    steps = (during(NINE, days=7), during(FULL, days=21))
    written = order(*({**one, "sequence": number} for one, number in zip(steps, numbers, strict=True)))
    problem = read(patient(), order_=written).order.writing.unwritable
    assert problem == "its instructions run together, or do not say which comes first"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=4),
        lambda x: (
            st.lists(x, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "doseAndRate",
                        "timing",
                        "repeat",
                        "rateQuantity",
                        "value",
                        "unit",
                        "boundsPeriod",
                        "start",
                        "sequence",
                    ]
                ),
                x,
                max_size=4,
            )
        ),
        max_leaves=12,
    )
)
def test_no_dosage_however_odd_raises(dosage: Any) -> None:
    chart = read_chart(patient_id=PATIENT, prefetch={}, drafts=())
    found = read_dosage(chart, {"resourceType": "MedicationRequest", "dosageInstruction": [dosage]})
    assert all(isinstance(step, OrderedStep) for step in found.steps)


def test_what_is_wrong_with_the_order_itself_is_noted_without_values() -> None:
    case = read(patient(), order_=order(FULL, authoredOn="whenever-SECRET", unknownThing={"a": 1}))
    notes = [note.why for note in case.unreadable]
    assert len(notes) == 2
    assert all(note.reference == "MedicationRequest/o1" for note in case.unreadable)
    assert not any("SECRET" in why for why in notes)


def test_the_known_quirks_of_clients_are_no_fault_of_the_record() -> None:
    quirky = order(FULL, category={"text": "inpatient"}, reasonCode=concept(SNOMED, "277571004"))
    del quirky["intent"]
    before = repr(quirky)
    assert read(patient(), order_=quirky).unreadable == ()
    assert repr(quirky) == before  # the caller's JSON is kept as it came
