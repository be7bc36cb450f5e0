"""Pages of those who run the installation: requests, jobs, system, users, audit."""

import re
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from chalicelib.books.queues import BOOKS_SCRAPE_QUEUE
from chalicelib.books.schemas import ScrapeMessage
from chalicelib.console.job_words import QUEUES
from chalicelib.console.trail import said_of
from chalicelib.core import job_control
from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import enqueue
from chalicelib.core.settings import HOUSE
from chalicelib.core.storage_figures import storage_figures
from chalicelib.core.uploads import object_store
from functions import EVENT_SOURCES
from tests.client import Client
from tests.conftest import MakeUser
from tests.console.browsing import Browser
from tests.console.conftest import Visitor

PATH = "/console/operacao"
STRANGER = "empresa-0123456789ab"


@pytest.fixture
def chief(browser_of: Visitor) -> Browser:
    return browser_of(Role.ADMIN)


def a_job(tenant: str = HOUSE, key: str | None = None) -> UUID:
    with unit_of_work(tenant=tenant) as session:
        message = ScrapeMessage(base_url="https://books.toscrape.com/")
        owner = {"tenant": tenant, "owner": "usuario:1"}
        return enqueue(session, BOOKS_SCRAPE_QUEUE, message, **owner, dedupe_key=key).id


def run_as_system(statement: str, **values: object) -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(text(statement), values)


def fail(job: UUID) -> None:
    error = '{"title": "SiteUnreachable", "detail": "A loja não responde.", "attempt": 5}'
    run_as_system(
        "UPDATE jobs SET state = 'failed', finished_at = now(), error = cast(:error AS jsonb)"
        " WHERE id = :job",
        job=job,
        error=error,
    )


def test_every_queue_has_its_words() -> None:
    assert QUEUES.keys() == EVENT_SOURCES.keys()


def test_requests_are_counted_by_route_and_shown_as_table_and_figure(
    chief: Browser, anonymous: Client
) -> None:
    anonymous.get("/api/v1/categories")
    page = chief.get(PATH)
    assert "GET /api/v1/categories" in page.text
    assert "p99" in page.text
    assert 'type="application/json"' in page.source
    page = chief.get(PATH, route="/api/v1/categories", method="GET")
    assert "1 pedidos" in page.text
    assert "GET /entrar" not in page.text


def test_period_without_requests_says_so(chief: Browser) -> None:
    assert "Ninguém pediu nada" in chief.get(PATH, route="/nada").text
    assert chief.get(PATH, window="amanhã").status == 422


def test_system_is_really_asked(chief: Browser) -> None:
    a_job()
    page = chief.get(f"{PATH}/sistema")
    assert "Banco de dados No ar" in page.text
    assert "Coleta do catálogo" in page.text
    assert f"{PATH}/sistema/banco" in page.links


LARGEST = """
SELECT relname FROM pg_stat_user_tables ORDER BY pg_total_relation_size(relid) DESC, relname LIMIT 1
"""


def test_database_says_how_large_and_busy_it_is(
    chief: Browser, used_database: tuple[str, Engine]
) -> None:
    page = chief.get(f"{PATH}/sistema/banco")
    assert "PostgreSQL" in page.text
    assert re.search(r"\d+ conexões de \d+", page.text)
    with used_database[1].connect() as owner:  # Which it is, depends on the tests before.
        assert str(owner.scalar(text(LARGEST))) in page.text


def test_files_are_counted_by_what_they_are(chief: Browser) -> None:
    at = f"{PATH}/sistema/arquivos"
    assert "Nenhum arquivo ainda" in chief.get(at).text
    for name in ("casa/models/churn/1/model.onnx", f"{STRANGER}/credito/a", "casa/novo/b"):
        object_store().put(name, b"x" * 2048)
    page = chief.get(at)
    assert "6,0 kB guardados 3 arquivos 2 donos" in page.text
    assert "Modelos treinados 1 2,0 kB" in page.text
    assert "novo 1" in page.text  # A kind that nobody has named yet.


