"""Deciding on orders over HTTP: rules, model with its reasons, the nearest change of a denial.

One process of the gateway, a model of 21 columns, 500 clientes with a limit and a Serasa query
each. Over eight connections requests queue at the one process.
"""

import json
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from sqlalchemy import text

from chalicelib.core.db import unit_of_work
from tests.bench import load, servers, world
from tests.bench.load import Load, Measured, request
from tests.bench.table import print_table
from tests.credit.companies import Company, sign_up_company
from tests.credit.decisions.deciding import publish_credit_model, put_policy

CLIENTES = 500
SECONDS = 4.0
REQUESTS = 4_000
MOST_P99_MS = 15.0
ALGORITHMS = ("regressao_logistica", "histograma_gradiente", "floresta_aleatoria")

EACH = "FROM credito_datasets, generate_series(1, :n) g WHERE acervo"
FILL = (
    f"""
    INSERT INTO credito_clientes (tenant, dataset_id, codigo, vale_desde, titulos_pagos,
        titulos_em_atraso, valor_em_atraso, atraso_medio_dias, maior_atraso_dias, cliente_desde,
        atributos)
    SELECT tenant, id, 'C' || g, '2025-01-01', g, 0, 0, 1, 5, '2020-01-01',
        jsonb_build_object('segmento', 'varejo') {EACH}
    """,
    f"""
    INSERT INTO credito_limites (tenant, dataset_id, cliente, vale_desde, valor, utilizado)
    SELECT tenant, id, 'C' || g, '2025-01-01', 90000000, 0 {EACH}
    """,
    f"""
    INSERT INTO credito_consultas (tenant, dataset_id, cliente, consultada_em, ocorrencias,
        valor_ocorrencias, protestos, pontuacao)
    SELECT tenant, id, 'C' || g, '2025-01-01', 0, 0, 0, 600 {EACH}
    """,
)


def run(folder: Path) -> None:
    """Measure and print."""
    rows = []
    with world.world(folder) as found:
        company = furnish()
        world.settle()
        asked = orders(str(company.client.token))
        for algorithm in ALGORITHMS:
            publish_credit_model(company.tenant, names=None, algorithm=algorithm)
            with servers.ours(found.folder / "gateway.log") as port:
                _measure(port, asked, seconds=1.0)
                for connections in (1, load.CONNECTIONS):
                    measured = _measure(port, asked, connections)
                    rows.append(_row(algorithm, connections, measured))
                world.settle()
    print("decisions with reasons, 21 columns, a third denied with their nearest change")
    print_table(["", "connections", "per second", "p50 ms", "p99 ms", "budget", ""], rows)


def furnish() -> Company:
    """A company with clientes, their limits and queries, and a policy that says what may change."""
    company = sign_up_company()
    with unit_of_work(tenant=company.tenant) as session:
        for statement in FILL:
            session.execute(text(statement), {"n": CLIENTES})
    alteraveis = {
        name: {"direcao": "diminui", "minimo": 0, "maximo": 1e6}
        for name in ("valor_pedido", "titulos_em_atraso", "serasa_ocorrencias", "pedido.prazo")
    }
    put_policy(company.client, alteraveis=alteraveis)
    return company


def orders(token: str, prefix: str = "B") -> Iterator[bytes]:
    """Requests about ever new orders, a third of which are denied."""
    for n in count(1):
        body = {
            "numero": f"{prefix}-{n}",
            "cliente": f"C{n % CLIENTES + 1}",
            "valor": "19900.00" if n % 3 == 0 else "2000.00",
            "atributos": {"prazo": 80 if n % 3 == 0 else 10},
        }
        yield request("POST", "/credito/pedidos", token, json.dumps(body).encode())


def _measure(
    port: int, asked: Iterator[bytes], connections: int = 8, seconds: float = SECONDS
) -> Measured:
    requests = [next(asked) for _ in range(REQUESTS)]
    found = load.measure(Load(port, requests, 201, seconds, connections))
    if found.refused:
        raise load.NoAnswer(found.first_refusal.decode(errors="replace"))
    return found


def _row(algorithm: str, connections: int, found: Measured) -> list[str]:
    p99 = found.quantile_ms(0.99)
    figures = [f"{found.per_second:,.0f}", f"{found.quantile_ms(0.5):.1f}", f"{p99:.1f}"]
    met = "met" if p99 <= MOST_P99_MS else "MISSED"
    return [algorithm, str(connections), *figures, f"<= {MOST_P99_MS:.0f}", met]
