"""A simulated company's records, written straight into the tables as a dataset that is closed."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert
from sqlalchemy.orm import Session

from chalicelib.core.jobs import SYSTEM
from chalicelib.credit.tables import Cliente, Consulta, Dataset, Limite, Pedido
from infra.local.simulation.company import SimulatedCompany

KINDS = {"clientes": Cliente, "limites": Limite, "consultas": Consulta, "pedidos": Pedido}
INSTANTS = {"vale_desde", "consultada_em", "pedido_em", "desfecho_em"}
AMOUNTS = {"valor", "utilizado", "valor_em_atraso", "valor_ocorrencias"}


def load_company(
    session: Session,
    tenant: str,
    company: SimulatedCompany,
    *,
    now: datetime,
    acervo: bool = False,
) -> UUID:
    """Write a company's items as a closed dataset, in the caller's transaction.

    Args:
        session: The transaction, of this tenant.
        tenant: The company.
        company: Its records.
        now: When the dataset is said to have been closed.
        acervo: Whether it becomes the standing collection that orders are decided on.
    """
    dataset = uuid4()
    session.execute(
        insert(Dataset).values(
            id=dataset,
            tenant=tenant,
            acervo=acervo,
            alvo=None if acervo else company.alvo,
            estado="fechado",
            criado_por=SYSTEM,
            encerrado_em=None if acervo else now,
        )
    )
    for kind, table in KINDS.items():
        rows = [
            {"tenant": tenant, "dataset_id": dataset, **_values(item)}
            for item in getattr(company, kind)
        ]
        if rows:
            session.execute(insert(table), rows)
    return dataset


def _values(item: dict[str, Any]) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in item.items()}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in INSTANTS:
        return datetime.fromisoformat(value)
    if name == "cliente_desde":
        return date.fromisoformat(value)
    return Decimal(value) if name in AMOUNTS else value
