"""`assess` on odd input, without a process: what counts as many calls, and that no line stops the others."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import simplejson

from cards import Templates
from cds_service.commands.assessing import assess_lines, looks_like_lines
from cds_service.parts import Parts
from cds_service.web.json_body import dump_json
from fhir_fixtures import hook_calls

DAY = date(2025, 10, 1)
CALL: dict[str, Any] = hook_calls()["order-sign--child-30kg-flat-28-mcg-mrd-positive"]
LINE = dump_json(CALL).encode()
INDENTED = simplejson.dumps(CALL, indent=1, use_decimal=True).encode()
DRUGLESS = dump_json({**CALL, "context": {**CALL["context"], "draftOrders": {"resourceType": "Bundle"}}}).encode()


@pytest.mark.parametrize(
    ("data", "many"),
    [
        (LINE + b"\n" + LINE, True),
        (b"not json\n" + LINE + b"\n" + LINE, True),
        (b"\n\n\xff\n" + LINE, True),
        (b"null\n[]\n", True),
        (LINE, False),
        (LINE + b"\n\n", False),
        (INDENTED, False),
        (INDENTED[:-1], False),
        (b"[" + INDENTED + b"]", False),
        (b"not json\nnor this", False),
        (b"", False),
        (b"\n", False),
    ],
    ids=lambda value: None if isinstance(value, bool) else repr(value[:12]),
)
def test_many_calls_are_told_from_one_even_when_the_first_line_is_bad(data: bytes, many: bool) -> None:
    assert looks_like_lines(data) is many


def test_a_line_that_meets_a_bug_of_ours_is_told_and_the_rest_goes_on(parts: Parts) -> None:
    broken = replace(parts, templates=Templates({}))
    told = list(assess_lines(LINE + b"\n" + DRUGLESS, broken, today=DAY, as_of=None))

    assert [fine for _, fine in told] == [False, True]
    assert json.loads(told[0][0])["line"] == 1
    assert "failed" in json.loads(told[0][0])["error"]["message"]
