"""How a FHIR server can fail, as data: the behaviour, and what the cards say of it."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from cds_service.fhir_answers import (
    LATE,
    NOT_ASKED_FOR,
    NOT_PERMITTED,
    NOT_UNDERSTOOD,
    OVERLOADED,
    REFUSED,
    TOO_MUCH,
    UNREACHABLE,
)
from cds_service.web.json_body import dump_json
from tests.bad_days.hostile import (
    HANG,
    MEDIA,
    Asked,
    Behaviour,
    Close,
    Drip,
    Reset,
    Step,
    Wait,
    answer,
    head,
    pretty,
    record,
)

WHYS = (LATE, UNREACHABLE, NOT_PERMITTED, NOT_UNDERSTOOD, NOT_ASKED_FOR, REFUSED, OVERLOADED, TOO_MUCH)
HTML = "<!doctype html><title>Sign in</title><form>St. Anna portal, user Jane Roe</form>"
MEGABYTE = b" " * 1_000_000


def always(*steps: Step) -> Behaviour:
    """These steps, whatever is asked."""
    return lambda _: steps


def says(text: Any, **options: str) -> Behaviour:
    """A whole answer with status 200."""
    return always(answer(text, **options))


def refuses(status: str, **headers: str) -> Behaviour:
    """A whole answer with another status."""
    return always(answer({"resourceType": "OperationOutcome", "issue": []}, status=status, **headers))


def written(asked: Asked) -> bytes:
    """The good document, as bytes."""
    return dump_json(record(asked)[1]).encode()


def endless(first: bytes, piece: bytes) -> Behaviour:
    """Bytes without end."""
    return lambda _: itertools.chain([first], itertools.repeat(piece))


def endless_pages(asked: Asked) -> Iterator[Step]:
    """Every page of a search is empty and has a next one."""
    path = asked.path.partition("&_page")[0]
    status, found = record(replace(asked, path=path))
    if found and found["resourceType"] == "Bundle" and not path.startswith("/Practitioner"):
        found = {"resourceType": "Bundle", "type": "searchset"}
        found["link"] = [{"relation": "next", "url": f"{asked.base}{path}&_page=1"}]
    yield answer(found, status=status)


def good_but(*, before: Iterable[Step] = (), **options: str) -> Behaviour:
    """The good answer, with something in its way, or another media type."""

    def behave(asked: Asked) -> Iterator[Step]:
        status, document = record(asked)
        yield from before
        yield answer(document, status=status, **options)

    return behave


def cut_short(asked: Asked) -> Iterator[Step]:
    """Half of the document, and a length that fits the half."""
    whole = written(asked)
    yield answer(whole[: len(whole) // 2])


def broken_off(*last: Step) -> Behaviour:
    """Half of the document where the length promises all, and then this."""

    def behave(asked: Asked) -> Iterator[Step]:
        whole = written(asked)
        yield head(Content_Length=str(len(whole)))
        yield whole[: len(whole) // 2]
        yield from last

    return behave


def pieces(asked: Asked) -> Iterator[Step]:
    """Millions of nothings: small on the wire, huge in memory."""
    yield answer(b'{"resourceType":"Bundle","entry":[' + b"[]," * 1_600_000 + b"[]]}")


BAD: list[tuple[Any, ...]] = [
    # name, behaviour, what the card says; where it is a race, either of them
    ("too slow", good_but(before=[Wait(1.5)]), LATE),
    ("silent", always(HANG), LATE),
    ("hanging after the headers", always(head(Content_Length="900"), HANG), LATE),
    ("hanging in the body", broken_off(HANG), LATE),
    ("dripping headers", always(Drip(head(X_Padding="x" * 2000))), LATE),
    ("dripping a body", always(head(), Drip(b" " * 2000)), LATE),
    ("continuing without end", endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), LATE),
    ("resetting", always(Reset()), UNREACHABLE),
    ("resetting after the headers", always(head(Content_Length="900"), Reset()), UNREACHABLE),
    ("resetting in the body", broken_off(Reset()), UNREACHABLE),
    ("closing without a word", always(Close()), UNREACHABLE),
    ("closing in the body", broken_off(Close()), UNREACHABLE),
    ("speaking another protocol", always(b"SSH-2.0-OpenSSH_9.2\r\n", Close()), UNREACHABLE),
    ("headers without end", endless(head()[:-2], b"X-More: and more\r\n"), UNREACHABLE),
    ("HTML with 200", says(HTML, media="text/html"), NOT_UNDERSTOOD),
    ("HTML called FHIR", says(HTML), NOT_UNDERSTOOD),
    ("XML", says("<Bundle xmlns='http://hl7.org/fhir'/>", media="application/fhir+xml"), NOT_UNDERSTOOD),
    ("an empty body", says(""), NOT_UNDERSTOOD),
    ("bytes that are no text", says(bytes(range(256)) * 40, media="application/octet-stream"), NOT_UNDERSTOOD),
    ("UTF-16", says('{"resourceType": "Bundle"}'.encode("utf-16")), NOT_UNDERSTOOD),
    ("truncated JSON", cut_short, NOT_UNDERSTOOD),
    ("null", says("null"), NOT_UNDERSTOOD),
    ("an array", says("[]"), NOT_UNDERSTOOD),
    ("an object that is no resource", says("{}"), NOT_UNDERSTOOD),
    ("not a number", says('{"resourceType": "Bundle", "total": NaN}'), NOT_UNDERSTOOD),
    ("a number beyond all bounds", says('{"resourceType":"Bundle","total":1e9999999999999999999}'), NOT_UNDERSTOOD),
    ("a number of many digits", says('{"resourceType":"Bundle","total":' + "9" * 9000 + "}"), NOT_UNDERSTOOD),
    ("half a character", says('{"resourceType":"Bundle","id":"\\ud800"}'), NOT_UNDERSTOOD),
    ("nested without end", says('{"resourceType":"Bundle","a":' + "[" * 5000 + "]" * 5000 + "}"), NOT_UNDERSTOOD),
    ("not modified", always(head("304 Not Modified") + b""), REFUSED),
    ("redirecting", refuses("302 Found", Location="http://127.0.0.1:1/sign-in"), REFUSED),
    ("401", refuses("401 Unauthorized", WWW_Authenticate="Bearer"), NOT_PERMITTED),
    ("403", refuses("403 Forbidden"), NOT_PERMITTED),
    ("429", refuses("429 Too Many Requests"), OVERLOADED),
    ("429 with Retry-After", refuses("429 Too Many Requests", Retry_After="30"), OVERLOADED),
    ("503 with Retry-After", refuses("503 Service Unavailable", Retry_After="120"), OVERLOADED),
    ("500", refuses("500 Internal Server Error"), REFUSED),
    ("502", always(answer(HTML, status="502 Bad Gateway", media="text/html")), REFUSED),
    ("a body of 20 MB", always(head(Content_Length="20000000"), *[MEGABYTE] * 20), TOO_MUCH),
    ("a body without end", endless(head(), MEGABYTE), TOO_MUCH, LATE),
    (
        "a small body that unpacks to a huge one",
        says(gzip.compress(MEGABYTE * 50), Content_Encoding="gzip"),
        TOO_MUCH,
        LATE,
    ),
    ("millions of pieces", pieces, TOO_MUCH, LATE),
    ("its capabilities, whatever is asked", says({"resourceType": "CapabilityStatement"}), NOT_ASKED_FOR),
    ("an error with status 200", says({"resourceType": "OperationOutcome", "issue": []}), REFUSED),
]

GOOD_ENOUGH: list[tuple[str, Behaviour]] = [
    # behaviours that change nothing: all of it is read
    ("slow", good_but(before=[Wait(0.08)])),
    ("another JSON type", good_but(media="application/json; charset=utf-8")),
    ("a wrong content type", good_but(media="text/html")),
    ("closing each connection", good_but(Connection="close")),
    ("a byte order mark", lambda asked: [answer(b"\xef\xbb\xbf" + written(asked), media=MEDIA)]),
    ("written over many lines", lambda asked: [answer(pretty(record(asked)[1]))]),
]
