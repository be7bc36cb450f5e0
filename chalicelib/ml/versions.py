"""Versions of a tenant's model: listed, shown, loaded, promoted, rolled back (law 7)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.pages import AS_ID, PageQuery, fetch_page
from chalicelib.core.settings import settings
from chalicelib.core.storage import ObjectNotFound
from chalicelib.core.uploads import object_store, store_must_answer
from chalicelib.ml.artefacts import DigestMismatch, WidthMismatch
from chalicelib.ml.model_cache import ModelCache
from chalicelib.ml.promotion import ModelMove, Move, champion_before, move_champion
from chalicelib.ml.registry import (
    Alias,
    ModelAlias,
    ModelName,
    ModelVersion,
    ModelVersionNotFound,
    load_version,
    version_of,
)
from chalicelib.ml.schemas import CartaoOut, FiguraOut, MudancaOut, Uso, VersaoOut

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel

UNLOADABLE = (DigestMismatch, ObjectNotFound, WidthMismatch)
"""What loading a version raises where its stored model is not the one that was registered."""

USES: Mapping[str, Uso] = {
    Alias.CHAMPION.value: Uso.CAMPEAO,
    Alias.CHALLENGER.value: Uso.DESAFIANTE,
}
Summary = TypeVar("Summary", bound=VersaoOut)
Promoted = Callable[[Session, int, str], None]
"""What a product has follow a promotion, in its transaction: (session, version, by whom)."""


class FiguraNotFound(NotFound):
    """This version has no figure of this name."""


class ModelUnusable(Conflict):
    """This version's stored model is missing or is not the one registered; it cannot answer."""

    motivo = "O modelo guardado desta versão não pode responder."


@cache
def model_cache() -> ModelCache[ServedModel]:
    """The models this process has loaded, of all tenants, bounded by `MODEL_CACHE_MB`."""
    return ModelCache(settings().model_cache_mb)


def served_model(session: Session, name: ModelName, version: int) -> ServedModel:
    """A version, ready to answer.

    A cache miss reads the object store; it is the one call of that kind a request may make
    while its session is open.

    Raises:
        ModelVersionNotFound: There is no such version, or the session is another tenant's.
        DigestMismatch, ObjectNotFound, WidthMismatch: See `UNLOADABLE`.
        ServiceUnavailable: The store does not answer; another try may find the model.
    """
    # A hit asks the database nothing, which would else hide what is another tenant's.
    if session.info["tenant"] not in (None, name.tenant):
        raise ModelVersionNotFound
    return model_cache().get(
        (name, version), lambda: load_version(session, name, version, _read_object)
    )


def _read_object(key: str) -> bytes:
    with store_must_answer():
        return object_store().read(key)


