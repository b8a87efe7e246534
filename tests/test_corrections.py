"""What a source document prints otherwise is said once, on the card it concerns, when it matters."""

from __future__ import annotations

from typing import Any

import pytest

from cds_service.assess.assessment import assess
from cds_service.assess.corrections import CONDITIONS
from cds_service.knowledge.library import Knowledge
from cds_service.settings import Settings
from tests.case_builders import case

ALWAYS = {"D15", "D16", "D19", "D20", "D21", "D23", "D24", "D36"}
CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("a child's MRD row by surface area", {}, {"D9"}),
    ("an adult's fixed MRD dose: the scan's other figure", {"weight_kg": "70", "height_cm": "175"}, {"D1", "D9"}),
    ("relapsed, by surface area: the step's cap", {"status": "relapsed"}, {"D4", "D9"}),
    ("consolidation: the lost word", {"phase": "consolidation", "bcr_abl1": "negative"}, {"D2", "D9"}),
    ("MRD below 0.1 %", {"mrd_percent": "0.09", "mrd_detected": True}, {"D9", "D31"}),
    ("third remission", {"status": "remission-3-or-later"}, {"D9", "D32"}),
    ("CD19 not documented", {"cd19": None}, {"D9", "D33"}),
    ("aged 20", {"birth": "2005-01-01"}, {"D9", "D34"}),
    ("a preserved bag", {"infusion_bag": "7d-preserved"}, {"D9", "D14"}),
    ("a preservative-free bag", {"infusion_bag": "24h-preservative-free"}, {"D9"}),
    (
        "restart after CRS",
        {"restart_reason": "crs", "toxicity_grade": 2, "toxicity_scale": "ctcae"},
        {"D9", "D17", "D18", "D39"},
    ),
    ("a use without a row", {"phase": "maintenance"}, set()),
]


@pytest.mark.parametrize(("name", "facts", "expected"), CASES, ids=[row[0] for row in CASES])
def test_a_correction_is_said_where_it_matters(
    name: str, facts: dict[str, Any], expected: set[str], knowledge: Knowledge
) -> None:
    found = assess(case(**facts), knowledge, Settings())["corrections"]

    assert {item["item"] for item in found} - ALWAYS == expected
    assert {item["item"] for item in found} >= ALWAYS
    assert len(found) == len({item["item"] for item in found})


def test_every_condition_is_used_by_the_knowledge(knowledge: Knowledge) -> None:
    used = {
        name for source in (*knowledge.policies, *knowledge.labels) for d in source.discrepancies for name in d.when
    }
    assert used == set(CONDITIONS)
