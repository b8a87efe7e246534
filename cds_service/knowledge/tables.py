"""TOML tables -> frozen dataclasses, strictly: an unknown, missing or mistyped key names the file and the place.

Knows nothing of policies or labels. Decimals stay Decimals; arrays become tuples.
"""

from __future__ import annotations

import tomllib
import types
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from cds_service.errors import KnowledgeError

D = TypeVar("D")


def read_toml(file: Traversable) -> dict[str, Any]:
    """Parse a TOML file, decimals as Decimal. Raises KnowledgeError naming the file."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as mistake:
        raise KnowledgeError(file.name, "", f"not readable as TOML: {mistake}") from mistake


def build(cls: type[D], table: object, *, file: str, place: str) -> D:
    """One dataclass from one TOML table. Raises KnowledgeError for unknown, missing or mistyped keys."""
    if not isinstance(table, dict):
        raise KnowledgeError(file, place, "expected a table")
    hints = get_type_hints(cls)
    known = {item.name: item for item in fields(cls)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise KnowledgeError(file, place, f"unknown key '{key}'; known: {', '.join(known)}")
    values = {}
    for name, item in known.items():
        if name in table:
            values[name] = _convert(hints[name], table[name], file=file, place=f"{place}.{name}")
        elif item.default is MISSING and item.default_factory is MISSING:
            raise KnowledgeError(file, place, f"'{name}' is missing")
    return cls(**values)


def build_all(cls: type[D], tables: object, *, file: str, place: str, name: str = "id") -> tuple[D, ...]:
    """A tuple of dataclasses from an array of tables; errors name the table by its `name` key."""
    if not isinstance(tables, list):
        raise KnowledgeError(file, place, "expected an array of tables ([[…]])")
    return tuple(
        build(cls, table, file=file, place=f"{place}[{table.get(name, index) if isinstance(table, dict) else index}]")
        for index, table in enumerate(tables)
    )


def _convert(hint: Any, value: object, *, file: str, place: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = [argument for argument in arguments if argument is not type(None)]
        return _convert(inner[0], value, file=file, place=place)
    if origin is tuple:
        if not isinstance(value, list):
            raise KnowledgeError(file, place, "expected an array")
        return tuple(_convert(arguments[0], item, file=file, place=f"{place}[{n}]") for n, item in enumerate(value))
    if is_dataclass(hint) and isinstance(hint, type):
        return build(hint, value, file=file, place=place)
    return _scalar(hint, value, file=file, place=place)


def _scalar(hint: Any, value: object, *, file: str, place: str) -> Any:
    if origin_is_dict(hint):
        if isinstance(value, dict):
            return value
    elif hint is Decimal:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
    elif hint is bool or hint is int:
        if type(value) is hint:
            return value
    elif hint in (str, date):
        if isinstance(value, hint) and (value or hint is date):
            return value
    else:
        return value
    raise KnowledgeError(file, place, f"expected {getattr(hint, '__name__', hint)}, found {value!r}")


def origin_is_dict(hint: Any) -> bool:
    """Is this a plain mapping that the reader of the table checks itself?"""
    return hint is dict or get_origin(hint) is dict