def test_counting_of_files_ends(chief: Browser) -> None:
    for name in ("casa/models/a", "casa/models/b"):
        object_store().put(name, b"x")
    assert storage_figures(object_store(), most=1).is_all is False
    assert storage_figures(object_store(), most=2).is_all is True


def test_cache_that_is_not_there_is_said_to_be_so(chief: Browser) -> None:
    page = chief.get(f"{PATH}/sistema/cache")
    assert "Nenhum cache está configurado" in page.text
    assert "0 modelos" in page.text


def test_failed_job_is_found_read_and_sent_again(chief: Browser) -> None:
    job = a_job()
    fail(job)
    page = chief.get(f"{PATH}/tarefas", state="failed", queue="")
    assert "A loja não responde" in page.text
    at = f"{PATH}/tarefas/{job}"
    page = chief.get(at)
    assert "SiteUnreachable" in page.text
    assert "https://books.toscrape.com/" in page.text
    page = chief.submit(page, at, "reenviar")
    assert "de novo na fila" in page.text
    assert "data-live" in page.source


def test_failed_jobs_are_sent_again_all_at_once(chief: Browser) -> None:
    for _ in range(2):
        fail(a_job())
    at = f"{PATH}/tarefas?state=failed"
    page = chief.submit(chief.get(at), at, "reenviar-falhas")
    assert "2 tarefas estão na fila" in page.text
    assert "Nenhuma tarefa falhou" in chief.get(at).text


def test_failed_job_whose_work_another_does_is_left(chief: Browser) -> None:
    fail(a_job(key="loja"))
    a_job(key="loja")
    at = f"{PATH}/tarefas?state=failed"
    assert "0 tarefas estão na fila" in chief.submit(chief.get(at), at, "reenviar-falhas").text


def test_failed_job_that_changes_meanwhile_keeps_no_other_back(
    chief: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        fail(a_job())
    at = f"{PATH}/tarefas?state=failed"
    page = chief.get(at)
    listed = job_control.list_jobs

    def listed_too_early(*given: Any) -> Any:
        found = listed(*given)
        run_as_system("UPDATE jobs SET state = 'succeeded' WHERE id = :id", id=found[0][0].id)
        return found

    monkeypatch.setattr(job_control, "list_jobs", listed_too_early)
    assert "Uma tarefa está" in chief.submit(page, at, "reenviar-falhas").text


def test_home_tells_of_queues_that_stand_and_of_errors(chief: Browser) -> None:
    a_job()
    run_as_system("UPDATE jobs SET next_attempt_at = now() - interval '11 minutes'")
    page = chief.get("/")
    assert "1 fila parada há mais de 10 minutos Coleta do catálogo" in page.text
    assert "coisas pedem atenção hoje" in page.text


def test_queued_job_is_cancelled_once(chief: Browser) -> None:
    at = f"{PATH}/tarefas/{a_job()}"
    page = chief.get(at)
    assert "A tarefa foi cancelada" in chief.submit(page, at, "cancelar").text
    again = chief.submit(page, at, "cancelar")
    assert again.status == 409
    assert "já terminou" in again.text


def test_job_of_a_company_is_counted_and_not_shown(chief: Browser) -> None:
    job = a_job(STRANGER)
    page = chief.get(f"{PATH}/tarefas")
    assert "Nenhuma tarefa" in page.text
    assert "Coleta do catálogo 1" in page.text
    assert chief.get(f"{PATH}/tarefas/{job}").status == 404


def new_user(chief: Browser, **changes: str) -> tuple[int, str]:
    fields = {"nome": "Nova Recepção", "login": "nova", "papel": "operador", "senha": "senha-boa-1"}
    at = f"{PATH}/usuarios"
    page = chief.submit(chief.get(at), at, "criar", **{**fields, **changes})
    return page.status, page.text


def test_new_user_may_sign_in(chief: Browser) -> None:
    status, told = new_user(chief)
    assert status == 200
    assert "Nova Recepção pode entrar como nova" in told
    assert Browser().sign_in("nova", "senha-boa-1").status == 303


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"senha": "curta"}, "pelo menos 8 caracteres"),
        ({"login": "não pode"}, "letras sem acento"),
        ({"papel": "empresa"}, "usuários de uma empresa"),
        ({"nome": ""}, "Preencha este campo"),
    ],
)
def test_user_that_cannot_be_is_refused_beside_the_form(
    chief: Browser, changes: dict[str, str], told: str
) -> None:
    status, shown = new_user(chief, **changes)
    assert status == 422
    assert told in shown


