"""The JSON Schemas of what comes in and what goes out, each compiled once when this package is imported.

Errors are told by place and kind only: a value from a request could be about a patient, so none is ever quoted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from itertools import islice
from typing import Any, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError


def _validator(name: str) -> Draft202012Validator:
    schema = json.loads(files(__name__).joinpath(f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


REQUEST = _validator("request")
RESPONSE = _validator("response")
FEEDBACK = _validator("feedback")
DISCOVERY = _validator("discovery")

_PLAIN_NAME = re.compile(r"(?!.*\d{3})_?[a-z][A-Za-z0-9_]{0,39}\Z")
_TYPE_WORDS: Mapping[str, str] = {
    "object": "an object",
    "array": "an array",
    "string": "a string",
    "number": "a number",
    "boolean": "true or false",
}


def first_error(validator: Draft202012Validator, document: object) -> tuple[str, str] | None:
    """(field, what is wrong) of the first error, in the order of the schema; None when the document fits.

    Stops at the first one, so that a hostile document costs no more than a good one. Quotes no value.
    """
    error = next(validator.iter_errors(document), None)
    return _told(error) if error else None


def all_errors(validator: Draft202012Validator, document: object) -> tuple[str, ...]:
    """Every error as 'field: what is wrong', for tests and conformance work. Quotes no value."""
    return tuple(": ".join(_told(error)) for error in validator.iter_errors(document))


def missing(validator: Draft202012Validator, document: object, *, at_most: int) -> tuple[str, ...]:
    """The fields that are missing, in the order of the document; looks no further than so many errors."""
    errors = islice(validator.iter_errors(document), at_most)
    told = [path_text([*e.absolute_path, n]) for e in errors if e.validator == "required" for n in _lacking(e)]
    return tuple(dict.fromkeys(told))


def _lacking(error: ValidationError) -> list[str]:
    """The required members that are not there."""
    wanted, there = cast("list[str]", error.validator_value), cast("dict[str, Any]", error.instance)
    return [name for name in wanted if name not in there]


def path_text(path: Iterable[str | int]) -> str:
    """`context.draftOrders.entry[0].resource`; names that could be data rather than element names become `?`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += ("." if text else "") + (step if _PLAIN_NAME.match(step) else "?")
    return text


def _told(error: ValidationError) -> tuple[str, str]:
    path: list[str | int] = list(error.absolute_path)
    if error.validator == "required":
        return path_text([*path, _lacking(error)[0]]), "is missing"
    return path_text(path), _wrong(error.validator, error.validator_value)


def _wrong(rule: object, value: Any) -> str:
    match rule:
        case "type":
            return "must be " + " or ".join(_TYPE_WORDS[name] for name in _as_list(value) if name != "null")
        case "enum":
            return "must be one of: " + ", ".join(str(choice) for choice in value if choice is not None)
        case "minItems" | "minProperties":
            return "must not be empty"
        case "maxItems":
            return f"has more than {value} entries"
        case "maxLength":
            return f"is longer than {value} characters"
        case "pattern":
            return "must not be blank" if value == "\\S" else "does not have the expected form"
        case "additionalProperties":
            return "has a member that is not allowed"
        case _:
            return f"breaks the rule '{rule}' of the schema"


def _as_list(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else value
