"""The button that changes a dose: only ever lower, only the parts that must change, and none beside a doubt."""

from __future__ import annotations

import copy
import re
import string
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.facts.restating import speaks_of_dose
from cds_service.parts import Parts
from cds_service.present.suggestions.draft import changed_order, per_hour
from cds_service.web.json_body import dump_json, parse_json
from fhir_fixtures import hook_calls
from tests.fhir_builders import concept, quantity
from tests.suggesting import DOSE, Json, advised, buttons, call_of, update_of

ADULT, CHILD = "suggestion-rr-missing-step-adult", "suggestion-child-30kg-flat-28-mcg"
LINE = "Continuous intravenous infusion"
DAYS = {"value": 28, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
RATE = {"value": 28, "unit": "mcg/day", "system": "http://unitsofmeasure.org", "code": "ug/d"}


def dosage(*, rate: Json | None = None, bounds: Json | None = None, **more: Any) -> Json:
    """One instruction: 28 mcg/day for 28 days unless told otherwise."""
    repeat = {"boundsDuration": DAYS} if bounds is None else bounds
    timing = {"timing": {"repeat": repeat}} if repeat else {}
    return {"text": LINE, **timing, "doseAndRate": [rate or {"rateQuantity": RATE}], **more}


def changed(parts: Parts, name: str = ADULT, **order: Any) -> Json | None:
    """The changed order for this fixture's patient with these members of the order."""
    answer = advised(call_of(name, **order), parts).response
    return update_of(parse_json(dump_json(answer).encode()))


def steps(order: Json | None) -> list[tuple[Any, Any]]:
    """(days, dose) of each instruction."""
    assert order is not None
    return [
        (each["timing"]["repeat"]["boundsDuration"]["value"], each["doseAndRate"][0]["rateQuantity"]["value"])
        for each in order["dosageInstruction"]
    ]


# --- what is changed --------------------------------------------------------------------------------------------------


def test_a_childs_flat_dose_becomes_the_label_dose_rounded_down(parts: Parts) -> None:
    order = changed(parts, CHILD)
    assert order is not None
    (instruction,) = order["dosageInstruction"]
    assert instruction["doseAndRate"][0]["rateQuantity"] == {**RATE, "value": Decimal("14.8")}


def test_a_missing_step_becomes_two_instructions_with_sequence_bounds_and_rate(parts: Parts) -> None:
    order = changed(parts, dosageInstruction=[dosage()])
    assert steps(order) == [(7, 9), (21, 28)]
    assert order is not None
    assert [each["sequence"] for each in order["dosageInstruction"]] == [1, 2]


@pytest.mark.parametrize(("day", "left"), [(1, 7), (2, 6), (3, 5), (6, 2), (7, 1)])
def test_a_start_on_day_d_has_8_less_d_step_days(day: int, left: int, parts: Parts) -> None:
    bounds = {"boundsDuration": {**DAYS, "value": 29 - day}}
    call = call_of("suggestion-rr-start-on-day-3", dosageInstruction=[dosage(bounds=bounds)])
    answer_on(call, "day", day)
    order = update_of(parse_json(dump_json(advised(call, parts).response).encode()))
    assert steps(order) == [(left, 9), (29 - day - left, 28)]


def answer_on(call: Json, link: str, value: int) -> None:
    """Answer one order question otherwise, wherever the call holds it."""
    for bundle in (call["context"]["draftOrders"], call["prefetch"]["orderQuestions"]):
        for entry in bundle["entry"]:
            for item in entry["resource"].get("item", ()):
                if item["linkId"] == link:
                    item["answer"] = [{"valueInteger": value}]


def test_from_day_8_on_there_is_no_step_and_nothing_to_change(parts: Parts) -> None:
    bounds = {"boundsDuration": {**DAYS, "value": 21}}
    call = call_of("suggestion-rr-start-on-day-3", dosageInstruction=[dosage(bounds=bounds)])
    answer_on(call, "day", 8)
    assert advised(call, parts).assessments[0]["offers"]["dose"] is None


def test_a_period_is_divided_at_the_same_time_of_day(parts: Parts) -> None:
    period = {"boundsPeriod": {"start": "2025-10-02T09:30:00-05:00", "end": "2025-10-30T09:30:00-05:00"}}
    order = changed(parts, dosageInstruction=[dosage(bounds=period)])
    assert order is not None
    assert [each["timing"]["repeat"]["boundsPeriod"] for each in order["dosageInstruction"]] == [
        {"start": "2025-10-02T09:30:00-05:00", "end": "2025-10-09T09:30:00-05:00"},
        {"start": "2025-10-09T09:30:00-05:00", "end": "2025-10-30T09:30:00-05:00"},
    ]


def test_bare_days_of_a_period_count_both_ends(parts: Parts) -> None:
    period = {"boundsPeriod": {"start": "2025-10-02", "end": "2025-10-29"}}
    order = changed(parts, dosageInstruction=[dosage(bounds=period)])
    assert order is not None
    assert [each["timing"]["repeat"]["boundsPeriod"] for each in order["dosageInstruction"]] == [
        {"start": "2025-10-02", "end": "2025-10-08"},
        {"start": "2025-10-09", "end": "2025-10-29"},
    ]


def test_an_order_without_bounds_gets_those_of_its_steps(parts: Parts) -> None:
    assert steps(changed(parts, dosageInstruction=[dosage(bounds={})])) == [(7, 9), (21, 28)]


def test_a_step_that_is_too_short_keeps_what_matches_and_lowers_the_rest(parts: Parts) -> None:
    given = [
        dosage(
            sequence=4, rate={"rateQuantity": {**RATE, "value": 9}}, bounds={"boundsDuration": {**DAYS, "value": 3}}
        ),
        dosage(sequence=5, bounds={"boundsDuration": {**DAYS, "value": 25}}),
    ]
    order = changed(parts, dosageInstruction=given)
    assert steps(order) == [(3, 9), (4, 9), (21, 28)]
    assert order is not None
    assert [each["sequence"] for each in order["dosageInstruction"]] == [4, 5, 6]
    assert order["dosageInstruction"][0] == given[0]


FORMS: Mapping[str, tuple[Json, str, Json]] = {
    "per hour": (
        {"rateQuantity": quantity("1.1667", "ug/h", "ug/h")},
        "rateQuantity",
        quantity("0.375", "ug/h", "ug/h"),
    ),
    "per 24 hours": (
        {"rateRatio": {"numerator": quantity("28", "mcg", "ug"), "denominator": quantity("24", "h", "h")}},
        "rateRatio",
        {"numerator": quantity("9", "mcg", "ug"), "denominator": quantity("24", "h", "h")},
    ),
    "in words of people": ({"rateQuantity": quantity("28", "mcg/day")}, "rateQuantity", quantity("9", "mcg/day")),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_dose_stays_in_the_form_and_unit_it_was_written_in(name: str, parts: Parts) -> None:
    written, member, expected = FORMS[name]
    order = changed(parts, dosageInstruction=[dosage(rate=written)])
    assert order is not None
    first, second = order["dosageInstruction"]
    assert first["doseAndRate"] == [{member: expected}]
    assert second["doseAndRate"] == [written]


def test_a_daily_dose_with_its_timing_is_changed_in_place(parts: Parts) -> None:
    daily = {"boundsDuration": DAYS, "frequency": 1, "period": 1, "periodUnit": "d"}
    order = changed(parts, dosageInstruction=[dosage(rate={"doseQuantity": quantity("28", "mcg", "ug")}, bounds=daily)])
    assert order is not None
    first, _ = order["dosageInstruction"]
    assert first["doseAndRate"][0]["doseQuantity"]["value"] == 9
    assert first["timing"]["repeat"] == {**daily, "boundsDuration": {**DAYS, "value": 7}}


@given(st.decimals(Decimal("0.1"), Decimal(28), places=1))
def test_an_hourly_rate_is_never_above_the_daily_dose(dose: Decimal) -> None:
    hourly = per_hour(dose)
    assert dose - Decimal("0.0024") < hourly * 24 <= dose


# --- what is not touched ----------------------------------------------------------------------------------------------

NAMES = st.text(string.ascii_lowercase, min_size=3, max_size=8).map(lambda name: f"x-{name}")
LEAVES = (
    st.booleans()
    | st.integers(-1000, 1000)
    | st.sampled_from([Decimal("28.0"), Decimal("0.010"), Decimal("1.10"), Decimal("1E+2")])
    | st.sampled_from(["alpha", "beta-2", "2025-10-01", "https://example.org/a"])
)
MEMBERS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, min_size=1, max_size=2) | st.dictionaries(NAMES, inner, min_size=1, max_size=2),
    max_leaves=5,
)
EXTENSIONS = st.lists(
    st.fixed_dictionaries({"url": st.just("https://example.org/ext"), "valueDecimal": st.just(Decimal("7.500"))}),
    max_size=2,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.dictionaries(NAMES, MEMBERS, max_size=3),
    inside=st.dictionaries(NAMES, MEMBERS, max_size=2),
    extension=EXTENSIONS,
)
def test_everything_else_goes_out_as_it_came_to_the_last_digit(
    order: Json, inside: Json, extension: list[Json], parts: Parts
) -> None:
    extra = {"extension": extension} if extension else {}
    instruction = {**dosage(rate={"rateQuantity": {**RATE, **extra}}), **inside}
    call = parse_json(dump_json(call_of(CHILD, dosageInstruction=[instruction], **order, **extra)).encode())
    sent = copy.deepcopy(call["context"]["draftOrders"]["entry"][0]["resource"])

    answer = dump_json(advised(call, parts).response)
    back = update_of(parse_json(answer.encode()))

    sent["dosageInstruction"][0]["doseAndRate"][0]["rateQuantity"]["value"] = Decimal("14.8")
    assert back is not None
    assert dump_json(back) == dump_json(sent), "same members, same order, same digits"


