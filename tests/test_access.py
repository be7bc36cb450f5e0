"""Law 11: who may call what, written out; and the shape of the paths."""

import re
from collections import defaultdict
from collections.abc import Collection
from uuid import UUID

import pytest

from app import app
from chalicelib.core.auth import Role
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.roles import ADMIN, CIENTISTA, EVERYONE, OPERADOR, PUBLIC, READERS
from tests.routes import api_views

# Where no row is the house's: nobody of it is let in, whatever their role.
COMPANIES: frozenset[str] = frozenset({"companies"})

ACCESS: dict[str, Collection[str]] = {
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    "GET /status": PUBLIC,
    "GET /status/cache": PUBLIC,
    "GET /metrics": {ADMIN},
    "GET /api/v1/metrics/summary": {ADMIN},
    "GET /auditoria": {ADMIN},
    "GET /auditoria/exportar": {ADMIN},
    "GET /auditoria/verificar": {ADMIN},
    "GET /credito/auditoria": COMPANIES,
    "GET /credito/auditoria/exportar": COMPANIES,
    "GET /credito/auditoria/verificar": COMPANIES,
    "GET /openapi.json": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /redoc": PUBLIC,
    "GET /jobs": EVERYONE,
    "GET /jobs/{job_id}": EVERYONE,
    "POST /jobs/{job_id}/cancelar": EVERYONE,
    "POST /jobs/{job_id}/reenviar": EVERYONE,
    "GET /jobs/{job_id}/rejeicoes": EVERYONE,
    "POST /uploads": EVERYONE,
    "POST /auth/token": PUBLIC,
    "POST /auth/refresh": PUBLIC,
    "POST /auth/logout": PUBLIC,
    "GET /auth/eu": EVERYONE,
    "PUT /auth/senha": EVERYONE,
    "GET /auth/usuarios": {ADMIN},
    "POST /auth/usuarios": {ADMIN},
    "PATCH /auth/usuarios/{usuario_id}": {ADMIN},
    "PUT /auth/usuarios/{usuario_id}/senha": {ADMIN},
    "POST /credito/clientes/dados": COMPANIES,
    "POST /credito/clientes/apagar": COMPANIES,
    "POST /credito/empresas": PUBLIC,
    "GET /credito/empresa": COMPANIES,
    "PATCH /credito/empresa": COMPANIES,
    "GET /credito/chaves": COMPANIES,
    "POST /credito/chaves": COMPANIES,
    "DELETE /credito/chaves/{chave_id}": COMPANIES,
    "POST /credito/chaves/{chave_id}/rotacionar": COMPANIES,
    "GET /credito/empresas": {ADMIN},
    "GET /credito/politica": COMPANIES,
    "PUT /credito/politica": COMPANIES,
    "GET /credito/politica/versoes": COMPANIES,
    "POST /credito/politica/simular": COMPANIES,
    "POST /credito/pedidos": COMPANIES,
    "GET /credito/pedidos": COMPANIES,
    "POST /credito/pedidos/lote": COMPANIES,
    "GET /credito/pedidos/lotes/{lote_id}": COMPANIES,
    "GET /credito/pedidos/{pedido_id}": COMPANIES,
    "GET /credito/pedidos/{pedido_id}/replay": COMPANIES,
    "POST /credito/pedidos/{pedido_id}/revisao": COMPANIES,
    "POST /credito/pedidos/{pedido_id}/desfecho": COMPANIES,
    "GET /credito/revisoes": COMPANIES,
    "GET /credito/equidade": COMPANIES,
    "PATCH /credito/empresas/{empresa_id}": {ADMIN},
    "POST /credito/empresas/{empresa_id}/credenciais": {ADMIN},
    "POST /credito/retreinamentos": COMPANIES,
    "GET /credito/modelos": COMPANIES,
    "GET /credito/modelos/historico": COMPANIES,
    "GET /credito/modelos/saude": COMPANIES,
    "POST /credito/modelos/saude": COMPANIES,
    "POST /credito/modelos/comparar": COMPANIES,
    "POST /credito/modelos/reverter": COMPANIES,
    "GET /credito/modelos/{versao}": COMPANIES,
    "GET /credito/modelos/{versao}/figuras/{nome}": COMPANIES,
    "POST /credito/modelos/{versao}/promover": COMPANIES,
    "POST /credito/modelos/{versao}/testar": COMPANIES,
    "POST /api/v1/scraping/trigger": {ADMIN},
    "GET /api/v1/scraping/runs": {ADMIN},
    "GET /api/v1/scraping/runs/{run_id}": {ADMIN},
    "GET /api/v1/scraping/runs/{run_id}/csv": {ADMIN},
    "GET /api/v1/scraping/quarantine": {ADMIN},
    "GET /api/v1/scraping/quarantine/{page_id}": {ADMIN},
    "GET /api/v1/scraping/quarantine/{page_id}/page": {ADMIN},
    "GET /api/v1/snapshots": PUBLIC,
    "GET /api/v1/snapshots/{snapshot}": PUBLIC,
    "GET /api/v1/dumps/{snapshot}/{formato}": PUBLIC,
    "GET /api/v1/changes": PUBLIC,
    "GET /api/v1/books/{book_id}/history": PUBLIC,
    "POST /api/v1/auth/login": PUBLIC,
    "POST /api/v1/auth/refresh": PUBLIC,
    "GET /api/v1/books": PUBLIC,
    "GET /api/v1/books/search": PUBLIC,
    "GET /api/v1/books/top-rated": PUBLIC,
    "GET /api/v1/books/price-range": PUBLIC,
    "GET /api/v1/books/recommendations": PUBLIC,
    "GET /api/v1/books/{book_id}": PUBLIC,
    "GET /api/v1/books/{book_id}/similar": PUBLIC,
    "GET /api/v1/categories": PUBLIC,
    "GET /api/v1/stats/overview": PUBLIC,
    "GET /api/v1/stats/categories": PUBLIC,
    "GET /api/v1/health": PUBLIC,
    "GET /api/v1/ml/features": PUBLIC,
    "GET /api/v1/ml/training-data": PUBLIC,
    "POST /api/v1/ml/predictions": PUBLIC,
    "GET /api/v1/ml/predictions/scores": EVERYONE,
    "GET /api/v1/ml/models": PUBLIC,
    "GET /api/v1/ml/models/{versao}": PUBLIC,
    "GET /api/v1/ml/models/{versao}/figures/{nome}": PUBLIC,
    "GET /planos": READERS,
    "POST /planos": {ADMIN, OPERADOR},
    "GET /planos/{plano_id}": READERS,
    "PUT /planos/{plano_id}": {ADMIN, OPERADOR},
    "PATCH /planos/{plano_id}/ativar": {ADMIN, OPERADOR},
    "PATCH /planos/{plano_id}/desativar": {ADMIN, OPERADOR},
    "DELETE /planos/{plano_id}": {ADMIN, OPERADOR},
    "GET /alunos": READERS,
    "GET /aluno/{aluno_id}": READERS,
    "PUT /aluno/{aluno_id}": {ADMIN, OPERADOR},
    "PATCH /aluno/{aluno_id}/ativar": {ADMIN, OPERADOR},
    "PATCH /aluno/{aluno_id}/desativar": {ADMIN, OPERADOR},
    "GET /aluno/{aluno_id}/dados": {ADMIN, OPERADOR},
    "DELETE /aluno/{aluno_id}/dados": {ADMIN},
    "POST /aluno/registro": {ADMIN, OPERADOR},
    "POST /aluno/registro/lote": {ADMIN, OPERADOR},
    "PATCH /aluno/{aluno_id}/visitas/{entrada}": {ADMIN, OPERADOR},
    "DELETE /aluno/{aluno_id}/visitas/{entrada}": {ADMIN, OPERADOR},
    "GET /visitas/saidas-sem-entrada": READERS,
    "POST /aluno/checkin": {ADMIN, OPERADOR},
    "POST /aluno/checkin/lote": {ADMIN, OPERADOR},
    "GET /aluno/{aluno_id}/frequencia": READERS,
    "GET /aluno/{aluno_id}/frequencia/calendario": READERS,
    "GET /aluno/{aluno_id}/risco-churn": READERS,
    "POST /credito/datasets": COMPANIES,
    "GET /credito/datasets": COMPANIES,
    "GET /credito/datasets/{dataset_id}": COMPANIES,
    "DELETE /credito/datasets/{dataset_id}": COMPANIES,
    "GET /credito/datasets/{dataset_id}/lotes": COMPANIES,
    "PUT /credito/datasets/{dataset_id}/lotes/{tipo}/{seq}": COMPANIES,
    "GET /credito/datasets/{dataset_id}/lotes/{tipo}/{seq}": COMPANIES,
    "GET /credito/datasets/{dataset_id}/erros": COMPANIES,
    "POST /credito/datasets/{dataset_id}/concluir": COMPANIES,
    "POST /admin/atualizar-modelo": {ADMIN, CIENTISTA},
    "POST /admin/calcular-probabilidades": {ADMIN, OPERADOR, CIENTISTA},
    "POST /admin/relatorios": {ADMIN, OPERADOR},
    "GET /relatorios": READERS,
    "GET /relatorios/{data}": READERS,
    "POST /admin/alunos-sinteticos": {ADMIN, CIENTISTA},
    "DELETE /admin/alunos-sinteticos": {ADMIN, CIENTISTA},
    "GET /modelos/churn": READERS,
    "GET /modelos/churn/{versao}": READERS,
    "GET /modelos/churn/{versao}/figuras/{nome}": READERS,
    "POST /modelos/churn/comparar": {ADMIN, CIENTISTA},
    "POST /modelos/churn/{versao}/promover": {ADMIN},
    "POST /modelos/churn/reverter": {ADMIN},
    "GET /modelos/churn/historico": READERS,
    "GET /modelos/churn/saude": READERS,
    "GET /retencao/coortes": READERS,
    "GET /retencao/fila": READERS,
    "GET /retencao/efeito": READERS,
    "GET /retencao/contatos": READERS,
    "POST /retencao/contatos": {ADMIN, OPERADOR},
    "PATCH /retencao/contatos/{contato_id}": {ADMIN, OPERADOR},
    "GET /retencao/jogadas": READERS,
    "POST /retencao/jogadas": {ADMIN, OPERADOR},
    "PUT /retencao/jogadas/{jogada_id}": {ADMIN, OPERADOR},
    "DELETE /retencao/jogadas/{jogada_id}": {ADMIN, OPERADOR},
    "GET /retencao/regras": READERS,
    "POST /retencao/regras": {ADMIN, OPERADOR},
    "PUT /retencao/regras/{regra_id}": {ADMIN, OPERADOR},
    "DELETE /retencao/regras/{regra_id}": {ADMIN, OPERADOR},
    "POST /precos/projetos": EVERYONE,
    "GET /precos/projetos": EVERYONE,
    "GET /precos/projetos/{projeto_id}": EVERYONE,
    "PATCH /precos/projetos/{projeto_id}": EVERYONE,
    "DELETE /precos/projetos/{projeto_id}": EVERYONE,
    "GET /precos/projetos/{projeto_id}/membros": EVERYONE,
    "PUT /precos/projetos/{projeto_id}/membros/{login}": EVERYONE,
    "DELETE /precos/projetos/{projeto_id}/membros/{login}": EVERYONE,
    "GET /precos/algoritmos": EVERYONE,
    "POST /precos/treinar": EVERYONE,
    "POST /precos/prever": EVERYONE,
    "GET /precos/projetos/{projeto_id}/treinamentos": EVERYONE,
    "POST /precos/projetos/{projeto_id}/treinamentos": EVERYONE,
    "GET /precos/projetos/{projeto_id}/treinamentos/{treinamento_id}": EVERYONE,
    "GET /precos/projetos/{projeto_id}/treinamentos/{treinamento_id}/figuras/{nome}": EVERYONE,
    "POST /precos/projetos/{projeto_id}/treinamentos/{treinamento_id}/cancelar": EVERYONE,
    "GET /precos/projetos/{projeto_id}/modelos": EVERYONE,
    "GET /precos/projetos/{projeto_id}/modelos/historico": EVERYONE,
    "POST /precos/projetos/{projeto_id}/modelos/comparar": EVERYONE,
    "POST /precos/projetos/{projeto_id}/modelos/reverter": EVERYONE,
    "GET /precos/projetos/{projeto_id}/modelos/{versao}": EVERYONE,
    "GET /precos/projetos/{projeto_id}/modelos/{versao}/figuras/{nome}": EVERYONE,
    "POST /precos/projetos/{projeto_id}/modelos/{versao}/promover": EVERYONE,
    "POST /precos/projetos/{projeto_id}/modelos/{versao}/arquivar": EVERYONE,
    "POST /precos/projetos/{projeto_id}/modelos/{versao}/restaurar": EVERYONE,
    "GET /precos/projetos/{projeto_id}/saude": EVERYONE,
    "POST /precos/projetos/{projeto_id}/saude": EVERYONE,
    "GET /precos/projetos/{projeto_id}/previsoes": EVERYONE,
    "POST /precos/projetos/{projeto_id}/previsoes": EVERYONE,
    "GET /precos/projetos/{projeto_id}/previsoes/exportar": EVERYONE,
    "POST /precos/projetos/{projeto_id}/previsoes/lote": EVERYONE,
    "GET /precos/projetos/{projeto_id}/previsoes/lote/{job_id}": EVERYONE,
    "GET /precos/projetos/{projeto_id}/previsoes/{previsao_id}": EVERYONE,
    "POST /precos/projetos/{projeto_id}/observados": EVERYONE,
    "GET /precos/projetos/{projeto_id}/uso": EVERYONE,
    "POST /precos/projetos/{projeto_id}/datasets": EVERYONE,
    "GET /precos/projetos/{projeto_id}/datasets": EVERYONE,
    "GET /precos/projetos/{projeto_id}/datasets/{dataset_id}": EVERYONE,
    "DELETE /precos/projetos/{projeto_id}/datasets/{dataset_id}": EVERYONE,
    "PATCH /precos/projetos/{projeto_id}/datasets/{dataset_id}/colunas": EVERYONE,
    "GET /precos/projetos/{projeto_id}/datasets/{dataset_id}/figuras/{nome}": EVERYONE,
    "GET /precos/projetos/{projeto_id}/datasets/{dataset_id}/parquet": EVERYONE,
    "GET /precos/projetos/{projeto_id}/datasets/{dataset_id}/rejeicoes": EVERYONE,
}

