"""The pages of the price model: the shared ones, said of books."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.books import health
from chalicelib.books.errors import NothingReadYet
from chalicelib.books.models import BOOK_PRICE, LABEL_TEXT
from chalicelib.books.pages import MODEL, READERS
from chalicelib.books.queues import BOOKS_TRAINING_QUEUE
from chalicelib.books.schemas_ml import PriceVersionOut
from chalicelib.books.service_snapshots import catalogue_source
from chalicelib.books.service_training import ask_for_training
from chalicelib.console.model_console import ModelConsole
from chalicelib.console.model_pages import model_pages
from chalicelib.core.auth import Principal, Role
from chalicelib.core.jobs import Job
from chalicelib.core.settings import HOUSE
from chalicelib.ml.schemas_health import SaudeModelo


def _train(session: Session, principal: Principal) -> Job:
    """On the catalogue as it is.

    Raises:
        NothingReadYet: There is none.
    """
    source = catalogue_source(session)
    if source is None:
        raise NothingReadYet
    return ask_for_training(session, source.id, owner=principal.subject)


def _health(session: Session, _principal: Principal, now: datetime) -> SaudeModelo:
    return health.book_health(session, now)


def _history(
    _session: Session, _principal: Principal
) -> Mapping[str, Sequence[tuple[datetime, float]]]:
    """Nothing is measured of it beside its test books."""
    return {}


def _nothing_follows(_session: Session, _version: int, _by: str) -> None:
    """A promotion asks for nothing else."""


BOOKS_CONSOLE = ModelConsole(
    title="Modelo de preço dos livros",
    path=MODEL,
    model=lambda _principal: BOOK_PRICE,
    label=LABEL_TEXT,
    summary=PriceVersionOut,
    health=_health,
    history=_history,
    then=_nothing_follows,
    train=_train,
    training_queue=BOOKS_TRAINING_QUEUE.name,
    compare=None,
    comparison_queue="",
    allow=READERS,
    trainers=(Role.CIENTISTA,),
    tenant=HOUSE,
    raises=(NothingReadYet,),
)

book_model_pages = model_pages(BOOKS_CONSOLE)
