"""Members' histories written as instants, for tests of what was known when."""

from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import insert, text

from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import HOUSE
from chalicelib.gym.features import COLUMNS
from chalicelib.gym.service_risk import feature_values, read_features
from chalicelib.gym.tables import Checkin, Vigencia

NAMES = tuple(column.name for column in COLUMNS)


def visit(aluno_id: int, entrada: datetime, minutes: float | None = 60) -> None:
    """Add one visit; without minutes nobody recorded its exit."""
    saida = entrada + timedelta(minutes=minutes) if minutes else None
    with unit_of_work() as session:
        session.execute(
            insert(Checkin).values(
                aluno_id=aluno_id, entrada=entrada, saida=saida, sem_saida=saida is None
            )
        )


def change(aluno_id: int, desde: datetime, plano_id: int, *, ativo: bool = True) -> None:
    """From an instant on, the member has this plano, or has cancelled."""
    with unit_of_work() as session:
        session.execute(
            insert(Vigencia).values(aluno_id=aluno_id, desde=desde, plano_id=plano_id, ativo=ativo)
        )


def known(aluno_id: int, as_of: datetime) -> dict[str, float | str | None]:
    """What serving reads of a member at an instant."""
    with unit_of_work(autocommit=True) as session:
        return feature_values(read_features(session, [aluno_id], [as_of])[0])


def execute(statement: str) -> None:
    """Change anything of the gym."""
    with unit_of_work() as session:
        session.execute(text(statement))


def reader() -> JobRun:
    """A run that only reads."""
    return JobRun(uuid4(), "test_queue", 1, utc_now(), 1, HOUSE, "teste", {}, None, "teste", 60.0)
