"""Reads the code lists under `valuesets/` and checks each row. Knows the shape of the files, nothing of patients.

`code-system-aliases.csv` (alias, system) holds the other URIs under which a code system is met; every other CSV file
holds codes (concept, role, system, code, display, source). A concept may stand in one file only; a code may belong
to several concepts.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from importlib.resources.abc import Traversable

from cds_service.errors import KnowledgeError
from cds_service.terminology import Code, ValueSets

ALIASES_FILE = "code-system-aliases.csv"
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
_CODES_HEADER = ["concept", "role", "system", "code", "display", "source"]
_ALIASES_HEADER = ["alias", "system"]
_CONCEPT = re.compile(r"[a-z0-9]+([.-][a-z0-9]+)*")
_URI = re.compile(r"(https?://|urn:)\S+")


def load_value_sets(folder: Traversable) -> ValueSets:
    """Every value set and the aliases of code systems. Raises KnowledgeError naming the file and the row."""
    aliases = _aliases(folder / ALIASES_FILE)
    sets: dict[str, list[Code]] = {}
    home: dict[str, str] = {}
    for file in sorted((item for item in folder.iterdir() if item.name.endswith(".csv")), key=lambda item: item.name):
        if file.name == ALIASES_FILE:
            continue
        for place, row in _rows(file, _CODES_HEADER):
            concept, code = row["concept"], _code(row, file=file.name, place=place, aliases=aliases)
            if home.setdefault(concept, file.name) != file.name:
                raise KnowledgeError(file.name, place, f"the concept {concept} stands in {home[concept]} already")
            if any((code.system, code.code) == (other.system, other.code) for other in sets.get(concept, ())):
                raise KnowledgeError(file.name, place, f"duplicate: {code.code} is in {concept} already")
            sets.setdefault(concept, []).append(code)
    if not sets:
        raise KnowledgeError(folder.name, "", "no value set on file")
    return ValueSets({concept: tuple(codes) for concept, codes in sets.items()}, aliases)


def snomed_check_digit_holds(code: str) -> bool:
    """Is the last digit the Verhoeff check digit of the others? Catches typing errors, not wrong meanings."""
    if not code.isascii() or not code.isdigit() or not 6 <= len(code) <= 18:
        return False
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = _MULTIPLY[check][_permute(int(digit), place)]
    return check == 0


def loinc_check_digit_holds(code: str) -> bool:
    """Is the digit after the hyphen the mod-10 check digit? Of answers (LA…) only the shape counts: other rule."""
    match = re.fullmatch(r"(\d{1,7})-(\d)", code, re.ASCII)
    if match is None:
        return re.fullmatch(r"LA\d{1,7}-\d", code, re.ASCII) is not None
    total = 0
    for place, digit in enumerate(reversed(match[1])):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return (10 - total % 10) % 10 == int(match[2])


_CHECKS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    SNOMED: (snomed_check_digit_holds, "the Verhoeff check digit of a SNOMED CT identifier"),
    LOINC: (loinc_check_digit_holds, "the mod-10 check digit of a LOINC number"),
}


def _rows(file: Traversable, header: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """(place, row) for each row. Raises KnowledgeError for a wrong header, a short or long row, an empty cell."""
    try:
        lines = list(csv.reader(file.read_text(encoding="utf-8").splitlines(), strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as mistake:
        raise KnowledgeError(file.name, "", f"not readable as CSV: {mistake}") from mistake
    if not lines or lines[0] != header:
        raise KnowledgeError(file.name, "row 1", f"the header must be {','.join(header)}")
    for number, cells in enumerate(lines[1:], start=2):
        place = f"row {number}"
        if len(cells) != len(header):
            raise KnowledgeError(file.name, place, f"expected {len(header)} cells, found {len(cells)}")
        row = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        empty = [name for name, cell in row.items() if not cell]
        if empty:
            raise KnowledgeError(file.name, place, f"'{empty[0]}' is empty: an unverified code has no place here")
        yield place, row


def _code(row: Mapping[str, str], *, file: str, place: str, aliases: Mapping[str, str]) -> Code:
    if not _CONCEPT.fullmatch(row["concept"]):
        raise KnowledgeError(file, place, f"'{row['concept']}' is no concept name (lower case, dots and hyphens)")
    if not _URI.fullmatch(row["system"]):
        raise KnowledgeError(file, place, f"'{row['system']}' is no URI of a code system")
    if row["system"] in aliases:
        raise KnowledgeError(file, place, f"write the canonical system {aliases[row['system']]}")
    if row["source"].lower().startswith(("unverified", "no public source")):
        raise KnowledgeError(file, place, "the code is not verified")
    check, what = _CHECKS.get(row["system"], (None, ""))
    if check is not None and not check(row["code"]):
        raise KnowledgeError(file, place, f"{row['code']} fails {what}")
    return Code(row["system"], row["code"], row["display"], row["role"], row["source"])


def _aliases(file: Traversable) -> dict[str, str]:
    aliases: dict[str, str] = {}
    for place, row in _rows(file, _ALIASES_HEADER):
        if row["alias"] in aliases:
            raise KnowledgeError(file.name, place, f"duplicate: {row['alias']} has its system already")
        if row["alias"] == row["system"] or row["system"] in aliases:
            raise KnowledgeError(file.name, place, "an alias must lead to a canonical system, not to an alias")
        aliases[row["alias"]] = row["system"]
    return aliases


def _permute(digit: int, place: int) -> int:
    for _ in range(place % 8):
        digit = _PERMUTE[digit]
    return digit


_PERMUTE = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)
"""Verhoeff's permutation, applied once per place."""
_MULTIPLY = tuple(
    tuple((a + b) % 5 + (b >= 5) * 5 if a < 5 else (a - b) % 5 + (b < 5) * 5 for b in range(10)) for a in range(10)
)
"""The multiplication table of the dihedral group of ten elements."""
