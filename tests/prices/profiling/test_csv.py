"""CSV of any dialect: every row is read, or refused by its line."""

from pathlib import Path

import pytest

from chalicelib.prices.errors import ArquivoRecusado
from chalicelib.prices.profiling.csv_source import CsvSource
from chalicelib.prices.profiling.refusals import MOST_REFUSED_ROWS, RefusedRows
from tests.prices.files import as_csv

ROWS = {"nome": ["Ana", "Bia"], "preço": ["1", "2"], "obs": ["x", ""]}


def write(folder: Path, data: bytes) -> Path:
    path = folder / "arquivo.csv"
    path.write_bytes(data)
    return path


def read(folder: Path, data: bytes) -> tuple[CsvSource, dict[str, list[str]]]:
    """The source, and all its rows by column."""
    source = CsvSource(write(folder, data))
    found: dict[str, list[str]] = {name: [] for name in source.names}
    for batch in source.batches():
        for name in found:
            found[name] += batch.column(name).to_pylist()
    return source, found


def refusal(folder: Path, data: bytes) -> str:
    with pytest.raises(ArquivoRecusado) as caught:
        read(folder, data)
    return caught.value.detail


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "~", ":"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_any_dialect_gives_the_same_rows(
    tmp_path: Path, delimiter: str, encoding: str, newline: str
) -> None:
    text = as_csv(ROWS, delimiter).decode().replace("\n", newline)
    source, found = read(tmp_path, text.encode(encoding))
    assert found == ROWS
    assert source.refused.reasons == {}
    assert source.description["separador"] == delimiter


def test_quoted_fields_hold_delimiters_quotes_and_line_breaks(tmp_path: Path) -> None:
    data = b'a,b\n"x, y","diz ""sim"""\r\n"linha 1\nlinha 2",3\n'
    source, found = read(tmp_path, data)
    assert found == {"a": ["x, y", "linha 1\nlinha 2"], "b": ['diz "sim"', "3"]}
    assert source.lines == [2, 3]


def test_decimal_comma_does_not_pass_for_a_delimiter(tmp_path: Path) -> None:
    source, found = read(tmp_path, b"area;preco\n70,5;1.234,56\n80,0;2.000,00\n")
    assert found == {"area": ["70,5", "80,0"], "preco": ["1.234,56", "2.000,00"]}
    assert source.description["separador"] == ";"


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert read(tmp_path, b"preco\n1\n\n2\n")[1] == {"preco": ["1", "2"]}


def test_blanks_separate_only_where_nothing_else_does(tmp_path: Path) -> None:
    assert read(tmp_path, b"a   b  c\n1 2   3\n4   5 6\n")[1]["b"] == ["2", "5"]
    assert read(tmp_path, b"nome completo\nAna Lima\nBia Reis\n")[0].names == ["nome completo"]


def test_line_that_names_the_delimiter_is_obeyed(tmp_path: Path) -> None:
    source, found = read(tmp_path, b"sep=;\r\na;b\r\n1,5;2,5\r\n")
    assert found == {"a": ["1,5"], "b": ["2,5"]}
    assert source.lines == [3]


def test_values_are_trimmed_and_blank_lines_counted(tmp_path: Path) -> None:
    source, found = read(tmp_path, b"\n a , b \n 1 , 2\t\n\n3,4\n")
    assert found == {"a": ["1", "3"], "b": ["2", "4"]}
    assert source.blank_lines == 1


def test_empty_fields_behind_the_last_column_are_no_fault(tmp_path: Path) -> None:
    source, found = read(tmp_path, b"a,b\n1,2,,\n3,4\n")
    assert found == {"a": ["1", "3"], "b": ["2", "4"]}
    assert source.refused.reasons == {}


def many(rows: int, **odd: str) -> bytes:
    """Good rows, but for those of the lines given."""
    lines = ["a,b", *(f"{i},x{i}" for i in range(rows))]
    for line, text in odd.items():
        lines[int(line.removeprefix("line_")) - 1] = text
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def test_ragged_rows_are_refused_by_line_and_the_others_read(tmp_path: Path) -> None:
    source, found = read(tmp_path, many(100, line_5="1", line_9="1,2,3"))
    assert source.refused.reasons == {
        5: "1 campo onde o cabeçalho tem 2",
        9: "3 campos onde o cabeçalho tem 2",
    }
    assert len(found["a"]) == 98


@pytest.mark.parametrize("text", ['7,"x', '7,"x"y', '"7,x', '7,"x,1'])
def test_quote_that_nobody_closed_costs_one_row(tmp_path: Path, text: str) -> None:
    source, found = read(tmp_path, many(100, line_8=text))
    assert source.refused.reasons == {8: "as aspas não fecham ou estão fora do lugar"}
    assert found["b"] == [f"x{i}" for i in range(100) if i != 6]


def test_lines_are_counted_over_line_breaks_in_fields(tmp_path: Path) -> None:
    source, _ = read(tmp_path, many(100, line_3='1,"x\ny\nz"', line_10="1"))
    assert source.refused.reasons == {12: "1 campo onde o cabeçalho tem 2"}


