"""A CSV of any dialect as batches of text columns, row by row, with every refused row named.

Python's own csv module splits the rows: it tells the line a row began on, which a reader that
splits blocks in parallel cannot do for fields that hold line breaks, and a quote that nobody
closed costs one row instead of all that follow.
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

import pyarrow as pa
import pyarrow.compute as pc

from chalicelib.prices.errors import ArquivoRecusado
from chalicelib.prices.profiling.decoding import DAMAGED, Encoding, detect_encoding
from chalicelib.prices.profiling.headers import check_names
from chalicelib.prices.profiling.refusals import RefusedRows, numbered

DELIMITERS = (",", ";", "\t", "|", "^", "~", ":")
HEAD_LINES = 500
HEAD_CHARACTERS = 1_000_000
ROWS_PER_BATCH = 32_768
CHARACTERS_PER_BATCH = 1_500_000
SEPARATOR_LINE = re.compile(r"sep=(.)\r?\n?", re.IGNORECASE)  # What Excel writes first.

BAD_QUOTES = "as aspas não fecham ou estão fora do lugar"
TOO_LONG = f"um campo tem mais de {numbered(csv.field_size_limit())} caracteres"
NUL_BYTE = "há um byte nulo"
DAMAGED_BYTE = "o byte 0x{:02X} não é um caractere de {}"


OTHER_TEXT = re.compile(r"\s*([{[<])")
OTHER_KINDS = {
    "{": "ser JSON; declare o tipo application/x-ndjson, com um objeto por linha",
    "[": "ser JSON; envie um objeto por linha, do tipo application/x-ndjson",
    "<": "uma página HTML ou um XML",
}
ROW_NAMES = "coluna_1"


def _named(names: list[str]) -> list[str]:
    """Names of columns as programs leave them out: R and pandas that of the row's name, which
    comes first, and spreadsheets those of empty columns behind the last one."""
    while len(names) > 1 and not names[-1]:
        names = names[:-1]
    if len(names) > 1 and not names[0] and ROW_NAMES not in names:
        return [ROW_NAMES, *names[1:]]
    return names


@dataclass(frozen=True)
class Dialect:
    """How a CSV separates its fields.

    Attributes:
        delimiter: One character.
        skipped: Lines before the header.
    """

    delimiter: str
    skipped: int = 0

    def reader(self, lines: Iterator[str]) -> Iterator[list[str]]:
        """The rows of some lines; a misplaced quote raises csv.Error."""
        blank = self.delimiter == " "
        return csv.reader(lines, delimiter=self.delimiter, skipinitialspace=blank, strict=True)


def detect_dialect(lines: Sequence[str]) -> Dialect:
    """Find the delimiter by which most rows are as wide as the header.

    Args:
        lines: The first lines of the file, the header first.
    """
    if lines and (said := SEPARATOR_LINE.fullmatch(lines[0])):
        return Dialect(said.group(1), skipped=1)
    best, most = Dialect(","), (0.0, 0)
    for delimiter in (*DELIMITERS, " "):
        share, width = _consistency(lines, Dialect(delimiter))
        # Blanks are in every text: they separate only where nothing else does, and much.
        if width > 1 and (share, width) > most and (delimiter != " " or (width > 2 and share == 1)):
            best, most = Dialect(delimiter), (share, width)
    return best


def _consistency(lines: Sequence[str], dialect: Dialect) -> tuple[float, int]:
    """Which share of the rows is as wide as the header, and how wide that is."""
    widths: list[int] = []
    reader = dialect.reader(iter(lines))
    while True:
        try:
            row = next(reader, None)
        except csv.Error:
            widths.append(-1)
            continue
        if row is None:
            break
        if row:
            widths.append(len(row))
    if not widths:
        return 0.0, 0
    return Counter(widths)[widths[0]] / len(widths), widths[0]


class _Lines:
    """Lines that can be given back, and the number of the last one given."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self.number = 0
        self.taken: list[str] = []
        self.characters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._file)
        self.number += 1
        self.characters += len(line)
        self.taken.append(line)
        return line

    def keep_first_only(self) -> None:
        """Give back all lines taken but the first."""
        rest = self.taken[1:]
        self._again.extendleft(reversed(rest))
        self.number -= len(rest)
        self.characters -= sum(map(len, rest))
        self.taken.clear()


