"""A company with two years of orders, a model trained on them, and orders decided since."""

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.core.clock import utc_now
from chalicelib.credit.service_models import ask_for_nightly_health
from infra.local.simulation.company import Item, SimulatedCompany, simulate_company, soiled
from infra.tour.filling.api import Api
from infra.tour.pages import Places

NAME, LOGIN = "Distribuidora Horizonte Ltda.", "credito@horizonte.example.com"
CLIENTES, PEDIDOS, UNDECIDED = 260, 3_200, 140
LARGEST_LOT = 500
REVIEWED, TOLD = 12, 30
POLICY: dict[str, Any] = {
    "regras": {"titulos_em_atraso": {"ativa": False, "consequencia": "revisao", "maximo": 0}},
    "alteraveis": {
        "valor_pedido": {"direcao": "diminui", "minimo": 600, "maximo": 1_000_000},
        "atraso_medio_dias": {"direcao": "diminui", "minimo": 0, "maximo": 100},
        "maior_atraso_dias": {"direcao": "diminui", "minimo": 0, "maximo": 100},
    },
}


@dataclass(frozen=True)
class Company:
    """Who decides on orders.

    Attributes:
        login, password: Of the person who signed it up.
    """

    login: str
    password: str


def fill_credit(url: str) -> tuple[Company, Places]:
    """Sign a company up, send what it knows, have a model trained, and decide on orders."""
    password = secrets.token_urlsafe(12)
    Api(url).post("/credito/empresas", {"nome": NAME, "email": LOGIN, "senha": password})
    company = Api.of(url, LOGIN, password)
    records = simulate_company(clientes=CLIENTES, pedidos=PEDIDOS, until=utc_now(), seed=11)
    dataset = _send_records(company, records)
    company.put("/credito/politica", {"motivo": "Atrasos pesam no modelo.", "politica": POLICY})
    lot = _decide(company, records.pedidos[-UNDECIDED:])
    ask_for_nightly_health()
    company.all_finished()
    denied = _explained_denial(company)
    places = {
        "envio": dataset,
        "lote": lot,
        "pedido": str(denied["id"]),
        "cliente": denied["cliente"],
    }
    return Company(LOGIN, password), places


def _send_records(company: Api, records: SimulatedCompany) -> str:
    """A dataset in lots, the last of orders written carelessly, and the model learned from it."""
    known = records.pedidos[:-UNDECIDED]
    careless = soiled(known[-LARGEST_LOT // 2 :])
    kinds: dict[str, Sequence[Item]] = {
        "clientes": records.clientes,
        "limites": records.limites,
        "consultas-serasa": records.consultas,
        "pedidos": [*known[: -LARGEST_LOT // 2], *careless],
    }
    asked = {"alvo": "pagamento", "nome": "Pedidos dos últimos dois anos"}
    dataset: str = company.post("/credito/datasets", asked)["id"]
    for kind, items in kinds.items():
        for number, lot in enumerate(_lots(items), 1):
            company.put(f"/credito/datasets/{dataset}/lotes/{kind}/{number}", list(lot))
    company.all_finished()
    counted = {kind: len(items) for kind, items in kinds.items()}
    whole = {"esperados": counted, "aceitar_recusados": True}
    closing = company.post(f"/credito/datasets/{dataset}/concluir", whole)
    company.finished(company.finished(closing["id"])["treino"])
    return dataset


def _lots(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), LARGEST_LOT):
        yield items[start : start + LARGEST_LOT]


def _decide(company: Api, orders: Sequence[Item]) -> str:
    """Have a lot decided, some orders by a person, and say what became of a few; gives the lot."""
    sent = [
        {
            "numero": order["numero"],
            "cliente": order["cliente"],
            "valor": order["valor"],
            "data": order["pedido_em"],
            "atributos": order["atributos"],
        }
        for order in orders
    ]
    lot: dict[str, str] = company.post("/credito/pedidos/lote", {"pedidos": sent})
    company.finished(lot["job_id"])
    waiting = company.get("/credito/revisoes", limit=REVIEWED)["items"]
    for place, order in enumerate(waiting[: len(waiting) * 2 // 3]):
        said = {"decisao": "negado", "motivo": "Atraso recente com o fornecedor."}
        if place % 3:
            said = {"decisao": "aprovado", "motivo": "Cliente antigo, pagou o último pedido."}
        company.post(f"/credito/pedidos/{order['id']}/revisao", said)
    approved = company.get("/credito/pedidos", situacao="aprovado", limit=TOLD)["items"]
    for place, order in enumerate(approved):
        came = "inadimplente" if place % 9 == 0 else "pago"
        when = (utc_now() - timedelta(days=1 + place % 3)).date().isoformat()
        if order["pedido_em"] is None or order["pedido_em"][:10] < when:
            company.post(f"/credito/pedidos/{order['id']}/desfecho", {"desfecho": came, "em": when})
    return lot["id"]


def _explained_denial(company: Api) -> dict[str, Any]:
    """An order that the model denied; best one with little unknown, and a change for approval."""
    asked = {"situacao": "negado", "origem": "modelo", "limit": 40}
    found: list[dict[str, Any]] = [
        company.get(f"/credito/pedidos/{each['id']}")
        for each in company.get("/credito/pedidos", **asked)["items"]
    ]
    return max(found, key=lambda order: (_has_way_out(order), -len(order["avisos"])))


def _has_way_out(order: dict[str, Any]) -> bool:
    return bool((order["contrafactual"] or {}).get("mudancas"))
