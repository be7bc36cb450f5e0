"""What was found in a dataset: told, corrected, drawn."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.imports import ImportRejection, list_rejections
from chalicelib.core.jobs import Job
from chalicelib.core.pages import PageQuery
from chalicelib.prices.corrections import effective, merged
from chalicelib.prices.figures import draw, figure_list, target_of
from chalicelib.prices.schemas_datasets import (
    Alvo,
    Andamento,
    Aviso,
    ColunaPerfil,
    Correcoes,
    DatasetOut,
    DatasetPerfil,
    FiguraOut,
)
from chalicelib.prices.service_datasets import dataset_of, require_ready
from chalicelib.prices.service_projects import record
from chalicelib.prices.tables import Dataset, Projeto

NOTHING_YET: dict[str, Any] = {"colunas": [], "alvos": [], "avisos": []}


def describe(session: Session, dataset: Dataset) -> DatasetPerfil:
    """A dataset and all that is known of it; empty lists until it is profiled."""
    statement = select(Dataset.perfil, Dataset.figuras["correlacao"]).where(
        Dataset.id == dataset.id
    )
    perfil, correlation = session.execute(statement).one()
    found = perfil or NOTHING_YET
    targets = [Alvo.model_validate(each) for each in found["alvos"]]
    columns = dataset.colunas
    job = session.get(Job, dataset.job_id) if dataset.job_id else None
    figures = figure_list(columns, {"correlacao": correlation}, targets) if perfil else []
    return DatasetPerfil(
        **DatasetOut.model_validate(dataset).model_dump(),
        andamento=None if job is None else Andamento.model_validate(job),
        origem={name: value for name, value in dataset.origem.items() if name != "objeto"},
        colunas=columns,
        alvos=targets,
        linhas_duplicadas=found.get("linhas_duplicadas"),
        avisos=[Aviso.model_validate(each) for each in found["avisos"]],
        figuras=figures,
    )


def correct(
    session: Session,
    principal: Principal,
    projeto: Projeto,
    dataset_id: int,
    corrections: Correcoes,
) -> DatasetPerfil:
    """Say better what a dataset's columns are.

    Raises:
        DatasetNotFound: The project has none under this id.
        DatasetNaoPronto: It has not been profiled.
        CorrecaoInvalida: Some corrections cannot hold; nothing is changed.
    """
    dataset = dataset_of(session, projeto, dataset_id, lock=True)
    require_ready(dataset)
    perfil = session.scalar(select(Dataset.perfil).where(Dataset.id == dataset_id)) or NOTHING_YET
    after = merged(dataset.correcoes, corrections.root)
    columns = effective([ColunaPerfil.model_validate(each) for each in perfil["colunas"]], after)
    if after != dataset.correcoes:
        dataset.correcoes = after
        dataset.efetivo = [each.model_dump(mode="json") for each in columns]
        dataset.revisao += 1
        session.flush()
        record(
            session,
            principal,
            projeto.id,
            "dataset.corrigido",
            dataset=dataset_id,
            revisao=dataset.revisao,
        )
    return describe(session, dataset)


def figure(
    session: Session, projeto: Projeto, dataset_id: int, name: str, target: str | None
) -> FiguraOut:
    """A figure of a profile.

    Args:
        session: The session.
        projeto: Whose dataset.
        dataset_id: Which.
        name: Which figure.
        target: Against which column it is drawn; the likeliest when None.

    Raises:
        DatasetNotFound: The project has none under this id.
        DatasetNaoPronto: It has not been profiled.
        FiguraNotFound: There is none of this name.
    """
    dataset = dataset_of(session, projeto, dataset_id)
    require_ready(dataset)
    statement = select(Dataset.figuras, Dataset.perfil["alvos"]).where(Dataset.id == dataset_id)
    kept, told = session.execute(statement).one()
    columns = dataset.colunas
    chosen = target or target_of(columns, [Alvo.model_validate(each) for each in told])
    return FiguraOut.model_validate(draw(name, columns, kept, chosen))


def refused_rows(
    session: Session, dataset: Dataset, query: PageQuery
) -> tuple[list[ImportRejection], str | None, tuple[int, bool]]:
    """The rows of a dataset's file that are not in it, last line first.

    Returns:
        The page, the cursor of the next one, and the total with its exactness.
    """
    # Of a dataset that no job has read yet none is listed.
    return list_rejections(session, dataset.job_id or UUID(int=0), query)