def test_nothing_of_the_call_is_changed_by_making_the_suggestion(parts: Parts) -> None:
    call = call_of(ADULT)
    before = dump_json(call)
    assert update_of(advised(call, parts).response)
    assert dump_json(call) == before


def test_ids_of_elements_stand_once_in_the_changed_order(parts: Parts) -> None:
    order = changed(parts, dosageInstruction=[dosage(id="first", route={"id": "route", "text": "IV"})])
    assert order is not None
    first, second = order["dosageInstruction"]
    assert (first["id"], first["route"]["id"]) == ("first", "route")
    assert "id" not in second
    assert second["route"] == {"text": "IV"}


@pytest.mark.parametrize("draft", [{}, {"dosageInstruction": "words"}, {"dosageInstruction": [{}, {}]}])
def test_a_draft_that_is_not_as_the_offer_expects_gives_nothing(draft: Json) -> None:
    part = {"first_day": 1, "last_day": 28, "mcg_per_day": Decimal(9), "changed": True}
    assert changed_order(draft, [{"form": "rate-per-day", "bounds": "duration", "parts": [part]}]) is None


# --- none is offered, and what to change by hand ----------------------------------------------------------------------

BY_HAND: Mapping[str, tuple[Json, str]] = {
    "the dosage text": ({"text": "28 mcg daily"}, "the dosage text (“28 mcg daily”)"),
    "words that hold no number": ({"text": "Full dose from the start"}, "the dosage text"),
    "the patient instruction": (
        {"patientInstruction": "Your pump gives 28 micrograms a day"},
        "the patient instruction",
    ),
    "an instruction": ({"additionalInstruction": [{"text": "15 mcg/m2"}]}, "an instruction"),
    "the stated maximum": (
        {"maxDosePerPeriod": {"numerator": quantity("28", "ug", "ug"), "denominator": quantity("1", "d", "d")}},
        "the stated maximum (“28 ug / 1 d”)",
    ),
    "a pump rate": (
        {"doseAndRate": [{"doseQuantity": quantity("28", "ug", "ug"), "rateQuantity": quantity("10", "mL/h", "mL/h")}]},
        "the pump rate (“10 mL/h”)",
    ),
    "an extension": (
        {"extension": [{"url": "https://example.org/rate", "valueQuantity": quantity("10", "mL/h", "mL/h")}]},
        "an extension",
    ),
    "the dose outside of doseAndRate": ({"doseQuantity": quantity("28", "ug", "ug")}, "the dose stands outside"),
}
DAILY = {"boundsDuration": DAYS, "frequency": 1, "period": 1, "periodUnit": "d"}