def list_versions(
    session: Session, name: ModelName, query: PageQuery, summary: type[Summary]
) -> tuple[list[Summary], str | None, tuple[int, bool]]:
    """The versions of a model, newest first.

    Args:
        session: The session.
        name: The model.
        query: Where the page begins and how long it is.
        summary: What is said of each; the fields it adds to `VersaoOut` are metrics by name.

    Returns:
        The versions of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(ModelVersion).where(
        ModelVersion.tenant == name.tenant, ModelVersion.model == name.model
    )
    rows, cursor, total = fetch_page(session, statement, query, (ModelVersion.version,), (AS_ID,))
    uses = _uses(session, name)
    return [_summary(row, uses.get(row.version), summary) for row in rows], cursor, total


def _summary(row: ModelVersion, use: Uso | None, summary: type[Summary]) -> Summary:
    judged = row.metrics.get("validacao", {})
    metrics = summary.model_fields.keys() - VersaoOut.model_fields.keys()
    return summary(
        versao=row.version,
        algoritmo=row.algorithm,
        uso=use,
        criado_em=row.created_at,
        criado_por=row.created_by,
        **{metric: judged.get(metric) for metric in metrics},
    )


def model_card(
    session: Session, name: ModelName, version: int, *, label: str, figures_at: str
) -> CartaoOut:
    """The card of one version.

    Args:
        session: The session.
        name: The model.
        version: Which.
        label: What the model foretells, in pt-BR.
        figures_at: Address under which its figures are read by name.

    Raises:
        ModelVersionNotFound: There is no such version.
    """
    row = _with_figures(session, name, version)
    return CartaoOut(
        versao=row.version,
        algoritmo=row.algorithm,
        uso=_uses(session, name).get(row.version),
        criado_em=row.created_at,
        criado_por=row.created_by,
        parametros=row.parameters,
        rotulo=label,
        dados=row.data,
        divisao=row.split,
        colunas=[each["column"]["name"] for each in row.encoder["columns"]],
        metricas=row.metrics,
        figuras={figure: f"{figures_at}/{figure}" for figure in sorted(row.figures)},
        artefatos={
            artefact: {"sha256": each["sha256"], "bytes": each.get("bytes")}
            for artefact, each in row.artefacts.items()
        },
        bibliotecas=row.libraries,
    )


def figure(session: Session, name: ModelName, version: int, figure_name: str) -> FiguraOut:
    """One figure of a version's card.

    Raises:
        ModelVersionNotFound: There is no such version.
        FiguraNotFound: It has no such figure.
    """
    figures = _with_figures(session, name, version).figures
    found: dict[str, Any] | None = figures.get(figure_name)
    if found is None:
        raise FiguraNotFound
    return FiguraOut.model_validate(found)


def figures_of(
    session: Session, name: ModelName, version_numbers: Collection[int], figure_names: Sequence[str]
) -> dict[int, dict[str, FiguraOut]]:
    """Some figures of some versions' cards: version -> name -> figure, those that there are."""
    rows = session.execute(
        select(
            ModelVersion.version, *(ModelVersion.figures[each].label(each) for each in figure_names)
        ).where(
            ModelVersion.tenant == name.tenant,
            ModelVersion.model == name.model,
            ModelVersion.version.in_(version_numbers),
        )
    )
    return {
        version: {
            each: FiguraOut.model_validate(found)
            for each, found in zip(figure_names, figures, strict=True)
            if found is not None
        }
        for version, *figures in rows
    }


def _with_figures(session: Session, name: ModelName, version: int) -> ModelVersion:
    return version_of(session, name, version, options=[undefer(ModelVersion.figures)])


def _uses(session: Session, name: ModelName) -> dict[int, Uso]:
    """What versions are used for; who is both is the champion."""
    rows = session.execute(
        select(ModelAlias.version, ModelAlias.alias)
        .where(ModelAlias.tenant == name.tenant, ModelAlias.model == name.model)
        .order_by(ModelAlias.alias.desc())
    )
    return {version: USES[alias] for version, alias in rows}


def promote(
    session: Session,
    name: ModelName,
    version: int,
    *,
    by: str,
    reason: str,
    then: Promoted,
    move: Move = Move.PROMOTION,
) -> None:
    """Let a version answer from now on.

    Every change of the champion passes here: by a training, by a person, and back.

    Args:
        session: The transaction.
        name: The model.
        version: Which.
        by: Subject of who decided.
        reason: Why, for the trail.
        then: What follows, once it has moved.
        move: Whether it is a promotion or a way back.

    Raises:
        AlreadyChampion: It answers already.
        ModelVersionNotFound: There is no such version.
        ModelUnusable: It could not answer.
    """
    version_of(session, name, version)
    try:
        served_model(session, name, version)
    except UNLOADABLE as error:
        raise ModelUnusable from error
    move_champion(session, name, version, by=by, reason=reason, move=move)
    then(session, version, by)


def roll_back(session: Session, name: ModelName, *, by: str, reason: str, then: Promoted) -> int:
    """Let whom the champion replaced answer again, and give its number.

    Raises:
        NoEarlierChampion: It replaced nobody.
        AlreadyChampion: It answers already.
        ModelUnusable: The earlier one could not answer.
    """
    version = champion_before(session, name)
    promote(session, name, version, by=by, reason=reason, then=then, move=Move.ROLLBACK)
    return version


def list_moves(
    session: Session, name: ModelName, query: PageQuery
) -> tuple[list[MudancaOut], str | None, tuple[int, bool]]:
    """Who answered when, newest first.

    Returns:
        The changes of the page, the cursor of the next one, and the total with its exactness.
    """
    statement = select(ModelMove).where(
        ModelMove.tenant == name.tenant, ModelMove.model == name.model
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
