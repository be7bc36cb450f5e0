"""Packets, transactions, errors, prepared statements."""

from __future__ import annotations

from typing import Any

import pytest
from pg8000 import legacy

from chalicelib.core.pg import (
    PLANNED_ALONG_INDEXES,
    PLANNED_FOR_VALUES,
    FastConnection,
)
from tests.core.pg.sessions import SET_TENANT, TENANT, one, raw, record_packets


def test_a_transaction_of_one_statement_sends_two_packets(fast: FastConnection) -> None:
    sent = record_packets(fast)
    assert one(fast, "select %s::int", 1) == 1
    fast.commit()
    assert [p[:1] for p in sent] == [b"P", b"Q"]
    sent.clear()
    assert one(fast, "select %s::int", 2) == 2
    fast.rollback()
    # Both BEGIN and the query are prepared by now: nothing is parsed any more.
    assert [p[:1] for p in sent] == [b"B", b"Q"]
    assert b"select" not in sent[0]


@pytest.mark.parametrize("autocommit", [False, True])
def test_a_statement_may_be_planned_for_its_values(fast: FastConnection, autocommit: bool) -> None:
    fast.autocommit = autocommit
    asked = "select current_setting('plan_cache_mode') where %s::int = 1"
    assert one(fast, asked, 1) == "force_generic_plan"
    fast.rollback()
    sent = record_packets(fast)
    for _ in range(2):
        assert one(fast, PLANNED_FOR_VALUES + asked, 1) == "force_custom_plan"
        assert len(sent) == 1, "in one packet with what asks for it"
        fast.rollback()
        sent.clear()
    assert one(fast, asked, 1) == "force_generic_plan"


def test_a_statement_may_be_planned_along_indexes(fast: FastConnection) -> None:
    fast.autocommit = True
    asked = "select current_setting('enable_sort') where %s::int = 1"
    sent = record_packets(fast)
    for _ in range(2):
        assert one(fast, PLANNED_ALONG_INDEXES + asked, 1) == "off"
        assert len(sent) == 1, "in one packet with what asks for it"
        sent.clear()
    assert one(fast, asked, 1) == "on"
    kept = "select count(*)::int from pg_prepared_statements where statement like %s"
    assert one(fast, kept, f"{PLANNED_ALONG_INDEXES}%") == 1


def test_nothing_in_a_longer_transaction_is_planned_along_indexes(fast: FastConnection) -> None:
    asked = "select current_setting('enable_sort') where %s::int = 1"
    assert one(fast, PLANNED_ALONG_INDEXES + asked, 1) == "on"
    assert one(fast, asked, 1) == "on", "nor what comes after"


def test_rolling_back_nothing_sends_nothing(fast: FastConnection) -> None:
    sent = record_packets(fast)
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
        assert one(fast, "select %s::int", 3) == 3
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
    assert one(fast, "select 1") == 1


def test_a_deferred_constraint_speaks_at_commit(fast: FastConnection) -> None:
    fast.cursor().execute(
        "create temp table d (a int constraint d_uma unique deferrable initially deferred)"
    )
    fast.cursor().execute("insert into d values (1), (1)")
    with pytest.raises(legacy.IntegrityError) as caught:
        fast.commit()
    assert caught.value.args[0]["n"] == "d_uma"
    assert one(fast, "select to_regclass('d')") is None


def test_the_least_recently_used_statements_are_dropped(url: str) -> None:
    with raw(url, statement_cache_size=3) as connection:
        connection.autocommit = True
        for _ in range(2):
            for i in range(20):
                assert one(connection, f"select %s::int + {i}", 1) == 1 + i
        kept = "select count(*) from pg_prepared_statements"
        assert one(connection, kept) <= 4
        connection.autocommit = False
        assert one(connection, kept) <= 4
        connection.rollback()
        assert len(connection._statements) == 3


def test_without_a_cache_nothing_stays_prepared(url: str) -> None:
    with raw(url, statement_cache_size=0) as connection:
        connection.preamble = (SET_TENANT, ["7"])
        assert one(connection, f"select {TENANT} || %s", "!") == "7!"
        assert one(connection, "select count(*) from pg_prepared_statements") == 0


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
    assert one(fast, "select %s::int", 1) == 1
    fast.rollback()
    fast.execute_simple("discard all")
    fast.preamble = (SET_TENANT, ["9"])
    assert fast.cursor().execute(f"select %s::int, {TENANT}", (1,)).fetchall() == [[1, "9"]]
    fast.rollback()
    assert one(fast, "select %s::int", 2) == 2


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
