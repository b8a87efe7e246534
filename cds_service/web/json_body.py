"""JSON in and out without losing a digit: decimals are Decimals, NaN and duplicate keys are refused.

Knows nothing of HTTP or hooks, so the command line reads calls from files with the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

import simplejson

from cds_service.errors import CallError
from cds_service.hooks.schemas import path_text

MAX_DEPTH = 100
"""Levels of nesting we read. FHIR stays under twenty; deep recursion would exhaust the stack of whoever walks it."""
_MAX_NUMBER_LENGTH = 64
_MAX_EXPONENT = 100

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(data: bytes) -> Any:
    """The document in these bytes (UTF-8, a BOM is tolerated). Raises CallError that quotes nothing of it."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as mistake:
        _refuse(f"it is not UTF-8 from byte {mistake.start} on", "Send the JSON in UTF-8.", mistake)
    if not text.strip():
        _refuse("it is empty", "Send one JSON object.", None)
    document = _decode(text)
    if isinstance(document, dict | list):
        _check_depth(document)
    if _SURROGATE.search(text):
        _check_surrogates(document)
    return document


def dump_json(document: object) -> str:
    """Compact JSON, keys in the order given, Decimals digit by digit. Raises ValueError for NaN."""
    return str(_ENCODER.encode(document))


_ENCODER = simplejson.JSONEncoder(
    use_decimal=True, ensure_ascii=False, separators=(",", ":"), namedtuple_as_object=False, check_circular=False
)


class _DuplicateKeyError(ValueError):
    pass


class _NumberError(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateKeyError
    return members


def _decimal(literal: str) -> Decimal:
    if len(literal) > _MAX_NUMBER_LENGTH:
        raise _NumberError
    try:
        number = Decimal(literal)
    except InvalidOperation:  # an exponent beyond what a Decimal holds
        raise _NumberError from None
    if abs(number.adjusted()) > _MAX_EXPONENT:
        raise _NumberError
    return number


def _integer(literal: str) -> int:
    if len(literal) > _MAX_NUMBER_LENGTH:
        raise _NumberError
    return int(literal)


_DECODER = simplejson.JSONDecoder(object_pairs_hook=_object, parse_float=_decimal, parse_int=_integer)
_PAIRS_DECODER = simplejson.JSONDecoder(object_pairs_hook=tuple, parse_float=str, parse_int=str)


def _decode(text: str) -> Any:
    try:
        return _DECODER.decode(text)
    except _DuplicateKeyError:
        field = _where_twice(text)
        raise CallError(
            f"{field or 'a key'} is there twice", field=field, mend="Send each key once.", code="structure"
        ) from None
    except _NumberError as mistake:
        _refuse("a number is too long or too large", "Send numbers of at most 64 characters.", mistake)
    except simplejson.JSONDecodeError as mistake:
        _refuse(
            f"it is not JSON, line {mistake.lineno}, column {mistake.colno}", "Send one complete JSON object.", mistake
        )
    except RecursionError as mistake:
        _refuse(f"it is nested deeper than {MAX_DEPTH} levels", "Send a flatter document.", mistake)


def _where_twice(text: str) -> str:
    """The path of the first key that comes twice; empty where the rest is too deep to look at, or no JSON."""
    try:
        path = next(_duplicates(_PAIRS_DECODER.decode(text), ()), ())
    except (RecursionError, simplejson.JSONDecodeError):
        return ""
    return path_text(path) if len(path) <= MAX_DEPTH else ""


def _duplicates(node: object, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    """Paths of keys that come twice. Objects are tuples of pairs here, arrays are lists."""
    if isinstance(node, list):
        for place, item in enumerate(node):
            yield from _duplicates(item, (*path, place))
    elif isinstance(node, tuple):
        seen: set[str] = set()
        for key, value in node:
            if key in seen:
                yield (*path, key)
            seen.add(key)
            yield from _duplicates(value, (*path, key))


def _check_depth(document: dict[str, Any] | list[Any]) -> None:
    """Raises CallError when containers nest too deep. Walks level by level, so it needs no stack itself."""
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for node in level
            for inner in (node.values() if isinstance(node, dict) else node)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return
    _refuse(f"it is nested deeper than {MAX_DEPTH} levels", "Send a flatter document.", None)


def _check_surrogates(document: object) -> None:
    """Raises CallError for half a surrogate pair: no text that can be written as UTF-8 has one."""
    try:
        dump_json(document).encode("utf-8")
    except UnicodeEncodeError as mistake:
        _refuse("a string holds half of a surrogate pair", "Send whole characters.", mistake)


def _refuse(message: str, mend: str, cause: Exception | None) -> NoReturn:
    raise CallError(f"the body cannot be read: {message}", mend=mend, code="structure") from cause
