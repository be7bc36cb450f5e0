"""Every route that changes something leaves an entry in the trail, or says here why it does not."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app import app
from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.identity import sessions
from tests.books.catalogue import publish_books, some_books
from tests.client import Client
from tests.conftest import PASSWORD, MakeUser
from tests.core.conftest import change_job
from tests.credit.companies import Company, sign_up_company
from tests.credit.decisions.deciding import publish_credit_model
from tests.credit.models.records import load, small_company
from tests.gym.publishing import publish_model
from tests.prices.publishing import CAR, add_dataset, add_file, publish_price_model
from tests.prices.working import profiled
from tests.routes import api_views

NOT_ON_THE_TRAIL = {
    "POST /aluno/checkin": "The check-in is itself the record of an event.",
    "POST /api/v1/auth/refresh": "As by the other address.",
    "POST /auth/refresh": "Routine, of a sign-in that is on the trail; a token that returns is.",
    "POST /precos/projetos/{projeto_id}/previsoes": "What was asked and answered is itself kept.",
    "POST /precos/prever": "The same.",
    "POST /credito/politica/simular": "A trial: nothing is changed, and nothing kept.",
}
NEW_PASSWORD = "outra-senha-de-teste"
CSV = b"aluno_id,entrada\n1,2026-03-02T07:15:00-03:00\n"

Request = tuple[str, Any]  # Path and body; a body of bytes is a file.
Requests = dict[str, Request]


@pytest.fixture
def company(environment: dict[str, str]) -> Company:
    """Who sends the requests that are the companies' alone."""
    return sign_up_company()


