"""Files too large for a form: divided into lots by a job, once, whatever happens to its worker."""

import io
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from chalicelib.core.claims import claim
from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.parsing import RawBody
from chalicelib.core.rowfile import CSV
from chalicelib.core.runs import JobRun
from chalicelib.core.uploads import keep_body
from chalicelib.credit import service_lot_files
from chalicelib.credit.errors import ArquivoSendoDividido, LoteIlegivel, LoteVazio
from chalicelib.credit.item_fields import Tipo
from chalicelib.credit.item_tables import Place
from chalicelib.credit.queues import CREDIT_LOTS_QUEUE, LoteMessage
from tests.client import assert_problem
from tests.core.conftest import change_job
from tests.credit.companies import Company
from tests.credit.conftest import KINDS, Sending, rows
from tests.gym.work import work_off

FILE = b"codigo;cidade\n" + b"".join(b"C%d;S\xe3o Paulo\n" % n for n in range(1201))


class Killed(Exception):
    """The worker is gone."""


class DyingRun(JobRun):
    """A run whose worker is killed before its third lot."""

    def progress(self, done: float, total: float, step: str) -> None:
        """Show how far it has come."""
        super().progress(done, total, step)
        if (self.checkpoint or {}).get("lotes") == 2:
            raise Killed


def hand_over(company: Company, sending: Sending, data: bytes = FILE) -> UUID:
    """Store a file and have it divided, as the page does."""
    objeto = keep_body(company.principal, RawBody(CSV, data), utc_now())
    place = Place(company.tenant, UUID(sending.id), Tipo.CLIENTES, 1)
    with unit_of_work(tenant=company.tenant) as session:
        return service_lot_files.divide_later(session, company.principal, place, objeto).id


def lots(sending: Sending) -> list[tuple[int, int, int]]:
    """Number, items and accepted ones of each lot."""
    items = sending.client.get(f"{sending.path}/lotes", limit=100).json["items"]
    return sorted((lot["seq"], lot["itens"], lot["aceitos"]) for lot in items)


def test_file_becomes_lots_of_500_which_are_judged_as_if_sent_one_by_one(
    company: Company, sending: Sending
) -> None:
    job = hand_over(company, sending)
    work_off()
    assert lots(sending) == [(1, 500, 500), (2, 500, 500), (3, 201, 201)]
    found = company.client.get(f"/jobs/{job}").json
    assert (found["state"], found["result"]["aceitos"]) == ("succeeded", 1201)
    (city,) = {
        row.cidade for row in rows("SELECT atributos->>'cidade' cidade FROM credito_clientes")
    }
    assert city == "São Paulo"


def test_killed_worker_leaves_what_the_next_one_goes_on_from(
    company: Company, sending: Sending
) -> None:
    job = hand_over(company, sending)
    run = claim(CREDIT_LOTS_QUEUE)
    assert run is not None
    run.__class__ = DyingRun
    message = LoteMessage.model_validate(run.message)
    with pytest.raises(Killed):
        service_lot_files.divide_file(run, message, str(message.objeto))
    assert [seq for seq, _, _ in lots(sending)] == [1, 2]
    change_job(job, "state = 'queued', lease_until = NULL, rung_at = now()")
    work_off()
    assert [(seq, itens) for seq, itens, _ in lots(sending)] == [(1, 500), (2, 500), (3, 201)]
    received = rows("SELECT count(*) n FROM auditoria WHERE acao = 'lote.recebido'")
    assert received[0].n == 3
    assert company.client.get(f"/jobs/{job}").json["result"]["aceitos"] == 1201


def test_nothing_is_concluded_nor_another_file_taken_while_one_is_divided(
    company: Company, sending: Sending
) -> None:
    counts = dict.fromkeys(KINDS, 1)
    hand_over(company, sending)
    assert_problem(sending.conclude(counts), 409, "ArquivoSendoDividido")
    with pytest.raises(ArquivoSendoDividido):
        hand_over(company, sending)
    work_off()
    hand_over(company, sending)


def test_file_is_erased_with_the_others_when_a_cliente_is(
    company: Company, sending: Sending
) -> None:
    hand_over(company, sending)
    work_off()
    accepted = company.client.post("/credito/clientes/apagar", {"cliente": "C7"})
    assert accepted.status == 202, accepted.body
    work_off()
    report = company.client.get(f"/jobs/{accepted.json['id']}").json["result"]
    assert (report["arquivos_removidos"], report["lotes_removidos"]) == (1, 3)


@pytest.mark.parametrize(
    ("data", "title"),
    [(b"cidade\nA\n", "LoteIlegivel"), (b"codigo\n", None), (b"[{}]", "LoteIlegivel")],
)
def test_file_that_makes_no_lots_says_why(
    company: Company, sending: Sending, data: bytes, title: str | None
) -> None:
    job = hand_over(company, sending, data)
    work_off()
    found = company.client.get(f"/jobs/{job}").json
    assert (found["error"] or {}).get("title") == title
    assert lots(sending) == []


def parted(data: bytes) -> Iterator[Any]:
    return service_lot_files.lots_in(io.BytesIO(data))


def test_rows_are_lines_and_blank_ones_are_none() -> None:
    (lot,) = parted(b"\xef\xbb\xbfcodigo\r\n\r\nC1\r\n \nC2")
    assert lot.data == b"\xef\xbb\xbfcodigo\r\nC1\r\nC2"


def test_lot_of_long_rows_ends_before_it_fills_the_memory() -> None:
    row = b"C" * 900_000 + b"\n"
    lots = list(parted(b"codigo\n" + 12 * row))
    assert b"".join(lot.data.removeprefix(b"codigo\n") for lot in lots) == 12 * row
    assert max(len(lot.data) for lot in lots) <= 5_000_000


@pytest.mark.parametrize(
    ("data", "refusal"),
    [(b"\xff\xfec\x00", LoteIlegivel), (b"PK\x03\x04...", LoteIlegivel), (b"codigo", LoteVazio)],
)
def test_what_has_no_rows_of_lines_is_refused(data: bytes, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        list(parted(data))
