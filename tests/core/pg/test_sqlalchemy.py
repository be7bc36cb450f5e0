"""SQLAlchemy's Core and ORM on top."""

from __future__ import annotations

import pytest
from pg8000 import legacy
from sqlalchemy import (
    Engine,
    bindparam,
    exc,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.orm import Session

from chalicelib.core.pg import (
    FastConnection,
)
from tests.core.pg.sessions import Aluno, one, record_packets


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
    sent = record_packets(fast)
    fast.cursor().executemany("insert into t values (%s)", [(i,) for i in range(500)])
    assert len(sent) == 3
    assert one(fast, "select sum(a) from t") == 499 * 250


def test_in_autocommit_every_run_of_executemany_stands_alone(fast: FastConnection) -> None:
    fast.autocommit = True
    fast.cursor().execute("create temp table t (a int check (a < 3))")
    with pytest.raises(legacy.IntegrityError):
        fast.cursor().executemany("insert into t values (%s)", [(i,) for i in range(5)])
    assert one(fast, "select count(*) from t") == 3


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
