"""The processes of a running service: the first starts the others, replaces them and ends them; they do the work.

Everything that is read at start is in the memory of the first and shared with those it forks; it runs no thread, opens
no connection and does no work of its own, so that a fork of it is clean at any time. Knows nothing of the work.
"""

from __future__ import annotations

import logging
import mmap
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import NoReturn

_LOG = logging.getLogger("cds_service.workers")
LOOK_SECONDS = 1.0
"""How often the first process looks after the others, and how often they have to show that they live."""
SILENT_LOOKS = 60
"""A worker that shows nothing for so many looks is killed. Looks, not seconds: a machine that slept loses no worker."""
YOUNG_SECONDS = 5.0
"""A worker that ends sooner than this is replaced after a pause, which grows."""
LONGEST_PAUSE_SECONDS = 30.0
BARREN = 6
"""So many workers, one after the other, that ended before they worked, and none that does: nothing will come of it."""
CUT_OFF = 3
"""Exit status of a worker that could not end what it had begun."""
ABSENT = 255
"""Instead of the load of a worker: there is none of this number."""
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Life:
    """What a worker knows: its place among the workers, how much the others have to do, and whether it is to go on."""

    def __init__(self, number: int, beats: mmap.mmap, loads: mmap.mmap, first: int):
        self.number = number
        """From 0; that of a worker which ended is given to the one that replaces it."""
        self.wake: Callable[[], None] = lambda: None
        """Called, from a signal handler, when it is to end."""
        self._beats, self._loads, self._first, self._told = beats, loads, first, False
        self.carries(0)

    def goes_on(self) -> bool:
        """Show a sign of life; False once the worker is to end, because it was told so or the first process is gone."""
        self._beats[self.number] = (self._beats[self.number] + 1) % 256
        return not self._told and os.getppid() == self._first

    def carries(self, load: int) -> None:
        """Let the others know how much this one has to do."""
        self._loads[self.number] = min(load, ABSENT - 1)

    def least_of_others(self) -> int:
        """What the one that has least to do has, of the others; ABSENT where there is no other."""
        return min((load for number, load in enumerate(self._loads[:]) if number != self.number), default=ABSENT)

    def end(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Let the worker end what it has begun, and then itself."""
        self._told = True
        self.wake()


@dataclass
class _Worker:
    number: int
    begun: float
    beat: int
    silent: int = 0
    worked: bool = False


@dataclass
class Workers:
    """So many processes that do the same work, until this one is told to end by SIGTERM, SIGINT or SIGHUP."""

    work: Callable[[Life], bool]
    """What each does in its process, until `goes_on` is False; True when it ended all that it had begun. Makes its own
    threads, connections and engines."""
    count: int
    drain_seconds: float
    """How long they may take to end what they have begun."""
    ending: Callable[[], None] = lambda: None
    """Called in the first process when it is told to end, before the workers are: lets go of what they share."""
    child_started: Callable[[int], None] = lambda number: None
    """Called in a new process with its number, before its work."""
    child_exited: Callable[[int], None] = lambda pid: None
    """Called in the first process with the id of one that has ended, however it did."""
    _living: dict[int, _Worker] = field(default_factory=dict)
    _due: dict[int, float] = field(default_factory=dict)
    _barren: int = 0
    _asked: int = 0
    _cut_off: int = 0

    def run(self) -> bool:
        """Start the workers and look after them; True when all ended by themselves after this process was told to."""
        self._own = os.getpid()
        self._beats, self._loads = mmap.mmap(-1, self.count), mmap.mmap(-1, self.count)  # shared with the workers
        self._loads[:] = bytes([ABSENT] * self.count)
        with self._listening():
            while not self._asked:
                self._replace()
                self._wait(LOOK_SECONDS)
                self._bury()
                self._look()
                if self._barren >= BARREN and not any(worker.worked for worker in self._living.values()):
                    _LOG.critical("no worker comes to work: giving up")
                    self._signal(signal.SIGKILL)
                    return False
            return self._drain()

    # --- the first process ------------------------------------------------------------------------------------

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Signals end the wait of this process; what they say is noted."""
        self._ear, mouth = socket.socketpair()
        self._ear.setblocking(False)
        mouth.setblocking(False)
        before = {each: signal.signal(each, self._note) for each in (*_ENDING, signal.SIGCHLD)}
        signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        self._mouth = mouth
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)
            for each, handler in before.items():
                signal.signal(each, handler)
            self._ear.close()
            mouth.close()

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._asked += number in _ENDING

    def _wait(self, seconds: float) -> None:
        """Until a signal comes, or so long."""
        if select.select([self._ear], [], [], max(0.0, seconds))[0]:
            self._ear.recv(4096)

    def _replace(self) -> None:
        """Start a worker for every number that has none, once its pause is over."""
        taken = {worker.number for worker in self._living.values()}
        for number in range(self.count):
            if number not in taken and time.monotonic() >= self._due.get(number, 0.0):
                self._start(number)

    def _start(self, number: int) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as trouble:  # no memory, or too many processes: perhaps not for long
            _LOG.error("worker %d cannot be started: %s", number, trouble.strerror)
            self._due[number] = time.monotonic() + YOUNG_SECONDS
            return
        if pid == 0:
            self._be_worker(number)
        self._living[pid] = _Worker(number, time.monotonic(), self._beats[number])
        _LOG.info("worker %d is process %d", number, pid)

    def _bury(self) -> None:
        """Take note of every process that has ended, also of those of others where this is the first of a container."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._living:
                self._mourn(pid, self._living.pop(pid), os.waitstatus_to_exitcode(status))

    def _mourn(self, pid: int, worker: _Worker, code: int) -> None:
        self._loads[worker.number] = ABSENT
        self._cut_off += code == CUT_OFF
        worked = worker.worked or self._beats[worker.number] != worker.beat
        self._barren = 0 if worked else self._barren + 1
        if not self._asked:
            how = f"by signal {-code}" if code < 0 else f"with status {code}"
            _LOG.warning("worker %d, process %d, ended %s: it is replaced", worker.number, pid, how)
            young = time.monotonic() - worker.begun < YOUNG_SECONDS
            pause = min(LONGEST_PAUSE_SECONDS, 0.1 * 2.0**self._barren) if young else 0.0
            self._due[worker.number] = time.monotonic() + pause
        try:
            self.child_exited(pid)
        except Exception as trouble:  # whatever it is, the workers are to be looked after
            _LOG.error("of process %d something is left behind: %s", pid, type(trouble).__name__)

    def _look(self) -> None:
        """Kill whoever has not shown for long that it lives: a process that hangs answers nobody."""
        for pid, worker in self._living.items():
            beat = self._beats[worker.number]
            worker.silent = worker.silent + 1 if beat == worker.beat else 0
            worker.worked, worker.beat = worker.worked or beat != worker.beat, beat
            if worker.silent >= SILENT_LOOKS:
                _LOG.error("worker %d, process %d, shows no sign of life: it is killed", worker.number, pid)
                os.kill(pid, signal.SIGKILL)

    def _drain(self) -> bool:
        """Tell the workers to end, and wait; those that take too long, or when told a second time, are killed."""
        _LOG.info("told to end: what was asked is answered, for %g s at most", self.drain_seconds)
        self.ending()
        self._signal(signal.SIGTERM)
        until, patience = time.monotonic() + self.drain_seconds, self._asked
        while self._living and time.monotonic() < until and self._asked == patience:
            self._wait(min(LOOK_SECONDS, until - time.monotonic()))
            self._bury()
        late = len(self._living)
        if late:
            _LOG.error("workers that had not ended what they had begun, and were killed: %d", late)
            self._signal(signal.SIGKILL)
        while self._living:
            self._wait(0.1)
            self._bury()
        _LOG.info("all workers have ended")
        return not late and not self._cut_off

    def _signal(self, number: signal.Signals) -> None:
        for pid in self._living:
            os.kill(pid, number)  # it has not been waited for, so the id is still its own

    # --- a worker ---------------------------------------------------------------------------------------------

    def _be_worker(self, number: int) -> NoReturn:
        """Work, and end the process: nothing of the first one's is run by this one."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            self._ear.close()
            self._mouth.close()
            life = Life(number, self._beats, self._loads, self._own)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for each in _ENDING:  # Ctrl-C reaches every process of a terminal; the first one tells the others
                signal.signal(each, life.end if each is signal.SIGTERM else signal.SIG_IGN)
            if self._asked:  # between the fork and here
                life.end()
            self.child_started(number)
            status = 0 if self.work(life) else CUT_OFF
        except BaseException as trouble:  # whatever it is, this process ends here
            _LOG.critical("worker %d gives up: %s", number, type(trouble).__name__, exc_info=trouble)
        finally:
            logging.shutdown()
            os._exit(status)
