"""Projects and their data: made, shared, sent, corrected."""

from sqlalchemy import select

from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.prices.tables import Dataset
from tests.conftest import MakeUser
from tests.console.conftest import Visitor
from tests.console.prices.conftest import SignIn, at
from tests.prices.conftest import Project
from tests.prices.files import as_csv, small_table
from tests.prices.working import work_off


def test_project_is_made_and_leads_to_its_data(browser_of: Visitor) -> None:
    browser = browser_of(Role.LEITOR)
    page = browser.get("/console/precos")
    assert "Nenhum projeto ainda" in page.text
    made = browser.submit(page, "/console/precos", "criar", nome="Casas", descricao="Em Lages")
    assert "Agora envie os dados" in made.text
    assert "Nenhum dado ainda" in made.text
    listed = browser.get("/console/precos").text
    assert "Casas" in listed
    assert "Em Lages" in listed


def test_project_without_a_name_is_asked_for_one(browser_of: Visitor) -> None:
    browser = browser_of(Role.LEITOR)
    page = browser.get("/console/precos")
    refused = browser.submit(page, "/console/precos", "criar", descricao="Sem nome")
    assert refused.status == 422
    assert "Preencha este campo" in refused.text
    assert refused.form("criar").fields["descricao"] == "Sem nome"


def test_strangers_do_not_see_a_project(project: Project, browser_for: SignIn) -> None:
    for path in ("", "/dados", "/treinos", "/versoes", "/prever", "/historico", "/uso", "/saude"):
        assert browser_for(project.stranger).get(at(project, path)).status == 404, path


def test_reader_looks_and_is_offered_nothing_else(project: Project, browser_for: SignIn) -> None:
    reader = browser_for(project.leitor)
    assert "Quem treina neste projeto pode enviar" in reader.get(at(project, "/dados")).text
    assert reader.get(at(project, "/treinos/novo")).status == 403
    assert "Compartilhar" not in reader.get(at(project, "/pessoas")).text


def test_project_is_shared_changed_left_and_deleted(project: Project, browser_for: SignIn) -> None:
    owner, path = browser_for(project.dono), at(project, "/pessoas")
    page = owner.get(path)
    shared = owner.submit(
        page, path, "compartilhar", login=project.stranger.login, papel="treinador"
    )
    assert "agora tem acesso" in shared.text
    nobody = owner.submit(page, path, "compartilhar", login="ninguem", papel="leitor")
    assert nobody.status == 422
    assert "Não há ninguém ativo" in nobody.text
    assert nobody.form("compartilhar").fields["login"] == "ninguem"
    renamed = owner.submit(page, path, "mudar", nome="Casas do sul", descricao="")
    assert "Casas do sul" in renamed.text
    guest = browser_for(project.stranger)
    left = guest.submit(guest.get(path), path, "retirar", login=project.stranger.login)
    assert "Você saiu do projeto" in left.text
    gone = owner.submit(owner.get(path), path, "excluir")
    assert "foi excluído" in gone.text
    assert owner.get(at(project)).status == 404


def test_file_is_sent_profiled_corrected_and_fetched(project: Project, browser_for: SignIn) -> None:
    trainer = browser_for(project.treinador)
    data, path = at(project, "/dados"), at(project, "/dados/1")
    waiting = trainer.send_file(data, "enviar", as_csv(small_table()).decode(), nome="Vendas")
    assert "Lendo o arquivo" in waiting.text
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        job_id = session.scalars(select(Dataset.job_id)).one()
    assert work_off(str(job_id)).state == "succeeded"
    page = trainer.get(path)
    assert "40 linhas" in page.text
    assert "Distribuição de preco" in page.text
    assert page.form("corrigir").fields["tipo.2"] == "numero"
    changed = trainer.submit(page, path, "corrigir", **{"tipo.2": "categoria", "unidade.5": "R$"})
    assert "As correções valem" in changed.text
    fields = changed.form("corrigir").fields
    assert (fields["tipo.2"], fields["unidade.5"]) == ("categoria", "R$")
    undone = trainer.submit(changed, path, "corrigir", desfazer="2")
    assert undone.form("corrigir").fields["tipo.2"] == "numero"
    refused = trainer.submit(undone, path, "corrigir", **{"tipo.1": "numero"})
    assert refused.status == 422
    assert "40 de 40 valores" in refused.text
    assert trainer.get(f"{path}/parquet").status == 303


def test_same_file_again_leads_to_what_it_made(project: Project, browser_for: SignIn) -> None:
    trainer, path = browser_for(project.treinador), at(project, "/dados")
    data = as_csv(small_table()).decode()
    first = trainer.send_file(path, "enviar", data)
    again = trainer.send_file(path, "enviar", data)
    assert "já tinha sido enviado" in again.text
    assert again.title == first.title
    assert trainer.get(path).text.count("Na fila") == 1


def test_home_says_how_many_projects_one_has(
    project: Project, browser_for: SignIn, client_of: MakeUser
) -> None:
    assert "1 projeto de preços" in browser_for(project.dono).get("/").text
    assert "Criar o primeiro" in browser_for(client_of(Role.LEITOR)).get("/").text
