"""What a dataset's page does with a file: lots at once, or a large one that a job divides."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from pydantic import Field
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.visits import Visit
from chalicelib.core import uploads
from chalicelib.core.auth import Principal
from chalicelib.core.db import unit_of_work
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.core.parsing import JSON, RawBody
from chalicelib.core.types import Strict
from chalicelib.credit import service_dataset_view, service_lot_files, service_lots
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import Place
from chalicelib.credit.lot_files import lots_of
from chalicelib.credit.schemas_datasets import Seq
from chalicelib.credit.service_lots import LotBody


class LotForm(Strict):
    """What a file holds, and the number of its first lot."""

    tipo: Tipo = Field(strict=False)
    seq: Seq | None = None


@dataclass(frozen=True)
class StoredLot:
    """A lot whose body has been stored."""

    place: Place
    body: LotBody


@dataclass(frozen=True)
class Sent:
    """What a form has brought: the lots of a file, or a large one by its key."""

    lots: tuple[StoredLot, ...] = ()
    large: tuple[Place, str] | None = None


def take_file(visit: Visit, dataset_id: UUID, form: Form, now: datetime) -> Sent:
    """The lots that a sent file makes, their bodies stored before the transaction."""
    if form.action != "lote":
        return Sent()
    said = form.read(LotForm)
    first = said.seq or _next_number(visit, dataset_id, said.tipo)
    place = Place(visit.who.tenant, dataset_id, said.tipo, first)
    if form["objeto"]:
        named = RawBody(JSON, json.dumps({"objeto": form["objeto"]}).encode())
        return Sent(large=(place, uploads.receive_file(visit.who, named, now)))
    if form.file is None or not form.file.data:
        raise ValidationFailed(errors=[FieldError(campo="arquivo", erro="Escolha um arquivo.")])
    bodies = [
        service_lots.take_body(visit.who, dataset_id, said.tipo, raw, now)
        for raw in lots_of(form.file.data)
    ]
    places = [replace(place, seq=first + n) for n in range(len(bodies))]
    return Sent(tuple(StoredLot(*each) for each in zip(places, bodies, strict=True)))


def _next_number(visit: Visit, dataset_id: UUID, tipo: Tipo) -> int:
    with unit_of_work(tenant=visit.who.tenant, autocommit=True) as session:
        kinds = service_dataset_view.count_lots(session, dataset_id)
    return 1 + next(kind.maior_seq for kind in kinds if kind.tipo is tipo)


def receive_file(session: Session, principal: Principal, sent: Sent, now: datetime) -> str:
    """Take what a form has brought; gives what to tell."""
    if sent.large is not None:
        service_lot_files.divide_later(session, principal, *sent.large)
        return "O arquivo chegou, e está sendo dividido em lotes."
    first = sent.lots[0].place
    service_lot_files.refuse_while_dividing(session, first.dataset_id, first.tipo)
    for lot in sent.lots:
        service_lots.receive_lot(session, principal, lot.place, lot.body, now)
    items = sum(lot.body.itens for lot in sent.lots)
    return f"{items} itens recebidos em {len(sent.lots)} lote(s)."