@pytest.mark.parametrize("name", BY_HAND)
def test_where_the_instruction_says_the_dose_elsewhere_the_card_lists_what_to_change(name: str, parts: Parts) -> None:
    member, says = BY_HAND[name]
    by_hand(parts, says, CHILD, dosageInstruction=[{**dosage(bounds=DAILY), **member}])


ON_THE_ORDER: Mapping[str, tuple[Json, str]] = {
    "a note": ({"note": [{"text": "28 mcg/day agreed on the ward round"}]}, "the note"),
    "the narrative": ({"text": {"status": "generated", "div": "<div>28 &micro;g daily</div>"}}, "the narrative"),
    "the dispense quantity": (
        {"dispenseRequest": {"quantity": quantity("784", "ug", "ug")}},
        "the dispense quantity (“784 ug”)",
    ),
    "vials to dispense": ({"dispenseRequest": {"quantity": quantity("28", "vial")}}, "the dispense quantity"),
    "the name of the medication": (
        {
            "medicationCodeableConcept": concept(
                "http://www.nlm.nih.gov/research/umls/rxnorm", "1597258", text="blinatumomab 28 mcg/day bag"
            )
        },
        "the name of the medication",
    ),
    "the reason": ({"reasonCode": [{"text": "B-ALL, 28 mcg/day as agreed"}]}, "the reason or category"),
    "a modifier": ({"modifierExtension": [{"url": "https://example.org/m"}]}, "an extension of the order changes"),
    "no id": ({"id": None}, "no id by which"),
}


