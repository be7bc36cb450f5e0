"""Routes of predictions: asked, by file, listed, exported, counted, and told what became true."""

from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.pages import Page
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.types import Id
from chalicelib.core.uploads import FileTypeUnsupported, ObjectMissing
from chalicelib.core.web import EVERYONE, Routes, endpoint
from chalicelib.identity.errors import NotAUser
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.versions import ModelUnusable
from chalicelib.prices import (
    service_actuals,
    service_files,
    service_history,
    service_predictions,
    service_usage,
)
from chalicelib.prices.errors import PapelInsuficiente, ProjetoNotFound
from chalicelib.prices.errors_models import (
    ExplicacaoCara,
    LoteNaoPronto,
    LoteNotFound,
    PrevisaoNotFound,
    SemCampeao,
    SemExplicacao,
    VersaoArquivada,
)
from chalicelib.prices.schemas_predictions import (
    ExportarPrevisoesQuery,
    LoteIn,
    LoteOut,
    ObservadosIn,
    ObservadosOut,
    PrevisaoGuardada,
    PrevisoesIn,
    PrevisoesOut,
    PrevisoesQuery,
    UsoOut,
    UsoQuery,
)

predictions = Routes(__name__)
anybody = partial(endpoint, predictions, allow=EVERYONE)
PROJECT = "/precos/projetos/{projeto_id}"
PREDICTIONS = PROJECT + "/previsoes"
UNSEEN = (ProjetoNotFound, NotAUser)
UNANSWERED = (*UNSEEN, SemCampeao, ModelVersionNotFound, VersaoArquivada, ModelUnusable)


@predictions.route(PREDICTIONS, methods=["POST"])
@anybody(
    body=PrevisoesIn,
    status=201,
    raises=(*UNANSWERED, SemExplicacao, ExplicacaoCara),
    autocommit=True,
)
def post_previsoes(
    session: Session, principal: Principal, projeto_id: UUID, body: PrevisoesIn, now: datetime
) -> PrevisoesOut:
    """Ask the version that answers, or a named one, about a case or up to 1,000 of them.

    Each answer comes with its interval, what training had seen nothing like, what was missing and
    what was not understood; contributions per column sum to it. What was answered is kept, so
    that its real value can be told later by `id` or by a `referencia` of your own.
    """
    return service_predictions.predict(session, principal, projeto_id, body, now)


@predictions.route(PREDICTIONS, methods=["GET"])
@anybody(query=PrevisoesQuery, response=Page[PrevisaoGuardada], raises=UNSEEN, autocommit=True)
def get_previsoes(
    session: Session, principal: Principal, projeto_id: UUID, query: PrevisoesQuery, call: Call
) -> Reply:
    """List what was predicted, newest first; by version, person, time, and what is known since."""
    found, cursor, total = service_history.list_predictions(session, principal, projeto_id, query)
    return page_reply(Page[PrevisaoGuardada], found, cursor, total, call)


@predictions.route(PREDICTIONS + "/exportar", methods=["GET"])
@anybody(
    query=ExportarPrevisoesQuery,
    raises=UNSEEN,
    own_transactions=True,
    response_media_type=CSV,
    also_as=(NDJSON,),
    may_answer=(303,),
)
def get_previsoes_exportar(
    principal: Principal,
    projeto_id: UUID,
    query: ExportarPrevisoesQuery,
    now: datetime,
) -> Reply:
    """Get what was predicted as CSV or NDJSON, oldest first.

    Above 4 MB the answer leads to a signed address. Where more is left, `Continue-After` has the
    id to send as `depois_de`.
    """
    found = service_history.export_predictions(principal, projeto_id, query, now)
    headers = {"Cache-Control": "no-store"}
    if found.continues_after is not None:
        headers["Continue-After"] = str(found.continues_after)
    if found.address is not None:
        return Reply(status=303, headers={**headers, "Location": found.address})
    form = query.formato
    headers["Content-Disposition"] = f'attachment; filename="previsoes.{form.value}"'
    media_type = f"{service_history.MEDIA_TYPES[form]}; charset=utf-8"
    return Reply(found.text, headers=headers, media_type=media_type)


@predictions.route(PREDICTIONS + "/lote", methods=["POST"])
@anybody(
    body=LoteIn,
    status=202,
    response=JobOut,
    before=service_files.require_file,
    raises=(*UNANSWERED, ObjectMissing, FileTypeUnsupported),
)
def post_previsoes_lote(
    session: Session, principal: Principal, projeto_id: UUID, body: LoteIn, call: Call
) -> Reply:
    """Have the rows of an uploaded CSV, NDJSON or Parquet predicted by the queue.

    The answers are the file's own rows with prediction and interval added; rows that cannot be
    read are listed at `GET /jobs/{id}/rejeicoes`. `GET .../previsoes/lote/{id}` gives the file.
    Its rows are counted in `GET .../uso` and in the shift of inputs; they are not kept one by one,
    so neither the history has them, nor can their real values be told.
    """
    job = service_files.ask_for_file(session, principal, projeto_id, body)
    return job_control.accepted(job, call)


@predictions.route(PREDICTIONS + "/lote/{job_id}", methods=["GET"])
@anybody(raises=(*UNSEEN, LoteNotFound, LoteNaoPronto), autocommit=True)
def get_previsoes_lote(
    session: Session, principal: Principal, projeto_id: UUID, job_id: UUID, now: datetime
) -> LoteOut:
    """Get a signed address of the answers to a file, and what became of its rows."""
    return service_files.see_file(session, principal, projeto_id, job_id, now)


@predictions.route(PREDICTIONS + "/{previsao_id}", methods=["GET"])
@anybody(raises=(*UNSEEN, PrevisaoNotFound), autocommit=True)
def get_previsao(
    session: Session, principal: Principal, projeto_id: UUID, previsao_id: Id
) -> PrevisaoGuardada:
    """One prediction as it was kept."""
    found = service_history.see_prediction(session, principal, projeto_id, previsao_id)
    return PrevisaoGuardada.model_validate(found)


@predictions.route(PROJECT + "/observados", methods=["POST"])
@anybody(body=ObservadosIn, raises=(*UNSEEN, PapelInsuficiente))
def post_observados(
    session: Session, principal: Principal, projeto_id: UUID, body: ObservadosIn, now: datetime
) -> ObservadosOut:
    """Tell what up to 1,000 predicted cases turned out to be.

    By `previsao_id`, or by the `referencia` given when it was asked; said again, the last word
    counts. The model is then measured anew: see `GET .../saude`.
    """
    return service_actuals.tell_actuals(session, principal, projeto_id, body, now)


@predictions.route(PROJECT + "/uso", methods=["GET"])
@anybody(query=UsoQuery, raises=UNSEEN, autocommit=True)
def get_uso(
    session: Session, principal: Principal, projeto_id: UUID, query: UsoQuery, now: datetime
) -> UsoOut:
    """Count what was asked: by version, by person, and over time."""
    return service_usage.usage(session, principal, projeto_id, query, now)
