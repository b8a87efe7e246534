"""Units are converted exactly or refused with a reason; nothing is guessed."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service import units

D = Decimal
AMOUNTS = st.decimals(min_value=D("0.001"), max_value=D(100000), places=3, allow_nan=False)


@pytest.mark.parametrize(
    ("value", "unit", "kilograms"),
    [
        ("45", "kg", "45"),
        ("45", "Kg", "45"),
        ("45", " KG ", "45"),
        ("45000", "g", "45"),
        ("99.21", "[lb_av]", "45.0008990277"),
        ("99.20", "lb", "44.996363104"),
        ("99.20", "lbs.", "44.996363104"),
        ("16", "[oz_av]", "0.45359237"),
        ("5400", "g", "5.4"),
    ],
)
def test_a_weight_is_converted_exactly(value: str, unit: str, kilograms: str) -> None:
    assert units.mass_in_kilograms(D(value), unit) == D(kilograms)


@pytest.mark.parametrize("unit", [None, "", "  ", "Mg", "G", "cm", "stone", "kg/m2", "%", "kilo gram", "k" * 100])
def test_what_is_not_plainly_a_mass_is_refused(unit: str | None) -> None:
    assert units.mass_in_kilograms(D(45), unit) is None


@pytest.mark.parametrize(
    ("value", "unit", "centimetres"),
    [
        ("117", "cm", "117"),
        ("1.17", "m", "117.00"),
        ("1170", "mm", "117.0"),
        ("46", "[in_i]", "116.84"),
        ("46", "inches", "116.84"),
    ],
)
def test_a_height_is_converted_exactly(value: str, unit: str, centimetres: str) -> None:
    assert units.length_in_centimetres(D(value), unit) == D(centimetres)


@pytest.mark.parametrize("unit", ["m2", "m²", "m^2", "sqm"])
def test_a_body_surface_is_known_in_square_metres_only(unit: str) -> None:
    assert units.area_in_square_metres(D("0.98"), unit) == D("0.98")


def test_an_area_in_another_unit_is_refused() -> None:
    assert units.area_in_square_metres(D("9800"), "cm2") is None


@pytest.mark.parametrize(
    ("value", "unit", "per_day", "per"),
    [
        ("28", "ug/d", "28", None),
        ("28", "mcg/day", "28", None),
        ("28", "µg/d", "28", None),  # micro sign
        ("28", "μg/d", "28", None),  # Greek mu
        ("28", "MCG/DAY", "28", None),
        ("28", "mcg per day", "28", None),
        ("28", "ug/(24.h)", "28", None),
        ("28", "mcg/24 h", "28", None),
        ("28", "mcg/24h", "28", None),
        ("28", "mcg/24 hours", "28", None),
        ("0.375", "ug/h", "9.000", None),
        ("0.02", "ug/min", "28.80", None),
        ("0.028", "mg/d", "28.000", None),
        ("28", "mg/d", "28000", None),
        ("196", "ug/wk", "28", None),
        ("196", "ug/(7.d)", "28", None),
        ("15", "ug/m2/d", "15", "m2"),
        ("15", "ug/(m2.d)", "15", "m2"),
        ("15", "ug/d/m2", "15", "m2"),
        ("15", "mcg/m²/day", "15", "m2"),
        ("15", "mcg per m2 per day", "15", "m2"),
        ("0.5", "ug/kg/d", "0.5", "kg"),
        ("0.5", "ug/kg/h", "12.0", "kg"),
    ],
)
def test_a_dose_rate_becomes_micrograms_per_day(value: str, unit: str, per_day: str, per: str | None) -> None:
    assert units.dose_rate(D(value), unit) == units.DoseRate(D(per_day), per)


@pytest.mark.parametrize(
    "unit",
    [
        None,
        "",
        "ug",
        "mL/h",
        "vial",
        "ug/m2",
        "Mg/d",
        "ug/mL",
        "ug/",
        "/d",
        "ug//d",
        "ug/m2.d",
        "ug/d/d",
        "ug/m2/m2/d",
        "ug/mo",
    ],
)
def test_what_is_no_dose_rate_is_refused(unit: str | None) -> None:
    assert units.dose_rate(D(28), unit) is None


@pytest.mark.parametrize(
    ("value", "unit", "micrograms", "per"),
    [
        ("28", "ug", "28", None),
        ("0.028", "mg", "28.000", None),
        ("15", "ug/m2", "15", "m2"),
        ("1", "mg/kg", "1000", "kg"),
    ],
)
def test_a_dose_becomes_micrograms(value: str, unit: str, micrograms: str, per: str | None) -> None:
    assert units.dose(D(value), unit) == units.Dose(D(micrograms), per)


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("mL/h", "pump rate"),
        ("ml/hr", "pump rate"),
        ("mL", "volume"),
        ("vial", "containers"),
        ("{bag}", "containers"),
        (None, "no unit"),
        ("furlong", "not one we can turn into a dose"),
    ],
)
def test_a_refusal_says_why(unit: str | None, words: str) -> None:
    assert words in units.refusal(unit)


@pytest.mark.parametrize(
    ("value", "unit", "percent"),
    [
        ("0.12", "%", "0.12"),
        ("1.2", "10*-3", "0.12"),
        ("12", "10*-4", "0.12"),
        ("1200", "10*-6", "0.12"),
        ("1200", "/10*6", "0.12"),
        ("1200", "{cells}/10*6", "0.12"),
        ("1200", "cells per million", "0.12"),
        ("1200", "[ppm]", "0.12"),
        ("120", "/10*5", "0.12"),
    ],
)
def test_a_share_becomes_per_cent(value: str, unit: str, percent: str) -> None:
    assert units.per_cent(D(value), unit) == D(percent)


@pytest.mark.parametrize("unit", [None, "", "1", "ratio", "10*6", "cells"])
def test_a_share_without_a_unit_is_not_guessed(unit: str | None) -> None:
    assert units.per_cent(D("0.0012"), unit) is None


@pytest.mark.parametrize(
    ("value", "unit", "per_microlitre"),
    [
        ("0.5", "10*3/uL", "500"),
        ("0.5", "10*9/L", "500"),
        ("0.5", "K/µL", "500"),
        ("500", "/uL", "500"),
        ("500", "cells/mm3", "500"),
    ],
)
def test_a_cell_count_becomes_cells_per_microlitre(value: str, unit: str, per_microlitre: str) -> None:
    assert units.count_per_microlitre(D(value), unit) == D(per_microlitre)


def test_a_percentage_of_neutrophils_is_no_count() -> None:
    assert units.count_per_microlitre(D(50), "%") is None


@given(AMOUNTS)
def test_the_same_dose_in_any_unit_is_the_same_number(micrograms: Decimal) -> None:
    per_day = units.dose_rate(micrograms, "ug/d")
    assert per_day == units.dose_rate(micrograms / 1000, "mg/d")
    assert per_day == units.dose_rate(micrograms * 7, "ug/wk")


@given(AMOUNTS, st.text(max_size=12))
def test_no_unit_however_odd_raises(value: Decimal, unit: str) -> None:
    for convert in (units.mass_in_kilograms, units.length_in_centimetres, units.per_cent, units.count_per_microlitre):
        assert convert(value, unit) is None or isinstance(convert(value, unit), Decimal)
    assert units.dose(value, unit) is None or units.dose_rate(value, unit) is None
