"""Values in: pg8000's converters of text, and shorter ways to the same results from bytes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from io import TextIOBase
from typing import Any

from pg8000 import converters

from chalicelib.core.pg.wire import Decoder


def decoder_for(convert: Callable[[str], Any]) -> Decoder:
    """A decoder of raw bytes that means the same as a pg8000 converter of text."""
    return _FAST_DECODERS.get(convert) or (lambda data: convert(data.decode()))


def copy_writer(stream: Any) -> Callable[[bytes], Any]:
    """What to call with each piece of COPY TO output: text streams get str."""
    if isinstance(stream, TextIOBase):
        return lambda data: stream.write(data.decode())
    write: Callable[[bytes], Any] = stream.write
    return write


def _iso(parse_iso: Callable[[str], Any], convert: Callable[[str], Any]) -> Decoder:
    """ISO dates and times by the C parser; "infinity", BC and year 10000 as pg8000 has them."""

    def decode(data: bytes) -> Any:
        text = data.decode()
        try:
            return parse_iso(text)
        except ValueError:
            return convert(text)

    return decode


def _flat_array(element: Callable[[str], Any], convert: Callable[[str], Any]) -> Decoder:
    """Arrays of one dimension without NULL by `split`; others as pg8000 has them.

    Only for elements that hold neither commas nor quotes of their own and whose parser
    refuses "NULL" and braces.
    """

    def decode(data: bytes) -> Any:
        text = data.decode()
        if text == "{}":
            return []
        try:
            return [element(item) for item in text[1:-1].replace('"', "").split(",")]
        except ValueError:
            return convert(text)

    return decode


_FAST_DECODERS: dict[Callable[[str], Any], Decoder] = {
    int: int,
    float: float,
    converters.string_in: bytes.decode,
    converters.bool_in: b"t".__eq__,
    converters.date_in: _iso(date.fromisoformat, converters.date_in),
    converters.time_in: _iso(time.fromisoformat, converters.time_in),
    converters.timestamp_in: _iso(datetime.fromisoformat, converters.timestamp_in),
    converters.timestamptz_in: _iso(datetime.fromisoformat, converters.timestamptz_in),
    converters.int_array_in: _flat_array(int, converters.int_array_in),
    converters.float_array_in: _flat_array(float, converters.float_array_in),
    converters.timestamptz_array_in: _flat_array(
        datetime.fromisoformat, converters.timestamptz_array_in
    ),
}
