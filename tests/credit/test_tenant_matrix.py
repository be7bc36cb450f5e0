"""Law 12 at the edge: every route, asked by another company about whatever it can name.

A route that is not in `ASKED` fails `test_every_route_is_asked`, so a new one is thought about.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest

from app import app
from tests.client import Answer, Client
from tests.credit.companies import Company, sign_up_company
from tests.credit.decisions.deciding import order
from tests.credit.two_companies import (
    AMOUNT,
    COMMON,
    SECRET,
    Owner,
    asking_company,
    furnish,
    snapshot,
)
from tests.gym.work import work_off

WALKED = re.compile(r"/(credito|jobs|uploads|auditoria)(/|$)")
OK, CREATED, ACCEPTED, FORBIDDEN, NOT_FOUND, CONFLICT, REFUSED = 200, 201, 202, 403, 404, 409, 422
NOT_YOURS = frozenset((NOT_FOUND,))
NOT_FOR_KEYS = frozenset((NOT_FOUND, FORBIDDEN))  # A key may not do it to any key.
HOUSE_ONLY = frozenset((FORBIDDEN,))


@dataclass(frozen=True)
class Asked:
    """A request that another company makes.

    Attributes:
        statuses: Which answers are right.
        body: What is sent; what stands in braces is the owner's.
        query: The same of the query.
        names: Path parameters that are the asking company's own.
    """

    statuses: frozenset[int] = NOT_YOURS
    body: Any = None
    query: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


def own(status: int = OK, body: Any = None, query: str = "") -> Asked:
    """A request about the asking company itself, which is answered without the owner's."""
    return Asked(frozenset((status,)), body, query)


COUNTED = {"esperados": {"pedidos": 4, "clientes": 2, "limites": 1, "consultas-serasa": 1}}
WHY = {"motivo": "Conferido."}
SAMPLE = {"pedidos": [{"cliente": COMMON, "valor": "10.00"}]}
OF_HOUSE = Asked(HOUSE_ONLY)
MINE = {"versao": "1"}

ASKED: dict[str, list[Asked]] = {
    "GET /auditoria": [OF_HOUSE],
    "GET /auditoria/exportar": [OF_HOUSE],
    "GET /auditoria/verificar": [OF_HOUSE],
    "GET /credito/auditoria": [
        own(),
        own(query="?ator={subject}&limit=100"),
        own(query="?limit=100"),
    ],
    "GET /credito/auditoria/exportar": [own()],
    "GET /credito/auditoria/verificar": [own()],
    "GET /credito/chaves": [own(query="?limit=100")],
    "POST /credito/chaves": [Asked(frozenset((CREATED, FORBIDDEN)), {"nome": "ERP"})],
    "DELETE /credito/chaves/{chave_id}": [Asked(NOT_FOR_KEYS)],
    "POST /credito/chaves/{chave_id}/rotacionar": [Asked(NOT_FOR_KEYS, {})],
    "POST /credito/clientes/dados": [Asked(body={"cliente": SECRET})],
    "POST /credito/clientes/apagar": [Asked(body={"cliente": SECRET})],
    "GET /credito/datasets": [own(query="?limit=100")],
    "POST /credito/datasets": [own(CREATED, {"alvo": "pagamento"})],
    "GET /credito/datasets/{dataset_id}": [Asked()],
    "DELETE /credito/datasets/{dataset_id}": [Asked()],
    "POST /credito/datasets/{dataset_id}/concluir": [Asked(body=COUNTED)],
    "GET /credito/datasets/{dataset_id}/erros": [Asked()],
    "GET /credito/datasets/{dataset_id}/lotes": [Asked()],
    "GET /credito/datasets/{dataset_id}/lotes/{tipo}/{seq}": [Asked()],
    "PUT /credito/datasets/{dataset_id}/lotes/{tipo}/{seq}": [
        Asked(body=[{"numero": COMMON, "cliente": COMMON, "valor": "1"}])
    ],
    "GET /credito/empresa": [own()],
    "PATCH /credito/empresa": [own(CONFLICT, {"email": "{login}"}), own(body={"nome": "Nova"})],
    "GET /credito/empresas": [OF_HOUSE],
    "POST /credito/empresas": [own(CONFLICT, {"nome": "Cópia", "email": "{login}"})],
    "PATCH /credito/empresas/{empresa_id}": [Asked(HOUSE_ONLY, {"ativa": False})],
    "POST /credito/empresas/{empresa_id}/credenciais": [OF_HOUSE],
    "GET /credito/equidade": [
        own(REFUSED, query=f"?coluna=cliente.{SECRET}"),
    ],
    "GET /credito/modelos": [own(query="?limit=100")],
    "GET /credito/modelos/historico": [own(query="?limit=100")],
    "GET /credito/modelos/saude": [own()],
    "POST /credito/modelos/saude": [own(ACCEPTED)],
    "POST /credito/modelos/comparar": [
        Asked(body={"versoes": [1, 3]}),
        Asked(body={"versoes": [1, 2], "dataset": "{dataset_id}"}),
    ],
    "GET /credito/modelos/{versao}": [Asked()],
    "GET /credito/modelos/{versao}/figuras/{nome}": [Asked()],
    "POST /credito/modelos/{versao}/promover": [Asked(body=WHY)],
    "POST /credito/modelos/{versao}/testar": [
        Asked(body=SAMPLE),
        Asked(frozenset((OK,)), SAMPLE, names=MINE),
        Asked(frozenset((REFUSED,)), {"objeto": "{objeto}"}, names=MINE),
    ],
    "POST /credito/modelos/reverter": [own(body=WHY)],
    "GET /credito/pedidos": [
        own(query="?limit=100"),
        own(query=f"?cliente={COMMON}"),
        own(query=f"?numero={COMMON}"),
    ],
    "POST /credito/pedidos": [own(CREATED, order(numero=COMMON, cliente=COMMON, itens={}))],
    "POST /credito/pedidos/lote": [own(ACCEPTED, {"pedidos": [order(cliente=COMMON)]})],
    "GET /credito/pedidos/lotes/{lote_id}": [Asked()],
    "GET /credito/pedidos/{pedido_id}": [Asked()],
    "GET /credito/pedidos/{pedido_id}/replay": [Asked()],
    "POST /credito/pedidos/{pedido_id}/desfecho": [Asked(body={"desfecho": "inadimplente"})],
    "POST /credito/pedidos/{pedido_id}/revisao": [Asked(body={"decisao": "negado", **WHY})],
    "GET /credito/politica": [own()],
    "PUT /credito/politica": [own(body={"politica": {}, **WHY})],
    "GET /credito/politica/versoes": [own(query="?limit=100")],
    "POST /credito/politica/simular": [own(body={"politica": {}})],
    "POST /credito/retreinamentos": [Asked(body={"dataset": "{dataset_id}", "alvo": "pagamento"})],
    "GET /credito/revisoes": [own(query="?limit=100")],
    "GET /jobs": [own(query="?limit=100")],
    "GET /jobs/{job_id}": [Asked()],
    "GET /jobs/{job_id}/rejeicoes": [Asked()],
    "POST /jobs/{job_id}/cancelar": [Asked()],
    "POST /jobs/{job_id}/reenviar": [Asked()],
    "POST /uploads": [own(CREATED, {"tamanho_bytes": 10})],
}


