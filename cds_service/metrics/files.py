"""Metrics of several processes: each writes into files of its own, and whoever is asked adds them up.

The files of a process that has ended are folded into one, so that a service whose workers are replaced now and then
has no more files than it has workers. Adding up and folding keep out of each other's way by a lock on the folder.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Names the folder, for this process and those it starts. prometheus_client looks for it when it is imported."""
_MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own is made in it
"""Where files are memory, if there is such a place: to count then never waits for a disk, and no disk has to be had."""
_ENDED = "0"
"""Stands for the processes that have ended, where files have the number of a process in their names."""
_LOCK = "lock"
"""Held for a moment, to add up or to fold."""
_OWNER = "owner"
"""Locked while the service runs."""
_PATIENCE_SECONDS = 1.0
"""For the lock, when a process has ended: one that is stopped is not to hold up who looks after the others."""
_PREFIX = "blinatumomab-cds-metrics-"
_UNOWNED_SECONDS = 3600.0
"""A folder without an owner is being made or deleted; after so long, whoever did that was killed over it."""

_AGAIN_SECONDS = 0.01
_Told = tuple[float, float]
"""A value, and where the latest counts the moment that it was set."""
_to_fold: set[int] = set()
"""Processes that have ended, and whose files are still their own."""


@contextmanager
def share_files() -> Iterator[Path]:
    """A folder for the files of this service while the block runs: the one of the environment, else a new one.

    What an earlier service left there is deleted. Raises OSError where it cannot be had.
    """
    given = os.environ.get(VARIABLE)
    folder = Path(given) if given else _new_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.db"):
        old.unlink()
    (folder / _LOCK).touch()
    os.environ[VARIABLE] = str(folder)
    try:
        with _owned(folder):
            yield folder
    finally:
        if not given:
            os.environ.pop(VARIABLE, None)
            shutil.rmtree(folder, ignore_errors=True)


def _new_folder() -> Path:
    """A folder of this service's own; those of services that were killed go."""
    where = Path(_MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else tempfile.gettempdir())
    for owner in where.glob(f"{_PREFIX}*/{_OWNER}"):
        with suppress(OSError), owner.open("a") as lock:  # of somebody else, or just gone
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(owner.parent, ignore_errors=True)
    for folder in where.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # just gone
            if not (folder / _OWNER).exists() and time.time() - folder.stat().st_mtime > _UNOWNED_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=_PREFIX, dir=where))


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Show, while this process or one that it forked is there, that the folder is in use."""
    with (folder / f"{_OWNER}.new").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / f"{_OWNER}.new").rename(folder / _OWNER)  # with its lock, so that nobody ever finds it without
        yield


def child_exited(pid: int) -> None:
    """A process has ended: what it counted or said last stays, what it held (gauges of the living) goes.

    Where somebody keeps adding up for too long, that is done when the next process ends: the sums are right meanwhile.
    """
    folder = _folder()
    if folder is None:
        return
    from prometheus_client import multiprocess

    _to_fold.add(pid)
    with suppress(BlockingIOError), _locked(folder, fcntl.LOCK_EX, patience=_PATIENCE_SECONDS):
        while _to_fold:
            ended = _to_fold.pop()
            multiprocess.mark_process_dead(ended, str(folder))  # type: ignore[no-untyped-call]
            for kind, join in _JOINED.items():
                _fold(folder / f"{kind}_{ended}.db", folder / f"{kind}_{_ENDED}.db", join)


def page(registry: Any) -> bytes:
    """The text that Prometheus reads: of all processes that share files, else of this one's `registry`."""
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    folder = _folder()
    if folder is None:
        return generate_latest(registry)
    together = CollectorRegistry()
    MultiProcessCollector(together, str(folder))  # type: ignore[no-untyped-call]
    with _locked(folder, fcntl.LOCK_SH):
        return generate_latest(together)


def _folder() -> Path | None:
    given = os.environ.get(VARIABLE)
    return Path(given) if given and Path(given).is_dir() else None


@contextmanager
def _locked(folder: Path, how: int, *, patience: float | None = None) -> Iterator[None]:
    """Raises BlockingIOError where the lock is not had within `patience` seconds."""
    with (folder / _LOCK).open("a") as lock:
        if patience is None:
            fcntl.flock(lock, how)
        else:
            _lock_within(patience, lock, how)
        yield


def _lock_within(seconds: float, lock: IO[str], how: int) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            return fcntl.flock(lock, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise
            time.sleep(_AGAIN_SECONDS)


def _sum(one: _Told, other: _Told) -> _Told:
    return one[0] + other[0], 0.0


def _later(one: _Told, other: _Told) -> _Told:
    return max(one, other, key=itemgetter(1))


_JOINED: Mapping[str, Callable[[_Told, _Told], _Told]] = {
    "counter": _sum,
    "histogram": _sum,
    "gauge_mostrecent": _later,
}
"""Kind of file -> what comes of the values of two ended processes."""


def _fold(source: Path, target: Path, join: Callable[[_Told, _Told], _Told]) -> None:
    """Join what stands in one file to another, and delete it."""
    if not source.exists():
        return
    from prometheus_client.mmap_dict import MmapedDict

    into = MmapedDict(str(target))  # type: ignore[no-untyped-call]
    for key, value, stamp, _ in MmapedDict.read_all_values_from_file(str(source)):  # type: ignore[no-untyped-call]
        into.write_value(key, *join(into.read_value(key), (value, stamp)))  # type: ignore[no-untyped-call]
    into.close()  # type: ignore[no-untyped-call]
    source.unlink()
