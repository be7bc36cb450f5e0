"""Versions of a project's model: listed, shown, compared, promoted, put away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, and_, cast, delete, func, select
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import SYSTEM, Job, enqueue
from chalicelib.core.pages import PageQuery
from chalicelib.ml import registry, versions
from chalicelib.ml.registry import (
    Alias,
    Champion,
    ModelAlias,
    ModelName,
    ModelVersion,
    aliased_version,
    lock_model,
    version_of,
)
from chalicelib.ml.schemas import FiguraOut, MudancaOut
from chalicelib.prices.errors_models import (
    AlvosDiferentes,
    CampeaoNaoSeArquiva,
    VersaoArquivada,
    VersaoNaoArquivada,
)
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.models import FORETOLD, PREFIX, price_model_name
from chalicelib.prices.queues_models import (
    PRICES_ANALYSIS_QUEUE,
    AnaliseMessage,
    ComparacaoMessage,
    SaudeMessage,
)
from chalicelib.prices.schemas_models import (
    CartaoPrecoOut,
    CompararPrecosIn,
    VersaoListada,
    VersaoPrecoOut,
)
from chalicelib.prices.service_datasets import dataset_of
from chalicelib.prices.tables import Projeto
from chalicelib.prices.tables_models import Arquivada

LABEL = "{alvo}{unidade}, das outras colunas do dataset."
OWN_FIELDS = ("alvo", "tarefa", "arquivada_em")


def champions_of(session: Session, projetos: Sequence[Projeto]) -> dict[UUID, Champion]:
    """The versions that answer in several projects; those without one are left out."""
    names = {price_model_name(each.tenant, each.id): each.id for each in projetos}
    found = registry.champions_of(session, names)
    return {names[name]: champion for name, champion in found.items()}


def list_versions(
    session: Session, principal: Principal, projeto_id: UUID, query: PageQuery
) -> tuple[list[VersaoListada], str | None, tuple[int, bool]]:
    """The versions of a project's model, newest first.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    name = price_model_name(projeto.tenant, projeto.id)
    rows, cursor, total = versions.list_versions(session, name, query, VersaoPrecoOut)
    own = _own_fields(session, name, projeto_id, [row.versao for row in rows])
    listed = [VersaoListada(**row.model_dump(), **own[row.versao]) for row in rows]
    return listed, cursor, total


def _own_fields(
    session: Session, name: ModelName, projeto_id: UUID, numbers: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """What a list says of each version beside what lists of every product do."""
    away = and_(Arquivada.projeto_id == projeto_id, Arquivada.versao == ModelVersion.version)
    statement = (
        select(
            ModelVersion.version,
            ModelVersion.data["alvo"].astext.label("alvo"),
            ModelVersion.data["tarefa"].astext.label("tarefa"),
            Arquivada.arquivada_em,
        )
        .outerjoin(Arquivada, away)
        .where(
            ModelVersion.tenant == name.tenant,
            ModelVersion.model == name.model,
            ModelVersion.version.in_(numbers),
        )
    )
    found = session.execute(statement).mappings()
    return {row["version"]: {k: row[k] for k in OWN_FIELDS} for row in found}


def _put_away(session: Session, projeto_id: UUID, numbers: Sequence[int]) -> dict[int, datetime]:
    statement = select(Arquivada.versao, Arquivada.arquivada_em).where(
        Arquivada.projeto_id == projeto_id, Arquivada.versao.in_(numbers)
    )
    return {row.versao: row.arquivada_em for row in session.execute(statement)}


def see_version(
    session: Session, principal: Principal, projeto_id: UUID, versao: int, figures_at: str
) -> CartaoPrecoOut:
    """The card of one version.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
        ModelVersionNotFound: There is no such version.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    return _card(session, projeto.tenant, projeto_id, versao, figures_at)


def _card(
    session: Session, tenant: str, projeto_id: UUID, versao: int, figures_at: str
) -> CartaoPrecoOut:
    name = price_model_name(tenant, projeto_id)
    data = version_of(session, name, versao).data
    unit = f" em {data['unidade']}" if data.get("unidade") else ""
    label = LABEL.format(alvo=data["alvo"], unidade=unit)
    card = versions.model_card(session, name, versao, label=label, figures_at=figures_at)
    away = _put_away(session, projeto_id, [versao])
    return CartaoPrecoOut(
        **card.model_dump(),
        arquivada_em=away.get(versao),
        intervalo=data.get("intervalo"),
    )


def version_figure(
    session: Session, principal: Principal, projeto_id: UUID, versao: int, figure: str
) -> FiguraOut:
    """One figure of a version's card.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
        ModelVersionNotFound, FiguraNotFound: There is no such version, or no such figure.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    return versions.figure(session, price_model_name(projeto.tenant, projeto_id), versao, figure)


def list_moves(
    session: Session, principal: Principal, projeto_id: UUID, query: PageQuery
) -> tuple[list[MudancaOut], str | None, tuple[int, bool]]:
    """Which version answered when, by whose decision; newest first.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    return versions.list_moves(session, price_model_name(projeto.tenant, projeto_id), query)


def promote(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    versao: int,
    reason: str,
    figures_at: str,
) -> CartaoPrecoOut:
    """Let a version answer from now on, whatever the comparison said.

    Raises:
        ProjetoNotFound, PapelInsuficiente: The caller may not.
        VersaoArquivada: It was put away.
        ModelVersionNotFound, AlreadyChampion, ModelUnusable: See `versions.promote`.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.ADMIN)
    name, by = price_model_name(projeto.tenant, projeto_id), principal.subject
    lock_model(session, name)
    _refuse_archived(session, projeto_id, versao)
    versions.promote(session, name, versao, by=by, reason=reason, then=follow_promotion(projeto_id))
    return _card(session, projeto.tenant, projeto_id, versao, figures_at)


