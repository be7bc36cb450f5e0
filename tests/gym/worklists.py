"""What tests of the retention team's work begin with: members at risk, lists, days that pass."""

from typing import Any

from sqlalchemy import insert, text

from chalicelib.core.clock import local_day, utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.gym.tables import ProbabilidadeChurn
from tests.client import Client
from tests.gym.conftest import MakeAluno
from tests.gym.histories import execute

FILA = "/retencao/fila"


def _today() -> Any:
    return local_day(utc_now(), "America/Sao_Paulo")


def say(aluno_id: int, probability: float, **columns: Any) -> None:
    """Let the member have this score today."""
    values = {
        "dia": _today(),
        "aluno_id": aluno_id,
        "tipo": "modelo",
        "probabilidade": probability,
        "modelo_versao": 1,
        "revisao": 0,
        "calculado_em": utc_now(),
        "explicacao": {"probabilidade_base": 0.1, "motivos": []},
    }
    with unit_of_work() as session:
        session.execute(insert(ProbabilidadeChurn).values(**{**values, **columns}))


def many_risky(make_aluno: MakeAluno, n: int) -> list[int]:
    """So many members at high risk, the highest first."""
    first = make_aluno((3,))
    with unit_of_work() as session:
        session.execute(
            text(
                "INSERT INTO alunos (nome, email, plano_id, matriculado_em)"
                " SELECT 'Aluno ' || n, n || '@example.com', plano_id, matriculado_em"
                " FROM alunos, generate_series(2, cast(:n AS int)) n WHERE id = :first"
            ),
            {"n": n, "first": first},
        )
        session.execute(
            text(
                "INSERT INTO aluno_vigencias (aluno_id, desde, plano_id)"
                " SELECT a.id, v.desde, v.plano_id FROM alunos a, aluno_vigencias v"
                " WHERE a.id <> :first"
            ),
            {"first": first},
        )
        session.execute(
            text(
                "INSERT INTO checkins (aluno_id, entrada, sem_saida)"
                " SELECT a.id, c.entrada, true FROM alunos a, checkins c WHERE a.id <> :first"
            ),
            {"first": first},
        )
        session.execute(
            text(
                "INSERT INTO probabilidades_churn (dia, aluno_id, tipo, probabilidade,"
                " modelo_versao, revisao, calculado_em, explicacao)"
                " SELECT :dia, id, 'modelo', 0.95 - id * 0.001, 1, 0, now(),"
                ' \'{"probabilidade_base": 0.1, "motivos": []}\' FROM alunos'
            ),
            {"dia": _today()},
        )
        return list(session.scalars(text("SELECT id FROM alunos ORDER BY id")))


def shown(client: Client, capacidade: int = 40) -> list[int]:
    """Ids of the members on the list."""
    answer = client.get(FILA, capacidade=capacidade)
    assert answer.status == 200, answer.body
    return [item["aluno_id"] for item in answer.json["items"]]


def groups() -> dict[int, str]:
    """Member -> the group they were drawn into."""
    with unit_of_work(autocommit=True) as session:
        rows = session.execute(text("SELECT aluno_id, grupo FROM grupos_retencao"))
        return {row.aluno_id: row.grupo for row in rows}


def held_out() -> set[int]:
    return {aluno_id for aluno_id, grupo in groups().items() if grupo == "controle"}


def days_pass(days: int) -> None:
    """Everything of the retention team happened so many days earlier."""
    back = f"interval '{days} days'"
    # By way of a time of which there are no rows: a key is checked after each of them.
    execute("UPDATE retencao_elegiveis SET dia = dia - 10000")
    execute(f"UPDATE retencao_elegiveis SET dia = dia + 10000 - {days}, em = em - {back}")
    execute(
        f"UPDATE contatos SET criado_em = criado_em - {back}, concluido_em = concluido_em - {back}"
    )
