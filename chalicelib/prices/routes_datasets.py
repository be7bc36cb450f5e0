"""Routes of a project's datasets."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.imports import RejectionOut
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.parsing import JSON
from chalicelib.core.types import Id
from chalicelib.core.uploads import EmptyFile, FileTypeUnsupported, ObjectIn, ObjectMissing
from chalicelib.core.web import EVERYONE, Routes, endpoint
from chalicelib.identity.errors import NotAUser
from chalicelib.prices import service_datasets, service_profiles
from chalicelib.prices.errors import (
    ArquivoGrande,
    CorrecaoInvalida,
    DatasetEmUso,
    DatasetNaoPronto,
    DatasetNotFound,
    FiguraNotFound,
    PapelInsuficiente,
    ProjetoNotFound,
)
from chalicelib.prices.media import MEDIA_TYPES
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.schemas_datasets import (
    Correcoes,
    DatasetOut,
    DatasetPerfil,
    DatasetQuery,
    DatasetRecebido,
    FiguraOut,
    FiguraQuery,
)
from chalicelib.prices.service_datasets import SentFile

datasets_of_prices = Routes(__name__)

anybody = partial(endpoint, datasets_of_prices, allow=EVERYONE)
DATASETS = "/precos/projetos/{projeto_id}/datasets"
DATASET = DATASETS + "/{dataset_id}"


@datasets_of_prices.route(DATASETS, methods=["POST"])
@anybody(
    accepts=(JSON, *MEDIA_TYPES),
    body=ObjectIn,
    query=DatasetQuery,
    status=202,
    response=DatasetRecebido,
    may_answer=(200,),
    raises=(
        ProjetoNotFound,
        PapelInsuficiente,
        ArquivoGrande,
        ObjectMissing,
        EmptyFile,
        FileTypeUnsupported,
        NotAUser,
    ),
    before=service_datasets.take_file,
)
def post_dataset_de_precos(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    query: DatasetQuery,
    prepared: SentFile,
    now: datetime,
    call: Call,
) -> Reply:
    """Send a file of rows, which a job turns into Parquet and profiles.

    CSV with a header (any delimiter, encoding, decimal comma; quoted fields may hold delimiters and
    line breaks), NDJSON or Parquet: in the body up to 4 MB, or as `{"objeto": key}` of an upload
    that was declared as text/csv, application/x-ndjson or application/vnd.apache.parquet.

    The same bytes again are the dataset that they made before: at once where they come in the
    body, else the job's result names it. Rows that cannot be read are counted and listed at GET
    .../datasets/{id}/rejeicoes; where they are more than one in twenty, the file is refused.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.TREINADOR, lock=True)
    dataset, repeated = service_datasets.receive_dataset(
        session, principal, projeto, prepared, query.nome, now
    )
    found = service_datasets.received(session, dataset, repeated=repeated)
    place = f"{call.path}/{dataset.id}" if found.job is None else f"/jobs/{found.job.id}"
    status = 200 if found.job is None else 202
    return Reply(found, status=status, headers={"Location": call.link(place)})


@datasets_of_prices.route(DATASETS, methods=["GET"])
@anybody(
    query=PageQuery, response=Page[DatasetOut], raises=(ProjetoNotFound, NotAUser), autocommit=True
)
def get_datasets_de_precos(
    session: Session, principal: Principal, projeto_id: UUID, query: PageQuery, call: Call
) -> Reply:
    """List a project's datasets, newest first."""
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    found, cursor, total = service_datasets.list_datasets(session, projeto, query)
    return page_reply(Page[DatasetOut], found, cursor, total, call)


