"""Programs of the extra `dev` that check what is deployed. Skipped without; with REQUIRE_SERVERS=1 that fails."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path

import pytest


def tool(name: str) -> str:
    """The path of a program, beside this Python or on the way."""
    found = shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if found is None:
        _missing(name)
    return str(found)


def package(name: str) -> None:
    """Is this package there to be imported?"""
    if importlib.util.find_spec(name) is None:
        _missing(name)


def _missing(name: str) -> None:
    reason = f"{name} is not installed: pip install -e '.[dev]'"
    if os.environ.get("REQUIRE_SERVERS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)
