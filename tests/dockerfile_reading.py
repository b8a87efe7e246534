"""The Dockerfile as its instructions, and its build steps carried out without a container engine."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Instruction:
    """One instruction of one stage, its lines joined."""

    stage: str
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Its text in JSON form, or split at blanks."""
        found: list[str] = json.loads(self.text) if self.text.startswith("[") else self.text.split()
        return found


def instructions(text: str) -> list[Instruction]:
    """Every instruction in order; the stage is the name behind AS."""
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    found, stage = [], ""
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            name, _, rest = line.strip().partition(" ")
            stage = rest.rpartition(" AS ")[2] if name == "FROM" else stage
            found.append(Instruction(stage, name, " ".join(rest.split())))
    return found


def user() -> str:
    """Who runs the image, as uid:gid."""
    found = instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
    return next(each.text for each in reversed(found) if each.name == "USER")


def environment(found: Sequence[Instruction], stage: str) -> dict[str, str]:
    """What ENV sets in a stage."""
    lines = [each.text for each in found if (each.stage, each.name) == (stage, "ENV")]
    return dict(pair.split("=", 1) for line in lines for pair in line.split())


def sent(path: str, rules: Sequence[str]) -> bool:
    """Does a file of the checkout go to the builder? The last fitting rule of .dockerignore decides."""
    parts = path.split("/")
    wholes = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    taken = True
    for rule in rules:
        pattern = rule.removeprefix("!")
        names = parts if pattern.startswith("**/") else wholes
        if any(_fits(name, pattern.removeprefix("**/")) for name in names):
            taken = rule.startswith("!")
    return taken


def _fits(name: str, pattern: str) -> bool:
    return name.count("/") == pattern.count("/") and fnmatch(name, pattern)


def carry_out(found: Sequence[Instruction], stage: str, there: Path, *, rules: Sequence[str]) -> None:
    """The COPY and RUN of a stage, with /opt and the working folder moved below `there`.

    Raises subprocess.CalledProcessError for a step that fails.
    """
    work = there / "work"
    work.mkdir(parents=True)
    for each in found:
        if each.stage == stage and each.name == "COPY":
            _copy(each.words, work, rules)
        if each.stage == stage and each.name == "RUN":
            command = re.sub(r"(?<![\w.])/opt/", f"{there}/opt/", each.text)
            subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=work, check=True, timeout=900)


def _copy(words: Sequence[str], work: Path, rules: Sequence[str]) -> None:
    *sources, target = words
    for source in sources:
        files = [file for file in sorted((ROOT / source).rglob("*")) if file.is_file()] or [ROOT / source]
        for file in files:
            if sent(str(file.relative_to(ROOT)), rules):
                inside = file.relative_to(ROOT / source) if (ROOT / source).is_dir() else Path()
                place = work / target / file.name if target.endswith("/") else work / target / inside
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
