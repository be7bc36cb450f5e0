"""What tests of credit begin with: companies, their datasets, and work done on them."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chalicelib.core.db import DatabaseRole, unit_of_work
from tests.client import Answer, Client
from tests.credit.companies import Company, sign_up_company
from tests.gym.work import work_off

MakeCompany = Callable[..., Company]
KINDS = ("clientes", "pedidos", "limites", "consultas-serasa")


@pytest.fixture
def make_company(environment: dict[str, str]) -> MakeCompany:
    """Signs companies up."""
    return sign_up_company


@pytest.fixture
def company(make_company: MakeCompany) -> Company:
    """A company."""
    return make_company()


class Sending:
    """A dataset that is being sent by its company."""

    def __init__(self, client: Client, alvo: str = "pagamento") -> None:
        self.client = client
        answer = client.post("/credito/datasets", {"alvo": alvo, "nome": "Teste"})
        assert answer.status == 201, answer.body
        self.id: str = answer.json["id"]
        self.path = f"/credito/datasets/{self.id}"

    def put(self, tipo: str, seq: int, body: Any, **options: Any) -> Answer:
        """Send a lot, as CSV if it is bytes or text."""
        if isinstance(body, str):
            body = body.encode()
        if isinstance(body, bytes):
            options.setdefault("content_type", "text/csv")
        return self.client.put(f"{self.path}/lotes/{tipo}/{seq}", body, **options)

    def store(self, tipo: str, seq: int, body: Any) -> dict[str, Any]:
        """Send a lot and have it stored; gives what became of it."""
        answer = self.put(tipo, seq, body)
        assert answer.status == 202, answer.body
        work_off()
        found: dict[str, Any] = self.client.get(answer.headers["Location"]).json
        assert found["estado"] == "gravado"
        return found

    def store_whole(self, orders: int = 4, **own: Any) -> dict[str, int]:
        """Send a small dataset that is right and have it stored; gives its counts."""
        counts = self.send_whole(orders, **own)
        work_off()
        return counts

    def send_whole(self, orders: int = 4, **own: Any) -> dict[str, int]:
        """Send a small dataset that is right, in four lots; gives its counts."""
        clientes = [{"codigo": f"C{n}"} for n in range(2)]
        pedidos = [
            {
                "numero": f"P{n}",
                "cliente": f"C{n % 2}",
                "valor": 10 + n,
                "pedido_em": "2025-03-10",
                "desfecho": "pago" if n % 2 else "inadimplente",
                "desfecho_em": "2025-04-10",
                "atributos": own,
            }
            for n in range(orders)
        ]
        self.put("clientes", 1, clientes)
        self.put("pedidos", 1, pedidos)
        self.put("limites", 1, [{"cliente": "C0", "valor": 100}])
        self.put("consultas-serasa", 1, [{"cliente": "C1", "consultada_em": "2025-01-01"}])
        return dict(zip(KINDS, (2, orders, 1, 1), strict=True))

    def conclude(self, counts: Mapping[str, int], **terms: bool) -> Answer:
        """Say that it is whole."""
        return self.client.post(f"{self.path}/concluir", {"esperados": counts, **terms})

    def seen(self) -> dict[str, Any]:
        """It, as its company sees it."""
        answer = self.client.get(self.path)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json
        return found

    def kind(self, tipo: str) -> dict[str, Any]:
        """What has come of one kind."""
        return next(found for found in self.seen()["tipos"] if found["tipo"] == tipo)

    def faults(self, **query: Any) -> list[tuple[str, int, int, str | None, str]]:
        """Kind, lot, line, field and reason of what was refused, first line first."""
        items = self.client.get(f"{self.path}/erros", limit=100, **query).json["items"]
        return [
            (e["tipo"], e["lote"], e["linha"], e["campo"], e["motivo"]) for e in reversed(items)
        ]

    def codes(self) -> list[str]:
        """What the last conclusion has found wrong."""
        return [found["codigo"] for found in self.seen()["problemas"]]


@pytest.fixture
def sending(company: Company) -> Sending:
    """An open dataset about payment."""
    return Sending(company.client)


def rows(statement: str, **values: Any) -> list[Any]:
    """What the database says, whoever's it is."""
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return list(session.execute(text(statement), values).all())


def stored(table: str, columns: str, dataset: str) -> list[tuple[Any, ...]]:
    """Some columns of a dataset's items, in the order of lots and lines."""
    statement = f"SELECT {columns} FROM {table} WHERE dataset_id = :id ORDER BY seq, linha"
    return [tuple(row) for row in rows(statement, id=UUID(dataset))]


def jobs_of(queue: str) -> list[str]:
    """States of a queue's jobs, the first asked for first."""
    found: Iterable[Any] = rows(
        "SELECT state FROM jobs WHERE queue = :queue ORDER BY created_at", queue=queue
    )
    return [row.state for row in found]
