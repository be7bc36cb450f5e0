"""Small made-up price tables with every kind of column, and a listener that remembers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chalicelib.prices.experiment import Experimento
from chalicelib.prices.training.data import Dados


@dataclass(frozen=True)
class Col:
    """A column as a profile describes it."""

    nome: str
    tipo: str = "numero"
    papel: str = "entrada"
    unidade: str | None = None
    distintos: int = 100


@dataclass
class Heard:
    """A listener that keeps what it is told, and may end the run."""

    steps: list[tuple[float, str]] = field(default_factory=list)
    stop_after: int | None = None

    def progress(self, done: float, total: float, step: str) -> None:
        self.steps.append((done / total, step))

    def check_cancelled(self) -> None:
        if self.stop_after is not None and len(self.steps) >= self.stop_after:
            raise InterruptedError


COLUMNS = (
    Col("area", unidade="m²"),
    Col("quartos", distintos=5),
    Col("bairro", "categoria", distintos=6),
    Col("estado", "categoria", distintos=3),
    Col("garagem", "booleano", distintos=2),
    Col("vendido_em", "data"),
    Col("descricao", "texto"),
    Col("codigo", "identificador", distintos=1000),
    Col("dono", "identificador", papel="ignorar", distintos=50),
    Col("preco", papel="alvo", unidade="BRL"),
    Col("faixa", "categoria", papel="ignorar", distintos=3),
    Col("caro", "booleano", papel="ignorar", distintos=2),
)
CONDITIONS = ("ruim", "bom", "novo")


def table(rows: int = 400, seed: int = 0) -> dict[str, NDArray[Any]]:
    """Flats and their prices; some cells are missing."""
    draw = np.random.default_rng(seed)
    area = np.round(draw.gamma(6, 15, rows) + 20)
    rooms = draw.integers(1, 6, rows).astype(np.float64)
    places = np.array(["centro", "norte", "sul", "leste", "oeste", "ilha"], dtype=object)
    place = draw.choice(6, rows, p=[0.3, 0.3, 0.2, 0.1, 0.08, 0.02])
    state = draw.integers(0, 3, rows)
    garage = draw.random(rows) < 0.5
    price = 1000 * area * (1 + 0.2 * (place == 0)) * (1 + 0.1 * state) + 20_000 * garage
    price *= np.exp(draw.normal(0, 0.1, rows))
    days = draw.integers(0, 1500, rows)
    words = np.array(["casa", "boa", "vista", "mar"], dtype=object)
    found: dict[str, NDArray[Any]] = {
        "area": area,
        "quartos": rooms,
        "bairro": places[place],
        "estado": np.array(CONDITIONS, dtype=object)[state],
        "garagem": np.where(garage, "true", "false").astype(object),
        "vendido_em": np.datetime64("2020-01-01", "us") + days.astype("timedelta64[D]"),
        "descricao": np.array([" ".join(words[: n % 4 + 1]) for n in range(rows)], dtype=object),
        "codigo": np.array([f"C{n}" for n in range(rows)], dtype=object),
        "dono": np.array([f"D{n % 50}" for n in range(rows)], dtype=object),
        "preco": np.round(price),
        "faixa": np.array(["baixa", "media", "alta"], dtype=object)[
            np.digitize(price, np.quantile(price, (0.4, 0.8)))
        ],
        "caro": np.where(price > np.median(price), "true", "false").astype(object),
    }
    found["quartos"][draw.random(rows) < 0.1] = np.nan
    for name in ("bairro", "descricao"):
        found[name][draw.random(rows) < 0.05] = None
    found["vendido_em"][draw.random(rows) < 0.05] = np.datetime64("NaT")
    return found


def dados(rows: int = 400, seed: int = 0) -> Dados:
    """The same as a dataset."""
    return Dados(COLUMNS, table(rows, seed), f"{seed:064d}")


def experiment(alvo: str = "preco", **fields: Any) -> Experimento:
    """An experiment as a request would ask for it."""
    return Experimento.model_validate({"alvo": alvo, **fields}, strict=False)
