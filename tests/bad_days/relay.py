"""A relay of TCP connections that can be cut, refuse, or fall silent: a server that is not ours on its bad days."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Listens on loopback and passes bytes to a server and back, unless told otherwise."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._silent = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._listening: socket.socket | None = None
        self.port = 0

    def open(self) -> None:
        """Listen, on the same port as ever."""
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection; new ones are refused."""
        if self._listening is not None:
            with suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        for pair in self._pairs:
            _close(*pair)
        self._pairs.clear()

    def fall_silent(self) -> None:
        """Pass nothing on any more, and close nothing: neither side is told."""
        self._silent.set()

    def speak(self) -> None:
        """Break what had fallen silent, and pass on again."""
        self.cut()
        self._silent.clear()
        self.open()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                client, _ = listening.accept()
                server = socket.create_connection(self._to)
            except OSError:
                return
            self._pairs.append((client, server))
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self._silent.is_set():
                    return
                target.sendall(data)
        _close(source, target)


def _close(*pair: socket.socket) -> None:
    for each in pair:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def relay(host: str, port: int) -> Iterator[Relay]:
    """One while the block runs."""
    found = Relay(host, port)
    found.open()
    try:
        yield found
    finally:
        found.cut()
