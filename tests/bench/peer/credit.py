"""The credit peer: FastAPI, SQLAlchemy's ORM, a scikit-learn forest in a joblib file, shap.

python -m tests.bench.peer.credit       makes its tables and rows, and trains its forest

One company, no authentication, no rules, no versions, no trail, no nearest change: an order is
looked up, scored by 20 numbers and a category, explained by `shap.TreeExplainer`, and stored.
"""

# mypy: disallow-untyped-decorators=False

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Annotated, Any

import joblib
import numpy as np
from fastapi import Depends, FastAPI, HTTPException  # type: ignore[import-not-found]
from pydantic import BaseModel
from sklearn.ensemble import RandomForestClassifier
from sqlalchemy import JSON, ForeignKey, Index, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from tests.bench.peer.database import engine, get_session

CLIENTES, ROWS, TREES = 500, 400, 200
NUMBERS = (
    "valor", "meses", "titulos_pagos", "titulos_em_atraso", "valor_em_atraso", "atraso_medio",
    "maior_atraso", "limite", "uso", "consultas", "dias_consulta", "ocorrencias", "serasa_valor",
    "protestos", "pontuacao", "pedidos", "sobre_media", "ruins", "dias_pedido", "prazo",
)  # fmt: skip
SEGMENTS = ("atacado", "varejo")
COLUMNS = (*NUMBERS, *SEGMENTS)


class Base(DeclarativeBase):
    """The peer's tables of credit."""


class Cliente(Base):
    """Who orders."""

    __tablename__ = "credito_clientes"

    codigo: Mapped[str] = mapped_column(primary_key=True)
    desde: Mapped[datetime]
    titulos_pagos: Mapped[float]
    titulos_em_atraso: Mapped[float] = mapped_column(default=0)
    valor_em_atraso: Mapped[float] = mapped_column(default=0)
    atraso_medio: Mapped[float] = mapped_column(default=1)
    maior_atraso: Mapped[float] = mapped_column(default=5)
    segmento: Mapped[str] = mapped_column(default="varejo")


class Limite(Base):
    """Their limit."""

    __tablename__ = "credito_limites"

    cliente: Mapped[str] = mapped_column(ForeignKey(Cliente.codigo), primary_key=True)
    valor: Mapped[float]


class Consulta(Base):
    """A Serasa query."""

    __tablename__ = "credito_consultas"

    id: Mapped[int] = mapped_column(primary_key=True)
    cliente: Mapped[str] = mapped_column(ForeignKey(Cliente.codigo), index=True)
    em: Mapped[datetime]
    pontuacao: Mapped[float]


class Pedido(Base):
    """An order, and what was decided."""

    __tablename__ = "credito_pedidos"

    id: Mapped[int] = mapped_column(primary_key=True)
    numero: Mapped[str] = mapped_column(unique=True)
    cliente: Mapped[str] = mapped_column(ForeignKey(Cliente.codigo))
    valor: Mapped[float]
    em: Mapped[datetime]
    decisao: Mapped[str]
    probabilidade: Mapped[float]
    razoes: Mapped[dict[str, Any]] = mapped_column(JSON)

    __table_args__ = (Index("credito_pedidos_cliente", "cliente", "em"),)


class PedidoIn(BaseModel):
    """An order."""

    numero: str
    cliente: str
    valor: float
    atributos: dict[str, float]


class PedidoOut(BaseModel):
    """A decision, with a reason for each column."""

    id: int
    numero: str
    decisao: str
    probabilidade: float
    razoes: dict[str, float]


@cache
def forest() -> RandomForestClassifier:
    """The fitted forest."""
    return joblib.load(os.environ["PEER_CREDIT_MODEL"])


