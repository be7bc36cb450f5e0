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
ZIP = b"PK\x03\x04"  # What a workbook of a spreadsheet program begins with.
LONGEST_LINE_BYTES = 1_000_000

NOT_UTF8 = "A linha não está em UTF-8; salve o arquivo como CSV UTF-8."
WRONG_FIELD_COUNT = "A linha tem um número de campos diferente do cabeçalho."
BAD_QUOTES = "As aspas da linha não fecham ou estão fora do lugar."
NOT_JSON = "A linha não é um objeto JSON."
LINE_TOO_LONG = "A linha é longa demais."


class HeaderInvalid(Unprocessable):
    """The file's first line is not a header with the columns that are needed."""

    motivo = (
        "A primeira linha do arquivo não é um cabeçalho com as colunas necessárias, ou as repete."
    )


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
        """Names of a CSV's columns, lower case; spreadsheets leave columns without a name.

        Raises:
            HeaderInvalid: There are none, or one stands twice.
        """
        return self._read_header()[0]

    def _read_header(self) -> tuple[list[str], str, int]:
        with closing(self._open_at(0)) as stream:
            raw = stream.readline(LONGEST_LINE_BYTES)
        if raw.startswith(ZIP):
            raise HeaderInvalid(
                "This is a workbook or a zip file; save its sheet as CSV UTF-8.",
                motivo="Este arquivo é uma planilha ou um zip. Salve a aba como CSV UTF-8.",
            )
        try:
            text = raw.removeprefix(BOM).decode()
        except UnicodeDecodeError:
            raise HeaderInvalid(
                "The header is not in UTF-8; save it as CSV UTF-8.",
                motivo="O cabeçalho não está em UTF-8. Salve o arquivo como CSV UTF-8.",
            ) from None
        delimiter = max(",;\t", key=text.count)
        fields = _fields(raw.removeprefix(BOM), delimiter)
        if isinstance(fields, BadRow) or len(raw) == LONGEST_LINE_BYTES or "\r" in text.rstrip():
            raise HeaderInvalid(
                "The first line is no header of a CSV with one row a line.",
                motivo="A primeira linha não é o cabeçalho de um CSV com uma linha por registro.",
            )
        names = [name.strip().lower() for name in fields]
        if not any(names):
            raise HeaderInvalid(
                "The first line is no header: it must name the columns.",
                motivo="A primeira linha não é um cabeçalho: ela precisa dar nome às colunas.",
            )
        # Spreadsheets leave columns without a name behind the last one.
        named = [name for name in names if name]
        if len(set(named)) < len(named):
            raise HeaderInvalid(
                "The header is ambiguous: a column's name stands in it twice.",
                motivo="O cabeçalho é ambíguo: uma coluna está nele duas vezes.",
            )
        return names, delimiter, len(raw)

    def _csv_rows(self) -> Iterator[tuple[int, Row | BadRow]]:
        names, delimiter, header_bytes = self._read_header()
        if self._offset == 0:
            self._offset, self._line = header_bytes, 1
        places = [names.index(name) if name in names else -1 for name in self._columns]
        width = len(names)
        for raw in self._lines():
            row = _fields(raw, delimiter)
            if isinstance(row, BadRow):
                yield self._line, row
            elif len(row) == width:
                yield self._line, [(row[i].strip() or None) if i >= 0 else None for i in places]
            elif row:
                yield self._line, BadRow(WRONG_FIELD_COUNT)

    def _json_rows(self) -> Iterator[tuple[int, Row | BadRow]]:
        for raw in self._lines():
            if raw is None:
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

    def _lines(self) -> Iterator[bytes | None]:
        """The lines that are left, one row each; None for one that is too long."""
        with closing(self._open_at(self._offset)) as stream:
            while raw := stream.readline(LONGEST_LINE_BYTES):
                self._offset += len(raw)
                self._line += 1
                if len(raw) == LONGEST_LINE_BYTES:
                    self._pass_over(stream, raw)
                    yield None
                else:
                    yield raw

    def _pass_over(self, stream: BinaryIO, piece: bytes) -> None:
        """Go to the end of the line that this piece begins: the rest of it is no row either."""
        while piece and not piece.endswith(b"\n"):
            piece = stream.readline(LONGEST_LINE_BYTES)
            self._offset += len(piece)


def as_utf8(data: bytes) -> bytes:
    """A whole text in UTF-8, whatever spreadsheets have made it in.

    UTF-16 says so at its beginning. What is no UTF-8 is taken for Windows' Latin-1, of which
    every byte is a character: somebody's own letters may come out wrong, but none is lost.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace").encode()
    try:
        data.decode()
    except UnicodeDecodeError:
        try:
            return data.decode("cp1252").encode()
        except UnicodeDecodeError:  # Five bytes that Windows left out.
            return data.decode("latin-1").encode()
    return data


def _fields(raw: bytes | None, delimiter: str) -> list[str] | BadRow:
    """The fields of one line of CSV; none of a blank one.

    A quoted field may hold delimiters and quotes, but no line break: a quote that somebody
    forgot to close must cost one row, not all that follow.
    """
    if raw is None:
        return BadRow(LINE_TOO_LONG)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return BadRow(NOT_UTF8)
    if '"' not in text:
        line = text.rstrip("\r\n")
        return line.split(delimiter) if line.strip() else []
    try:
        return next(csv.reader((text,), delimiter=delimiter, strict=True), [])
    except csv.Error:
        return BadRow(BAD_QUOTES)