@pytest.fixture
def requests(admin: Client, client_of: MakeUser, company: Company, tmp_path: Path) -> Requests:
    """A request to each route that changes something, which will succeed."""
    publish_books(tmp_path, some_books(5))
    other = client_of(Role.OPERADOR)
    plano_id = admin.post("/planos", {"nome": "Padrão", "mensalidade": "119.90"}).json["id"]
    unused = {"nome": "Sem uso", "mensalidade": "1.00"}
    unused_id = admin.post("/planos", unused).json["id"]
    first, second = publish_model(1), publish_model(2)
    known = {"nome": "Bia", "email": "bia@example.com", "plano_id": plano_id}
    aluno_id = admin.post("/aluno/registro", known).json["id"]
    play = {"nome": "Ligar", "descricao": "Ligue hoje.", "canal": "telefone"}
    jogada_id = admin.post("/retencao/jogadas", play).json["id"]
    rule = {"nome": "Sumiu", "tipo": "dias_ausente", "limite": 14}
    regra_id = admin.post("/retencao/regras", rule).json["id"]
    contact = {"aluno_id": aluno_id, "canal": "telefone"}
    contato_id = admin.post("/retencao/contatos", contact).json["id"]
    queued, failed = (
        admin.post("/aluno/checkin/lote", CSV, content_type="text/csv").json["id"] for _ in range(2)
    )
    change_job(UUID(failed), "state = 'failed', finished_at = now()")

    visits = ["2026-03-02T10:00:00Z", "2026-03-03T10:00:00Z"]
    for entrada in visits:
        admin.post("/aluno/checkin", {"aluno_id": aluno_id, "entrada": entrada})

    def refresh_token() -> str:
        return sessions.sign_in(other.login, PASSWORD, "192.0.2.1", utc_now()).refresh_token

    whole, unwanted, open_one = (
        company.client.post("/credito/datasets", {"alvo": "pagamento"}).json["id"] for _ in range(3)
    )
    new_user = {"login": "nova", "nome": "Nova", "senha": PASSWORD, "papel": "leitor"}
    member = {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano_id}
    new = {"senha_nova": NEW_PASSWORD}
    return {
        "POST /jobs/{job_id}/cancelar": (f"/jobs/{queued}/cancelar", None),
        "POST /jobs/{job_id}/reenviar": (f"/jobs/{failed}/reenviar", None),
        "POST /uploads": ("/uploads", {"tamanho_bytes": 10}),
        "POST /api/v1/scraping/trigger": ("/api/v1/scraping/trigger", {}),
        "POST /auth/token": ("/auth/token", {"username": other.login, "password": PASSWORD}),
        "POST /auth/refresh": ("/auth/refresh", {"refresh_token": refresh_token()}),
        "POST /api/v1/auth/login": (
            "/api/v1/auth/login",
            {"username": other.login, "password": PASSWORD},
        ),
        "POST /api/v1/auth/refresh": (
            "/api/v1/auth/refresh",
            {"refresh_token": refresh_token()},
        ),
        "POST /auth/logout": ("/auth/logout", {"refresh_token": refresh_token()}),
        "POST /auth/usuarios": ("/auth/usuarios", new_user),
        "PATCH /auth/usuarios/{usuario_id}": (
            f"/auth/usuarios/{other.usuario_id}",
            {"papel": "leitor"},
        ),
        "PUT /auth/usuarios/{usuario_id}/senha": (f"/auth/usuarios/{other.usuario_id}/senha", new),
        "PUT /auth/senha": ("/auth/senha", {"senha_atual": PASSWORD, **new}),
        "POST /api/v1/ml/predictions": (
            "/api/v1/ml/predictions",
            {
                "model": "Ana",
                "version": "1",
                "predictions": [{"book_id": 1, "value": 1.0}],
            },
        ),
        "POST /planos": ("/planos", {"nome": "Novo", "mensalidade": "99.90"}),
        "POST /aluno/registro": ("/aluno/registro", member),
        "POST /aluno/registro/lote": ("/aluno/registro/lote", b"nome,email,plano\n"),
        "POST /aluno/checkin": ("/aluno/checkin", {"aluno_id": aluno_id}),
        "PATCH /aluno/{aluno_id}/visitas/{entrada}": (
            f"/aluno/{aluno_id}/visitas/{visits[0]}",
            {"saida": None},
        ),
        "DELETE /aluno/{aluno_id}/visitas/{entrada}": (
            f"/aluno/{aluno_id}/visitas/{visits[1]}",
            None,
        ),
        "POST /aluno/checkin/lote": ("/aluno/checkin/lote", CSV),
        "POST /admin/atualizar-modelo": ("/admin/atualizar-modelo", None),
        "POST /admin/calcular-probabilidades": ("/admin/calcular-probabilidades", None),
        "POST /admin/relatorios": ("/admin/relatorios", {}),
        "PUT /aluno/{aluno_id}": (f"/aluno/{aluno_id}", {**known, "nome": "Bia Lima"}),
        "PATCH /aluno/{aluno_id}/desativar": (f"/aluno/{aluno_id}/desativar", {"motivo": "Mudou"}),
        "PATCH /aluno/{aluno_id}/ativar": (f"/aluno/{aluno_id}/ativar", None),
        "PUT /planos/{plano_id}": (f"/planos/{plano_id}", {"nome": "B", "mensalidade": "9.90"}),
        "PATCH /planos/{plano_id}/desativar": (f"/planos/{plano_id}/desativar", None),
        "PATCH /planos/{plano_id}/ativar": (f"/planos/{plano_id}/ativar", None),
        "DELETE /planos/{plano_id}": (f"/planos/{unused_id}", None),
        "POST /admin/alunos-sinteticos": (
            "/admin/alunos-sinteticos",
            {"perfil": "novo", "n": 1},
        ),
        "DELETE /admin/alunos-sinteticos": ("/admin/alunos-sinteticos", None),
        "POST /modelos/churn/comparar": ("/modelos/churn/comparar", {"a": first, "b": second}),
        "POST /modelos/churn/{versao}/promover": (
            f"/modelos/churn/{first}/promover",
            {"motivo": "Conferido."},
        ),
        "POST /modelos/churn/reverter": ("/modelos/churn/reverter", {"motivo": "Conferido."}),
        "POST /retencao/contatos": (
            "/retencao/contatos",
            {**contact, "desfecho": "conversou", "nota": "Ana vai voltar"},
        ),
        "PATCH /retencao/contatos/{contato_id}": (
            f"/retencao/contatos/{contato_id}",
            {"desfecho": "agendou", "nota": "Falei com Ana"},
        ),
        "POST /retencao/jogadas": ("/retencao/jogadas", {**play, "nome": "Ana"}),
        "PUT /retencao/jogadas/{jogada_id}": (f"/retencao/jogadas/{jogada_id}", play),
        "DELETE /retencao/jogadas/{jogada_id}": (f"/retencao/jogadas/{jogada_id}", None),
        "POST /retencao/regras": ("/retencao/regras", {**rule, "nome": "Ana"}),
        "PUT /retencao/regras/{regra_id}": (f"/retencao/regras/{regra_id}", rule),
        "DELETE /retencao/regras/{regra_id}": (f"/retencao/regras/{regra_id}", None),
        "DELETE /aluno/{aluno_id}/dados": (f"/aluno/{aluno_id}/dados", None),
        **_of_companies(company),
        "POST /credito/datasets": ("/credito/datasets", {"alvo": "pagamento", "nome": "Ana"}),
        "PUT /credito/datasets/{dataset_id}/lotes/{tipo}/{seq}": (
            f"/credito/datasets/{open_one}/lotes/clientes/1",
            [{"codigo": "Ana Lima", "contato": "ana@example.com"}],
        ),
        "POST /credito/datasets/{dataset_id}/concluir": (
            f"/credito/datasets/{whole}/concluir",
            {"esperados": {"pedidos": 1}},
        ),
        "DELETE /credito/datasets/{dataset_id}": (f"/credito/datasets/{unwanted}", None),
        **_of_decisions(company.client),
        **_of_models(company),
        **_of_prices(admin, other.login),
    }