@datasets_of_prices.route(DATASET, methods=["GET"])
@anybody(raises=(ProjetoNotFound, DatasetNotFound, NotAUser), autocommit=True)
def get_dataset_de_precos(
    session: Session, principal: Principal, projeto_id: UUID, dataset_id: Id
) -> DatasetPerfil:
    """What was found in a dataset, column by column, with corrections applied.

    Types, missing values, distinct ones, quantiles, outliers, duplicates, candidates for the
    target with the reasons, and warnings: among them capped columns, identifiers, near copies,
    columns that give a candidate away, and text columns in which NA may be a category.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    dataset = service_datasets.dataset_of(session, projeto, dataset_id)
    return service_profiles.describe(session, dataset)


@datasets_of_prices.route(DATASET, methods=["DELETE"])
@anybody(
    status=204,
    raises=(ProjetoNotFound, PapelInsuficiente, DatasetNotFound, DatasetEmUso, NotAUser),
)
def delete_dataset_de_precos(
    session: Session, principal: Principal, projeto_id: UUID, dataset_id: Id
) -> None:
    """Delete a dataset that no model was trained from."""
    projeto = projeto_of(session, principal, projeto_id, Papel.ADMIN)
    service_datasets.delete_dataset(session, principal, projeto, dataset_id)


@datasets_of_prices.route(DATASET + "/colunas", methods=["PATCH"])
@anybody(
    body=Correcoes,
    raises=(
        ProjetoNotFound,
        PapelInsuficiente,
        DatasetNotFound,
        DatasetNaoPronto,
        CorrecaoInvalida,
        NotAUser,
    ),
)
def patch_colunas(
    session: Session, principal: Principal, projeto_id: UUID, dataset_id: Id, body: Correcoes
) -> DatasetPerfil:
    """Say better what columns are: `{"name": {tipo, papel, ignorar, unidade, na_e_categoria}}`.

    What is left out stays; null instead of an object takes back all that was said of a column. A
    correction that cannot hold is refused with the number of values that speak against it, and
    then none is made. Each change makes a new `revisao`.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.TREINADOR)
    return service_profiles.correct(session, principal, projeto, dataset_id, body)


@datasets_of_prices.route(DATASET + "/rejeicoes", methods=["GET"])
@anybody(
    query=PageQuery,
    response=Page[RejectionOut],
    raises=(ProjetoNotFound, DatasetNotFound, NotAUser),
    autocommit=True,
)
def get_rejeicoes_de_dataset(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    dataset_id: Id,
    query: PageQuery,
    call: Call,
) -> Reply:
    """List the rows of a dataset's file that could not be read, last line first, and why."""
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    dataset = service_datasets.dataset_of(session, projeto, dataset_id)
    found, cursor, total = service_profiles.refused_rows(session, dataset, query)
    return page_reply(Page[RejectionOut], found, cursor, total, call)


@datasets_of_prices.route(DATASET + "/figuras/{nome}", methods=["GET"])
@anybody(
    query=FiguraQuery,
    raises=(ProjetoNotFound, DatasetNotFound, DatasetNaoPronto, FiguraNotFound, NotAUser),
    autocommit=True,
)
def get_figura_de_dataset(
    session: Session,
    principal: Principal,
    projeto_id: UUID,
    dataset_id: Id,
    nome: str,
    query: FiguraQuery,
) -> FiguraOut:
    """Get a figure of a profile as Plotly JSON.

    `ausentes`, `correlacao`, `histograma-3` and `alvo-3` of the third column; the profile lists
    them.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    return service_profiles.figure(session, projeto, dataset_id, nome, query.alvo)


@datasets_of_prices.route(DATASET + "/parquet", methods=["GET"])
@anybody(
    status=303,
    raises=(ProjetoNotFound, DatasetNotFound, DatasetNaoPronto, NotAUser),
    autocommit=True,
)
def get_parquet(session: Session, principal: Principal, projeto_id: UUID, dataset_id: Id) -> Reply:
    """Download a dataset as Parquet: as the file has it, before corrections."""
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    dataset = service_datasets.dataset_of(session, projeto, dataset_id)
    return Reply(headers={"Location": service_datasets.download_link(dataset)})
