"""Messages to the server: https://www.postgresql.org/docs/current/protocol-message-formats.html"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from struct import Struct
from typing import Any

from pg8000.converters import make_param

# pg8000 flushes COPY data every 8 kB; a quarter of a megabyte keeps both sides busy.
COPY_CHUNK_BYTES = 262_144

_int16 = Struct("!H").pack
_int32 = Struct("!i").pack
_NULL_VALUE = _int32(-1)


def message(code: bytes, body: bytes = b"") -> bytes:
    return code + _int32(len(body) + 4) + body


SYNC = message(b"S")
EXECUTE = message(b"E", b"\0" + _int32(0))
DESCRIBE_PORTAL = message(b"D", b"P\0")
COPY_DONE = message(b"c")
COPY_FAIL = message(b"f", b"the client's stream failed\0")


def query(text: str) -> bytes:
    return message(b"Q", text.encode() + b"\0")


def parse(name: bytes, text: str, oids: Sequence[int]) -> bytes:
    # pg8000 says -1 for "let the server find out", the protocol says 0.
    types = b"".join(_int32(max(oid, 0)) for oid in oids)
    return message(b"P", name + b"\0" + text.encode() + b"\0" + _int16(len(oids)) + types)


def close_statement(name: bytes) -> bytes:
    return message(b"C", b"S" + name + b"\0")


def bind(
    name: bytes, values: Sequence[Any], encoders: Mapping[type, Callable[[Any], Any]]
) -> bytes:
    """Bind values, as text, to a statement's unnamed portal.

    Args:
        name: The prepared statement; empty for the unnamed one.
        values: One per parameter, in order; None is NULL.
        encoders: pg8000's `py_types`: Python type -> text.
    """
    parts = [b"\0", name, b"\0\0\0", _int16(len(values))]
    for value in values:
        encode = encoders.get(type(value))
        text = make_param(encoders, value) if encode is None else encode(value)
        if text is None:
            parts.append(_NULL_VALUE)
        else:
            data = text.encode()
            parts.append(_int32(len(data)))
            parts.append(data)
    parts.append(b"\0\0")
    return message(b"B", b"".join(parts))


def copy_data(stream: Any) -> Iterator[bytes]:
    """CopyData messages of about `COPY_CHUNK_BYTES` from a file or an iterable of str or bytes.

    Message borders carry no meaning in COPY, so small items of an iterable travel together.
    """
    held: list[bytes] = []
    size = 0
    for piece in _file_chunks(stream) if hasattr(stream, "read") else stream:
        data = piece.encode() if isinstance(piece, str) else bytes(piece)
        held.append(data)
        size += len(data)
        if size >= COPY_CHUNK_BYTES:
            yield message(b"d", b"".join(held))
            held, size = [], 0
    if held:
        yield message(b"d", b"".join(held))


def _file_chunks(stream: Any) -> Iterator[str | bytes]:
    while chunk := stream.read(COPY_CHUNK_BYTES):
        yield chunk
