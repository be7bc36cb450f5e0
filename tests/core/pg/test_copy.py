"""COPY in both directions."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from pg8000 import legacy

from chalicelib.core.pg import (
    FastConnection,
)
from tests.core.pg.sessions import one, record_packets


def _lines(count: int) -> str:
    return "".join(f"{i}\tnome {i}\n" for i in range(count))


@pytest.mark.parametrize(
    "stream",
    [
        lambda: io.BytesIO(_lines(100_000).encode()),
        lambda: io.StringIO(_lines(100_000)),
        lambda: _lines(100_000).splitlines(keepends=True),
        lambda: (line.encode() for line in _lines(100_000).splitlines(keepends=True)),
    ],
    ids=["bytes", "text", "strings", "iterator"],
)
def test_copy_in_takes_files_and_iterables(fast: FastConnection, stream: Any) -> None:
    fast.cursor().execute("create temp table c (i int, nome text)")
    cursor = fast.cursor().execute("copy c from stdin", stream=stream())
    assert cursor.rowcount == 100_000
    row = fast.cursor().execute("select count(*), sum(i), max(nome) from c").fetchone()
    assert row == [100_000, 4_999_950_000, "nome 99999"]


@pytest.mark.parametrize("stream", [io.StringIO, str.splitlines], ids=["file", "pieces"])
def test_copy_in_sends_large_pieces(fast: FastConnection, stream: Any) -> None:
    fast.cursor().execute("create temp table c (line text)")
    body = _lines(100_000).replace("\t", " ")
    sent = record_packets(fast)
    fast.cursor().execute("copy c from stdin", stream=stream(body))
    assert len(sent) <= 3 + len(body) // 262_144


@pytest.mark.parametrize("kind", [io.BytesIO, io.StringIO])
def test_copy_out_writes_what_was_read(fast: FastConnection, kind: Any) -> None:
    out = kind()
    sql = "copy (select i, 'nome ç' from generate_series(1, 50000) i) to stdout"
    assert fast.cursor().execute(sql, stream=out).rowcount == 50_000
    wanted = "".join(f"{i}\tnome ç\n" for i in range(1, 50_001))
    assert out.getvalue() == (wanted if kind is io.StringIO else wanted.encode())


def test_a_line_longer_than_any_buffer_is_written_whole(fast: FastConnection) -> None:
    out = io.BytesIO()
    fast.cursor().execute("copy (select repeat('x', 500000)) to stdout", stream=out)
    assert out.getvalue() == b"x" * 500_000 + b"\n"


def test_a_stream_that_fails_undoes_the_copy_and_keeps_the_connection(
    fast: FastConnection,
) -> None:
    def stream() -> Iterator[str]:
        yield _lines(50_000)
        raise OSError("o disco acabou")

    fast.autocommit = True
    fast.cursor().execute("create temp table c (i int, nome text)")
    with pytest.raises(OSError, match="o disco acabou"):
        fast.cursor().execute("copy c from stdin", stream=stream())
    assert one(fast, "select count(*) from c") == 0


@pytest.mark.parametrize(
    ("sql", "stream", "sqlstate"),
    [
        ("copy c from stdin", "1\tx\nabc\ty\n" + "2\tz\n" * 300_000, "22P02"),
        ("copy nao_existe from stdin", "1\n", "42P01"),
    ],
)
def test_a_refused_copy_leaves_the_connection_in_step(
    fast: FastConnection, sql: str, stream: str, sqlstate: str
) -> None:
    fast.autocommit = True
    fast.cursor().execute("create temp table c (i int, nome text)")
    with pytest.raises(legacy.DatabaseError) as caught:
        fast.cursor().execute(sql, stream=io.StringIO(stream))
    assert caught.value.args[0]["C"] == sqlstate
    assert one(fast, "select count(*) from c") == 0


def test_copy_without_a_stream_is_refused_in_step(fast: FastConnection) -> None:
    fast.autocommit = True
    fast.cursor().execute("create temp table c (i int)")
    for sql in ("copy c from stdin", "copy (values (1)) to stdout"):
        with pytest.raises(legacy.InterfaceError, match="needs the parameter 'stream'"):
            fast.cursor().execute(sql)
    assert one(fast, "select 5") == 5
