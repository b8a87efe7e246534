"""Where the commands print: one console for people, one for remarks. Knows nothing of what is printed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

WIDTH = 100
"""Cards are wrapped to this at the most: long lines are not read."""


def console(*, remarks: bool = False) -> Console:
    """The console of standard output, or of standard error for remarks and progress."""
    stream = sys.stderr if remarks else sys.stdout
    found = Console(file=stream, highlight=False, soft_wrap=False)
    return Console(file=stream, highlight=False, width=min(WIDTH, found.width) if stream.isatty() else WIDTH)


def table(*columns: str, title: str | None = None) -> Table:
    """A plain table whose columns wrap."""
    made = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False, expand=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


@contextmanager
def progress(remarks: Console, total: int, what: str = "calls") -> Iterator[Callable[[], None]]:
    """A progress bar over calls (or `what`), on a terminal only; gives what advances it by one."""
    if not remarks.is_terminal:
        yield lambda: None
        return
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=remarks, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)
