"""Routes for those who build models on the catalogue."""

from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from chalicelib.books import service_ml, service_predictions
from chalicelib.books.edition import Written, answer_once
from chalicelib.books.errors import (
    BookNotFound,
    NoPriceModel,
    NothingReadYet,
    PredictedBookUnknown,
    SnapshotNotFound,
    TrainingSetNotReady,
)
from chalicelib.books.models import BOOK_PRICE, LABEL_TEXT, beats_chance, notice
from chalicelib.books.schemas_ml import (
    DataFormat,
    DataOut,
    DataQuery,
    ModelScoresOut,
    PredictionsIn,
    PredictionsOut,
    PriceCardOut,
    PriceVersionOut,
    ScoresQuery,
    TrainingDataOut,
)
from chalicelib.books.service_ml import FEATURE_NAMES, TakenFrom
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import Forbidden, Unauthorized
from chalicelib.core.pages import CursorInvalid, Page, PageQuery
from chalicelib.core.settings import HOUSE
from chalicelib.core.web import EVERYONE, PUBLIC, Routes, endpoint
from chalicelib.ml import versions
from chalicelib.ml.registry import ModelVersionNotFound
from chalicelib.ml.schemas import FiguraOut, Versao
from chalicelib.ml.versions import FiguraNotFound, ModelUnusable

learning = Routes(__name__)

SENDERS = EVERYONE - {Role.LEITOR}
data = partial(endpoint, learning, allow=PUBLIC, any_origin=True, autocommit=True, versioned=True)
model = partial(endpoint, learning, allow=PUBLIC, any_origin=True, own_transactions=True)


def _data(found: TakenFrom, told: dict[str, Any], cursor: str | None, call: Call) -> Written:
    """A page whose next one is of the same snapshot, whatever is read meanwhile."""
    address = None
    if cursor is not None:
        pinned = {"snapshot": [str(found.edition.snapshot)], "cursor": [cursor]}
        address = f"{call.link(call.path)}?{urlencode({**call.query, **pinned}, doseq=True)}"
    headers = {"Link": f'<{address}>; rel="next"'} if address else {}
    return Written(found.edition, service_ml.as_json({**told, "next": address}), headers)


def _file(found: TakenFrom, wanted: DataFormat) -> Reply:
    address = service_ml.training_file_link(found, wanted)
    return Reply(status=303, headers={"Cache-Control": "no-store", "Location": address})


@learning.route("/api/v1/ml/features", methods=["GET"])
@data(
    query=DataQuery,
    response=DataOut,
    raises=(SnapshotNotFound, NothingReadYet, CursorInvalid, TrainingSetNotReady),
    may_answer=(303,),
)
def get_features(session: Session, query: DataQuery, call: Call) -> Reply:
    """List every book's features, with the types and units of the columns.

    With `snapshot` the catalogue as that run found it: the same number, the same rows for ever.
    Whole with `format=csv` or `format=parquet`: the files of the training data, which have the
    split as well.
    """
    found = service_ml.taken_from(session, query.snapshot)
    if query.format is not DataFormat.JSON:
        return _file(found, query.format)

    def work_out() -> Written:
        told, cursor = service_ml.data_page(session, found, query, FEATURE_NAMES)
        return _data(found, told, cursor, call)

    return answer_once(session, call, work_out, lambda: found.edition)


@learning.route("/api/v1/ml/training-data", methods=["GET"])
@data(
    query=DataQuery,
    response=TrainingDataOut,
    raises=(SnapshotNotFound, NothingReadYet, CursorInvalid, TrainingSetNotReady),
    may_answer=(303,),
)
def get_training_data(session: Session, query: DataQuery, call: Call) -> Reply:
    """List features, target and split of every book; whole with `format=csv` or `format=parquet`.

    The files of a snapshot are written once, so that they are the same byte for byte. A fifth of
    the books judges models and must train none: the same books in every snapshot. Prices and
    ratings of books.toscrape.com are drawn at random, as the site says: an honest model does
    not beat the mean, see `/api/v1/ml/models`.
    """
    found = service_ml.taken_from(session, query.snapshot)
    if query.format is not DataFormat.JSON:
        return _file(found, query.format)

    def work_out() -> Written:
        told, cursor = service_ml.training_page(session, found, query)
        return _data(found, told, cursor, call)

    if found.files:
        return answer_once(session, call, work_out, lambda: found.edition)
    # Until the files are written the answer is not the one that it will be.
    return Reply(work_out().content, headers={"Cache-Control": "no-store"})


