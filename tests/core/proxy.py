"""A way to a service that the tests can cut, or leave hanging."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self


class Proxy:
    """Passes bytes on to a service until it is cut."""

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._sockets: list[socket.socket] = []
        self._door = self._open(0)
        self.port: int = self._door.getsockname()[1]

    @classmethod
    @contextmanager
    def to(cls, port: int) -> Iterator[Self]:
        """A proxy to a port of this machine."""
        proxy = cls(port)
        try:
            yield proxy
        finally:
            proxy.cut()

    def cut(self) -> None:
        """End every connection and take no more."""
        for each in [self._door, *self._sockets]:  # Shut down, or who waits on it goes on waiting.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._sockets.clear()

    def mend(self) -> None:
        """Take connections again, at the same port."""
        self._door = self._open(self.port)

    def _open(self, port: int) -> socket.socket:
        door = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._accept, args=(door,), daemon=True).start()
        return door

    def _accept(self, door: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = door.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def silence() -> Iterator[int]:
    """The port of a service that accepts connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port: int = door.getsockname()[1]
        yield port