def test_undecodable_byte_is_refused_by_line(tmp_path: Path) -> None:
    data = many(100, line_2="1,açaí", line_3="2,pão", line_50="1,n\udce3o")
    source, found = read(tmp_path, data)
    assert source.refused.reasons == {50: "o byte 0xE3 não é um caractere de UTF-8"}
    assert found["b"][:2] == ["açaí", "pão"]


def test_byte_that_windows_left_out_is_refused_by_line(tmp_path: Path) -> None:
    data = many(100).replace(b"x5\n", b"caf\xe9\n").replace(b"x7\n", b"\x81\n")
    source, found = read(tmp_path, data)
    assert source.refused.reasons == {9: "o byte 0x81 não é um caractere de CP1252"}
    assert found["b"][5] == "café"


def test_nul_and_endless_fields_are_refused_by_line(tmp_path: Path) -> None:
    source, found = read(tmp_path, many(100, line_4="1,x\0y", line_9="1," + "x" * 140_000))
    assert source.refused.reasons == {
        4: "há um byte nulo",
        9: "um campo tem mais de 131.072 caracteres",
    }
    assert len(found["a"]) == 98


def test_name_of_the_rows_that_r_and_pandas_leave_out_is_given(tmp_path: Path) -> None:
    source, found = read(tmp_path, b'"","carat","price"\n"1",0.23,326\n"2",0.21,326\n')
    assert (source.names, found["coluna_1"]) == (["coluna_1", "carat", "price"], ["1", "2"])


def test_columns_behind_the_last_name_must_be_empty(tmp_path: Path) -> None:
    rows = "".join(f"{i},x,,\n" for i in range(99))
    source, found = read(tmp_path, f"a,b,,\n{rows}1,2,3,\n".encode())
    assert source.names == ["a", "b"]
    assert source.refused.reasons == {101: "4 campos onde o cabeçalho tem 2"}
    assert len(found["a"]) == 99


def test_too_many_refused_rows_refuse_the_file_with_numbers(tmp_path: Path) -> None:
    odd = {f"line_{line}": "1" for line in range(2, 9)}
    said = refusal(tmp_path, many(100, **odd))
    assert said.startswith(
        "7 de 100 linhas lidas não podem ser aproveitadas. As primeiras: linha 2"
    )


def test_hopeless_file_is_given_up_early() -> None:
    refused = RefusedRows(dict.fromkeys(range(MOST_REFUSED_ROWS), "ruim"))
    with pytest.raises(ArquivoRecusado, match=r"10\.001 de 1\.000\.000"):
        refused.add(1_000_000, "ruim", 1_000_000)


HEADERS = {
    b"a,,c\n1,2,3\n": "1 de 3 colunas não têm nome no cabeçalho: coluna 2.",
    b"a,b,a\n1,2,3\n": "Há nomes repetidos no cabeçalho: colunas 1, 3.",
    b"1,2.5,3\n4,5,6\n": "A primeira linha só tem números",
    b",,\n1,2,3\n": "O arquivo não tem cabeçalho",
    b"a" * 201 + b",b\n1,2\n": "Há nomes com mais de 200 caracteres no cabeçalho: coluna 1.",
    b'"a,b\n1,2\n': "O cabeçalho não pode ser lido",
    b"a\x00b,c\n" + b"1,2\n" * 99: "Há nomes ilegíveis no cabeçalho: coluna 1.",
    ",".join(f"c{i}" for i in range(501)).encode() + b"\n": "O arquivo tem 501 colunas; o máximo",
}


@pytest.mark.parametrize("data", HEADERS, ids=HEADERS.values())
def test_header_that_cannot_be_used_is_refused_by_place(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data).startswith(HEADERS[data])


NOT_TEXT = {
    b"": "O arquivo está vazio.",
    b" \n\n": "O arquivo está vazio.",
    b"PK\x03\x04rest": "O arquivo não é texto: é uma planilha (xlsx)",
    b"%PDF-1.7": "O arquivo não é texto: é um PDF.",
    b"\x1f\x8b\x08": "O arquivo não é texto: é um arquivo compactado",
    bytes(range(32)) * 50: "O arquivo não é texto: ",
    b'{"a": 1, "b": 2}\n': "O arquivo não é CSV: parece ser JSON; declare o tipo",
    b'[{"a": 1, "b": 2}]': "O arquivo não é CSV: parece ser JSON; envie um objeto por linha",
    b"<html><body>": "O arquivo não é CSV: parece uma página HTML",
    "a,b\n1,2\n".encode("utf-16")[:-1]: "O arquivo diz ser UTF-16",
}


@pytest.mark.parametrize("data", NOT_TEXT, ids=NOT_TEXT.values())
def test_what_is_no_text_is_refused_as_what_it_is(tmp_path: Path, data: bytes) -> None:
    assert refusal(tmp_path, data).startswith(NOT_TEXT[data])


def test_rows_come_in_pieces_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.prices.profiling.csv_source.ROWS_PER_BATCH", 30)
    source = CsvSource(write(tmp_path, many(100)))
    seen = [(batch.num_rows, source.lines[0], source.lines[-1]) for batch in source.batches()]
    assert seen == [(30, 2, 31), (30, 32, 61), (30, 62, 91), (10, 92, 101)]
    assert (source.rows, source.done) == (100, 1.0)
