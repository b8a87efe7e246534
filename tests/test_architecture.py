"""The arrows of the house, read from the imports: who may know whom, and that the core reads no clock and no file."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LEAVES = {
    *("errors", "units", "dates", "settings", "terminology", "order_questions", "form_links", "silence", "forgetting"),
}
MAY_IMPORT = {
    **dict.fromkeys(LEAVES, LEAVES),
    "hooks": LEAVES | {"hooks"},
    "fhir": LEAVES | {"fhir"},
    "facts": LEAVES | {"fhir", "facts"},
    "knowledge": LEAVES | {"knowledge"},
    "assess": LEAVES | {"facts.model", "knowledge", "assess"},
    "present": LEAVES | {"assess", "present", "cards"},
    "parts": LEAVES | {"knowledge", "assess", "cards", "present"},
    "outbound": LEAVES | {"outbound"},
    "fhir_answers": LEAVES | {"hooks", "outbound", "web.json_body", "web.size"},
    "ehr": LEAVES | {"hooks", "outbound", "fhir_answers"},
    "slow_clients": set(),
    "http_server": {"slow_clients", "web.problems", "web.wire", "web.arrival"},
    "workers": set(),
    "turns": set(),
    "gathering": LEAVES | {"hooks"},
    "guidance": LEAVES | {"hooks", "fhir", "facts", "assess", "present", "parts", "gathering"},
    "store": {"errors", "store"},
    "decision_document": LEAVES | {"hooks"},
    "decisions": LEAVES | {"hooks", "decision_document", "store.records"},
    "journal": LEAVES | {"__version__", "hooks", "guidance", "parts", "decisions", "own_words", "store"},
    "own_words": {"decisions"},
    "trace": set(),
    "log_lines": set(),
    "metrics": {"metrics"},
    "probing": {"errors"},
    "answering": LEAVES
    | {"hooks", "guidance", "parts", "ehr", "fhir_answers", "outbound", "journal", "decision_document", "store"}
    | {"turns", "metrics", "trace"},
    "trust": LEAVES | {"trust", "outbound", "store.records"},
    "web": LEAVES | {"hooks", "knowledge.policy", "web", "trust.caller", "trace", "log_lines"},
    "harness": LEAVES | {"hooks", "web.json_body"},
    "app": {"*"},
    "commands": {"*"},
    "__main__": {"*"},
    "__init__": set(),
}
"""Room -> the rooms it may import (`facts.model` names one module)."""
ONLY = {
    "flask": {"web", "app"},
    "waitress": {"http_server", "slow_clients"},
    "requests": {"harness"},
    "urllib3": {"outbound"},
    "jwt": {"trust"},
    "cryptography": {"trust"},
    "fhir": {"fhir", "present"},
    "rich": {"commands"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "psycopg": {"store"},
    "prometheus_client": {"metrics"},
    "click": {"commands", "__main__"},
    "fhir_fixtures": {"commands"},
}
"""Outside package -> the rooms of the service that may import it."""
WITHOUT_CLOCK = (
    *("hooks", "fhir", "facts", "knowledge", "assess", "present", "store"),
    *("decisions.py", "decision_document.py", "silence.py", "guidance.py"),
)
WITHOUT_FILES = ("assess", "facts", "fhir")


def _modules(package: str) -> list[Path]:
    where = ROOT / package
    return [where] if where.is_file() else sorted(where.rglob("*.py"))


def _room(path: Path) -> str:
    parts = path.relative_to(ROOT / "cds_service").parts
    return parts[0].removesuffix(".py")


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", _modules("cds_service"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_the_rooms_below_it(path: Path) -> None:
    allowed = MAY_IMPORT[_room(path)]
    for name in _imports(path):
        if name.startswith("cds_service."):
            inside = name.removeprefix("cds_service.")
            known = {inside, inside.split(".")[0], ".".join(inside.split(".")[:2])}
            assert "*" in allowed or known & allowed, f"{path.name} imports {name}"
        elif name.split(".")[0] == "cards":
            assert "*" in allowed or "cards" in allowed, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", _modules("cds_service"), ids=lambda path: str(path.relative_to(ROOT)))
def test_an_outside_package_stays_in_its_room(path: Path) -> None:
    for name in _imports(path):
        outside = name.split(".")[0]
        if outside in ONLY:
            assert _room(path) in ONLY[outside], f"{path.name} imports {outside}"


@pytest.mark.parametrize("package", ["cards", "fhir_fixtures"])
def test_the_leaf_packages_import_nothing_of_ours(package: str) -> None:
    others = {"cds_service", "cards", "fhir_fixtures"} - {package}
    for path in _modules(package):
        assert not {name.split(".")[0] for name in _imports(path)} & others, path.name


@pytest.mark.parametrize("room", WITHOUT_CLOCK)
def test_a_room_without_a_clock_reads_none(room: str) -> None:
    for path in _modules(f"cds_service/{room}"):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)]
        assert not [node.attr for node in calls if node.attr in ("today", "now", "utcnow", "monotonic")], path.name
        assert "time" not in {name.split(".")[0] for name in _imports(path)}, path.name


@pytest.mark.parametrize("room", WITHOUT_FILES)
def test_a_room_without_files_opens_none(room: str) -> None:
    for path in _modules(f"cds_service/{room}"):
        tree = ast.parse(path.read_text())
        names = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert "open" not in names, path.name
        assert not attributes & {"read_text", "read_bytes", "open"}, path.name


def test_no_module_of_ours_is_long() -> None:
    lengths = {
        str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in _modules("cds_service") + _modules("cards")
    }
    assert {name: length for name, length in lengths.items() if length > 300} == {}


def test_every_module_says_what_it_is_for() -> None:
    for package in ("cds_service", "cards", "fhir_fixtures"):
        for path in _modules(package):
            text = path.read_text(encoding="utf-8")
            assert not text.strip() or ast.get_docstring(ast.parse(text)), path
