"""CSV and NDJSON, row by row: what spreadsheets make, what breaks, and going on from anywhere."""

import csv
import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.rowfile import (
    BAD_QUOTES,
    CSV,
    LINE_TOO_LONG,
    LONGEST_LINE_BYTES,
    NDJSON,
    NOT_JSON,
    NOT_UTF8,
    WRONG_FIELD_COUNT,
    BadRow,
    HeaderInvalid,
    Position,
    RowFile,
)

COLUMNS = ("nome", "email")
BOM = b"\xef\xbb\xbf"


def reader(data: bytes, media_type: str = CSV, position: Position | None = None) -> RowFile:
    """A file that is these bytes."""

    def open_at(offset: int) -> io.BytesIO:
        stream = io.BytesIO(data)
        stream.seek(offset)
        return stream

    return RowFile(open_at, media_type, COLUMNS, position)


def rows(data: bytes, media_type: str = CSV) -> list[tuple[int, Any]]:
    """Line numbers and rows; the reason in place of a bad one."""
    found = reader(data, media_type).rows()
    return [(line, row.reason if isinstance(row, BadRow) else row) for line, row in found]


@pytest.mark.parametrize(
    "data",
    [
        b"nome,email\nAna,a@x\nBia,b@x\n",
        b"nome,email\r\nAna,a@x\r\nBia,b@x",
        BOM + b"nome;email\nAna;a@x\nBia;b@x\n",
        b"nome\temail\nAna\ta@x\nBia\tb@x\n",
        b" Nome , E\n".replace(b"E", b"EMAIL") + b' Ana , a@x \nBia,"b@x"\n',
        b"email,idade,nome\na@x,30,Ana\nb@x,,Bia\n",
    ],
    ids=["plain", "crlf", "bom and semicolons", "tabs", "spaces and capitals", "other columns"],
)
def test_rows_are_the_same_however_the_file_is_laid_out(data: bytes) -> None:
    assert rows(data) == [(2, ["Ana", "a@x"]), (3, ["Bia", "b@x"])]


def test_quotes_hold_delimiters_and_quotes() -> None:
    data = b'nome,email\n"Lima, Ana","a""x"\nCida,c@x\n'
    assert rows(data) == [(2, ["Lima, Ana", 'a"x']), (3, ["Cida", "c@x"])]


def test_missing_columns_and_empty_fields_are_none() -> None:
    assert rows(b"nome,idade\nAna,30\n ,31\n") == [(2, ["Ana", None]), (3, [None, None])]


def test_blank_lines_are_passed_over_and_counted() -> None:
    assert rows(b"nome,email\n\nAna,a@x\n\r\nBia,b@x\n\n") == [
        (3, ["Ana", "a@x"]),
        (5, ["Bia", "b@x"]),
    ]


def test_wrong_number_of_fields_refuses_that_row_only() -> None:
    assert rows(b"nome,email\nAna\nBia,b@x,1\nCida,c@x\n") == [
        (2, WRONG_FIELD_COUNT),
        (3, WRONG_FIELD_COUNT),
        (4, ["Cida", "c@x"]),
    ]


def test_bad_utf8_in_the_middle_refuses_that_row_only() -> None:
    assert rows(b"nome,email\nAna,a@x\nJo" + b"\xe3o,j@x\nBia,b@x\n") == [
        (2, ["Ana", "a@x"]),
        (3, NOT_UTF8),
        (4, ["Bia", "b@x"]),
    ]


@pytest.mark.parametrize("media_type", [CSV, NDJSON])
@pytest.mark.parametrize("size", [LONGEST_LINE_BYTES, 3 * LONGEST_LINE_BYTES + 5])
@pytest.mark.parametrize("filling", ["x", "é", ",", "{}"])
def test_endless_line_is_one_bad_row(media_type: str, size: int, filling: str) -> None:
    header, last = {
        CSV: (b"nome,email\n", b"Ana,a@x\n"),
        NDJSON: (b"\n", b'{"nome": "Ana", "email": "a@x"}\n'),
    }[media_type]
    endless = (filling.encode() * size)[: size - size % 2]
    assert rows(header + endless + b"\n" + last, media_type) == [
        (2, LINE_TOO_LONG),
        (3, ["Ana", "a@x"]),
    ]
    assert rows(header + endless, media_type) == [(2, LINE_TOO_LONG)]


def test_longest_line_that_is_taken() -> None:
    row = json.dumps({"nome": "Ana", "email": "a" * (LONGEST_LINE_BYTES - 40)})
    assert len(row) < LONGEST_LINE_BYTES
    (found,) = rows(row.encode(), NDJSON)
    assert found[1][0] == "Ana"


