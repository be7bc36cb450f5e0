"""Half a million items of a company: sent in lots of 500, stored, checked, poured."""

import random
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from chalicelib.core.auth import Role, issue_access_token
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.credit.tables import Dataset
from chalicelib.identity.tables import Usuario
from tests.bench import servers, world
from tests.bench.bench_import import peak_mb, wait_for, worker
from tests.bench.client import call
from tests.bench.table import print_table
from tests.bench.world import World

LOT = 500
COUNTS = {"clientes": 100_000, "pedidos": 250_000, "limites": 100_000, "consultas-serasa": 50_000}
CLIENTES = COUNTS["clientes"]
MOST_MB = 200
POLL_SECONDS = 0.5
FIRST_DAY = datetime(2024, 1, 1)  # noqa: DTZ001  # Written as a company writes a day.

PENDING = "SELECT count(*) FROM credito_lotes WHERE estado = 'pendente'"


def run(folder: Path) -> None:
    """Measure and print."""
    with world.world(folder) as found, servers.ours(found.folder / "ours.log") as port:
        rows = _measure(found, port, _company_token())
    print_table([f"{sum(COUNTS.values()):,} items", "seconds", "items/s", "details"], rows)


def _measure(found: World, port: int, token: str) -> list[list[str]]:
    opened = call(port, "POST", "/credito/datasets", token, {"alvo": "pagamento"})
    path = f"/credito/datasets/{opened['id']}"
    sending = _send(port, path, token)
    with worker(found) as pid:
        started = time.perf_counter()
        while _pending():
            time.sleep(POLL_SECONDS)
        storing, stored_mb = time.perf_counter() - started, peak_mb(pid)
        world.settle()
        job = call(port, "POST", f"{path}/concluir", token, {"esperados": COUNTS})
        ended = wait_for(port, token, job["id"])
        closed_mb = peak_mb(pid)
    times = [datetime.fromisoformat(ended[name]) for name in ("started_at", "finished_at")]
    closing = (times[1] - times[0]).total_seconds()
    met = "met" if closed_mb <= MOST_MB else "MISSED"
    return [
        _row("sent, one connection", sending, f"{sum(COUNTS.values()) // LOT:,} lots"),
        _row("stored, one worker", storing, f"peak {stored_mb:.0f} MB"),
        _row("checked, described, poured", closing, f"peak {closed_mb:.0f} MB, {met}"),
    ]


def _row(what: str, seconds: float, details: str) -> list[str]:
    return [what, f"{seconds:.1f}", f"{sum(COUNTS.values()) / seconds:,.0f}", details]


def _company_token() -> str:
    """A company's user, signed in."""
    tenant = f"empresa-{uuid4().hex[:12]}"
    with unit_of_work(tenant=tenant) as session:
        session.add(Dataset(tenant=tenant, acervo=True, estado="fechado", criado_por="bench"))
        user = Usuario(
            tenant=tenant, login="empresa", nome="Empresa", senha_hash="-", papel=Role.EMPRESA
        )
        session.add(user)
        session.flush()
        return issue_access_token(user.id, utc_now())[0]


def _send(port: int, path: str, token: str) -> float:
    """Send every lot; gives the seconds that the API took."""
    seconds = 0.0
    for tipo, count in COUNTS.items():
        items = _items(tipo, count)
        for seq in range(1, count // LOT + 1):
            body = [next(items) for _ in range(LOT)]
            started = time.perf_counter()
            call(port, "PUT", f"{path}/lotes/{tipo}/{seq}", token, body)
            seconds += time.perf_counter() - started
    return seconds


def _items(tipo: str, count: int) -> Iterator[dict[str, Any]]:
    """Items with ten columns of the company's own on orders, and four on clientes."""
    rng = random.Random(7)
    for n in range(count):
        cliente = f"C{rng.randrange(CLIENTES)}"
        day = FIRST_DAY + timedelta(days=rng.randrange(600))
        if tipo == "clientes":
            own = {"setor": f"S{n % 12}", "uf": f"U{n % 27}", "porte": n % 4, "renda": n * 1.37}
            yield {"codigo": f"C{n}", "titulos_pagos": n % 90, "atributos": own}
        elif tipo == "pedidos":
            own = {f"c{k}": rng.randrange(50) + k / 10 for k in range(8)}
            own |= {"canal": f"K{n % 5}", "urgente": n % 2 == 0}
            outcome = "vencido" if rng.random() < 0.1 else "pago"
            dates = {"pedido_em": f"{day:%d/%m/%Y}", "desfecho_em": "2025-12-01"}
            order = {"numero": n, "cliente": cliente, "valor": f"{rng.randrange(1, 9999)},50"}
            yield order | dates | {"desfecho": outcome, "atributos": own}
        elif tipo == "limites":
            yield {"cliente": f"C{n}", "valor": 1000 + n % 900, "vale_desde": f"{day:%Y-%m-%d}"}
        else:
            query = {"cliente": f"C{n}", "consultada_em": f"{day:%Y-%m-%d}"}
            yield query | {"ocorrencias": n % 3, "falencia": "não"}


def _pending() -> int:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return int(session.execute(text(PENDING)).scalar_one())