def roll_back(session: Session, principal: Principal, projeto_id: UUID, reason: str) -> int:
    """Let whom the champion replaced answer again, and give its number.

    Raises:
        ProjetoNotFound, PapelInsuficiente: The caller may not.
        VersaoArquivada: That one was put away.
        NoEarlierChampion, AlreadyChampion, ModelUnusable: See `versions.roll_back`.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.ADMIN)
    name, by = price_model_name(projeto.tenant, projeto_id), principal.subject
    then = follow_promotion(projeto_id)
    version = versions.roll_back(session, name, by=by, reason=reason, then=then)
    _refuse_archived(session, projeto_id, version)
    return version


def _refuse_archived(session: Session, projeto_id: UUID, versao: int) -> None:
    if session.get(Arquivada, (projeto_id, versao)) is not None:
        raise VersaoArquivada


def archive(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    versao: int,
    reason: str,
    now: datetime,
) -> None:
    """Put a version away: it answers nobody until it is restored.

    Raises:
        ProjetoNotFound, PapelInsuficiente: The caller may not.
        ModelVersionNotFound: There is no such version.
        CampeaoNaoSeArquiva: It is the one that answers.
        VersaoArquivada: It is put away already.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.ADMIN)
    name = price_model_name(projeto.tenant, projeto_id)
    version_of(session, name, versao)
    lock_model(session, name)  # Nobody promotes it meanwhile.
    if aliased_version(session, name, Alias.CHAMPION) == versao:
        raise CampeaoNaoSeArquiva
    _refuse_archived(session, projeto_id, versao)
    session.add(
        Arquivada(
            projeto_id=projeto_id,
            versao=versao,
            tenant=projeto.tenant,
            arquivada_em=now,
            arquivada_por=principal.subject,
            motivo=reason,
        )
    )
    session.flush()
    audit.record_by(session, principal, "modelo.arquivado", f"modelo:{name.model}:{versao}")


def restore(session: Session, principal: Principal, projeto_id: UUID, versao: int) -> None:
    """Let a version that was put away answer again where it is asked for.

    Raises:
        ProjetoNotFound, PapelInsuficiente: The caller may not.
        ModelVersionNotFound: There is no such version.
        VersaoNaoArquivada: It is not put away.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.ADMIN)
    name = price_model_name(projeto.tenant, projeto_id)
    version_of(session, name, versao)
    gone = session.execute(
        delete(Arquivada)
        .where(Arquivada.projeto_id == projeto_id, Arquivada.versao == versao)
        .returning(Arquivada.versao)
    )
    if gone.scalar() is None:
        raise VersaoNaoArquivada
    audit.record_by(session, principal, "modelo.restaurado", f"modelo:{name.model}:{versao}")


def ask_for_comparison(
    session: Session, principal: Principal, projeto_id: UUID, asked: CompararPrecosIn
) -> Job:
    """Have two versions judged on rows that neither was trained on.

    Raises:
        ProjetoNotFound, PapelInsuficiente: The caller may not.
        ModelVersionNotFound, DatasetNotFound: There is no such version or dataset.
        AlvosDiferentes: They do not foretell the same.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.TREINADOR)
    name = price_model_name(projeto.tenant, projeto_id)
    pair = [version_of(session, name, number).data for number in (asked.a, asked.b)]
    if len({tuple(data.get(key) for key in FORETOLD) for data in pair}) > 1:
        raise AlvosDiferentes
    if asked.dataset is not None:
        dataset_of(session, projeto, asked.dataset)
    message = ComparacaoMessage(projeto=projeto_id, a=asked.a, b=asked.b, dataset=asked.dataset)
    return enqueue(
        session,
        PRICES_ANALYSIS_QUEUE,
        AnaliseMessage(analise=message),
        tenant=projeto.tenant,
        owner=principal.subject,
    )


def ask_for_measurement(session: Session, principal: Principal, projeto_id: UUID) -> Job:
    """Have a project's versions measured because somebody wants to know now.

    Raises:
        ProjetoNotFound, PapelInsuficiente: The caller may not.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.TREINADOR)
    return ask_for_health(session, projeto.id, tenant=projeto.tenant, owner=principal.subject)


def ask_for_health(session: Session, projeto_id: UUID, *, tenant: str, owner: str) -> Job:
    """Have a project's versions measured; one such job at a time is enough."""
    return enqueue(
        session,
        PRICES_ANALYSIS_QUEUE,
        AnaliseMessage(analise=SaudeMessage(projeto=projeto_id)),
        tenant=tenant,
        owner=owner,
        dedupe_key=f"saude:{projeto_id}",
    )


def ask_for_nightly_health() -> None:
    """What the schedule does: every project that is there and whose model answers is measured."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        model = func.concat(PREFIX, func.replace(cast(Projeto.id, Text), "-", ""))
        answering = and_(
            ModelAlias.tenant == Projeto.tenant,
            ModelAlias.model == model,
            ModelAlias.alias == Alias.CHAMPION.value,
        )
        statement = (
            select(Projeto.tenant, Projeto.id)
            .join(ModelAlias, answering)
            .where(Projeto.excluido_em.is_(None))
            .order_by(Projeto.id)
        )
        found = session.execute(statement).all()
    for tenant, projeto_id in found:
        with unit_of_work(tenant=tenant) as session:
            ask_for_health(session, projeto_id, tenant=tenant, owner=SYSTEM)


def follow_promotion(projeto_id: UUID) -> versions.Promoted:
    """What follows a promotion: the version that answers now is measured."""

    def measure(session: Session, _version: int, by: str) -> None:
        ask_for_health(session, projeto_id, tenant=session.info["tenant"], owner=by)

    return measure