# What every tenant has of its own: users, jobs, files, a trail. All other routes are either the
# house's or the companies'.
OF_EVERY_TENANT = {
    "GET /auditoria",
    "GET /auditoria/exportar",
    "GET /auditoria/verificar",
    "GET /jobs",
    "GET /jobs/{job_id}",
    "POST /jobs/{job_id}/cancelar",
    "POST /jobs/{job_id}/reenviar",
    "GET /jobs/{job_id}/rejeicoes",
    "POST /uploads",
    "GET /api/v1/ml/predictions/scores",
    "GET /auth/eu",
    "PUT /auth/senha",
    "GET /auth/usuarios",
    "POST /auth/usuarios",
    "PATCH /auth/usuarios/{usuario_id}",
    "PUT /auth/usuarios/{usuario_id}/senha",
    *(route for route in ACCESS if " /precos/" in route),
}

MOST_RESOURCES = 300  # What API Gateway gives a REST API by default.


def ask(client: Client, route: str) -> int:
    """The status of a request whose path is right and whose body is not."""
    method, path = route.split()
    for name in ("job_id", "chave_id"):
        path = path.replace(f"{{{name}}}", str(UUID(int=1)))
    return client.request(method, re.sub(r"{\w+}", "1", path), b"[]").status


def test_every_route_is_in_the_table() -> None:
    served = {f"{method} {path}" for path, method, _ in api_views()}
    preflights = {f"OPTIONS {path}" for path in app.routes}
    assert served == set(ACCESS) | preflights