@learning.route("/api/v1/ml/predictions", methods=["POST"])
@endpoint(
    learning,
    allow=PUBLIC,
    identifies_caller=True,
    limit="600/minute",  # A thousand books each.
    own_transactions=True,
    body=PredictionsIn,
    response=PredictionsOut,
    may_answer=(201,),
    raises=(Forbidden, BookNotFound, NoPriceModel, ModelUnusable, PredictedBookUnknown),
)
def post_predictions(body: PredictionsIn, principal: Principal | None, now: datetime) -> Reply:
    """Ask the served model for prices, or send what a model of yours foretells.

    One book's columns, or `instances` of them: answered with the model's version and whether it
    is better than chance. `predictions` with `model` and `version`: kept, with a token, and scored
    by the catalogue, see `GET /api/v1/ml/predictions/scores`; sent again they replace the old.
    """
    if body.predictions is None:
        with unit_of_work(tenant=HOUSE, autocommit=True) as session:
            return Reply(PredictionsOut(service_predictions.predict(session, body)))
    if principal is None:
        raise Unauthorized
    if principal.role not in SENDERS:
        raise Forbidden
    with unit_of_work(tenant=principal.tenant) as session:
        kept = service_predictions.keep_predictions(session, principal, body, now)
    return Reply(PredictionsOut(kept), status=201)


@learning.route("/api/v1/ml/predictions/scores", methods=["GET"])
@endpoint(
    learning,
    query=ScoresQuery,
    allow=EVERYONE,
    response=Page[ModelScoresOut],
    raises=(CursorInvalid,),
    autocommit=True,
)
def get_scores(session: Session, query: ScoresQuery, call: Call) -> Reply:
    """Say how good the models are whose predictions you have sent, beside always the median."""
    rows, cursor, total = service_predictions.list_scores(session, query)
    return page_reply(Page[ModelScoresOut], rows, cursor, total, call)


@learning.route("/api/v1/ml/models", methods=["GET"])
@model(query=PageQuery, response=Page[PriceVersionOut], raises=(CursorInvalid,))
def get_models(query: PageQuery, call: Call) -> Reply:
    """List the versions of the price model, newest first, and what each is used for."""
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        rows, cursor, total = versions.list_versions(session, BOOK_PRICE, query, PriceVersionOut)
    return page_reply(Page[PriceVersionOut], rows, cursor, total, call)


@learning.route("/api/v1/ml/models/{versao}", methods=["GET"])
@model(raises=(ModelVersionNotFound,))
def get_model(versao: Versao, call: Call) -> PriceCardOut:
    """Show a version's card: data, split, metrics with intervals beside the rule to beat."""
    figures_at = call.link(f"/api/v1/ml/models/{versao}/figures")
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        card = versions.model_card(
            session, BOOK_PRICE, versao, label=LABEL_TEXT, figures_at=figures_at
        )
    return PriceCardOut(
        **card.model_dump(),
        supera_regra_ingenua=beats_chance(card.metricas),
        aviso=notice(card.metricas),
    )


@learning.route("/api/v1/ml/models/{versao}/figures/{nome}", methods=["GET"])
@model(raises=(ModelVersionNotFound, FiguraNotFound))
def get_model_figure(versao: Versao, nome: str) -> FiguraOut:
    """Get a figure of a card as Plotly JSON: `previsto_observado`, `residuos`, `importancia`."""
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        return versions.figure(session, BOOK_PRICE, versao, nome)