@pytest.fixture
def owner(environment: dict[str, str]) -> Owner:
    """The company that has everything, and is asked about."""
    return furnish(sign_up_company(f"Padaria {SECRET}"))


def _requests(route: str, asked: Asked, owner: Owner) -> Iterator[tuple[str, Any]]:
    """Path and body of a request, for every combination of the owner's ids that it can name."""
    body = str(asked.body) if asked.body is not None else ""
    named = [
        name
        for name in (*owner.ids, "objeto", "login", "subject")
        if f"{{{name}}}" in route + asked.query + body and name not in asked.names
    ]
    others = {
        "objeto": owner.objects,
        "login": [owner.company.client.login],
        "subject": [owner.company.client.subject],
    }
    for values in product(*(({**owner.ids, **others})[name] for name in named)):
        known = {**dict(zip(named, values, strict=True)), **asked.names}
        path = (route.partition(" ")[2] + asked.query).format(**known)
        yield path, _filled(asked.body, known)


def _filled(body: Any, known: Mapping[str, str]) -> Any:
    if isinstance(body, str):
        return body.format(**known)
    if isinstance(body, dict):
        return {name: _filled(value, known) for name, value in body.items()}
    return body


def _faults(client: Client, owner: Owner) -> Iterator[str]:
    """What is wrong with the answers that another company gets."""
    for route, questions in ASKED.items():
        for asked in questions:
            for path, body in _requests(route, asked, owner):
                answer = client.request(route.partition(" ")[0], path, body)
                if answer.status not in asked.statuses:
                    yield f"{route} {path}: {answer.status} {answer.body[:200]!r}"
                yield from (f"{route} {path} says {mark}" for mark in _leaks(answer, owner))


def _leaks(answer: Answer, owner: Owner) -> list[str]:
    said = answer.body.decode(errors="replace").lower() + str(answer.headers).lower()
    return [mark for mark in owner.marks if mark in said]


def test_every_route_is_asked() -> None:
    routes = {
        f"{method} {path}"
        for path, methods in app.routes.items()
        if WALKED.match(path)
        for method in methods
        if method != "OPTIONS"
    }
    assert set(ASKED) == routes


def test_every_id_in_a_path_is_one_that_the_owner_has(owner: Owner) -> None:
    named = {name for route in ASKED for name in re.findall(r"{(\w+)}", route)}
    assert named == set(owner.ids)
    assert all(owner.ids.values())
    assert owner.objects


def test_the_owner_itself_gets_what_the_other_is_asked_for(owner: Owner) -> None:
    """Else nothing that follows would show anything."""
    for route, questions in ASKED.items():
        if route.startswith("GET") and questions == [Asked()]:
            found = [
                owner.company.client.get(path) for path, _ in _requests(route, questions[0], owner)
            ]
            assert any(each.status == OK and each.json for each in found), route
    listed = owner.company.client.get("/credito/pedidos")
    assert {SECRET, AMOUNT} <= set(_leaks(listed, owner)), "marks that would be seen"


@pytest.mark.parametrize("caller", ["client", "program"])
def test_another_company_learns_nothing_and_changes_nothing(owner: Owner, caller: str) -> None:
    asking: Company = asking_company()
    before = snapshot(owner.company.tenant)
    assert all(before[table] for table in ("credito_decisoes", "model_versions", "jobs", "uploads"))
    assert list(_faults(getattr(asking, caller), owner)) == []
    assert snapshot(owner.company.tenant) == before


def test_the_work_that_another_company_asks_for_changes_nothing_either(owner: Owner) -> None:
    asking: Company = asking_company()
    work_off()
    before = snapshot(owner.company.tenant)
    list(_faults(asking.client, owner))
    work_off()
    listed = asking.client.get("/jobs", limit=100)
    assert {job["queue"] for job in listed.json["items"]} >= {
        "credit_analysis_queue",
        "credit_orders_queue",
    }
    assert _leaks(listed, owner) == []
    assert snapshot(owner.company.tenant) == before