@pytest.mark.parametrize("name", ON_THE_ORDER)
def test_where_the_order_says_the_dose_elsewhere_the_card_lists_what_to_change(name: str, parts: Parts) -> None:
    member, says = ON_THE_ORDER[name]
    by_hand(parts, says, CHILD, **{"dosageInstruction": [dosage()], **member})


def test_the_strength_of_a_bag_is_a_concentration_and_that_of_the_vial_is_none(parts: Parts) -> None:
    def given(amount: str, over: Json) -> Json:
        ratio = {"numerator": quantity(amount, "ug", "ug"), "denominator": over}
        code = concept("http://www.nlm.nih.gov/research/umls/rxnorm", "1597258")
        ingredient = [{"itemCodeableConcept": concept(text="blinatumomab"), "strength": ratio}]
        drug = {"resourceType": "Medication", "id": "bag", "code": code, "ingredient": ingredient}
        return {
            "contained": [drug],
            "medicationCodeableConcept": None,
            "medicationReference": {"reference": "#bag"},
            "dosageInstruction": [dosage()],
        }

    by_hand(parts, "the concentration", CHILD, **given("0.1167", quantity("1", "mL", "mL")))
    assert changed(parts, CHILD, **given("35", quantity("1", "{vial}", "{vial}"))) is not None


def by_hand(parts: Parts, says: str, name: str, **order: Any) -> None:
    answer = advised(call_of(name, **order), parts).response
    card = next(each for each in answer["cards"] if each["source"]["topic"]["code"] == DOSE)
    assert update_of(answer) is None
    line = next(line for line in card["detail"].splitlines() if line.startswith("To change by hand"))
    assert says in line
    assert "14.8 mcg/day" in line


HELD_BACK: Mapping[str, tuple[str, str]] = {
    "suggestion-held-back-by-stale-weight": ("the weight is too old", "a stale weight"),
    "suggestion-held-back-by-active-crs": ("cytokine release syndrome is on record", "active CRS"),
    "dose-28-mg-unit-slip": ("the unit of the order is in doubt", "a slip of the unit"),
    "dose-35-mcg-vial-content": ("a stop stands", "a vial as the dose"),
    "dose-child-without-height-28-mcg": ("which dose holds is open", "no height"),
}


@pytest.mark.parametrize("name", HELD_BACK)
def test_beside_a_doubt_no_dose_is_offered_and_the_card_says_why(name: str, parts: Parts) -> None:
    says, _ = HELD_BACK[name]
    draft = call_of(name)["context"]["draftOrders"]["entry"][0]["resource"]
    plain = [{**each, "text": LINE} for each in draft["dosageInstruction"]]
    answer = advised(call_of(name, dosageInstruction=plain), parts).response
    card = next(each for each in answer["cards"] if each["source"]["topic"]["code"] == DOSE)
    assert update_of(answer) is None
    assert says in next(line for line in card["detail"].splitlines() if line.startswith("No button changes"))


def told_plainly(draft: Json, factor: Decimal) -> None:
    """The dose so many times as high, and nothing else of the order that says a dose: what keeps a button away."""
    for name in ("note", "text", "dispenseRequest"):
        draft.pop(name, None)
    for instruction in draft.get("dosageInstruction", ()):
        instruction["text"] = LINE
        for name in ("patientInstruction", "additionalInstruction", "maxDosePerPeriod"):
            instruction.pop(name, None)
        for stated in instruction.get("doseAndRate", ()):
            for amount in (stated.get("rateQuantity"), (stated.get("rateRatio") or {}).get("numerator")):
                if amount and "value" in amount:
                    amount["value"] = Decimal(str(amount["value"])) * factor