def _of_companies(company: Company) -> Requests:
    keys = [company.client.post("/credito/chaves", {"nome": n}).json["id"] for n in ("a", "b")]
    other = sign_up_company()
    new = {"nome": "Mercado Ana", "email": "mercado@example.com", "senha": PASSWORD}
    return {
        "POST /credito/empresas": ("/credito/empresas", new),
        "PATCH /credito/empresa": (
            "/credito/empresa",
            {"nome": "Ana", "email": "ana@example.com", "cnpj": "12ABC34501DE35"},
        ),
        "POST /credito/chaves": ("/credito/chaves", {"nome": "ERP de Ana"}),
        "DELETE /credito/chaves/{chave_id}": (f"/credito/chaves/{keys[0]}", None),
        "POST /credito/chaves/{chave_id}/rotacionar": (
            f"/credito/chaves/{keys[1]}/rotacionar",
            {},
        ),
        "PATCH /credito/empresas/{empresa_id}": (
            f"/credito/empresas/{other.id}",
            {"ativa": False},
        ),
        "POST /credito/empresas/{empresa_id}/credenciais": (
            f"/credito/empresas/{other.id}/credenciais",
            None,
        ),
    }


def _of_decisions(client: Client) -> Requests:
    policy = {"politica": {"sensiveis": ["cliente.sexo"]}, "motivo": "Ana pediu."}

    def order(numero: str) -> dict[str, Any]:
        return {"numero": numero, "cliente": "Ana Lima", "valor": "10.00"}

    pedido_id = client.post("/credito/pedidos", order("Ana-1")).json["id"]
    return {
        "PUT /credito/politica": ("/credito/politica", policy),
        "POST /credito/politica/simular": ("/credito/politica/simular", {"politica": {}}),
        "POST /credito/pedidos": ("/credito/pedidos", order("Ana-2")),
        "POST /credito/pedidos/lote": ("/credito/pedidos/lote", {"pedidos": [order("Ana-3")]}),
        "POST /credito/pedidos/{pedido_id}/revisao": (
            f"/credito/pedidos/{pedido_id}/revisao",
            {"decisao": "aprovado", "motivo": "Ana é cliente antiga."},
        ),
        "POST /credito/pedidos/{pedido_id}/desfecho": (
            f"/credito/pedidos/{pedido_id}/desfecho",
            {"desfecho": "pago"},
        ),
        "POST /credito/clientes/dados": ("/credito/clientes/dados", {"cliente": "Ana Lima"}),
        "POST /credito/clientes/apagar": ("/credito/clientes/apagar", {"cliente": "Ana Lima"}),
    }


