"""The preamble: who the tenant is travels with the first statement."""

from __future__ import annotations

from typing import Any

import pytest
from pg8000 import legacy
from sqlalchemy import (
    text,
)

from chalicelib.core.pg import (
    FastConnection,
    make_engine,
    set_preamble,
)
from tests.core.pg.sessions import SET_TENANT, TENANT, one, record_packets


def test_the_tenant_holds_in_its_transaction_only(fast: FastConnection) -> None:
    sent = record_packets(fast)
    fast.preamble = (SET_TENANT, ["7"])
    assert one(fast, f"select {TENANT} || %s", "!") == "7!"
    assert one(fast, f"select {TENANT}") == "7"
    assert len(sent) == 2  # BEGIN, preamble and the first statement shared one.
    fast.commit()
    assert one(fast, f"select {TENANT}") is None


def test_the_preamble_runs_once_in_a_transaction(fast: FastConnection) -> None:
    fast.preamble = (SET_TENANT, ["7"])
    assert one(fast, f"select {TENANT}") == "7"
    one(fast, "select set_config('previsto.tenant', '8', true)")
    assert one(fast, f"select {TENANT}") == "8"
    fast.preamble = (SET_TENANT, ["9"])
    assert one(fast, f"select {TENANT}") == "9"


def test_a_semicolon_in_a_text_does_not_part_the_statement_from_its_tenant(
    fast: FastConnection,
) -> None:
    fast.autocommit = True
    fast.preamble = (SET_TENANT, ["7"])
    assert one(fast, f"select 'a;b' || {TENANT}") == "a;b7"


def test_in_autocommit_the_tenant_holds_for_each_statement_alone(fast: FastConnection) -> None:
    fast.autocommit = True
    sent = record_packets(fast)
    fast.preamble = (SET_TENANT, ["7"])
    assert one(fast, f"select {TENANT} || %s", "!") == "7!"
    assert len(sent) == 1
    assert one(fast, f"select {TENANT}") == "7"
    # Looked at from outside the preamble, the setting ended with the statement.
    fast.preamble = None
    assert one(fast, f"select {TENANT}") is None
    fast.preamble = (SET_TENANT, ["8"])
    fast.rollback()
    assert one(fast, f"select {TENANT}") is None


@pytest.mark.parametrize("autocommit", [False, True])
def test_the_tenant_is_gone_after_a_statement_that_failed(
    fast: FastConnection, autocommit: bool
) -> None:
    fast.autocommit = autocommit
    fast.preamble = (SET_TENANT, ["7"])
    with pytest.raises(legacy.DataError):
        fast.cursor().execute(f"select 1 / (length({TENANT}) - 1)")
    fast.rollback()
    assert one(fast, f"select {TENANT}") is None


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
    assert one(fast, "select count(*) from p") == 0


def test_a_value_that_cannot_be_sent_does_not_lose_the_preamble(fast: FastConnection) -> None:
    assert one(fast, "select 1") == 1
    fast.preamble = (SET_TENANT, ["7"])
    with pytest.raises(UnicodeEncodeError):
        fast.cursor().execute("select %s", ("\ud800",))
    assert one(fast, f"select {TENANT}") == "7"


def test_a_script_sees_the_tenant_in_a_transaction(fast: FastConnection) -> None:
    fast.preamble = (SET_TENANT, ["7"])
    fast.cursor().execute(f"create temp table q as select {TENANT} as t; select 1")
    assert one(fast, "select t from q") == "7"


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
