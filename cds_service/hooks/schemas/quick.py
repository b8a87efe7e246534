"""Does a call fit its JSON Schema: yes or no, for the keywords that the schema of calls uses.

Nearly every call does, and a yes costs a sixth of what jsonschema takes for it. What is wrong where something is, is
for jsonschema to tell; a test holds the two together. A keyword that is not known here is a KeyError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any] | bool
_TYPES: Mapping[str, type] = {"object": dict, "array": list, "string": str, "null": type(None)}


def fits(schema: Schema, document: object) -> bool:
    """Does the document fit the schema? Raises KeyError for a keyword or a type that is not known here."""
    if isinstance(schema, bool):
        return schema
    for keyword, wanted in schema.items():
        if keyword == "if":
            if fits(wanted, document) and not fits(schema["then"], document):
                return False
        elif not _RULES[keyword](wanted, document):
            return False
    return True


def _type(names: str | list[str], document: object) -> bool:
    return isinstance(document, _TYPES[names] if isinstance(names, str) else tuple([_TYPES[name] for name in names]))


def _required(names: list[str], document: object) -> bool:
    return not isinstance(document, dict) or all(name in document for name in names)


def _properties(schemas: Mapping[str, Schema], document: object) -> bool:
    if not isinstance(document, dict):
        return True
    return all(fits(schema, document[name]) for name, schema in schemas.items() if name in document)


def _items(schema: Schema, document: object) -> bool:
    return not isinstance(document, list) or all(fits(schema, item) for item in document)


def _silent(_wanted: object, _document: object) -> bool:
    return True


_RULES: Mapping[str, Callable[[Any, Any], bool]] = {
    "type": _type,
    "required": _required,
    "properties": _properties,
    "items": _items,
    "const": lambda wanted, document: bool(document == wanted),
    "enum": lambda wanted, document: document in wanted,
    "pattern": lambda wanted, document: not isinstance(document, str) or re.search(wanted, document) is not None,
    "minItems": lambda wanted, document: not isinstance(document, list) or len(document) >= wanted,
    "maxItems": lambda wanted, document: not isinstance(document, list) or len(document) <= wanted,
    **dict.fromkeys(("$schema", "title", "description", "then"), _silent),
}
