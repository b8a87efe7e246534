"""`python -m fhir_fixtures.make`: write the patients, the hook calls and the README from the recipes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import simplejson

from fhir_fixtures.bundles import call_name, hook_call, patient_bundle
from fhir_fixtures.readme import readme
from fhir_fixtures.recipe import recipes

WIDTH: Final = 150
HERE: Final = Path(__file__).parent


def text_of(document: Any) -> str:
    """A document as it is committed: in the order it was built, decimals digit by digit, small parts on one line."""
    return "".join(_lines(document, "")) + "\n"


def _lines(value: Any, indent: str) -> Iterator[str]:
    flat = simplejson.dumps(value, ensure_ascii=False, use_decimal=True)
    if not isinstance(value, dict | list | tuple) or len(flat) <= WIDTH:
        yield flat
        return
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    pairs = value.items() if isinstance(value, dict) else ((None, each) for each in value)
    yield opening
    for number, (key, each) in enumerate(pairs):
        label = "" if key is None else f"{simplejson.dumps(key)}: "
        yield f"{',' if number else ''}\n{indent} {label}"
        yield from _lines(each, f"{indent} ")
    yield f"\n{indent}{closing}"


def files() -> dict[str, str]:
    """Every generated file: path below this package -> its text."""
    found: dict[str, str] = {}
    for recipe in recipes():
        found[f"patients/{recipe.name}.json"] = text_of(patient_bundle(recipe))
        for hook in recipe.hooks:
            found[f"hook_calls/{call_name(recipe, hook)}.json"] = text_of(hook_call(recipe, hook))
    found["README.md"] = readme(recipes())
    return found


def write(folder: Path = HERE) -> tuple[list[str], list[str]]:
    """Write what changed, remove what no recipe makes any more; both lists of paths are returned."""
    wanted = files()
    written = []
    for path, text in wanted.items():
        target = folder / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
            written.append(path)
    generated = [*folder.glob("patients/*.json"), *folder.glob("hook_calls/*.json")]
    stale = [each for each in generated if str(each.relative_to(folder)) not in wanted]
    for each in stale:
        each.unlink()
    return written, [str(each.relative_to(folder)) for each in stale]


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m fhir_fixtures.make",
        description="Write fhir_fixtures/patients, fhir_fixtures/hook_calls and the README table from "
        "fhir_fixtures/recipes/*.toml. Edit the recipes, never the JSON; a test keeps them equal.",
    )
    parser.parse_args()
    written, removed = write()
    print(f"{len(written)} files written, {len(removed)} removed")  # noqa: T201
    for path in (*written[:10], *removed):
        print(f"  {path}")  # noqa: T201


if __name__ == "__main__":
    main()
