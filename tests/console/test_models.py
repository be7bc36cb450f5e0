"""The page of all models: each product's that one may see, and what of it is served."""

from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, engine
from tests.console.browsing import Browser
from tests.console.conftest import Visitor
from tests.console.prices.conftest import SignIn, browser_for, project
from tests.core.test_pages import statements
from tests.gym.publishing import publish_model
from tests.prices.conftest import Project
from tests.prices.publishing import publish_price_model

__all__ = ["browser_for", "project"]

MODELS = "/console/modelos"


def test_models_of_the_house_are_listed_with_what_answers(browser_of: Visitor) -> None:
    admin = browser_of(Role.ADMIN)
    page = admin.get(MODELS)
    assert "Modelo de risco de saída Nenhuma" in page.text
    assert "Modelo de preço dos livros Nenhuma" in page.text
    publish_model()
    page = admin.get(MODELS)
    assert "Modelo de risco de saída Versão 1 0 dias Sem medida" in page.text
    assert {"/console/modelos/churn", "/console/modelos/livros"} <= set(page.links)
    assert "Modelo de crédito" not in page.text


def test_model_of_a_product_that_one_may_not_see_is_not_listed(desk: Browser) -> None:
    page = desk.get(MODELS)
    assert "Modelo de risco de saída" in page.text
    assert "Modelo de preço dos livros" not in page.text


def test_company_sees_its_own_model_only(portal: Browser) -> None:
    page = portal.get(MODELS)
    assert "Modelo de crédito Nenhuma" in page.text
    assert "Nenhum modelo ainda. Projetos" in page.text
    assert "Modelo de risco" not in page.text


def test_projects_are_listed_with_their_versions(project: Project, browser_for: SignIn) -> None:
    reader = browser_for(project.leitor)
    assert "Ver a saúde" not in reader.get(MODELS).text
    publish_price_model(project.id)
    page = reader.get(MODELS)
    assert "Versão 1" in page.text
    assert f"/console/precos/{project.id}/versoes" in page.links
    assert f"/console/precos/{project.id}/saude" in page.links


def test_statements_do_not_grow_with_the_projects(project: Project, browser_for: SignIn) -> None:
    admin, app = browser_for(project.admin), engine(DatabaseRole.APP)
    with statements(app) as few:
        admin.get(MODELS)
    for number in range(4):
        project.admin.post("/precos/projetos", {"nome": f"Outro {number}"})
    with statements(app) as many:
        assert "Outro 3" in admin.get(MODELS).text
    assert len(many) == len(few)
