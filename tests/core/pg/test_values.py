"""Values go in and come back as they were, and statements arrive as written."""

from __future__ import annotations

import enum
import uuid
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from typing import Any

import pytest
from pg8000 import legacy
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Engine,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    Time,
    Uuid,
    insert,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chalicelib.core.pg import (
    FastConnection,
    make_engine,
)
from tests.core.pg.sessions import one, raw, socket_dir


class Faixa(enum.StrEnum):
    BAIXO = "baixo"
    ALTO = "alto"


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Integer(), -7),
        (BigInteger(), 2**62),
        (Float(), 0.1 + 0.2),
        (Float(), float("inf")),
        (Numeric(20, 5), Decimal("12345678901.23456")),
        (Boolean(), True),
        (Boolean(), False),
        (Text(), """100% d'água: "ç" \\ %s %% :nome $1 -- 日本 \n fim"""),
        (Text(), ""),
        (Text(), "x" * 300_000),
        (Date(), date(2024, 2, 29)),
        (Time(), clock_time(23, 59, 59, 123456)),
        (DateTime(timezone=True), datetime(2024, 5, 1, 12, 30, 0, 250000, tzinfo=UTC)),
        (DateTime(timezone=True), datetime(1, 1, 1, tzinfo=UTC)),
        (DateTime(), datetime(2024, 5, 1, 12, 30)),  # noqa: DTZ001
        (Interval(), timedelta(days=3, hours=5, microseconds=7)),
        (Interval(), timedelta(seconds=-90)),
        (Uuid(), uuid.UUID(int=7)),
        (
            JSONB(none_as_null=True),
            {"nome": "João", "notas": [1, 2.5, None, True], "x": {"%s": "'"}},
        ),
        (LargeBinary(), bytes(range(256))),
        (Enum(Faixa, native_enum=False), Faixa.ALTO),
        (ARRAY(BigInteger), [1, -2, 2**40]),
        (ARRAY(BigInteger), []),
        (ARRAY(BigInteger), [1, None, 3]),
        (ARRAY(BigInteger, dimensions=2), [[1, 2], [3, 4]]),
        (ARRAY(Float), [0.5, float("-inf")]),
        (ARRAY(Text), ["a", 'b"c', "d,e", "{f}", "", "NULL", "g\\h", "ç ã"]),
        (ARRAY(DateTime(timezone=True)), [datetime(2024, 1, 1, 3, tzinfo=UTC)] * 2),
        (ARRAY(DateTime(timezone=True)), [datetime(2024, 1, 1, tzinfo=UTC), None]),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_value_comes_back_from_a_table_as_it_went_in(url: str, kind: Any, value: Any) -> None:
    table = Table("tipos", MetaData(), Column("v", kind), Column("nada", kind))
    with make_engine(url, pool_size=0).connect() as connection:
        table.create(connection)
        connection.execute(insert(table), {"v": value, "nada": None})
        row = connection.execute(select(table).where(table.c.nada.is_(None))).one()
        assert tuple(row) == (value, None)
        assert type(row.v) is type(value)
        connection.rollback()


def test_a_native_enum_comes_back(engine: Engine) -> None:
    table = Table("tipos", MetaData(), Column("v", Enum(Faixa, name="faixa_nativa")))
    with engine.connect() as connection:
        table.create(connection)
        connection.execute(insert(table), {"v": Faixa.BAIXO})
        assert connection.scalars(select(table.c.v)).all() == [Faixa.BAIXO]
        connection.rollback()


@pytest.mark.parametrize(
    "expression",
    [
        "'infinity'::timestamptz",
        "'0044-03-15 BC'::date",
        "'20000-01-01'::timestamptz",
        "'{infinity}'::timestamptz[]",
        "'NaN'::float8",
        "'NaN'::numeric",
        "'{NaN,1}'::float8[]",
        "'{{1,2},{3,NULL}}'::int[]",
        "'2024-01-01 00:00:00.5-03:30'::timestamptz",
        "'04:05:06.7'::time",
        "'1 year 2 months'::interval",
        "'10.0.0.1'::inet",
        "'[1,5)'::int4range",
        "'{t,f}'::bool[]",
        "'(1,2)'::point",
        "null::timestamptz",
        "'a'::\"char\"",
        "row(1, 'a')",
    ],
)
def test_rarer_values_mean_what_pg8000_makes_of_them(url: str, expression: str) -> None:
    path = f"{socket_dir(url)}/.s.PGSQL.5432"
    stock = legacy.connect("postgres", unix_sock=path, database="postgres")
    stock.run("set time zone 'UTC'")
    with stock, raw(url) as ours:
        expected = stock.run(f"select {expression}")
        got = ours.cursor().execute(f"select {expression}").fetchall()
    assert repr(got) == repr(list(expected))


def test_percent_signs_quotes_and_casts_reach_the_server_as_written(fast: FastConnection) -> None:
    sql = (
        "select 'a%s ''%%' || %s::text, 7 %% 4, \"%s\".x, $q$ %s '$q$, E'\\'%s', 'E'||'\\' "
        '-- %s it\'s a comment\n from (select 1 as x) as "%s" where %s'
    )
    row = fast.cursor().execute(sql, ("!", True)).fetchone()
    assert row == ["a%s '%%!", 3, 1, " %s '", "'%s", "E\\"]


def test_a_lone_percent_sign_is_refused_before_anything_is_sent(fast: FastConnection) -> None:
    with pytest.raises(legacy.InterfaceError, match="Only %s and %%"):
        fast.cursor().execute("select 5 % %s", (2,))
    assert one(fast, "select 5 % 2") == 1


def test_many_rows_and_wide_rows_arrive_whole(engine: Engine) -> None:
    sql = text("select i, repeat('x', i % 3000), i / 2.0::float8 from generate_series(1, 5000) i")
    with engine.connect() as connection:
        rows = connection.execute(sql).all()
    assert len(rows) == 5000
    assert all(r == (i, "x" * (i % 3000), i / 2) for i, r in enumerate(rows, start=1))


def test_the_session_is_in_utc_and_takes_the_role(engine: Engine, url: str) -> None:
    with engine.begin() as connection:
        connection.execute(text('create role "papel ""x"""'))
    other = make_engine(url, role='papel "x"', application_name="prova", pool_size=0)
    with other.connect() as connection:
        row = connection.execute(
            text(
                "select current_user, session_user, current_setting('TimeZone'), "
                "current_setting('application_name')"
            )
        ).one()
    assert row == ('papel "x"', "postgres", "UTC", "prova")
    with engine.begin() as connection:
        connection.execute(text('drop role "papel ""x"""'))