class CsvSource:
    """One CSV file.

    Attributes:
        names: Its columns.
        refused: Rows left out so far.
        rows: Rows given out so far.
        blank_lines: Lines without anything, passed over.
        lines: Of the last batch, the line that each row begins on.
        beyond: None: text that is no number stays text.
        done: Which share of the file has been read, about.
    """

    def __init__(self, path: Path) -> None:
        """Look at the file's beginning.

        Raises:
            ArquivoRecusado: It is no CSV with a header.
        """
        self._path = path
        self._encoding: Encoding = detect_encoding(path)
        head = self._head()
        self._dialect = detect_dialect(head)
        self.refused = RefusedRows()
        self.rows = self.blank_lines = self.beyond = 0
        self.done = 0.0
        self.lines: list[int] = []
        self.names = self._read_header(head)

    @property
    def description(self) -> dict[str, object]:
        """How the file is read, for people."""
        return {
            "formato": "csv",
            "codificacao": self._encoding.name.removesuffix("-sig"),
            "separador": self._dialect.delimiter,
            "linhas_em_branco": self.blank_lines,
        }

    def _open(self) -> TextIO:
        return self._path.open(
            encoding=self._encoding.name, errors=self._encoding.errors, newline=""
        )

    def _head(self) -> list[str]:
        with self._open() as file:
            lines = list(islice(iter(lambda: file.readline(HEAD_CHARACTERS), ""), HEAD_LINES))
        first = next((i for i, line in enumerate(lines) if line.strip()), 0)
        return lines[first:]

    def _read_header(self, head: Sequence[str]) -> list[str]:
        if head and (begun := OTHER_TEXT.match(head[0])):
            raise ArquivoRecusado(f"O arquivo não é CSV: parece {OTHER_KINDS[begun.group(1)]}.")
        try:
            row = next(self._dialect.reader(iter(head[self._dialect.skipped :])), [])
        except csv.Error:
            raise ArquivoRecusado(f"O cabeçalho não pode ser lido: {BAD_QUOTES}.") from None
        return check_names(_named([name.strip() for name in row]))

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, some thousands at a time, as columns of trimmed text.

        Raises:
            ArquivoRecusado: Too many of them cannot be read.
        """
        given, size = 0, self._path.stat().st_size
        with self._open() as file:
            lines = _Lines(file)
            rows: list[list[str]] = []
            begins: list[int] = []
            for row in self._rows(lines):
                rows.append(row)
                begins.append(lines.number - len(lines.taken) + 1)
                lines.taken.clear()
                if len(rows) >= ROWS_PER_BATCH or lines.characters >= CHARACTERS_PER_BATCH:
                    given += lines.characters
                    self.done = min(given / size, 1)
                    self.lines = begins
                    yield self._batch(rows)
                    rows, begins, lines.characters = [], [], 0
            if rows:
                self.lines, self.done = begins, 1.0
                yield self._batch(rows)
        self.refused.judge(self.rows + len(self.refused.reasons))

    def _batch(self, rows: list[list[str]]) -> pa.RecordBatch:
        self.rows += len(rows)
        columns = [
            pc.utf8_trim_whitespace(pa.array(values, pa.string()))
            for values in zip(*rows, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, names=self.names)

    def _rows(self, lines: _Lines) -> Iterator[list[str]]:
        """The rows behind the header, each as wide as it."""
        self._skip_header(lines)
        width, damaged = len(self.names), self._encoding.damaged
        reader = self._dialect.reader(lines)
        while True:
            try:
                row = next(reader, None)
            except csv.Error as error:
                # The module has one error for all; a field without an end is a quote without one.
                is_long = "field limit" in str(error) and len(lines.taken) == 1
                self._refuse(lines, TOO_LONG if is_long else BAD_QUOTES)
                reader = self._dialect.reader(lines)
                continue
            if row is None:
                return
            if damaged and (reason := self._damage(lines.taken)):
                self._refuse(lines, reason)
                reader = self._dialect.reader(lines)
                continue
            if len(row) != width and not (row := self._fitted(row, lines, width)):
                reader = self._dialect.reader(lines)
                continue
            yield row

    def _skip_header(self, lines: _Lines) -> None:
        for _ in range(self._dialect.skipped):
            next(lines)
        reader = self._dialect.reader(lines)
        while not next(reader):  # Blank lines before it.
            pass
        lines.taken.clear()

    def _fitted(self, row: list[str], lines: _Lines, width: int) -> list[str]:
        """A row of another width, made to fit where nothing is lost; none where it is refused."""
        if not row or (width > 1 and len(row) == 1 and not row[0].strip()):
            self.blank_lines += 1
            lines.taken.clear()
            return []
        if len(row) > width and not any(field.strip() for field in row[width:]):
            return row[:width]
        # A quote may have swallowed good rows: they are read anew.
        fields = "1 campo" if len(row) == 1 else f"{len(row)} campos"
        reason = f"{fields} onde o cabeçalho tem {width}"
        self._refuse(lines, BAD_QUOTES if len(lines.taken) > 1 else reason)
        return []

    def _refuse(self, lines: _Lines, reason: str) -> None:
        lines.keep_first_only()
        so_far = self.rows + len(self.refused.reasons) + 1
        self.refused.add(lines.number, reason, max(so_far, lines.number - 1))

    def _damage(self, taken: Sequence[str]) -> str | None:
        for line in taken:
            if (found := DAMAGED.search(line)) is not None:
                if found.group() == "\0":
                    return NUL_BYTE
                name = self._encoding.name.removesuffix("-sig").upper()
                return DAMAGED_BYTE.format(ord(found.group()) - 0xDC00, name)
        return None
