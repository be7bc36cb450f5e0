"""CSV and NDJSON files, row by row, from any byte offset on, with flat memory."""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, BinaryIO

from chalicelib.core.errors import Unprocessable

NDJSON = "application/x-ndjson"
CSV = "text/csv"
BOM = b"\xef\xbb\xbf"
LONGEST_LINE_BYTES = 1_000_000

NOT_UTF8 = "A linha não está em UTF-8."
WRONG_FIELD_COUNT = "A linha tem um número de campos diferente do cabeçalho."
NOT_JSON = "A linha não é um objeto JSON."
LINE_TOO_LONG = "A linha é longa demais."


class HeaderInvalid(Unprocessable):
    """The file's first line is not a header with the columns that are needed."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a file has been read.

    Attributes:
        offset: Bytes consumed.
        line: Number of the last line read; a CSV's header is line 1.
    """

    offset: int = 0
    line: int = 0


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not even be split into fields."""

    reason: str


class _LongLine(Exception):
    """This line is longer than any row; it has been passed over."""


Row = list[Any]
OpenAt = Callable[[int], BinaryIO]


class RowFile:
    """One file, and how far it has been read.

    Attributes:
        is_csv: A CSV, rather than NDJSON.
        position: Behind the last row given out; a new reader may go on from it.
    """

    def __init__(
        self,
        open_at: OpenAt,
        media_type: str,
        columns: Sequence[str],
        position: Position | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            open_at: Opens the file for reading from a byte offset.
            media_type: `text/csv` or `application/x-ndjson`.
            columns: The columns wanted, in the order rows are to have them.
            position: Where to go on; the beginning when left out.
        """
        self._open_at = open_at
        self._columns = tuple(columns)
        self.is_csv = media_type == CSV
        self._offset = position.offset if position else 0
        self._line = position.line if position else 0

    @property
    def position(self) -> Position:
        """Behind the last row given out."""
        return Position(self._offset, self._line)

    def rows(self) -> Iterator[tuple[int, Row | BadRow]]:
        """Line number and values of every row that is left, in order.

        A value is None where the column is missing or empty. CSV values are text, trimmed;
        NDJSON values are whatever JSON says. Columns that were not asked for are passed over.

        Raises:
            HeaderInvalid: A CSV without a usable header.
        """
        return self._csv_rows() if self.is_csv else self._json_rows()

    def header(self) -> list[str]:
        """Names of a CSV's columns, lower case.

        Raises:
            HeaderInvalid: There are none, or one stands twice.
        """
        return self._read_header()[0]

    def _read_header(self) -> tuple[list[str], str, int]:
        with closing(self._open_at(0)) as stream:
            raw = stream.readline(LONGEST_LINE_BYTES)
        try:
            text = raw.removeprefix(BOM).decode()
        except UnicodeDecodeError:
            raise HeaderInvalid("The header is not in UTF-8.") from None
        delimiter = max(",;\t", key=text.count)
        names = [name.strip().lower() for name in next(csv.reader([text], delimiter=delimiter), [])]
        if not any(names) or len(set(names)) < len(names):
            raise HeaderInvalid
        return names, delimiter, len(raw)

    def _csv_rows(self) -> Iterator[tuple[int, Row | BadRow]]:
        names, delimiter, header_bytes = self._read_header()
        if self._offset == 0:
            self._offset, self._line = header_bytes, 1
        places = [names.index(name) if name in names else -1 for name in self._columns]
        width = len(names)
        with closing(self._open_at(self._offset)) as stream:
            reader = csv.reader(self._lines(stream), delimiter=delimiter)
            while True:
                try:
                    for fields in reader:
                        if len(fields) == width:
                            yield (
                                self._line,
                                [(fields[i].strip() or None) if i >= 0 else None for i in places],
                            )
                        elif fields:
                            yield self._line, BadRow(WRONG_FIELD_COUNT)
                except (UnicodeDecodeError, _LongLine) as error:
                    yield self._line, BadRow(_reason(error))
                    # The lines' generator ended with its exception; the stream goes on.
                    reader = csv.reader(self._lines(stream), delimiter=delimiter)
                except csv.Error:
                    yield self._line, BadRow(LINE_TOO_LONG)
                else:
                    return

    def _json_rows(self) -> Iterator[tuple[int, Row | BadRow]]:
        with closing(self._open_at(self._offset)) as stream:
            while raw := stream.readline(LONGEST_LINE_BYTES):
                self._offset += len(raw)
                self._line += 1
                if len(raw) == LONGEST_LINE_BYTES:
                    self._pass_over(stream, raw)
                    yield self._line, BadRow(LINE_TOO_LONG)
                elif raw.strip():
                    yield self._line, self._json_row(raw)

    def _json_row(self, raw: bytes) -> Row | BadRow:
        try:
            found = json.loads(raw.removeprefix(BOM))
        except UnicodeDecodeError:
            return BadRow(NOT_UTF8)
        except (ValueError, RecursionError):
            return BadRow(NOT_JSON)
        if not isinstance(found, dict):
            return BadRow(NOT_JSON)
        return [found.get(name) for name in self._columns]

    def _lines(self, stream: BinaryIO) -> Iterator[str]:
        """Decoded lines; the reader pulls one at a time, so the offset stays exact."""
        while raw := stream.readline(LONGEST_LINE_BYTES):
            self._offset += len(raw)
            self._line += 1
            if len(raw) == LONGEST_LINE_BYTES:
                self._pass_over(stream, raw)
                raise _LongLine
            yield raw.decode()

    def _pass_over(self, stream: BinaryIO, piece: bytes) -> None:
        """Go to the end of the line that this piece begins: the rest of it is no row either."""
        while piece and not piece.endswith(b"\n"):
            piece = stream.readline(LONGEST_LINE_BYTES)
            self._offset += len(piece)


def _reason(error: Exception) -> str:
    return NOT_UTF8 if isinstance(error, UnicodeDecodeError) else LINE_TOO_LONG
