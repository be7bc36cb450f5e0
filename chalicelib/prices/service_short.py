"""The short path: rows and a target in one call, a prediction in another."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.jobs import Job
from chalicelib.core.parsing import RawBody
from chalicelib.core.rowfile import CSV, NDJSON
from chalicelib.core.uploads import keep_body
from chalicelib.prices.algorithms import ALGORITMOS
from chalicelib.prices.errors_models import DadosGrandes, DadosIlegiveis
from chalicelib.prices.experiment import FEWEST_ROWS, AlgoritmoPedido, Experimento
from chalicelib.prices.membership import user_of
from chalicelib.prices.schemas_models import MOST_SHORT_COLUMNS, MOST_SHORT_ROWS, TreinarIn
from chalicelib.prices.schemas_projects import ProjetoIn
from chalicelib.prices.service_datasets import SentFile, receive_dataset
from chalicelib.prices.service_projects import create_projeto
from chalicelib.prices.service_training import add_training

DESCRIPTION = "Feito por POST /precos/treinar."


@dataclass(frozen=True)
class Begun:
    """What a short training has begun."""

    projeto_id: UUID
    treinamento_id: int
    job: Job


def keep_rows(principal: Principal, body: TreinarIn, now: datetime) -> SentFile:
    """Store the rows as a file of a dataset.

    Raises:
        NotAUser: The caller is a program's key.
        DadosGrandes, DadosIlegiveis: It is too much, or no table.
        ValidationFailed: No column is called as the target, or there is no such algorithm.
        ServiceUnavailable: The store does not answer.
    """
    user_of(principal)
    if isinstance(body.dados, str):
        names, media_type, data = _csv_columns(body.dados), CSV, body.dados.encode()
        rows = body.dados.strip().count("\n")
    else:
        names = list(dict.fromkeys(name for row in body.dados for name in row))
        media_type, data = NDJSON, _ndjson(body.dados, names)
        rows = len(body.dados)
    if len(names) > MOST_SHORT_COLUMNS:
        raise DadosGrandes
    _check(body, names, rows)
    objeto = keep_body(principal, RawBody(media_type, data), now)
    return SentFile(objeto, media_type, len(data), hashlib.sha256(data).hexdigest())


def _csv_columns(text: str) -> list[str]:
    """Names in the header of a CSV that is not too long."""
    if text.count("\n") > MOST_SHORT_ROWS + 1:
        raise DadosGrandes
    header = text.lstrip("\ufeff\r\n").splitlines()[:1]
    if not header:
        raise DadosIlegiveis
    delimiter = max(",;\t|", key=header[0].count)
    try:
        names = next(csv.reader(io.StringIO(header[0]), delimiter=delimiter), [])
    except csv.Error:  # A name longer than any that Python's reader takes.
        raise DadosIlegiveis from None
    if len(names) < 2:
        raise DadosIlegiveis
    return [name.strip() for name in names]


def _ndjson(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> bytes:
    """Every row with every column, so that all of them are columns of the dataset."""
    lines = (json.dumps({n: row.get(n) for n in names}, ensure_ascii=False) for row in rows)
    return "\n".join(lines).encode()


def _check(body: TreinarIn, names: Sequence[str], rows: int) -> None:
    faults = []
    if rows < FEWEST_ROWS:
        faults.append(FieldError(campo="dados", erro=f"at least {FEWEST_ROWS} rows are needed"))
    if body.alvo not in names:
        faults.append(FieldError(campo="alvo", erro="no such column in dados"))
    if body.algoritmo is not None and body.algoritmo not in ALGORITMOS:
        faults.append(FieldError(campo="algoritmo", erro="no such algorithm"))
    if faults:
        raise ValidationFailed(errors=faults)


def begin(
    session: Session, principal: Principal, body: TreinarIn, sent: SentFile, now: datetime
) -> Begun:
    """Make a project with one dataset, and have its model trained."""
    new = ProjetoIn(nome=body.nome, descricao=DESCRIPTION)
    projeto = create_projeto(session, principal, new, now)
    dataset, _ = receive_dataset(session, principal, projeto, sent, None, now, profiles=False)
    experiment = Experimento(alvo=body.alvo)
    if body.algoritmo is not None:
        chosen = [AlgoritmoPedido(nome=body.algoritmo)]
        experiment = experiment.model_copy(update={"algoritmos": chosen})
    training = add_training(session, principal, projeto, dataset, experiment, now)
    return Begun(projeto.id, training.id, training.job)