def test_anonymous_callers_reach_what_is_public_and_nothing_else(anonymous: Client) -> None:
    for route, roles in ACCESS.items():
        assert (ask(anonymous, route) == 401) == bool(roles), route


@pytest.mark.parametrize("role", list(Role))
def test_role_reaches_what_the_table_says(client_of: MakeUser, role: Role) -> None:
    client = client_of(role)
    for route, roles in ACCESS.items():
        status = ask(client, route)
        assert status != 401, route
        assert (status == 403) == (bool(roles) and role not in roles), route


@pytest.mark.parametrize("role", [Role.ADMIN, Role.EMPRESA])
def test_company_reaches_what_is_its_own_and_nothing_of_the_house(
    client_of: MakeUser, role: Role
) -> None:
    client = client_of(role, "empresa-0123456789ab")
    for route, roles in ACCESS.items():
        is_own = route in OF_EVERY_TENANT and role in roles
        is_refused = bool(roles) and not is_own and roles != COMPANIES
        assert (ask(client, route) == 403) == is_refused, route


def test_company_is_shown_nothing_of_the_installation(client_of: MakeUser, admin: Client) -> None:
    stranger = client_of(Role.ADMIN, "empresa-0123456789ab")
    for client, sees in ((stranger, False), (admin, True)):
        found = client.get("/status").json["dependencias"]
        assert any(one["detalhe"] for one in found) == sees


def test_house_is_told_why_it_is_refused_what_is_the_companies(admin: Client) -> None:
    for route in (route for route, roles in ACCESS.items() if roles == COMPANIES):
        method, path = route.split()
        answer = admin.request(method, re.sub(r"{\w+}", str(UUID(int=1)), path))
        assert_problem(answer, 403, "CompaniesOnly")


def _levels() -> set[tuple[str, ...]]:
    """Every path and every beginning of one: each is a resource of API Gateway."""
    paths = [tuple(path.strip("/").split("/")) for path in app.routes]
    return {path[:depth] for path in paths for depth in range(1, len(path) + 1)}


def test_resources_stay_below_what_api_gateway_gives() -> None:
    assert len(_levels()) < MOST_RESOURCES


def test_no_route_ends_in_a_slash() -> None:
    assert [path for path in app.routes if path != "/" and path.endswith("/")] == []


def test_parameters_at_one_level_share_one_name() -> None:
    names = defaultdict(set)
    for level in _levels():
        if level[-1].startswith("{"):
            names[level[:-1]].add(level[-1])
    assert names
    assert {parent: found for parent, found in names.items() if len(found) > 1} == {}
