"""The demo gym: simulated members and visits, loaded straight into the tables."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.db import copy_in, unit_of_work
from chalicelib.core.jobs import SYSTEM, enqueue
from chalicelib.core.settings import HOUSE, Seed
from chalicelib.gym import service_reports
from chalicelib.gym.queues import MODEL_UPDATE_QUEUE
from chalicelib.gym.schemas import UpdateModelMessage
from chalicelib.gym.service_members import ensure_planos
from infra.local.simulation import SimulatedGym, simulate

SIZES = {Seed.SMALL: (400, 12), Seed.FULL: (2_000, 18)}
"""Members and months of history."""

ROWS_PER_BLOCK = 20_000
NULL = "\\N"


def is_empty() -> bool:
    """Whether the gym has no member yet."""
    with unit_of_work(autocommit=True) as session:
        return session.execute(text("SELECT 1 FROM alunos LIMIT 1")).scalar() is None


def seed_gym(size: Seed, until: datetime) -> int:
    """Fill an empty gym with simulated members, ask for a first model and yesterday's report.

    Args:
        size: A key of `SIZES`.
        until: The instant the simulation ends at: now.

    Returns:
        How many visits there are.
    """
    alunos, meses = SIZES[size]
    gym = simulate(alunos=alunos, meses=meses, until=until)
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, gym)
        enqueue(
            session,
            MODEL_UPDATE_QUEUE,
            UpdateModelMessage(motivo="demonstração"),
            tenant=HOUSE,
            owner=SYSTEM,
            dedupe_key="churn",
        )
        service_reports.ask_for_report(session, None, owner=SYSTEM, now=until)
    return len(gym.visitas.aluno)


def load_gym(session: Session, gym: SimulatedGym) -> None:
    """Write a simulated gym into the tables, in the caller's transaction."""
    by_name = ensure_planos(session, {p.nome: str(p.mensalidade) for p in gym.planos})
    plano_ids = np.array([by_name[p.nome] for p in gym.planos])
    ids = _load_alunos(session, gym, plano_ids)
    _load_vigencias(session, gym, plano_ids, ids)
    _load_visitas(session, gym, ids)


def _load_alunos(
    session: Session, gym: SimulatedGym, plano_ids: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Insert the members; returns (n,) their ids."""
    session.execute(
        text(
            "CREATE TEMP TABLE simulated (n int, nome text, email text, telefone text,"
            " nascimento date, plano_id bigint, ativo boolean, matriculado_em timestamptz)"
            " ON COMMIT DROP"
        )
    )
    alunos = gym.alunos
    columns = (
        np.arange(len(alunos.nome)).astype(str),
        alunos.nome,
        alunos.email,
        np.where(np.asarray(alunos.telefone) == "", NULL, alunos.telefone),
        _instants(alunos.data_nascimento),
        plano_ids[gym.planos_at(gym.until)].astype(str),
        np.where(np.isnat(alunos.cancelado_em), "t", "f"),
        _instants(alunos.matriculado_em),
    )
    copy_in(session, "COPY simulated FROM STDIN", _lines(*columns))
    rows = session.execute(
        text(
            "WITH novo AS (INSERT INTO alunos (nome, email, telefone, data_nascimento, plano_id,"
            " ativo, matriculado_em) SELECT nome, email, telefone, nascimento, plano_id, ativo,"
            " matriculado_em FROM simulated ORDER BY n RETURNING id, email)"
            " SELECT novo.id FROM novo JOIN simulated USING (email) ORDER BY n"
        )
    )
    return np.array(rows.scalars().all(), dtype=np.int64)


def _load_vigencias(
    session: Session, gym: SimulatedGym, plano_ids: NDArray[np.int64], ids: NDArray[np.int64]
) -> None:
    alunos, changes = gym.alunos, gym.mudancas
    gone = np.flatnonzero(~np.isnat(alunos.cancelado_em))
    last_plano = gym.planos_at(gym.until)
    parts = (
        (ids, alunos.matriculado_em, plano_ids[alunos.plano], "t"),
        (ids[changes.aluno], changes.desde, plano_ids[changes.plano], "t"),
        (ids[gone], alunos.cancelado_em[gone], plano_ids[last_plano[gone]], "f"),
    )
    for who, since, plano, ativo in parts:
        lines = _lines(
            who.astype(str), _instants(since), plano.astype(str), np.full(len(who), ativo)
        )
        copy_in(
            session, "COPY aluno_vigencias (aluno_id, desde, plano_id, ativo) FROM STDIN", lines
        )


def _load_visitas(session: Session, gym: SimulatedGym, ids: NDArray[np.int64]) -> None:
    visits = gym.visitas
    without_exit = np.isnat(visits.saida) & ~gym.inside()
    copy_in(
        session,
        "COPY checkins (aluno_id, entrada, saida, sem_saida) FROM STDIN",
        _blocks_of_visits(ids, visits, without_exit),
    )


def _blocks_of_visits(
    ids: NDArray[np.int64], visits: Any, without_exit: NDArray[np.bool_]
) -> Iterator[bytes]:
    """Converted a block at a time: ten million visits as text would not fit a laptop."""
    for start in range(0, len(visits.aluno), ROWS_PER_BLOCK):
        rows = slice(start, start + ROWS_PER_BLOCK)
        yield from _lines(
            ids[visits.aluno[rows]].astype(str),
            _instants(visits.entrada[rows]),
            _instants(visits.saida[rows]),
            np.where(without_exit[rows], "t", "f"),
        )


def _instants(values: NDArray[Any]) -> NDArray[Any]:
    """Dates and UTC instants as PostgreSQL reads them; NaT is null."""
    suffix = "" if values.dtype == np.dtype("datetime64[D]") else "Z"
    written = np.char.add(np.datetime_as_string(values), suffix)
    return np.where(np.isnat(values), NULL, written)


def _lines(*columns: Any) -> Iterator[bytes]:
    rows = zip(*columns, strict=True)
    text_rows = ("\t".join(row) for row in rows)
    block: list[str] = []
    for row in text_rows:
        block.append(row)
        if len(block) == ROWS_PER_BLOCK:
            yield ("\n".join(block) + "\n").encode()
            block = []
    if block:
        yield ("\n".join(block) + "\n").encode()
