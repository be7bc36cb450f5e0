"""Companies: they sign up, change what is known of them, and are let in or not by the house."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.web import forget_principals
from tests.client import Answer, Client, assert_problem
from tests.conftest import PASSWORD, MakeUser
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany

NEW = {"nome": "Padaria Modelo", "email": "credito@padaria.example.com"}
CNPJ = "12.ABC.345/01DE-35"


def _sign_in(login: str, password: str = PASSWORD) -> Answer:
    return Client().post("/auth/token", {"username": login, "password": password})


def _rows(statement: str) -> list[tuple[object, ...]]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return [tuple(row) for row in session.execute(text(statement))]


def test_company_signs_up_and_is_let_in_by_each_of_its_tokens(anonymous: Client) -> None:
    answer = anonymous.post("/credito/empresas", {**NEW, "cnpj": CNPJ, "senha": PASSWORD})
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    empresa = answer.json["empresa"]
    assert (empresa["nome"], empresa["email"]) == (NEW["nome"], NEW["email"])
    assert (empresa["cnpj"], empresa["ativa"]) == ("12ABC34501DE35", True)
    tokens, chave = answer.json["tokens"], answer.json["chave"]
    renewed = anonymous.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]})
    signed_in = _sign_in(NEW["email"])
    for token in (tokens, renewed.json, signed_in.json):
        assert empresa.items() < Client(token["access_token"]).get("/credito/empresa").json.items()
    assert empresa.items() < Client(chave["chave"]).get("/credito/empresa").json.items()


def test_company_is_a_tenant_with_a_standing_collection_and_one_user(
    anonymous: Client,
) -> None:
    anonymous.post("/credito/empresas", NEW)
    ((tenant,),) = _rows("SELECT tenant FROM empresas")
    assert len(str(tenant)) == len("empresa-") + 12
    assert _rows("SELECT tenant, acervo, estado FROM credito_datasets") == [
        (tenant, True, "fechado")
    ]
    assert _rows("SELECT tenant, papel, login FROM usuarios") == [(tenant, "empresa", NEW["email"])]
    assert {row[0] for row in _rows("SELECT acao FROM auditoria")} == {
        "empresa.cadastrada",
        "usuario.criado",
        "sessao.iniciada",
        "chave.criada",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nome", " "),
        ("email", "padaria"),
        ("email", "pão@padaria.example.com"),
        ("email", f"a@{'x' * 100}.example.com"),
        ("cnpj", "12.ABC.345/01DE-36"),
        ("senha", "curta"),
        ("ativa", True),
    ],
)
def test_company_that_does_not_validate_is_refused(
    anonymous: Client, field: str, value: object
) -> None:
    answer = anonymous.post("/credito/empresas", {**NEW, field: value})
    document = assert_problem(answer, 422, "ValidationFailed")
    assert [error["campo"] for error in document["errors"]] == [field]
    assert _rows("SELECT 1 FROM empresas") == []


def test_without_a_password_nobody_signs_in_until_one_is_set(anonymous: Client) -> None:
    found = anonymous.post("/credito/empresas", NEW).json
    for guess in ("nobody has this password", "", "none"):
        assert _sign_in(NEW["email"], guess or "x").status == 401
    first = Client(found["tokens"]["access_token"])
    assert first.put("/auth/senha", {"senha_nova": PASSWORD}).status == 204
    assert _sign_in(NEW["email"]).status == 200
    # From then on it is asked for.
    other = {"senha_nova": "outra-senha-de-teste"}
    assert_problem(first.put("/auth/senha", other), 422, "PasswordWrong")
    assert first.put("/auth/senha", {**other, "senha_atual": PASSWORD}).status == 204


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"cnpj": "00000000000191"}, "EmailEmUso"),
        ({"email": "outra@example.com"}, "CnpjEmUso"),
        ({"email": "CREDITO@padaria.example.com", "cnpj": None}, "EmailEmUso"),
    ],
)
def test_company_signs_up_once(anonymous: Client, changed: dict[str, object], refusal: str) -> None:
    assert anonymous.post("/credito/empresas", {**NEW, "cnpj": CNPJ}).status == 201
    again = anonymous.post("/credito/empresas", {**NEW, "cnpj": CNPJ, **changed})
    assert_problem(again, 409, refusal)
    counts = "SELECT (SELECT count(*) FROM empresas), (SELECT count(*) FROM usuarios)"
    assert _rows(counts) == [(1, 1)]


def test_of_two_that_sign_up_at_once_one_is_refused(anonymous: Client) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: anonymous.post("/credito/empresas", NEW), range(4)))
    assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
    assert {a.json["title"] for a in answers if a.status == 409} == {"EmailEmUso"}


def test_login_of_somebody_of_the_house_cannot_be_taken(admin: Client, anonymous: Client) -> None:
    user = {"login": NEW["email"], "nome": "X", "senha": PASSWORD, "papel": "leitor"}
    assert admin.post("/auth/usuarios", user).status == 201
    assert_problem(anonymous.post("/credito/empresas", NEW), 409, "LoginTaken")
    assert _rows("SELECT 1 FROM empresas") == []


def test_signing_up_has_a_limit_of_its_own(anonymous: Client) -> None:
    answers = [anonymous.post("/credito/empresas", {}) for _ in range(21)]
    assert [answer.status for answer in answers[:20]] == [422] * 20
    assert_problem(answers[20], 429, "TooManyRequests")


def test_company_changes_what_is_known_of_it(make_company: MakeCompany, password_hash: str) -> None:
    company = make_company(senha_hash=password_hash)
    change = {"nome": "Padaria Nova", "email": "Novo@example.com", "cnpj": CNPJ}
    answer = company.client.patch("/credito/empresa", change)
    assert answer.status == 200
    assert answer.json == company.client.get("/credito/empresa").json
    assert (answer.json["nome"], answer.json["email"]) == ("Padaria Nova", "novo@example.com")
    assert _sign_in(company.client.login).status == 401
    assert _sign_in("novo@example.com").status == 200
    other = make_company().client
    assert_problem(other.patch("/credito/empresa", {"cnpj": CNPJ}), 409, "CnpjEmUso")
    taken = {"email": "novo@example.com"}
    assert other.patch("/credito/empresa", taken).status == 409
    assert other.patch("/credito/empresa", {"ativa": False}).status == 422


def test_user_of_no_company_has_none(client_of: MakeUser) -> None:
    stranger = client_of(Role.EMPRESA, "empresa-0123456789ab")
    assert_problem(stranger.get("/credito/empresa"), 404, "EmpresaNotFound")


# What the house does.


def test_house_lists_and_finds_companies(admin: Client, make_company: MakeCompany) -> None:
    names = ["Padaria Modelo", "Mercado 100%", "Oficina"]
    for nome in names:
        make_company(nome)
    page = admin.get("/credito/empresas", limit=2)
    assert page.json["total"] == 3
    rest = admin.request("GET", page.json["next"])
    shown = [item["nome"] for item in (*page.json["items"], *rest.json["items"])]
    assert shown == names[::-1]
    for asked, nome in (("mercado", "Mercado 100%"), ("0%", "Mercado 100%"), ("OFIC", "Oficina")):
        found = admin.get("/credito/empresas", q=asked).json["items"]
        assert [item["nome"] for item in found] == [nome]
    assert admin.get("/credito/empresas", q="_").json["items"] == []


def test_deactivated_company_is_kept_out_and_let_in_again(
    admin: Client, make_company: MakeCompany, password_hash: str
) -> None:
    company, other = make_company(senha_hash=password_hash), make_company()
    refresh = {"refresh_token": company.credentials.tokens.refresh_token}
    answer = admin.patch(f"/credito/empresas/{company.id}", {"ativa": False})
    assert (answer.status, answer.json["ativa"]) == (200, False)
    forget_principals()  # Ten seconds later.
    assert_problem(company.client.get("/credito/empresa"), 401, "TokenInvalid")
    assert_problem(company.program.get("/credito/empresa"), 401, "KeyInvalid")
    assert_problem(Client().post("/auth/refresh", refresh), 401, "RefreshTokenInvalid")
    assert_problem(_sign_in(company.client.login), 401, "CredentialsWrong")
    assert other.client.get("/credito/empresa").status == 200
    assert [c["id"] for c in admin.get("/credito/empresas", ativa=False).json["items"]] == [
        company.id
    ]

    assert admin.patch(f"/credito/empresas/{company.id}", {"ativa": True}).status == 200
    for client in (company.client, company.program):
        assert client.get("/credito/empresa").status == 200
    assert Client().post("/auth/refresh", refresh).status == 200
    assert _sign_in(company.client.login).status == 200
    trail = "SELECT acao, ator FROM auditoria WHERE acao LIKE 'empresa.%ativada' ORDER BY id"
    assert _rows(trail) == [
        ("empresa.desativada", admin.subject),
        ("empresa.reativada", admin.subject),
    ]


def test_company_that_lost_everything_gets_new_credentials_and_the_old_ones_end(
    admin: Client, make_company: MakeCompany, password_hash: str
) -> None:
    company = make_company(senha_hash=password_hash)
    extra = company.client.post("/credito/chaves", {"nome": "ERP"}).json["chave"]
    answer = admin.post(f"/credito/empresas/{company.id}/credenciais")
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    forget_principals()
    for key in (company.program.token, extra):
        assert_problem(Client(key).get("/credito/empresa"), 401, "KeyInvalid")
    refresh = {"refresh_token": company.credentials.tokens.refresh_token}
    assert_problem(Client().post("/auth/refresh", refresh), 401, "RefreshTokenInvalid")
    assert_problem(_sign_in(company.client.login), 401, "CredentialsWrong")
    for token in (answer.json["tokens"]["access_token"], answer.json["chave"]["chave"]):
        assert Client(token).get("/credito/empresa").json["id"] == company.id


def test_house_is_told_when_there_is_no_such_company(admin: Client) -> None:
    assert_problem(admin.patch("/credito/empresas/404", {"ativa": True}), 404, "EmpresaNotFound")
    assert_problem(admin.post("/credito/empresas/404/credenciais"), 404, "EmpresaNotFound")


def test_company_does_not_reach_what_the_house_does(company: Company) -> None:
    path = f"/credito/empresas/{company.id}"
    for client in (company.client, company.program):
        assert client.get("/credito/empresas").status == 403
        assert client.patch(path, {"ativa": True}).status == 403
        assert client.post(f"{path}/credenciais").status == 403
