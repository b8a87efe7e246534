"""Long texts that are made to be read slowly cost no more time than other long texts.

A pattern that tries each place anew costs hours for a text of megabytes, and keeps every other call waiting. Each piece
is pumped up and put where its readers look; with such a pattern one of these takes from ten seconds to an hour.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from cds_service.facts.cd19 import cd19_in_words
from cds_service.facts.karyotype import kmt2a_in_words, result_in_words
from cds_service.guidance import advise
from cds_service.hooks.call import HookCall
from cds_service.hooks.services import service_for, services
from cds_service.parts import Parts
from fhir_fixtures import hook_calls
from tests.test_doors_markup import spoiled, texts

LONG = 40_000
SECONDS = 2.0
PIECES = (
    "0",
    "1.",
    "1,",
    "24",
    " ",
    "\t",
    ":",
    ": ",
    "(",
    "-",
    "a",
    "mcg ",
    "28 mcg/",
    "cd19 ",
    "no ",
    "not ",
    "bcr-",
    "1-",
)
READERS: tuple[Callable[[str], object], ...] = (cd19_in_words, result_in_words, kmt2a_in_words)
NAME = "order-sign--child-30kg-flat-28-mcg-mrd-positive"


def pumped(piece: str) -> str:
    return piece * (LONG // len(piece)) + "\0"


def seconds_of(does: Callable[[], Any]) -> float:
    """Of this process, so that others on the machine do not count."""
    begun = time.process_time()
    does()
    return time.process_time() - begun


@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("before", ["", "cd19", "kmt2a rearrang ", "t(9;22)"])
def test_a_text_made_to_be_read_slowly_is_read_as_fast_as_others(before: str, piece: str) -> None:
    for reads in READERS:
        assert seconds_of(lambda reads=reads: reads(before + pumped(piece))) < SECONDS, reads.__name__  # type: ignore[misc]


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
def test_a_call_of_such_texts_is_answered_in_bounded_time(parts: Parts, piece: str) -> None:
    body = hook_calls()[NAME]
    service = service_for(body["hook"], services(parts.settings.canonical_base))
    assert service is not None
    order = body["context"]["draftOrders"]["entry"][0]["resource"]
    order["category"] = [{"text": "x"}]
    order["medicationCodeableConcept"]["text"] = "blinatumomab"
    order["text"] = {"status": "generated", "div": 10 * pumped(piece)}
    slow = spoiled(body, list(texts(body)), pumped(piece))
    call = HookCall.parse(slow, service=service)
    assert seconds_of(lambda: advise(call, parts, today=date(2026, 11, 21))) < 4 * SECONDS


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("no KMT2A rearrangement", "negative"),
        ("not found: rearranged", "positive"),
        ("without any evidence of a rearrangement", "negative"),
        ("unrearranged", "negative"),
        ("rearranged, not lost", "positive"),
    ],
)
def test_what_is_denied_is_still_told_from_what_is_not(said: str, verdict: str) -> None:
    assert result_in_words(said) == verdict


def test_more_mentions_than_a_report_has_say_nothing_clear() -> None:
    assert cd19_in_words("CD19 positive, CD19 positive") == "positive"
    assert cd19_in_words("CD19 positive " * 21) is None
