"""A socket with one read buffer: whole messages, and rows decoded where they lie."""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

from pg8000.exceptions import InterfaceError

Decoder = Callable[[bytes], Any]
Row = list[Any]

RECEIVE_BYTES = 65_536
DATA_ROW = ord("D")

_read_int32 = Struct("!i").unpack_from


class ConnectionLostError(InterfaceError):  # type: ignore[misc]
    """The server closed the connection or cannot be reached; a new one is needed.

    The words "network error" open the message because SQLAlchemy's pg8000 dialect
    knows a lost connection by them.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"network error: {reason}")


class Wire:
    """The buffered socket, which also answers to the file calls pg8000 makes at log-in.

    Every call may raise ConnectionLostError.
    """

    __slots__ = ("_at", "_buffer", "_outgoing", "_socket")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._buffer = b""
        self._at = 0
        self._outgoing: list[bytes] = []

    def write(self, data: bytes) -> None:
        self._outgoing.append(bytes(data))

    def flush(self) -> None:
        packet, self._outgoing = b"".join(self._outgoing), []
        self.send(packet)

    def read(self, size: int) -> bytes:
        start = self._require(size)
        self._at = start + size
        return self._buffer[start : self._at]

    def send(self, packet: bytes) -> None:
        try:
            self._socket.sendall(packet)
        except OSError as error:
            raise ConnectionLostError(str(error)) from error

    def next_code(self) -> int:
        """The type byte of the next message, which is then wholly in the buffer."""
        start = self._require(5)
        size: int = _read_int32(self._buffer, start + 1)[0]
        start = self._require(1 + size)
        return self._buffer[start]

    def take_body(self) -> bytes:
        """The body of the message `next_code` announced, which is consumed."""
        start = self._at
        self._at = start + 1 + _read_int32(self._buffer, start + 1)[0]
        return self._buffer[start + 5 : self._at]

    def take_rows(self, decoders: Sequence[Decoder], rows: list[Row]) -> None:
        """Consume the DataRow messages the buffer holds whole, appending what they decode to."""
        buffer, at, limit = self._buffer, self._at, len(self._buffer)
        while limit - at > 6 and buffer[at] == DATA_ROW:
            end = at + 1 + _read_int32(buffer, at + 1)[0]
            if end > limit:
                break
            at += 7
            row: Row = []
            for decode in decoders:
                size = _read_int32(buffer, at)[0]
                at += 4
                if size < 0:
                    row.append(None)
                else:
                    row.append(decode(buffer[at : at + size]))
                    at += size
            rows.append(row)
            at = end
        self._at = at

    def readable(self, timeout_seconds: float) -> bool:
        """Whether the server has said something, waiting for it if need be.

        Raises:
            ConnectionLostError: It has closed the connection.
        """
        deadline = time.monotonic() + timeout_seconds
        while self._at == len(self._buffer):
            remaining = max(0.0, deadline - time.monotonic())
            if not self._wakes(remaining):
                return False
            # Under TLS bytes may come that carry no data (a session ticket), and a
            # blocking read would wait for those that do.
            self._receive_at_once()
            if remaining == 0.0:
                break
        return self._at < len(self._buffer)

    def _wakes(self, timeout_seconds: float) -> bool:
        # TLS decrypts whole records: data may wait inside OpenSSL while the socket is silent.
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        # Not select.select, which knows no descriptor above 1023; and far cheaper to make
        # than what `selectors` offers, which counts where every checkout asks.
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(timeout_seconds * 1000))

    def _receive_at_once(self) -> None:
        self._socket.settimeout(0.0)
        try:
            self._receive(1)
        except ssl.SSLWantReadError:
            pass
        finally:
            self._socket.settimeout(None)

    def _require(self, size: int) -> int:
        """Hold `size` unread bytes in the buffer; returns where they start."""
        missing = self._at + size - len(self._buffer)
        if missing > 0:
            self._receive(missing)
        return self._at

    def _receive(self, missing: int) -> None:
        chunks = [self._buffer[self._at :]]
        while missing > 0:
            try:
                chunk = self._socket.recv(RECEIVE_BYTES)
            except ssl.SSLWantReadError:
                raise
            except OSError as error:
                raise ConnectionLostError(str(error)) from error
            if not chunk:
                raise ConnectionLostError("the server closed the connection")
            chunks.append(chunk)
            missing -= len(chunk)
        self._buffer = b"".join(chunks)
        self._at = 0
