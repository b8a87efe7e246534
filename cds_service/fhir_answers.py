"""What a FHIR server's answer is worth: the resource that was asked for, or in our words why there is none.

Whatever is not plainly that resource is no answer: nothing may be concluded from it, least of all that nothing is on
file. Knows nothing of connections or time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.errors import CallError, TooLargeError
from cds_service.hooks.needs import Need
from cds_service.hooks.prefetch import State, Template, state_of
from cds_service.outbound import Answer
from cds_service.web.json_body import parse_json
from cds_service.web.size import check_pieces

LATE = "the FHIR server did not answer in time"
UNREACHABLE = "the FHIR server could not be reached"
NOT_PERMITTED = "the FHIR server did not permit it"
NOT_UNDERSTOOD = "the FHIR server's answer could not be read"
NOT_ASKED_FOR = "the FHIR server sent something else than was asked for"
REFUSED = "the FHIR server refused or failed"
OVERLOADED = "the FHIR server is overloaded and asked to be left alone for a while"
TOO_MUCH = "the FHIR server sent more than is read"
_STATUS = {401: NOT_PERMITTED, 403: NOT_PERMITTED, 429: OVERLOADED}
_PASSING = (502, 503, 504)
_NOT_THERE = (404, 410)


class RefusedError(Exception):
    """A read that failed, with the reason in our words."""


def is_passing(answer: Answer) -> bool:
    """May the same be had by asking once more at once? Not where the server asks for patience."""
    return answer.status in _PASSING and _patience(answer) in ("", "0")


def document(answer: Answer, *, search: bool) -> Any:
    """The body as JSON, decimals digit by digit; None for a resource that is not there. Raises RefusedError."""
    if answer.status in _NOT_THERE and not search:
        return None
    if answer.status != 200:
        busy = answer.status == 503 and _patience(answer) not in ("", "0")
        raise RefusedError(OVERLOADED if busy else _STATUS.get(answer.status, REFUSED))
    try:
        check_pieces(answer.body)
        found = parse_json(answer.body)
    except TooLargeError:
        raise RefusedError(TOO_MUCH) from None
    except CallError:
        raise RefusedError(NOT_UNDERSTOOD) from None
    if not isinstance(found, dict) or not isinstance(found.get("resourceType"), str):
        raise RefusedError(NOT_UNDERSTOOD)
    return found


def check(found: Mapping[str, Any], need: Need) -> None:
    """Is this what was asked for, and no other's? Raises RefusedError."""
    if found["resourceType"] == "OperationOutcome":
        raise RefusedError(REFUSED)
    kind, _, rest = need.query.partition("/")
    other = not need.is_search and found["resourceType"] == kind and found.get("id") not in (rest, None)
    if other or state_of(Template.parse(need.query), found) is State.INVALID:
        raise RefusedError(NOT_ASKED_FOR)
    if need.is_search and found["resourceType"] != "Bundle":
        raise RefusedError(NOT_ASKED_FOR)


def _patience(answer: Answer) -> str:
    """What the server says of when to come again, in seconds or as a date; empty when it says nothing."""
    return next((value.strip() for name, value in answer.headers.items() if name.lower() == "retry-after"), "")
