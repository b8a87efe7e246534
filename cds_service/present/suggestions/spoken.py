"""How a changed dose is said, on the button and on the card. Knows no FHIR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cds_service.present import words as shown

Document = Mapping[str, Any]


def spoken_doses(steps: Sequence[Document]) -> str:
    """'14.8 mcg/day', or '9 mcg/day on days 1-7, then 28 mcg/day on days 8-28' by the days of the order."""
    if len({step["mcg_per_day"] for step in steps}) == 1:
        return shown.mcg(steps[0]["mcg_per_day"])
    spoken = [f"{_exact_mcg(step)} on {_days(step)}" for step in steps]
    return ", then ".join(spoken)


def _exact_mcg(step: Document) -> str:
    """A changed dose has one decimal; one that stays is shown as it was ordered."""
    return f"{shown.number(step['mcg_per_day'], 4)} mcg/day"


def _days(step: Document) -> str:
    first, last = step["first_day"], step["last_day"]
    if last is None:
        return f"order days {first} on"
    return f"order day {first}" if first == last else f"order days {first}-{last}"
