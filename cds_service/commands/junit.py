"""JUnit XML of what was tried, for somebody's pipeline. Knows names, times and verdicts; nothing of a patient."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from cds_service.commands.trial_calls import Tried

_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(cases: Sequence[Tried], file: Path, *, suite: str) -> None:
    """Write the file. Raises OSError."""
    counts = {
        "tests": len(cases),
        "failures": sum(bool(case.failures) for case in cases),
        "errors": 0,
        "skipped": sum(bool(case.skipped) for case in cases),
    }
    top = Element("testsuites", {name: str(count) for name, count in counts.items()})
    seconds = sum(case.milliseconds or 0 for case in cases) / 1000
    body = SubElement(top, "testsuite", {"name": suite, "time": f"{seconds:.3f}", **top.attrib})
    for case in cases:
        _add(body, case)
    indent(top)
    ElementTree(top).write(file, encoding="utf-8", xml_declaration=True)


def _add(suite: Element, case: Tried) -> None:
    seconds = (case.milliseconds or 0) / 1000
    names = {"classname": _clean(case.service or suite.attrib["name"]), "name": _clean(case.name)}
    made = SubElement(suite, "testcase", {**names, "time": f"{seconds:.3f}"})
    if case.failures:
        SubElement(made, "failure", {"message": _clean(case.failures[0])}).text = _clean("\n".join(case.failures))
    elif case.skipped:
        SubElement(made, "skipped", {"message": _clean(case.skipped)})
    if case.remarks:
        SubElement(made, "system-out").text = _clean("\n".join(case.remarks))


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("?", text)