def _of_models(company: Company) -> Requests:
    first, second = (publish_credit_model(company.tenant, seed=seed) for seed in (1, 2))
    dataset = load(company.tenant, small_company(clientes=2, pedidos=3))
    models = "/credito/modelos"
    return {
        # A promotion asks for it, too, and one such job at a time is enough.
        "POST /credito/modelos/saude": (f"{models}/saude", None),
        "POST /credito/retreinamentos": ("/credito/retreinamentos", {"dataset": str(dataset)}),
        "POST /credito/modelos/comparar": (f"{models}/comparar", {"versoes": [first, second]}),
        "POST /credito/modelos/{versao}/testar": (
            f"{models}/{first}/testar",
            {"pedidos": [{"valor": "10.00", "cliente": "Ana"}]},
        ),
        "POST /credito/modelos/{versao}/promover": (
            f"{models}/{first}/promover",
            {"motivo": "Conferido."},
        ),
        "POST /credito/modelos/reverter": (f"{models}/reverter", {"motivo": "Conferido."}),
    }


def _of_prices(client: Client, login: str) -> Requests:
    new = {"nome": "Casas de Ana", "descricao": "ana@example.com"}
    first, second = (client.post("/precos/projetos", new).json["id"] for _ in range(2))
    project = f"/precos/projetos/{first}"
    known, unwanted = (
        profiled(client.post(f"{project}/datasets", data, content_type="text/csv"))["id"]
        for data in (b"Ana,y\n1,2\n", b"Ana,y\n3,4\n")
    )
    return {
        "POST /precos/projetos": ("/precos/projetos", new),
        "PATCH /precos/projetos/{projeto_id}": (project, {"nome": "Casas da Ana"}),
        "PUT /precos/projetos/{projeto_id}/membros/{login}": (
            f"{project}/membros/{login}",
            {"papel": "leitor"},
        ),
        "DELETE /precos/projetos/{projeto_id}/membros/{login}": (
            f"{project}/membros/{login}",
            None,
        ),
        "POST /precos/projetos/{projeto_id}/datasets": (f"{project}/datasets", b"Ana\n1\n"),
        "PATCH /precos/projetos/{projeto_id}/datasets/{dataset_id}/colunas": (
            f"{project}/datasets/{known}/colunas",
            {"Ana": {"unidade": "Ana"}},
        ),
        "DELETE /precos/projetos/{projeto_id}/datasets/{dataset_id}": (
            f"{project}/datasets/{unwanted}",
            None,
        ),
        "DELETE /precos/projetos/{projeto_id}": (f"/precos/projetos/{second}", None),
        **_of_price_models(client, first),
    }


