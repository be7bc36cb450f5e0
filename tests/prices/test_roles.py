"""Law 11 within projects: every route of the prices x everybody who could ask.

A route that is not in `ASKED` fails `test_every_route_is_asked`, so a new one is thought about.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from app import app
from chalicelib.prices.membership import Papel
from tests.client import Answer, Client
from tests.prices.conftest import Project
from tests.prices.publishing import CAR, publish_price_model

WHY = {"motivo": "Conferido com o comercial."}
NOBODYS = UUID(int=7)
PEOPLE = ("leitor", "treinador", "admin", "dono")


@dataclass(frozen=True)
class Asked:
    """A request to a route.

    Attributes:
        least: The least role in the project that may; None where the route is everybody's own.
        body: What is sent.
    """

    least: Papel | None
    body: Any = None


READ, TRAIN = Asked(Papel.LEITOR), Papel.TREINADOR
TRAINING = {"dataset": 999, "alvo": "preco"}
TOLD = {"observados": [{"previsao_id": 1, "valor": 1}]}
SHORT = {"dados": [{"a": 1, "preco": 2}] * 60, "alvo": "preco"}

ASKED: dict[str, Asked] = {
    "GET /precos/projetos": Asked(None),
    "POST /precos/projetos": Asked(None, {"nome": "Outro"}),
    "GET /precos/projetos/{projeto_id}": READ,
    "PATCH /precos/projetos/{projeto_id}": Asked(Papel.ADMIN, {"nome": "Casas"}),
    "DELETE /precos/projetos/{projeto_id}": Asked(Papel.DONO),
    "GET /precos/projetos/{projeto_id}/membros": READ,
    "PUT /precos/projetos/{projeto_id}/membros/{login}": Asked(Papel.ADMIN, {"papel": "leitor"}),
    "DELETE /precos/projetos/{projeto_id}/membros/{login}": Asked(Papel.ADMIN),
    "GET /precos/projetos/{projeto_id}/datasets": READ,
    "POST /precos/projetos/{projeto_id}/datasets": Asked(TRAIN, {"objeto": "casa/uploads/nada"}),
    "GET /precos/projetos/{projeto_id}/datasets/{dataset_id}": READ,
    "DELETE /precos/projetos/{projeto_id}/datasets/{dataset_id}": Asked(Papel.ADMIN),
    "PATCH /precos/projetos/{projeto_id}/datasets/{dataset_id}/colunas": Asked(TRAIN, {"a": {}}),
    "GET /precos/projetos/{projeto_id}/datasets/{dataset_id}/figuras/{nome}": READ,
    "GET /precos/projetos/{projeto_id}/datasets/{dataset_id}/parquet": READ,
    "GET /precos/projetos/{projeto_id}/datasets/{dataset_id}/rejeicoes": READ,
    "GET /precos/algoritmos": Asked(None),
    "POST /precos/treinar": Asked(None, SHORT),
    "POST /precos/prever": Asked(Papel.LEITOR, {"modelo": "{projeto_id}", "dados": CAR}),
    "GET /precos/projetos/{projeto_id}/treinamentos": READ,
    "POST /precos/projetos/{projeto_id}/treinamentos": Asked(TRAIN, TRAINING),
    "GET /precos/projetos/{projeto_id}/treinamentos/{treinamento_id}": READ,
    "GET /precos/projetos/{projeto_id}/treinamentos/{treinamento_id}/figuras/{nome}": READ,
    "POST /precos/projetos/{projeto_id}/treinamentos/{treinamento_id}/cancelar": Asked(TRAIN),
    "GET /precos/projetos/{projeto_id}/modelos": READ,
    "GET /precos/projetos/{projeto_id}/modelos/historico": READ,
    "POST /precos/projetos/{projeto_id}/modelos/comparar": Asked(TRAIN, {"a": 1, "b": 2}),
    "POST /precos/projetos/{projeto_id}/modelos/reverter": Asked(Papel.ADMIN, WHY),
    "GET /precos/projetos/{projeto_id}/modelos/{versao}": READ,
    "GET /precos/projetos/{projeto_id}/modelos/{versao}/figuras/{nome}": READ,
    "POST /precos/projetos/{projeto_id}/modelos/{versao}/promover": Asked(Papel.ADMIN, WHY),
    "POST /precos/projetos/{projeto_id}/modelos/{versao}/arquivar": Asked(Papel.ADMIN, WHY),
    "POST /precos/projetos/{projeto_id}/modelos/{versao}/restaurar": Asked(Papel.ADMIN),
    "GET /precos/projetos/{projeto_id}/saude": READ,
    "POST /precos/projetos/{projeto_id}/saude": Asked(TRAIN),
    "POST /precos/projetos/{projeto_id}/previsoes": Asked(Papel.LEITOR, {"instancia": CAR}),
    "GET /precos/projetos/{projeto_id}/previsoes": READ,
    "GET /precos/projetos/{projeto_id}/previsoes/exportar": READ,
    "GET /precos/projetos/{projeto_id}/previsoes/{previsao_id}": READ,
    "POST /precos/projetos/{projeto_id}/previsoes/lote": Asked(Papel.LEITOR, {"objeto": "{obj}"}),
    "GET /precos/projetos/{projeto_id}/previsoes/lote/{job_id}": READ,
    "POST /precos/projetos/{projeto_id}/observados": Asked(TRAIN, TOLD),
    "GET /precos/projetos/{projeto_id}/uso": READ,
}


def ask(client: Client, project: Project, route: str, projeto_id: str) -> Answer:
    """Ask a route about a project; whatever else it names is not there."""
    method, path = route.split()
    asked = ASKED[route]
    names = {
        "projeto_id": projeto_id,
        "treinamento_id": "999",
        "versao": "1",
        "previsao_id": "999",
        "job_id": str(UUID(int=9)),
        "nome": "nenhuma",
        "dataset_id": "999",
        "login": "ninguem",
    }
    body = asked.body
    if route == "POST /precos/prever":
        body = {**body, "modelo": projeto_id}
    return client.request(method, path.format(**names), body)


def test_every_route_is_asked() -> None:
    served = {
        f"{method} {path}"
        for path, methods in app.routes.items()
        for method in methods
        if method != "OPTIONS" and path.startswith("/precos/")
    }
    assert served == set(ASKED)


@pytest.mark.parametrize("route", sorted(ASKED))
def test_who_may_ask_what(project: Project, anonymous: Client, route: str) -> None:
    publish_price_model(project.id)
    least = ASKED[route].least
    assert ask(anonymous, project, route, project.id).status == 401
    for name in PEOPLE:
        answer = ask(getattr(project, name), project, route, project.id)
        may = least is None or Papel(name).allows(least)
        assert (answer.status == 403) != may, (name, answer.body)
        if not may:
            assert answer.json["title"] == "PapelInsuficiente"
    if least is None:
        return
    for client in (project.stranger, project.outsider):
        answer = ask(client, project, route, project.id)
        if route.endswith("previsoes/lote"):  # The file is looked for first, and is nobody's.
            assert answer.json["title"] in ("ObjectMissing", "ProjetoNotFound")
        else:
            assert (answer.status, answer.json["title"]) == (404, "ProjetoNotFound"), answer.body
    answer = ask(project.dono, project, route, str(NOBODYS))
    assert answer.json["title"] in ("ObjectMissing", "ProjetoNotFound")