def test_login_is_taken_once(chief: Browser) -> None:
    new_user(chief)
    status, shown = new_user(chief)
    assert status == 409
    assert "Já há um usuário" in shown


def test_user_gets_another_role_and_password_and_is_kept_out(
    chief: Browser, client_of: MakeUser
) -> None:
    person = client_of(Role.OPERADOR)
    at = f"{PATH}/usuarios/{person.usuario_id}"
    page = chief.submit(chief.get(at), at, "salvar", papel="leitor", nome="Outro Nome")
    assert "Outro Nome" in page.title
    assert "Leitura" in page.text
    page = chief.submit(page, at, "senha", senha_nova="uma-outra-senha")
    assert "A senha foi trocada" in page.text
    assert Browser().sign_in(person.login, "uma-outra-senha").status == 303
    page = chief.submit(page, at, "desativar")
    assert "Acesso desativado" in page.text
    assert Browser().sign_in(person.login, "uma-outra-senha").status == 401
    assert "Ativo" in chief.submit(page, at, "reativar").text


def test_last_admin_stays(chief: Browser) -> None:
    (own,) = re.findall(rf"({PATH}/usuarios/\d+)", chief.get(f"{PATH}/usuarios").source)
    page = chief.submit(chief.get(own), own, "desativar")
    assert page.status == 409
    assert "última pessoa que administra" in page.text


def test_user_of_a_company_is_not_shown(chief: Browser, client_of: MakeUser) -> None:
    stranger = client_of(Role.EMPRESA, STRANGER)
    assert stranger.login not in chief.get(f"{PATH}/usuarios").text
    assert chief.get(f"{PATH}/usuarios/{stranger.usuario_id}").status == 404


def test_trail_says_who_did_what_in_words(chief: Browser) -> None:
    new_user(chief)
    page = chief.get(f"{PATH}/auditoria")
    assert "Usuário criado" in page.text
    page = chief.get(f"{PATH}/auditoria", acao="sessao.iniciada", ator="", desde="2020-01-01T00:00")
    assert "Sessão iniciada" in page.text
    assert "Usuário criado" not in page.text
    assert "Nenhuma entrada" in chief.get(f"{PATH}/auditoria", ate="2020-01-01T00:00").text


def test_trail_is_verified_and_a_changed_entry_is_named(
    chief: Browser, used_database: tuple[str, Engine]
) -> None:
    new_user(chief)
    at = f"{PATH}/auditoria"
    assert "A trilha confere" in chief.submit(chief.get(at), at, "verificar").text
    with used_database[1].connect() as superuser:
        superuser.execute(text("SET session_replication_role = replica"))
        superuser.execute(text("UPDATE auditoria SET ator = 'outro' WHERE tenant = 'casa'"))
        superuser.execute(text("SET session_replication_role = origin"))
    page = chief.submit(chief.get(at), at, "verificar")
    assert "não confere na entrada 1" in page.text


@pytest.mark.parametrize(
    ("acao", "said"),
    [
        ("usuario.criado", "Usuário criado"),
        ("modelo.alias_movido", "Modelo posto em uso"),
        ("job.pedido", "Tarefa pedida"),
        ("algo.novo_demais", "algo novo demais"),
    ],
)
def test_deeds_are_said_in_words(acao: str, said: str) -> None:
    assert said_of(acao) == said