def _of_price_models(client: Client, projeto_id: str) -> Requests:
    publish_price_model(projeto_id), publish_price_model(projeto_id, seed=2)
    training = {"dataset": add_dataset(projeto_id, versao=50), "alvo": "preco"}
    objeto = add_file(client, b"potencia,peso\n100,1000\n")
    project, why = f"/precos/projetos/{projeto_id}", {"motivo": "Conferido."}
    models, trainings = f"{project}/modelos", f"{project}/treinamentos"
    asked = client.post(f"{project}/previsoes", {"instancia": CAR, "referencia": "Ana"})
    told = {"previsao_id": asked.json["previsoes"][0]["id"], "valor": 9}
    return {
        # A promotion asks for it, too, and one such job at a time is enough.
        "POST /precos/projetos/{projeto_id}/saude": (f"{project}/saude", None),
        "POST /precos/projetos/{projeto_id}/treinamentos": (trainings, training),
        "POST /precos/projetos/{projeto_id}/treinamentos/{treinamento_id}/cancelar": (
            f"{trainings}/1/cancelar",
            None,
        ),
        "POST /precos/projetos/{projeto_id}/modelos/comparar": (
            f"{models}/comparar",
            {"a": 1, "b": 2},
        ),
        "POST /precos/projetos/{projeto_id}/modelos/{versao}/promover": (
            f"{models}/1/promover",
            why,
        ),
        "POST /precos/projetos/{projeto_id}/modelos/reverter": (f"{models}/reverter", why),
        "POST /precos/projetos/{projeto_id}/modelos/{versao}/arquivar": (
            f"{models}/1/arquivar",
            why,
        ),
        "POST /precos/projetos/{projeto_id}/modelos/{versao}/restaurar": (
            f"{models}/1/restaurar",
            None,
        ),
        "POST /precos/projetos/{projeto_id}/previsoes": (
            f"{project}/previsoes",
            {"instancia": {**CAR, "marca": "Ana"}},
        ),
        "POST /precos/projetos/{projeto_id}/previsoes/lote": (
            f"{project}/previsoes/lote",
            {"objeto": objeto},
        ),
        "POST /precos/projetos/{projeto_id}/observados": (
            f"{project}/observados",
            {"observados": [told]},
        ),
        "POST /precos/treinar": (
            "/precos/treinar",
            {"dados": [{"nome": "Ana", "preco": 1}] * 60, "alvo": "preco", "nome": "De Ana"},
        ),
        "POST /precos/prever": ("/precos/prever", {"modelo": projeto_id, "dados": CAR}),
    }


def caller(route: str, admin: Client, company: Company) -> Client:
    """Who may send a request to a route."""
    method, path = route.split()
    view = getattr(app.routes[path][method].view_function, "__endpoint__")  # noqa: B009
    return company.client if view.declared.companies_only else admin


def _trail(request_id: str) -> list[Any]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = text("SELECT ator, acao, objeto, detalhes FROM auditoria WHERE request_id = :id")
        return list(session.execute(found, {"id": request_id}))


def cancel_jobs() -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text("UPDATE jobs SET state = 'cancelled' WHERE state = 'queued'"))


def _send(client: Client, method: str, request: Request) -> str:
    """Send a request that succeeds; gives its id."""
    path, body = request
    if path.endswith(("/dados", "/apagar")):
        cancel_jobs()  # No import may wait while somebody is erased.
    request_id = uuid4().hex
    media_type = "text/csv" if isinstance(body, bytes) else "application/json"
    answer = client.request(
        method, path, body, content_type=media_type, headers={"x-request-id": request_id}
    )
    assert 200 <= answer.status < 300, (path, answer.body)
    return request_id


def test_every_change_is_on_the_trail(admin: Client, company: Company, requests: Requests) -> None:
    changing = {
        f"{method} {path}" for path, method, _ in api_views() if method not in ("GET", "OPTIONS")
    }
    assert changing == set(requests)
    for route, request in requests.items():
        client = caller(route, admin, company)
        entries = _trail(_send(client, route.split()[0], request))
        assert bool(entries) != (route in NOT_ON_THE_TRAIL), (route, entries)


def test_the_trail_holds_no_names_addresses_or_secrets(
    admin: Client, company: Company, requests: Requests
) -> None:
    for route, request in requests.items():
        _send(caller(route, admin, company), route.split()[0], request)
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        everything = "\n".join(session.scalars(text("SELECT a::text FROM auditoria a")))
    login = requests["POST /auth/token"][1]["username"]
    for personal in (
        "Ana",
        "example.com",
        "nova",
        PASSWORD,
        NEW_PASSWORD,
        "192.0.2.1",
        login,
        "12ABC",
    ):
        assert personal not in everything, personal


def test_a_refused_change_leaves_nothing(admin: Client, requests: Requests) -> None:
    _send(admin, "POST", requests["POST /planos"])
    again = admin.request(
        "POST", "/planos", requests["POST /planos"][1], headers={"x-request-id": "the-second"}
    )
    assert again.status == 409
    assert _trail("the-second") == []
