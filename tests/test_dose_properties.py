"""What holds for every dose: no label dose exceeds a ceiling, no excess is silent, no unknown helps an excess."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cds_service.assess.dose_rows import row_dose
from cds_service.assess.measures import body, mosteller
from tests.case_builders import case, measured, mrd_result
from tests.label_builders import LABEL, MAXIMUM, codes, judged

STATUSES = (
    "newly-diagnosed",
    "remission-1",
    "remission-2",
    "remission-3-or-later",
    "remission",
    "relapsed",
    "refractory",
    "not-in-remission",
    None,
)
PHASES = ("induction", "consolidation", "post-consolidation", "maintenance", "relapsed-refractory", None)
REASONS = ("administrative", "crs", "neurotoxicity", "other-toxicity", None)

weights = st.decimals("1", "300", places=1)
heights = st.decimals("30", "230", places=1)
areas = st.decimals("0.1", "3.0", places=2)


@st.composite
def courses(draw: st.DrawFn) -> dict[str, Any]:
    """Any course, with any of its facts unknown."""
    level = draw(st.none() | st.decimals("0", "5", places=2))
    return {
        "status": draw(st.sampled_from(STATUSES)),
        "phase": draw(st.sampled_from(PHASES)),
        "bcr_abl1": draw(st.sampled_from(("positive", "negative", None))),
        "mrd": None if level is None else mrd_result(str(level)),
        "cycle": draw(st.none() | st.integers(1, 9)),
        "day": draw(st.none() | st.integers(1, 45)),
        "restart_reason": draw(st.sampled_from(REASONS)),
        "toxicity_grade": draw(st.none() | st.integers(1, 4)),
        "toxicity_grade_now": draw(st.none() | st.integers(0, 4)),
        "toxicity_scale": draw(st.sampled_from(("ctcae", "astct", None))),
    }


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Any body of plausible measures, with any of them unknown."""
    weight, height, area = draw(st.none() | weights), draw(st.none() | heights), draw(st.none() | areas)
    return {
        "weight": None if weight is None else measured(str(weight), "kg"),
        "height": None if height is None else measured(str(height), "cm"),
        "charted_bsa": None if area is None else measured(str(area), "m2"),
    }


def highest_allowed(facts: dict[str, Any]) -> Decimal:
    """What no row exceeds for this body, told without the service's own code: 28, or 15 per m² plus 5 % under 45 kg."""
    weight, height = facts["weight"], facts["height"]
    if weight is None or weight.value.value >= 45 or height is None:
        return Decimal(28)
    charted = facts["charted_bsa"]
    computed = mosteller(weight.value.value, height.value.value)
    largest = max(computed, charted.value.value) if charted else computed
    return min(Decimal("15.75") * largest, Decimal(28))


@given(body_facts=bodies())
def test_no_label_dose_exceeds_a_ceiling(body_facts: dict[str, Any]) -> None:
    measures = body(case(**body_facts))

    for row in LABEL.rows:
        for area in (*measures.bsa_values, measures.bsa_m2):
            dose = row_dose(row, LABEL, measures, area)
            assert dose.upper <= row.mcg_per_day <= MAXIMUM
            assert dose.value is None or dose.value <= min(row.cap_mcg_per_day, MAXIMUM)
            assert dose.value is None or dose.value <= dose.upper


@given(course=courses(), body_facts=bodies(), excess=st.decimals("0.01", "100000", places=2))
def test_an_order_above_every_label_row_is_never_silent(
    course: dict[str, Any], body_facts: dict[str, Any], excess: Decimal
) -> None:
    result = judged(**course, **body_facts, dose=str(highest_allowed(body_facts) + excess))

    assert result.above_every_label_row
    assert "above-every-label-row" in codes(result)
    assert not result.matches_label
    assert result.verdict in ("above_label", "no_label_row", "unknown")
    assert result.verdict == "above_label" or result.severity == "critical"


@given(
    course=courses(),
    body_facts=bodies(),
    excess=st.decimals("0.01", "50", places=2),
    forgotten=st.sampled_from(
        ("weight", "height", "charted_bsa", "status", "phase", "bcr_abl1", "mrd", "cycle", "day", "restart_reason")
    ),
)
def test_forgetting_a_fact_never_makes_an_excessive_dose_match(
    course: dict[str, Any], body_facts: dict[str, Any], excess: Decimal, forgotten: str
) -> None:
    dose = str(highest_allowed(body_facts) + excess)
    assert judged(**course, **body_facts, dose=dose).above_every_label_row

    result = judged(**{**course, **body_facts, forgotten: None}, dose=dose)

    assert not result.matches_label


@given(course=courses(), body_facts=bodies(), dose=st.decimals("0.1", "200", places=1))
def test_the_policy_maximum_is_exact_whatever_else_is_unknown(
    course: dict[str, Any], body_facts: dict[str, Any], dose: Decimal
) -> None:
    assert judged(**course, **body_facts, dose=str(dose)).over_policy_maximum is (dose > MAXIMUM)


@given(
    course=courses(),
    body_facts=bodies(),
    dose=st.decimals("0.1", "200", places=1),
    per=st.sampled_from(("", "/m2", "/kg")),
)
def test_every_verdict_is_one_of_five_with_a_ratio_only_where_both_doses_are_known(
    course: dict[str, Any], body_facts: dict[str, Any], dose: Decimal, per: str
) -> None:
    document = judged(**course, **body_facts, dose=f"{dose}{per}").document()

    assert document["verdict"] in {"matches_label", "below_label", "above_label", "no_label_row", "unknown"}
    if document["verdict"] in ("unknown", "no_label_row"):
        assert document["ratio"] is None
    if document["verdict"] == "below_label":
        assert document["ratio"] < 1
    if document["verdict"] == "above_label" and document["ratio"] is not None:
        assert document["ratio"] > 1
