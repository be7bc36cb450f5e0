"""NDJSON and Parquet."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from chalicelib.core.rowfile import NDJSON
from chalicelib.prices.errors import ArquivoRecusado
from chalicelib.prices.media import PARQUET
from chalicelib.prices.profiling import sources, unpacking
from chalicelib.prices.profiling.sources import Source, open_source
from tests.prices.files import as_parquet


def at(*parts: int) -> datetime:
    """An instant without offset, as files have it."""
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001


def read(folder: Path, data: bytes, media_type: str) -> tuple[Source, dict[str, list[object]]]:
    path = folder / "arquivo"
    path.write_bytes(data)
    source = open_source(path, media_type)
    table = pa.Table.from_batches(source.batches())
    return source, table.to_pydict()


def refusal(folder: Path, data: bytes, media_type: str) -> str:
    with pytest.raises(ArquivoRecusado) as caught:
        read(folder, data, media_type)
    return caught.value.detail


def test_objects_are_rows_and_keys_of_any_of_them_columns(tmp_path: Path) -> None:
    data = '{"a": 1.50, "b": " ação "}\n\n{"b": null, "c": true}\n{"a": 1e3, "c": false}\n'.encode()
    source, found = read(tmp_path, data, NDJSON)
    assert found == {
        "a": ["1.50", None, "1e3"],
        "b": ["ação", None, None],
        "c": [None, "true", "false"],
    }
    assert source.lines == [1, 3, 4]


def test_lines_that_are_no_objects_are_refused_by_line(tmp_path: Path) -> None:
    good = b'{"a": 1}\n' * 100
    bad = b'[1]\n{"a": [1]}\n{"a": "\\ud800"}\nnope\n{"a": "\\u0000"}\n'
    source, found = read(tmp_path, good + bad, NDJSON)
    assert source.refused.reasons == {
        101: "não é um objeto JSON",
        102: "um valor é uma lista ou um objeto",
        103: "há bytes nulos ou que não são caracteres",
        104: "não é um objeto JSON",
        105: "há bytes nulos ou que não são caracteres",
    }
    assert len(found["a"]) == 100


def test_file_of_no_objects_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"{}\n{}\n", NDJSON).startswith("Nenhuma linha")
    assert refusal(tmp_path, b"a,b\n1,2\n", NDJSON).startswith("2 de 2 linhas lidas")
    assert refusal(tmp_path, b"", NDJSON) == "O arquivo está vazio."


def test_parquet_keeps_numbers_and_instants_and_says_all_else_as_text(tmp_path: Path) -> None:
    data = as_parquet(
        {
            "inteiro": pa.array([1, None], pa.int32()),
            "decimal": [Decimal("1.5"), None],
            "infinito": [np.inf, 2.0],
            "dia": [date(2026, 3, 2), None],
            "instante": pa.array([at(2026, 3, 2, 10)] * 2, pa.timestamp("ns", "-03:00")),
            "texto": [" a ", None],
            "categoria": pa.array(["x", "y"]).dictionary_encode(),
            "sim": [True, None],
        }
    )
    source, found = read(tmp_path, data, PARQUET)
    assert found == {
        "inteiro": [1.0, None],
        "decimal": [1.5, None],
        "infinito": [None, 2.0],
        "dia": [at(2026, 3, 2), None],
        "instante": [at(2026, 3, 2, 10)] * 2,
        "texto": ["a", None],
        "categoria": ["x", "y"],
        "sim": ["true", None],
    }
    assert (source.rows, source.done, source.lines) == (2, 1.0, [1, 2])
    assert source.beyond == 1


def test_parquet_of_nested_columns_is_refused_by_name(tmp_path: Path) -> None:
    said = refusal(tmp_path, as_parquet({"a": [1], "fotos": [[1, 2]]}), PARQUET)
    assert said.startswith("A coluna fotos do Parquet é do tipo list")


def test_what_is_no_parquet_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, b"a,b\n1,2\n", PARQUET) == "O arquivo não é um Parquet legível."
    whole = as_parquet({"a": list(range(10_000))})
    cut = whole[:200] + bytes(len(whole) - 3000) + whole[-2800:]
    assert "Parquet" in refusal(tmp_path, cut, PARQUET)


def test_parquet_of_what_cannot_be_kept_is_refused_by_column(tmp_path: Path) -> None:
    said = refusal(tmp_path, as_parquet({"x": ["a", "b\0c"]}), PARQUET)
    assert said == "A coluna x do Parquet tem textos com bytes nulos."
    late = pa.array([2**62], pa.timestamp("us"))
    said = refusal(tmp_path, as_parquet({"quando": late}), PARQUET)
    assert said == "A coluna quando do Parquet tem datas fora dos anos 1 a 9999."


def test_texts_that_many_rows_share_do_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, length = 4_000, 1_000
    data = as_parquet({"n": [1.5] * rows, "texto": ["x" * length] * rows})
    assert len(data) < 10_000
    path = tmp_path / "bomba"
    path.write_bytes(data)
    monkeypatch.setattr(sources, "LARGEST_BATCH_BYTES", 100_000)
    source = open_source(path, PARQUET)
    batches = list(source.batches())
    assert sum(batch.num_rows for batch in batches) == source.rows == rows
    assert max(batch.nbytes for batch in batches) < 150_000
    assert source.lines[-1] == rows
    monkeypatch.setattr(unpacking, "MOST_UNPACKED_BYTES", rows * length // 2)
    assert "descompactado" in refusal(tmp_path, data, PARQUET)
