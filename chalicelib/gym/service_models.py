"""Versions of the churn model: listed, shown, compared, promoted, rolled back."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from chalicelib.core.auth import Principal
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.jobs import SYSTEM, Job, enqueue
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.core.settings import HOUSE
from chalicelib.core.storage import ObjectNotFound
from chalicelib.gym.features import LABEL_DAYS
from chalicelib.gym.models import CHURN, churn_model
from chalicelib.gym.queues import MODEL_COMPARISON_QUEUE, MODEL_UPDATE_QUEUE
from chalicelib.gym.schemas import UpdateModelMessage
from chalicelib.gym.schemas_models import (
    CartaoOut,
    CompararIn,
    CompareMessage,
    FiguraOut,
    MudancaOut,
    Uso,
    VersaoResumoOut,
)
from chalicelib.gym.service_analyses import ask_for_analyses
from chalicelib.gym.service_scores import ask_for_scores
from chalicelib.ml.artefacts import DigestMismatch, WidthMismatch
from chalicelib.ml.promotion import ModelMove, Move, champion_before, move_champion
from chalicelib.ml.registry import Alias, ModelAlias, ModelVersion, version_of

LABEL = (
    f"Deixa de vir: nenhuma visita nos {LABEL_DAYS} dias seguintes, ou cancelamento neles. "
    f"Perguntado só de quem veio nos {LABEL_DAYS} dias anteriores e tem {LABEL_DAYS} dias de casa."
)
USES = {Alias.CHAMPION.value: Uso.CAMPEAO, Alias.CHALLENGER.value: Uso.DESAFIANTE}


class FiguraNotFound(NotFound):
    """This version has no figure of this name."""


class ModelUnusable(Conflict):
    """This version's stored model is missing or is not the one registered; it cannot answer."""


def ask_for_training(session: Session, *, owner: str, motivo: str = "manual") -> Job:
    """Have the churn model trained anew; while that is under way, the same job is answered."""
    return enqueue(
        session,
        MODEL_UPDATE_QUEUE,
        UpdateModelMessage(motivo=motivo),
        tenant=HOUSE,
        owner=owner,
        dedupe_key="churn",
    )


def ask_for_weekly_training() -> None:
    """What the schedule does."""
    with unit_of_work(tenant=HOUSE) as session:
        ask_for_training(session, owner=SYSTEM, motivo="semanal")


def ask_for_comparison(session: Session, principal: Principal, versions: CompararIn) -> Job:
    """Have two versions judged on the same rows.

    Raises:
        ModelVersionNotFound: There is no such version.
    """
    for number in (versions.a, versions.b):
        version_of(session, CHURN, number)
    return enqueue(
        session,
        MODEL_COMPARISON_QUEUE,
        CompareMessage(a=versions.a, b=versions.b),
        tenant=principal.tenant,
        owner=principal.subject,
    )


def list_versions(
    session: Session, query: PageQuery
) -> tuple[list[VersaoResumoOut], str | None, tuple[int, bool]]:
    """The versions, newest first.

    Returns:
        The versions of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(ModelVersion).where(
        ModelVersion.tenant == CHURN.tenant, ModelVersion.model == CHURN.model
    )
    rows, cursor, total = fetch_page(session, statement, query, (ModelVersion.version,), (AS_ID,))
    uses = _uses(session)
    return [_summary(row, uses.get(row.version)) for row in rows], cursor, total


def _summary(row: ModelVersion, use: Uso | None) -> VersaoResumoOut:
    judged = row.metrics.get("validacao", {})
    return VersaoResumoOut(
        versao=row.version,
        algoritmo=row.algorithm,
        uso=use,
        criado_em=row.created_at,
        criado_por=row.created_by,
        roc_auc=judged.get("roc_auc"),
        brier=judged.get("brier"),
    )


def model_card(session: Session, version: int, figures_at: str) -> CartaoOut:
    """The card of one version.

    Args:
        session: The session.
        version: Which.
        figures_at: Address under which its figures are read by name.

    Raises:
        ModelVersionNotFound: There is no such version.
    """
    row = _with_figures(session, version)
    return CartaoOut(
        versao=row.version,
        algoritmo=row.algorithm,
        uso=_uses(session).get(row.version),
        criado_em=row.created_at,
        criado_por=row.created_by,
        parametros=row.parameters,
        rotulo=LABEL,
        dados=row.data,
        divisao=row.split,
        colunas=[each["column"]["name"] for each in row.encoder["columns"]],
        metricas=row.metrics,
        figuras={name: f"{figures_at}/{name}" for name in sorted(row.figures)},
        artefatos={
            name: {"sha256": each["sha256"], "bytes": each.get("bytes")}
            for name, each in row.artefacts.items()
        },
        bibliotecas=row.libraries,
    )


def figure(session: Session, version: int, name: str) -> FiguraOut:
    """One figure of a version's card.

    Raises:
        ModelVersionNotFound: There is no such version.
        FiguraNotFound: It has no such figure.
    """
    found: dict[str, Any] | None = _with_figures(session, version).figures.get(name)
    if found is None:
        raise FiguraNotFound
    return FiguraOut.model_validate(found)


def _with_figures(session: Session, version: int) -> ModelVersion:
    return version_of(session, CHURN, version, options=[undefer(ModelVersion.figures)])


def _uses(session: Session) -> dict[int, Uso]:
    """What versions are used for; who is both is the champion."""
    rows = session.execute(
        select(ModelAlias.version, ModelAlias.alias)
        .where(ModelAlias.tenant == CHURN.tenant, ModelAlias.model == CHURN.model)
        .order_by(ModelAlias.alias.desc())
    )
    return {version: USES[alias] for version, alias in rows}


def promote_version(
    session: Session, version: int, *, by: str, reason: str, move: Move = Move.PROMOTION
) -> None:
    """Let a version answer from now on.

    Every change of the champion passes here: by a training, by an admin, and back.

    Raises:
        AlreadyChampion: It answers already.
        ModelVersionNotFound: There is no such version.
        ModelUnusable: It could not answer.
    """
    version_of(session, CHURN, version)
    try:
        churn_model(session, version)
    except (DigestMismatch, ObjectNotFound, WidthMismatch) as error:
        raise ModelUnusable from error
    move_champion(session, CHURN, version, by=by, reason=reason, move=move)
    ask_for_analyses(session, owner=by)
    ask_for_scores(session, owner=by, motivo="promoção", dedupe_key=f"versao:{version}")


def roll_back(session: Session, *, by: str, reason: str) -> int:
    """Let whom the champion replaced answer again, and give its number.

    Raises:
        NoEarlierChampion: It replaced nobody.
        ModelUnusable: The earlier one could not answer.
    """
    version = champion_before(session, CHURN)
    promote_version(session, version, by=by, reason=reason, move=Move.ROLLBACK)
    return version


def list_moves(
    session: Session, query: PageQuery
) -> tuple[list[MudancaOut], str | None, tuple[int, bool]]:
    """Who answered when, newest first.

    Returns:
        The changes of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(ModelMove).where(
        ModelMove.tenant == CHURN.tenant, ModelMove.model == CHURN.model
    )
    rows, cursor, total = fetch_page(session, statement, query, (ModelMove.id,), (AS_ID,))
    moves = [
        MudancaOut(
            tipo=row.move,
            versao=row.version,
            anterior=row.previous,
            em=row.moved_at,
            por=row.moved_by,
            motivo=row.reason,
        )
        for row in rows
    ]
    return moves, cursor, total