def doses(parts: Parts, call: Json) -> list[tuple[int, int | None, Decimal]]:
    """(first day, last day, mcg/day) of the first order of this call, as the service reads it."""
    read = advised(call, parts).assessments[0]["dose"]["ordered_mcg_per_day"]
    return [(*_days_of(each["days"]), each["value"]) for each in read]


def _days_of(written: str) -> tuple[int, int | None]:
    found = [int(number) for number in re.findall(r"\d+", written)]
    return found[0], None if written.startswith("from") else found[-1]


def on_day(read: list[tuple[int, int | None, Decimal]], day: int) -> Decimal | None:
    """The dose of one day; None where the order says nothing of it."""
    found = [value for first, last, value in read if first <= day and (last is None or day <= last)]
    return max(found) if found else None


SIGNED = {name: call for name, call in sorted(hook_calls().items()) if call["hook"] == "order-sign"}
FACTORS = [Decimal(text) for text in ("1.9", "0.9", "1", "3", "0.3", "1.07", "1.5")]


def test_whatever_is_ordered_for_whomever_no_button_raises_the_dose_of_any_day(parts: Parts) -> None:
    lowered = 0
    for place, (name, signed) in enumerate(SIGNED.items()):
        call = copy.deepcopy(signed)
        entries = call["context"]["draftOrders"]["entry"]
        told_plainly(entries[0]["resource"], FACTORS[place % len(FACTORS)])
        order = update_of(parse_json(dump_json(advised(call, parts).response).encode()))
        if order is None:
            continue
        before = doses(parts, call)
        changed_entry = next(each for each in entries if each["resource"].get("id") == order["id"])
        changed_entry["resource"] = order
        after = doses(parts, call)
        days = range(1, 1 + max(last or first for first, last, _ in (*before, *after)))
        pairs = [(on_day(before, day), on_day(after, day)) for day in days]
        assert all(new is not None and old is not None and new <= old for old, new in pairs), (name, before, after)
        assert any(new < old for old, new in pairs if old and new), name
        lowered += 1
    assert lowered > len(SIGNED) / 5


def test_a_dose_below_its_row_is_never_raised(parts: Parts) -> None:
    low = dosage(rate={"rateQuantity": {**RATE, "value": 5}})
    answer = advised(call_of(CHILD, dosageInstruction=[low]), parts)
    assert answer.assessments[0]["dose"]["verdict"] == "below_label"
    assert answer.assessments[0]["offers"]["dose"] is None
    assert update_of(answer.response) is None


def test_an_order_that_is_too_high_first_and_too_low_later_is_left_to_people(parts: Parts) -> None:
    given = [
        dosage(sequence=1, bounds={"boundsDuration": {**DAYS, "value": 7}}),
        dosage(
            sequence=2, rate={"rateQuantity": {**RATE, "value": 9}}, bounds={"boundsDuration": {**DAYS, "value": 21}}
        ),
    ]
    answer = advised(call_of(ADULT, dosageInstruction=given), parts)
    assert answer.assessments[0]["offers"]["dose"]["because"] == ["other days of the order are below their row"]
    assert update_of(answer.response) is None


def test_at_selection_too_the_dose_that_is_too_high_can_be_changed(parts: Parts) -> None:
    call = {**call_of(CHILD), "hook": "order-select"}
    call["context"]["selections"] = [f"MedicationRequest/{CHILD}-order"]
    found = buttons(advised(call, parts).response)
    assert set(found) == {DOSE}


TEXTS = [
    (LINE, False),
    ("Continuous infusion over 24 hours by pump, 0.2 micron in-line filter", False),
    ("For 28 days, then 14 days off; cycle 1, from 2025-10-01", False),
    ("28 mcg/day", True),
    ("9 then 28", True),
    ("as per protocol", True),
    ("Start low, then full dose", True),
    ("15 µg/m² daily", True),
    ("Increase on day 8", True),
    ("twenty-eight a day", True),
    ("10 mL/h", True),
]


@pytest.mark.parametrize(("words", "speaks"), TEXTS)
def test_words_that_may_say_a_dose_are_told_from_times(words: str, speaks: bool) -> None:
    assert speaks_of_dose(words) is speaks


def test_the_day_used_here_is_that_of_the_fixtures(parts: Parts) -> None:
    assert advised(call_of(ADULT), parts).assessments[0]["as_of"] == date(2025, 10, 1).isoformat()
