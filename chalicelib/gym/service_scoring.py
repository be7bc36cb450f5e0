"""The score of every active member, in one pass: nightly and after each promotion.

A member's number of a day is the first that was computed under their revisão and the champion,
here or by `GET /aluno/{id}/risco-churn`, and both go by it: whoever comes second computes as of
the first one's instant. So a list and a member's own page agree, a pass that is repeated adds
nothing, and a killed one goes on.
"""

from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import text

from chalicelib.core.clock import local_day, utc_now
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import settings
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.schemas import CalculoReport, Faixa, TipoResposta
from chalicelib.gym.scores import ScoredDay, read_members, score, store
from chalicelib.gym.service_risk import explain, feature_values, read_features
from chalicelib.ml.registry import Alias, aliased_version

ALUNOS_PER_CHUNK = 20_000
EXPLAINED_PER_CHUNK = 50
DAYS_KEPT = 7

COUNT_ACTIVE = "SELECT count(*) FROM alunos WHERE ativo AND NOT sintetico"
NEXT_BOUND = """
SELECT max(id) AS upto, count(*) AS alunos FROM (
    SELECT id FROM alunos WHERE ativo AND NOT sintetico AND id > :after ORDER BY id LIMIT :rows) a
"""
HIGHEST = """
SELECT p.aluno_id, p.calculado_em, p.probabilidade, p.explicacao IS NOT NULL AS explicada
FROM probabilidades_churn p JOIN alunos a ON a.id = p.aluno_id
WHERE p.dia = :dia AND p.modelo_versao = :versao AND p.tipo IN ('modelo', 'inicio') AND a.ativo
ORDER BY p.probabilidade DESC, p.aluno_id DESC
LIMIT :rows
"""
# Who came meanwhile has another score by now, which their own page computes.
EXPLAIN = """
UPDATE probabilidades_churn SET explicacao = cast(:explicacao AS jsonb)
WHERE dia = :dia AND aluno_id = :aluno_id AND probabilidade = :probabilidade
"""

FORGET = """
DELETE FROM probabilidades_churn WHERE dia < :oldest OR dia = ANY(cast(:dias AS date[]))
"""
COUNT = """
SELECT p.tipo, width_bucket(p.probabilidade, cast(:bounds AS float8[])) AS faixa,
       count(*) AS alunos, count(p.explicacao) AS explicados
FROM probabilidades_churn p JOIN alunos a ON a.id = p.aluno_id
WHERE p.dia = :dia AND p.modelo_versao = :versao AND a.ativo
GROUP BY 1, 2
"""
FAIXAS = (Faixa.BAIXO, Faixa.MEDIO, Faixa.ALTO)


@dataclass(frozen=True)
class Position:
    """How far a pass has come: up to which id, and how many members that is."""

    day: ScoredDay
    after: int = 0
    alunos: int = 0

    @classmethod
    def of(cls, checkpoint: dict[str, Any]) -> "Position":
        """The position that a checkpoint holds."""
        day = ScoredDay(date.fromisoformat(checkpoint["dia"]), checkpoint["versao"])
        return cls(day, checkpoint["after"], checkpoint["alunos"])

    def to_json(self) -> dict[str, Any]:
        """The checkpoint."""
        rest = {"after": self.after, "alunos": self.alunos}
        return {"dia": self.day.dia.isoformat(), "versao": self.day.versao, **rest}


def score_members(run: JobRun, *, alunos_per_chunk: int = ALUNOS_PER_CHUNK) -> CalculoReport:
    """Score who has no number of today by the champion yet, and explain the highest scores.

    Begins anew where midnight or a promotion has come between two chunks.
    """
    position = Position.of(run.checkpoint) if run.checkpoint else None
    total = _count_active(run)
    while (day := _scored_now(run)) is not None:
        if position is None or position.day != day:
            position = Position(day)
        run.progress(position.alunos, total, "calculando")
        behind = _score_chunk(run, position, alunos_per_chunk)
        if behind is None:
            _explain_highest(run, day)
            _forget_old(run, day)
            return _report(run, day)
        position = behind
    today = local_day(utc_now(), settings().local_timezone)
    return CalculoReport(
        dia=today, modelo_versao=None, alunos=0, por_tipo={}, por_faixa={}, explicados=0
    )


