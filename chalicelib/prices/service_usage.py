"""How much a project's models were asked: by version, by person, over time."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.settings import settings
from chalicelib.core.statements import HotStatement
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.schemas_predictions import (
    Uso,
    UsoOut,
    UsoPasso,
    UsoQuery,
    UsoUsuario,
    UsoVersao,
)

BY_DEFAULT = timedelta(days=30)
LONGEST = {"dia": timedelta(days=732), "hora": timedelta(days=32)}
STEPS = {"dia": "day", "hora": "hour"}
MOST_USERS, MOST_STEPS = 100, 2_000

# One pass over the index gives all four views; `grouping` tells them apart.
COUNT = HotStatement("""
SELECT grouping(versao, usuario, inicio) AS visao, versao, usuario, inicio,
    count(*) AS chamadas, sum(linhas)::bigint AS linhas, max(em) AS ultima,
    count(DISTINCT usuario) AS usuarios
FROM (
    SELECT versao, usuario, linhas, em,
        date_trunc(:passo, em, :fuso) AS inicio
    FROM precos_chamadas
    WHERE projeto_id = cast(:projeto AS uuid) AND em >= cast(:desde AS timestamptz)
        AND em < cast(:ate AS timestamptz)
) c
GROUP BY GROUPING SETS ((), (versao), (usuario), (inicio, versao))
ORDER BY inicio DESC, versao DESC
""")
ALL, BY_VERSION, BY_USER, BY_STEP = 0b111, 0b011, 0b101, 0b010


def usage(
    session: Session, principal: Principal, projeto_id: UUID, query: UsoQuery, now: datetime
) -> UsoOut:
    """How much a project's models were asked in a stretch of time.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
        ValidationFailed: The stretch ends before it begins, or is too long for its steps.
    """
    projeto_of(session, principal, projeto_id, Papel.LEITOR)
    ate = query.ate or now
    desde = query.desde or ate - BY_DEFAULT
    _refuse_wrong(desde, ate, LONGEST[query.por])
    rows = COUNT.all(
        session,
        passo=STEPS[query.por],
        fuso=settings().local_timezone,
        projeto=projeto_id,
        desde=desde,
        ate=ate,
    )
    views: dict[int, list[Any]] = {ALL: [], BY_VERSION: [], BY_USER: [], BY_STEP: []}
    for row in rows:
        views[row.visao].append(row)
    return UsoOut(
        desde=desde,
        ate=ate,
        total=_counted(Uso, views[ALL][0]) if views[ALL] else Uso(chamadas=0, linhas=0),
        por_versao=[_counted(UsoVersao, row) for row in views[BY_VERSION]],
        por_usuario=_most(views[BY_USER]),
        serie=[UsoPasso.model_validate(row._asdict()) for row in views[BY_STEP][:MOST_STEPS]][::-1],
        serie_completa=len(views[BY_STEP]) <= MOST_STEPS,
    )


def _most(rows: list[Any]) -> list[UsoUsuario]:
    ranked = sorted(rows, key=lambda row: (-row.linhas, row.usuario))
    return [_counted(UsoUsuario, row) for row in ranked[:MOST_USERS]]


def _counted(model: Any, row: Any) -> Any:
    told = {name: getattr(row, name) for name in model.model_fields}
    return model.model_validate({**told, "linhas": told["linhas"] or 0})


def _refuse_wrong(desde: datetime, ate: datetime, longest: timedelta) -> None:
    if desde >= ate:
        raise ValidationFailed(errors=[FieldError(campo="ate", erro="must lie behind desde")])
    if ate - desde > longest:
        said = f"at most {longest.days} days at once with such steps"
        raise ValidationFailed(errors=[FieldError(campo="desde", erro=said)])
