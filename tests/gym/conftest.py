"""What tests of the gym begin with."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import insert, text

from chalicelib.core import settings
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.gym.service_members import ensure_planos
from chalicelib.gym.tables import Aluno, Checkin, Vigencia

MakeAluno = Callable[..., int]
SetHoldOut = Callable[..., None]


@pytest.fixture
def plano_id(environment: dict[str, str]) -> int:
    """One plano."""
    with unit_of_work() as session:
        return ensure_planos(session, {"Padrão": "119.90"})["Padrão"]


@pytest.fixture
def make_aluno(plano_id: int) -> MakeAluno:
    """Makes a member who registered some days ago and came so many days ago; gives their id."""

    def make(
        visited_days_ago: tuple[float, ...] = (),
        *,
        registered_days_ago: float = 365,
        ativo: bool = True,
        minutes: float | None = 60,
        now: datetime | None = None,
    ) -> int:
        instant = now or utc_now()
        joined = instant - timedelta(days=registered_days_ago)
        with unit_of_work() as session:
            aluno_id = session.execute(
                insert(Aluno)
                .values(
                    nome="Ana Lima",
                    email=f"{uuid4().hex}@example.com",
                    plano_id=plano_id,
                    ativo=ativo,
                    matriculado_em=joined,
                )
                .returning(Aluno.id)
            ).scalar_one()
            session.add(Vigencia(aluno_id=aluno_id, desde=joined, plano_id=plano_id, ativo=True))
            for days in visited_days_ago:
                entrada = instant - timedelta(days=days)
                session.add(
                    Checkin(
                        aluno_id=aluno_id,
                        entrada=entrada,
                        saida=entrada + timedelta(minutes=minutes) if minutes else None,
                        sem_saida=minutes is None,
                    )
                )
        return int(aluno_id)

    return make


@pytest.fixture
def hold_out(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> SetHoldOut:
    """Sets the share that is held out, and the seed of the draw."""

    def change(share: str, seed: str = "teste") -> None:
        monkeypatch.setenv("RETENCAO_FRACAO_CONTROLE", share)
        monkeypatch.setenv("RETENCAO_SEMENTE", seed)
        settings.settings.cache_clear()

    return change


def count(table: str) -> int:
    """How many rows a table of the gym has."""
    with unit_of_work(autocommit=True) as session:
        return int(session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