@cache
def explainer() -> Any:
    """What explains it."""
    import shap  # type: ignore[import-not-found]  # Seconds, of compilers.

    return shap.TreeExplainer(forest())


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Load the model, and compile what explains it, before the first request."""
    explainer().shap_values(np.zeros((1, len(COLUMNS)), dtype=np.float32))
    yield


app = FastAPI(title="Credit", lifespan=lifespan)
DatabaseSession = Annotated[Session, Depends(get_session)]


@app.post("/credito/pedidos", status_code=201, response_model=PedidoOut)
def post_pedido(body: PedidoIn, session: DatabaseSession) -> PedidoOut:
    """Decide on an order."""
    now = datetime.now(UTC).replace(tzinfo=None)
    row = features(session, body, now)
    probability = float(forest().predict_proba(row)[0, 1])
    values = explainer().shap_values(row)[0, :, 1]
    razoes = {name: float(value) for name, value in zip(COLUMNS, values, strict=True)}
    decided = "negado" if probability >= 0.55 else "revisao" if probability >= 0.45 else "aprovado"
    pedido = Pedido(
        numero=body.numero,
        cliente=body.cliente,
        valor=body.valor,
        em=now,
        decisao=decided,
        probabilidade=probability,
        razoes=razoes,
    )
    session.add(pedido)
    try:
        session.commit()
    except IntegrityError:
        raise HTTPException(409, "Pedido repetido") from None
    return PedidoOut(
        id=pedido.id,
        numero=pedido.numero,
        decisao=decided,
        probabilidade=probability,
        razoes=razoes,
    )


def features(session: Session, body: PedidoIn, now: datetime) -> Any:
    """(1, columns) what the forest reads."""
    cliente = session.get(Cliente, body.cliente)
    if cliente is None:
        raise HTTPException(404, "Cliente não encontrado")
    limite = session.get(Limite, body.cliente)
    consulta = session.scalars(
        select(Consulta).where(Consulta.cliente == body.cliente).order_by(Consulta.em.desc())
    ).first()
    count, mean, last = session.execute(
        select(func.count(), func.avg(Pedido.valor), func.max(Pedido.em)).where(
            Pedido.cliente == body.cliente, Pedido.em > now - timedelta(days=365)
        )
    ).one()
    granted = limite.valor if limite else np.nan
    numbers = [
        body.valor, (now - cliente.desde).days / 30.4, cliente.titulos_pagos,
        cliente.titulos_em_atraso, cliente.valor_em_atraso, cliente.atraso_medio,
        cliente.maior_atraso, granted, body.valor / granted, 1 if consulta else 0,
        (now - consulta.em).days if consulta else np.nan, 0, 0, 0,
        consulta.pontuacao if consulta else np.nan, count, body.valor / mean if mean else np.nan,
        0, (now - last).days if last else np.nan, body.atributos.get("prazo", np.nan),
    ]  # fmt: skip
    segment = [float(cliente.segmento == name) for name in SEGMENTS]
    return np.array([[*numbers, *segment]], dtype=np.float32)


def fill_and_train() -> None:
    """Make tables, rows and the forest."""
    Base.metadata.create_all(engine())
    old = datetime(2025, 1, 1)  # noqa: DTZ001  # The peer keeps naive UTC.
    codes = [f"C{n}" for n in range(1, CLIENTES + 1)]
    with Session(engine()) as session:
        session.add_all(
            [Cliente(codigo=code, desde=old, titulos_pagos=n) for n, code in enumerate(codes)]
        )
        session.flush()
        session.add_all([Limite(cliente=code, valor=90_000_000) for code in codes])
        session.add_all([Consulta(cliente=code, em=old, pontuacao=600) for code in codes])
        session.commit()
    rng = np.random.default_rng(1)
    x = rng.uniform(0, 5, (ROWS, len(COLUMNS)))
    x[:, 0], x[:, NUMBERS.index("prazo")] = rng.uniform(100, 20_000, ROWS), rng.uniform(0, 90, ROWS)
    risk = (x[:, 0] - 10_000) / 2_500 + (x[:, NUMBERS.index("prazo")] - 45) / 20
    y = rng.random(ROWS) < 1 / (1 + np.exp(-risk))
    fitted = RandomForestClassifier(TREES, max_depth=8, random_state=1).fit(x, y)
    joblib.dump(fitted, os.environ["PEER_CREDIT_MODEL"])


if __name__ == "__main__":
    fill_and_train()