def _count_active(run: JobRun) -> int:
    with run.reading() as session:
        return int(session.execute(text(COUNT_ACTIVE)).scalar_one())


def _scored_now(run: JobRun) -> ScoredDay | None:
    """What a score is of that is computed now; None without a champion."""
    with run.reading() as session:
        versao = aliased_version(session, CHURN, Alias.CHAMPION)
    dia = local_day(utc_now(), settings().local_timezone)
    return None if versao is None else ScoredDay(dia, versao)


def _score_chunk(run: JobRun, position: Position, alunos: int) -> Position | None:
    """Score and store the members that come next.

    Returns:
        The position behind them, the same one where they have to be scored again by another
        version, and None when there is nobody left.
    """
    with run.reading() as session:
        values = {"after": position.after, "rows": alunos}
        bound = session.execute(text(NEXT_BOUND), values).one()
        if bound.upto is None:
            return None
        model = churn_model(session, position.day.versao)
        bounds = (position.after, bound.upto)
        members = read_members(session, position.day, bounds, utc_now())
    scored = score(model, members)
    with run.transaction() as session:
        if not store(session, position.day, scored):
            return position
        behind = replace(position, after=bound.upto, alunos=position.alunos + bound.alunos)
        run.save_checkpoint(session, behind.to_json())
    return behind


def _explain_highest(run: JobRun, day: ScoredDay) -> None:
    """Store base value and reasons with the highest scores that the model gave."""
    values = {**asdict(day), "rows": settings().churn_explicados}
    with run.reading() as session:
        rows = [row for row in session.execute(text(HIGHEST), values) if not row.explicada]
    for start in range(0, len(rows), EXPLAINED_PER_CHUNK):
        run.progress(start, len(rows), "explicando")
        _explain_chunk(run, day, rows[start : start + EXPLAINED_PER_CHUNK])


def _explain_chunk(run: JobRun, day: ScoredDay, rows: list[Any]) -> None:
    with run.reading() as session:
        model = churn_model(session, day.versao)
        features = read_features(
            session, [row.aluno_id for row in rows], [row.calculado_em for row in rows]
        )
    explained = explain(model, [feature_values(row) for row in features])
    values = [
        {
            "dia": day.dia,
            "aluno_id": row.aluno_id,
            "probabilidade": probability,
            "explicacao": explanation.model_dump_json(),
        }
        for row, (probability, explanation) in zip(features, explained, strict=True)
    ]
    with run.transaction() as session:
        session.execute(text(EXPLAIN), values)


def _forget_old(run: JobRun, day: ScoredDay) -> None:
    """Of the days before the last week only the Mondays stay, and those for `CHURN_KEEP_DAYS`.

    A score is judged by what came of it; once a week is often enough.
    """
    kept = settings().churn_keep_days
    days = [day.dia - timedelta(days=back) for back in range(DAYS_KEPT, kept + 1)]
    values = {"oldest": days[-1], "dias": [each for each in days if each.weekday() != 0]}
    with run.transaction() as session:
        session.execute(text(FORGET), values)


def _report(run: JobRun, day: ScoredDay) -> CalculoReport:
    found = settings()
    values = {**asdict(day), "bounds": [found.churn_faixa_media, found.churn_faixa_alta]}
    with run.reading() as session:
        rows = session.execute(text(COUNT), values).all()
    return CalculoReport(
        dia=day.dia,
        modelo_versao=day.versao,
        alunos=sum(row.alunos for row in rows),
        por_tipo={
            tipo: sum(row.alunos for row in rows if row.tipo == tipo)
            for tipo in TipoResposta
            if any(row.tipo == tipo for row in rows)
        },
        por_faixa={
            faixa: sum(row.alunos for row in rows if row.faixa == place)
            for place, faixa in enumerate(FAIXAS)
        },
        explicados=sum(row.explicados for row in rows),
    )
