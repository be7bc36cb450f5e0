"""Projects: whose they are, who sees them, and as what."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.prices import service_members
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser
from tests.credit.companies import sign_up_company
from tests.prices.conftest import Project

NOBODY = UUID(int=1)


def _trail(acao: str) -> list[str]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        found = text("SELECT ator FROM auditoria WHERE acao = :acao ORDER BY id")
        return list(session.scalars(found, {"acao": acao}))


def test_project_is_made_and_is_its_makers(client_of: MakeUser) -> None:
    ana = client_of(Role.LEITOR)
    answer = ana.post("/precos/projetos", {"nome": " Casas ", "descricao": "De Ames."})
    assert answer.status == 201
    made = answer.json
    assert answer.headers["Location"] == f"/precos/projetos/{made['id']}"
    assert (made["nome"], made["dono"], made["papel"]) == ("Casas", ana.login, "dono")
    assert ana.get(answer.headers["Location"]).json == made
    assert _trail("projeto.criado") == [ana.subject]


def test_project_without_a_name_is_refused(client_of: MakeUser) -> None:
    answer = client_of(Role.LEITOR).post("/precos/projetos", {"nome": " "})
    assert_problem(answer, 422, "ValidationFailed")


def test_list_holds_mine_and_those_shared_with_me_newest_first(
    project: Project, client_of: MakeUser
) -> None:
    own = project.leitor.post("/precos/projetos", {"nome": "Meu"}).json["id"]
    client_of(Role.LEITOR).post("/precos/projetos", {"nome": "Alheio"})
    listed = project.leitor.get("/precos/projetos").json
    assert [(each["id"], each["papel"], each["dono"]) for each in listed["items"]] == [
        (own, "dono", project.leitor.login),
        (project.id, "leitor", project.dono.login),
    ]
    assert listed["total"] == 2
    first = project.leitor.get("/precos/projetos", limit=1).json
    second = project.leitor.get(first["next"]).json
    assert [each["id"] for each in first["items"] + second["items"]] == [own, project.id]
    assert second["next"] is None


PATHS = [
    ("GET", "", None),
    ("PATCH", "", {"nome": "Outro"}),
    ("DELETE", "", None),
    ("GET", "/membros", None),
    ("PUT", "/membros/{login}", {"papel": "leitor"}),
    ("DELETE", "/membros/{login}", None),
]


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
def test_project_does_not_exist_for_strangers_whatever_their_role(
    project: Project, method: str, path: str, body: object
) -> None:
    for client in (project.stranger, project.outsider):
        address = project.path + path.format(login=project.leitor.login)
        assert_problem(client.request(method, address, body), 404, "ProjetoNotFound")
    unknown = f"/precos/projetos/{NOBODY}" + path.format(login=project.leitor.login)
    assert_problem(project.dono.request(method, unknown, body), 404, "ProjetoNotFound")


# What each role may do, the lowest that may first.
LOWEST = {
    ("GET", ""): "leitor",
    ("GET", "/membros"): "leitor",
    ("PATCH", ""): "admin",
    ("PUT", "/membros/{login}"): "admin",
    ("DELETE", "/membros/{login}"): "admin",
    ("DELETE", ""): "dono",
}


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
def test_role_decides_what_may_be_done(
    project: Project, client_of: MakeUser, method: str, path: str, body: object
) -> None:
    other = client_of(Role.LEITOR)
    project.dono.put(f"{project.path}/membros/{other.login}", {"papel": "leitor"})
    roles = ["leitor", "treinador", "admin", "dono"]
    needed = roles.index(LOWEST[method, path])
    address = project.path + path.format(login=other.login)
    for role in roles[:needed]:
        answer = getattr(project, role).request(method, address, body)
        assert_problem(answer, 403, "PapelInsuficiente")
    assert getattr(project, roles[needed]).request(method, address, body).status in (200, 204)


def test_project_is_changed(project: Project) -> None:
    changed = project.admin.patch(project.path, {"nome": "Novo", "descricao": "Melhor."}).json
    assert (changed["nome"], changed["descricao"], changed["papel"]) == ("Novo", "Melhor.", "admin")
    assert project.dono.get(project.path).json["nome"] == "Novo"
    assert _trail("projeto.alterado") == [project.admin.subject]


def test_only_the_owner_passes_a_project_on_and_stays_as_admin(project: Project) -> None:
    passed = {"dono": project.treinador.login}
    assert_problem(project.admin.patch(project.path, passed), 403, "PapelInsuficiente")
    answer = project.dono.patch(project.path, passed)
    assert (answer.json["dono"], answer.json["papel"]) == (project.treinador.login, "admin")
    assert project.treinador.get(project.path).json["papel"] == "dono"
    members = {
        m["login"]: m["papel"] for m in project.dono.get(f"{project.path}/membros").json["items"]
    }
    assert members == {
        project.dono.login: "admin",
        project.admin.login: "admin",
        project.leitor.login: "leitor",
    }
    assert_problem(project.dono.delete(project.path), 403, "PapelInsuficiente")
    assert _trail("projeto.transferido") == [project.dono.subject]


def test_project_passed_on_to_its_owner_stays_as_it_is(project: Project) -> None:
    answer = project.dono.patch(project.path, {"dono": project.dono.login})
    assert answer.json["papel"] == "dono"


def test_project_is_not_passed_on_to_nobody_nor_to_another_tenant(project: Project) -> None:
    for login in ("ninguem", project.outsider.login):
        answer = project.dono.patch(project.path, {"dono": login})
        assert_problem(answer, 404, "PessoaNotFound")


def test_deleted_project_is_gone_for_everybody_and_its_files_are_removed(project: Project) -> None:
    assert project.dono.delete(project.path).status == 204
    for client in (project.dono, project.admin, project.leitor):
        assert_problem(client.get(project.path), 404, "ProjetoNotFound")
        assert client.get("/precos/projetos").json["items"] == []
    jobs = project.dono.get("/jobs", queue="prices_removal_queue").json["items"]
    assert [job["state"] for job in jobs] == ["queued", "queued"]


def test_members_are_listed_with_role_and_name(project: Project) -> None:
    listed = project.leitor.get(f"{project.path}/membros", limit=2).json
    rest = project.leitor.get(listed["next"]).json
    found = [(m["login"], m["papel"]) for m in listed["items"] + rest["items"]]
    assert found == [
        (project.leitor.login, "leitor"),
        (project.treinador.login, "treinador"),
        (project.admin.login, "admin"),
    ]


def test_role_of_a_member_is_changed_and_since_when_stays(project: Project) -> None:
    login = project.leitor.login
    before = project.dono.get(f"{project.path}/membros").json["items"][0]
    # A login is the same in capitals.
    changed = project.admin.put(f"{project.path}/membros/{login.upper()}", {"papel": "admin"})
    assert changed.json == {**before, "papel": "admin"}
    assert project.leitor.get(project.path).json["papel"] == "admin"


def test_who_cannot_be_a_member_is_refused(project: Project, client_of: MakeUser) -> None:
    def put(login: str, papel: str = "leitor") -> Answer:
        return project.dono.put(f"{project.path}/membros/{login}", {"papel": papel})

    assert_problem(put("ninguem"), 404, "PessoaNotFound")
    assert_problem(put(project.outsider.login), 404, "PessoaNotFound")
    assert_problem(put(project.dono.login), 409, "DonoNaoMembro")
    assert_problem(put(project.leitor.login, "dono"), 422, "ValidationFailed")
    gone = client_of(Role.LEITOR)
    change = "UPDATE usuarios SET ativo = false WHERE id = :id"
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text(change), {"id": gone.usuario_id})
    assert_problem(put(gone.login), 404, "PessoaNotFound")


def test_member_may_leave_and_then_sees_nothing(project: Project) -> None:
    address = f"{project.path}/membros/{project.leitor.login}"
    assert_problem(project.treinador.delete(address), 403, "PapelInsuficiente")
    assert project.leitor.delete(address).status == 204
    assert_problem(project.leitor.get(project.path), 404, "ProjetoNotFound")
    assert_problem(project.dono.delete(address), 404, "MembroNotFound")
    assert _trail("projeto.descompartilhado") == [project.leitor.subject]


def test_members_are_bounded(
    project: Project, monkeypatch: pytest.MonkeyPatch, client_of: MakeUser
) -> None:
    monkeypatch.setattr(service_members, "MOST_MEMBERS", 3)
    address = f"{project.path}/membros/{client_of(Role.LEITOR).login}"
    assert_problem(project.dono.put(address, {"papel": "leitor"}), 409, "MembrosDemais")
    known = f"{project.path}/membros/{project.leitor.login}"
    assert project.dono.put(known, {"papel": "admin"}).status == 200


def test_two_who_share_at_once_make_one_member(project: Project, client_of: MakeUser) -> None:
    address = f"{project.path}/membros/{client_of(Role.LEITOR).login}"

    def share(client: Client) -> int:
        return client.put(address, {"papel": "leitor"}).status

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(share, [project.dono, project.admin])) == [200, 200]
    assert project.dono.get(f"{project.path}/membros").json["total"] == 4


def test_company_has_projects_of_its_own_and_its_keys_none(project: Project) -> None:
    company = sign_up_company()
    made = company.client.post("/precos/projetos", {"nome": "Da empresa"})
    assert made.status == 201
    assert_problem(company.client.get(project.path), 404, "ProjetoNotFound")
    key = Client(company.client.post("/credito/chaves", {"nome": "ERP"}).json["chave"])
    assert_problem(key.get("/precos/projetos"), 403, "NotAUser")
    assert_problem(key.post("/precos/projetos", {"nome": "x"}), 403, "NotAUser")
    assert_problem(key.get(f"/precos/projetos/{made.json['id']}"), 403, "NotAUser")


def test_anonymous_is_refused(anonymous: Client, project: Project) -> None:
    for method, path, body in PATHS:
        answer = anonymous.request(method, project.path + path.format(login="abc"), body)
        assert_problem(answer, 401, "Unauthorized")