def test_quote_that_is_never_closed_costs_its_own_row_only() -> None:
    data = b'nome,email\nAna,"a@x\n"Bia,b@x\nCida,c@x\nDuda,"d"@x\n'
    assert rows(data) == [
        (2, BAD_QUOTES),
        (3, BAD_QUOTES),
        (4, ["Cida", "c@x"]),
        (5, BAD_QUOTES),
    ]


def test_nameless_columns_are_passed_over() -> None:
    assert rows(b"nome;email;;\nAna;a@x;;\n") == [(2, ["Ana", "a@x"])]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "must name the columns"),
        (b"nome,email,Nome\n", "stands in it twice"),
        ("nome;observação\n".encode("cp1252"), "save it as CSV UTF-8"),
        ("nome;email\n".encode("utf-16"), "save it as CSV UTF-8"),
        (b"PK\x03\x04\x14\x00\x06\x00", "workbook"),
        (b"nome,email\rAna,a@x\r", "one row a line"),
    ],
)
def test_header_that_is_refused_says_what_to_do(data: bytes, reason: str) -> None:
    with pytest.raises(HeaderInvalid) as refused:
        reader(data).header()
    assert reason in refused.value.detail


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b" , \nAna,a@x\n",
        b"nome,nome\n",
        b"nome,\xe9\n",
        BOM,
        b"nome,email\rAna,a@x\r",
        b'"nome,email\n',
        b"n" * 1_100_000,
    ],
)
def test_unusable_header_is_refused(data: bytes) -> None:
    with pytest.raises(HeaderInvalid):
        list(reader(data).rows())


def test_header_alone_has_no_rows() -> None:
    assert rows(b"nome,email\n") == []
    assert reader(BOM + b"Nome;Email").header() == ["nome", "email"]


def test_ndjson_values_are_what_json_says() -> None:
    data = BOM + b'{"nome": "Ana", "email": null, "x": 1}\r\n\n{"email": [1, 2.5]}\n{"nome": ""}'
    assert rows(data, NDJSON) == [(1, ["Ana", None]), (3, [None, [1, 2.5]]), (4, ["", None])]


def test_ndjson_that_is_no_object_refuses_that_row_only() -> None:
    lines = [b"{", b"[]", b"1", b'"x"', b'{"nome": "\xe9"}', b"[" * 20_000, b'{"nome": "Ana"}']
    assert rows(b"\n".join(lines), NDJSON) == [
        (1, NOT_JSON),
        (2, NOT_JSON),
        (3, NOT_JSON),
        (4, NOT_JSON),
        (5, NOT_UTF8),
        (6, NOT_JSON),
        (7, ["Ana", None]),
    ]


CELLS = st.text(alphabet=st.sampled_from('aé,;"\n\r \t1'), max_size=6)
WRITTEN = st.text(alphabet=st.sampled_from('aé,;" \t1'), max_size=6)
PIECES = st.lists(
    st.one_of(
        st.lists(CELLS, min_size=1, max_size=3).map(lambda cells: as_csv(cells)),
        st.sampled_from(
            [b"\n", b"\xff,x\n", b'"open,\n', b'x"y,z\n', b"Ana,a@x", b"\r\n", b"a\rb,c\n"]
        ),
        st.binary(max_size=8),
    ),
    max_size=8,
)


def as_csv(cells: list[str]) -> bytes:
    """One row as a spreadsheet would write it."""
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue().encode()


def assert_any_position_goes_on_alike(data: bytes, media_type: str) -> None:
    """Whoever stops behind any row and starts anew reads what the first would have read."""
    whole = reader(data, media_type)
    walk = [(found, whole.position) for found in whole.rows()]
    for done, (_, position) in enumerate(walk, start=1):
        rest = reader(data, media_type, position)
        assert list(rest.rows()) == [found for found, _ in walk[done:]]
    assert whole.position.offset == len(data)


@given(PIECES)
def test_csv_goes_on_from_any_row(pieces: list[bytes]) -> None:
    assert_any_position_goes_on_alike(b"nome,email\n" + b"".join(pieces), CSV)


@given(PIECES)
def test_ndjson_goes_on_from_any_row(pieces: list[bytes]) -> None:
    assert_any_position_goes_on_alike(b'{"nome": "Ana"}\n' + b"".join(pieces), NDJSON)


@given(st.lists(st.tuples(WRITTEN, WRITTEN), max_size=8), st.sampled_from(",;\t"))
def test_what_a_spreadsheet_wrote_is_read(table: list[tuple[str, str]], delimiter: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    writer.writerows(table)
    read = [row for _, row in rows(out.getvalue().encode())]
    assert read == [[cell.strip() or None for cell in row] for row in table]
