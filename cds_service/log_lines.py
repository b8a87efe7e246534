"""How every line of the log looks: JSON for machines, plain text for a terminal; nothing in it of what was in a record.

Plain `logging`, so that the server and the libraries write through the same formatter. What is ours is written as it
is, because it is made of our own words, ids and counts. Of what others log only their own words are: numbers stay,
other values do not, and a text that is already filled in ends where it begins to quote. Of an exception its kind and
its places, never its text: that may quote a record. A leaf.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Iterable
from contextvars import ContextVar
from functools import lru_cache
from types import TracebackType
from typing import Any, TextIO

JSON, TEXT = "json", "text"
OURS = "cds_service"
REQUEST: ContextVar[str | None] = ContextVar("request", default=None)
"""The id of the request that this thread is answering."""
_QUOTES = re.compile(r"[:'\"=`{\[(<]")
_PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[-+ #0-9.*]*[a-zA-Z]")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class Line:
    """A message that is an event with facts: `route=services status=200`, or members of a JSON object."""

    __slots__ = ("event", "facts")

    def __init__(self, event: str, facts: dict[str, Any]):
        self.event, self.facts = event, facts

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.facts.items())


class JsonLines(logging.Formatter):
    """One JSON object for each line."""

    def format(self, record: logging.LogRecord) -> str:
        """The members that every line has, then those of its own."""
        found: dict[str, Any] = {
            "at": f"{_second(int(record.created))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if isinstance(record.msg, Line):
            found["event"] = record.msg.event
            found.update(record.msg.facts)
        else:
            found["message"] = message(record)
            if (request := REQUEST.get()) is not None:
                found["request"] = request
        if record.exc_info:
            found["exception"] = exception(record.exc_info)
        return _ENCODER.encode(found)


class TextLines(logging.Formatter):
    """One line of text."""

    def format(self, record: logging.LogRecord) -> str:
        """Moment (UTC), level, who says it, what."""
        said = str(record.msg) if isinstance(record.msg, Line) else message(record)
        if not isinstance(record.msg, Line) and (request := REQUEST.get()) is not None:
            said += f" request={request}"
        if record.exc_info:
            said += f" {exception(record.exc_info)}"
        moment = f"{_second(int(record.created))}.{int(record.msecs):03d}Z"
        return f"{moment} {record.levelname} {record.name} {said}"


@lru_cache(maxsize=2)
def _second(since_epoch: int) -> str:
    """That second in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(since_epoch))


def message(record: logging.LogRecord) -> str:
    """What a record says, on one line: of ours as it is, of others their own words."""
    if record.name.split(".")[0] == OURS:
        return _UNPRINTABLE.sub(" ", record.getMessage())
    template = str(record.msg)
    if record.args:
        values = record.args if isinstance(record.args, tuple) else ()
        numbers = iter([value if isinstance(value, int) else None for value in values])
        template = _PLACEHOLDER.sub(
            lambda _: str(found) if (found := next(numbers, None)) is not None else "…", template
        )
        return _UNPRINTABLE.sub(" ", template)
    first = _QUOTES.split(template, maxsplit=1)[0].rstrip()
    return _UNPRINTABLE.sub(" ", first if first == template.rstrip() else f"{first} …")


def exception(info: Any) -> str:
    """The kind of an exception and the places it went through, innermost last; never its text."""
    kind, _, trace = info if isinstance(info, tuple) else (None, None, None)
    if kind is None:
        return "exception"
    return f"{kind.__name__} at {' > '.join(places(trace)) or 'unknown'}"


def places(trace: TracebackType | None) -> list[str]:
    """Module and line of every frame that is of a file."""
    found = []
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith("<"):  # methods that dataclasses generate have no file
            found.append(f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}")
        trace = trace.tb_next
    return found


def form_for(setting: str | None, stream: TextIO) -> str:
    """The setting, else text on a terminal and JSON elsewhere."""
    return setting or (TEXT if stream.isatty() else JSON)


def set_up(setting: str | None, stream: TextIO | None = None) -> str:
    """Make this the way in which the whole process logs, in every process that serves; the form that was taken.

    Warnings, and exceptions that nobody caught, in any thread, are lines as well.
    """
    out = stream or sys.stderr
    form = form_for(setting, out)
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines() if form == JSON else TextLines())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    # What no line tells is not gathered for each of them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda found: _uncaught(found.exc_type, found.exc_value, found.exc_traceback)
    return form


def adopt(names: Iterable[str]) -> None:
    """Let these loggers, which bring handlers of their own (a server's), write as all others do."""
    for name in names:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True


class Remarks:
    """A text stream of which every line becomes a line of the log: what is said to people at start, for machines."""

    encoding = "utf-8"

    def __init__(self, name: str = f"{OURS}.start"):
        self._log = logging.getLogger(name)

    def write(self, text: str) -> int:
        """Log the lines of this text that say something."""
        for line in text.splitlines():
            if line.strip():
                self._log.info("%s", line.strip())
        return len(text)

    def flush(self) -> None:
        """Nothing waits."""

    def isatty(self) -> bool:
        """Nobody reads along."""
        return False


def _uncaught(kind: type[BaseException], problem: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    said = str(problem) if kind.__module__ == f"{OURS}.errors" else ""  # ours quote no record, and tell what to mend
    logging.getLogger(f"{OURS}.problems").critical(
        "not caught%s", f": {said}" if said else "", exc_info=(kind, problem or kind(), trace)
    )
