"""The lab's main task, from a file to a prediction with sliders; and what its pages look like."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.core.auth import Role
from tests.browser.conftest import check, looking, sign_in
from tests.conftest import MakeUser
from tests.gym.work import work_off
from tests.prices.conftest import Project, project
from tests.prices.files import as_csv
from tests.prices.publishing import ask, publish_price_model

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["project"]

TABS = ("", "/dados", "/treinos", "/versoes", "/prever", "/historico", "/uso", "/saude", "/pessoas")
ROWS = 200


def cars() -> bytes:
    """Cars that never were, whose price follows from what is said of them."""
    powers = [60 + 2 * (37 * n % 97) for n in range(ROWS)]
    return as_csv(
        {
            "potencia": powers,
            "marca": [("Aurora", "Brisa", "Cume")[n % 3] for n in range(ROWS)],
            "preco": [
                round(10 + 0.2 * power + 5 * (n % 3) + 0.1 * (n % 7), 2)
                for n, power in enumerate(powers)
            ],
        }
    )


def send_file(page: "Page", path: Path, button: str) -> None:
    """Choose a file and send it, then let the workers have it."""
    page.get_by_label("Arquivo CSV, NDJSON ou Parquet").set_input_files(path)
    page.get_by_role("button", name=button).click()
    page.wait_for_load_state()


@pytest.mark.slow
def test_newcomer_goes_from_a_file_to_a_prediction(
    client_of: MakeUser, address: str, chromium: "Browser", tmp_path: Path
) -> None:
    file = tmp_path / "carros.csv"
    file.write_bytes(cars())
    with looking(chromium, address) as page:
        sign_in(page, client_of(Role.LEITOR).login)
        page.get_by_role("link", name="Projetos", exact=True).click()
        page.get_by_label("Nome", exact=True).fill("Carros")
        page.get_by_role("button", name="Criar projeto").click()
        page.get_by_text("Agora envie os dados").wait_for()
        send_file(page, file, "Enviar")
        page.get_by_role("heading", name="Lendo o arquivo").wait_for()
        work_off()
        page.get_by_role("link", name="Treinar com estes dados").click()

        for name in ("Floresta aleatória", "Gradiente (boosting)", "Gradiente por histogramas"):
            page.get_by_role("checkbox", name=name, exact=True).uncheck()
        page.get_by_role("checkbox", name="Árvore de decisão").check()
        page.get_by_role("button", name="Treinar").click()
        page.get_by_text("Na fila").wait_for()
        work_off()
        page.get_by_role("heading", name="Algoritmos comparados").wait_for()
        assert page.get_by_role("row").filter(has_text="Árvore de decisão").is_visible()
        assert page.get_by_text("erra menos que Ingênuo").is_visible()
        page.locator("[data-plot]:not([hidden])").first.wait_for()

        train_another(page)
        page.get_by_role("link", name="Versões", exact=True).click()
        page.get_by_role("button", name="Comparar nas mesmas linhas").click()
        page.get_by_role("heading", name="Comparação").wait_for()
        work_off()
        page.get_by_text("Positivo: a 2 é melhor").wait_for()

        promote_other(page)
        ask_with_sliders(page)


def train_another(page: "Page") -> None:
    """A second version, of another algorithm alone."""
    page.get_by_role("link", name="Treinos", exact=True).click()
    page.get_by_role("link", name="Novo treino").click()
    for name in ("Ridge", "Gradiente (boosting)", "Gradiente por histogramas"):
        page.get_by_role("checkbox", name=name, exact=True).uncheck()
    page.get_by_role("checkbox", name="Floresta aleatória").uncheck()
    page.get_by_role("checkbox", name="Lasso").check()
    page.get_by_role("button", name="Treinar").click()
    page.get_by_text("Na fila").wait_for()
    work_off()
    page.get_by_role("link", name="Abrir a versão 2").wait_for()


def promote_other(page: "Page") -> None:
    """Whichever version does not answer, after being asked whether one means it."""
    page.get_by_role("link", name="Versões", exact=True).click()
    kept = page.locator("tbody tr").filter(has_not_text="Responde").first
    kept.get_by_role("link").first.click()
    page.get_by_label("Por que promover").fill("Mais simples de explicar")
    page.get_by_role("button", name="Promover").click()
    page.get_by_role("button", name="Confirmar").click()
    page.get_by_text("responde a partir de agora").wait_for()


def ask_with_sliders(page: "Page") -> None:
    """One case, by sliders and choices; the answer comes without leaving the page."""
    page.get_by_role("link", name="Experimentar").click()
    page.get_by_role("slider").first.fill("200")
    assert page.get_by_label("potencia", exact=True).input_value() == "200"
    page.get_by_label("marca").select_option("Cume")
    page.get_by_role("button", name="Prever", exact=True).click()
    answer = page.locator("#resultado")
    answer.get_by_text("Por quê").wait_for()
    said = re.search(r"\d+(,\d+)?", answer.locator(".score").inner_text())
    assert said is not None
    assert 40 < float(said.group().replace(",", ".")) < 80
    answer.get_by_role("link", name="histórico").click()
    assert page.get_by_text("marca").first.is_visible()


@pytest.mark.slow
def test_without_scripts_a_file_is_sent_and_a_case_asked_about(
    project: Project, address: str, chromium: "Browser", tmp_path: Path
) -> None:
    file = tmp_path / "carros.csv"
    file.write_bytes(cars())
    publish_price_model(project.id)
    base = f"/console{project.path.replace('/projetos', '')}"
    with looking(chromium, address, 360, java_script_enabled=False) as page:
        sign_in(page, project.treinador.login)
        page.goto(f"{base}/dados")
        send_file(page, file, "Enviar")
        work_off()
        page.reload()
        assert page.get_by_role("heading", name="Colunas").is_visible()
        page.goto(f"{base}/prever")
        page.get_by_label("potencia", exact=False).first.fill("150")
        page.get_by_role("button", name="Prever").click()
        assert page.get_by_text("Ponto de partida").first.is_visible()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_pages_fit_and_axe_finds_nothing_serious(
    project: Project, address: str, chromium: "Browser", tmp_path: Path, width: int, scheme: Any
) -> None:
    sent = project.treinador.post(f"{project.path}/datasets", cars(), content_type="text/csv")
    work_off()
    for seed in (1, 2):
        publish_price_model(project.id, seed=seed, champion=seed == 1)
    assert ask(project.dono, project).status == 201
    base = f"/console{project.path.replace('/projetos', '')}"
    deeper = (
        f"/dados/{sent.json['dataset']['id']}",
        "/treinos/novo",
        "/versoes/2",
        "/arquivos",
        "/historico/1",
    )
    with looking(chromium, address, width, scheme) as page:
        sign_in(page, project.dono.login)
        page.goto("/console/precos")
        check(page, "precos-projetos", width, scheme)
        for path in (*TABS, *deeper):
            page.goto(base + path)
            name = re.sub(r"[^a-z]+", "-", path).strip("-") or "visao"
            check(page, f"precos-{name}", width, scheme)
