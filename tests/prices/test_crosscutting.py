"""What the brief's apps 5, 6, 7 and 9 ask of every product, shown on the routes of the prices."""

import json
import logging
from typing import Any

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.settings import settings
from chalicelib.core.telemetry import JsonFormatter
from chalicelib.core.web import forget_principals
from chalicelib.ml.versions import model_cache
from tests.client import Client, assert_problem
from tests.conftest import MakeUser
from tests.gym.work import work_off
from tests.prices.conftest import Project
from tests.prices.publishing import CAR, add_file, ask, publish_price_model
from tests.scrape import series

REQUEST = "pedido-de-teste-1"
PREDICTIONS = "/precos/projetos/{projeto_id}/previsoes"


def lines_of(text: str) -> list[dict[str, Any]]:
    """Log lines as they are written."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


# App 5: logging, errors, tracing.


def test_one_request_id_goes_from_http_to_the_jobs_log(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    publish_price_model(project.id)
    caplog.handler.setFormatter(JsonFormatter())
    caplog.set_level(logging.INFO)
    objeto = add_file(project.leitor, b"potencia,peso\n100,1000\n")
    answer = project.leitor.post(
        f"{project.path}/previsoes/lote", {"objeto": objeto}, headers={"x-request-id": REQUEST}
    )
    assert answer.headers["X-Request-Id"] == REQUEST
    work_off()
    said = [each for each in lines_of(caplog.text) if each["request_id"] == REQUEST]
    messages = [each["message"] for each in said]
    assert "request" in messages
    assert "job started" in messages
    ended = next(each for each in said if each["message"] == "job ended")
    assert (ended["queue"], ended["outcome"]) == ("prices_prediction_queue", "succeeded")


def test_the_access_log_names_the_route_and_holds_nothing_that_was_sent(
    project: Project, caplog: pytest.LogCaptureFixture
) -> None:
    publish_price_model(project.id)
    caplog.handler.setFormatter(JsonFormatter())
    caplog.set_level(logging.INFO)
    ask(project.leitor, project, instancia={**CAR, "marca": "Segredo"})
    line = next(each for each in lines_of(caplog.text) if each["message"] == "request")
    assert (line["route"], line["status"]) == (PREDICTIONS, 201)
    assert line["subject"] == project.leitor.subject
    assert line["ms"] > 0
    assert "Segredo" not in caplog.text
    assert project.id not in caplog.text


def test_every_refusal_has_one_shape(project: Project) -> None:
    publish_price_model(project.id)
    path = f"{project.path}/previsoes"
    assert_problem(
        project.leitor.post(path, b"{", content_type="application/json"), 400, "BadRequest"
    )
    assert_problem(
        project.leitor.post(path, b"a", content_type="text/plain"), 415, "UnsupportedMediaType"
    )
    assert_problem(ask(project.leitor, project, instancia={}), 422, "ValidationFailed")
    assert_problem(ask(project.leitor, project, versao=99), 404, "ModelVersionNotFound")
    assert_problem(ask(project.stranger, project), 404, "ProjetoNotFound")


def test_requests_and_loads_of_models_are_measured(project: Project, admin: Client) -> None:
    publish_price_model(project.id)
    ask(project.leitor, project)
    found = series(admin.get("/metrics").body.decode())
    routes = {key for key in found if PREDICTIONS in str(key)}
    assert routes
    assert any("model" in str(key) for key in found)


# App 6: users and what they may do; `test_roles.py` has every route.


def test_a_user_who_is_deactivated_asks_no_more(project: Project, admin: Client) -> None:
    publish_price_model(project.id)
    assert ask(project.leitor, project).status == 201
    answer = admin.patch(f"/auth/usuarios/{project.leitor.usuario_id}", {"ativo": False})
    assert answer.status == 200, answer.body
    forget_principals()
    assert ask(project.leitor, project).status == 401


def test_who_is_no_longer_a_member_is_a_stranger_at_once(project: Project) -> None:
    publish_price_model(project.id)
    login = project.leitor.login
    assert project.dono.delete(f"{project.path}/membros/{login}").status == 204
    assert_problem(ask(project.leitor, project), 404, "ProjetoNotFound")


def test_a_role_in_the_house_is_no_role_in_a_project(project: Project, client_of: MakeUser) -> None:
    publish_price_model(project.id)
    for role in Role:
        assert_problem(ask(client_of(role), project), 404, "ProjetoNotFound")


# App 7: cache, rate limits; lists and filters are in `test_history.py`.


def test_a_model_is_loaded_once_for_many_requests(project: Project) -> None:
    publish_price_model(project.id)
    before = model_cache().stats()
    for _ in range(3):
        ask(project.leitor, project)
    after = model_cache().stats()
    assert (after.loads - before.loads, after.hits - before.hits) == (1, 2)


def test_every_answer_tells_how_much_may_be_asked_still(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_price_model(project.id)
    monkeypatch.setenv("RATE_LIMIT_PRINCIPAL", "5/day")
    settings.cache_clear()
    answers = [ask(project.treinador, project) for _ in range(6)]
    assert [answer.status for answer in answers] == [201] * 5 + [429]
    assert answers[0].headers["RateLimit-Policy"] == '"principal";q=5;w=86400'
    assert "r=4" in answers[0].headers["RateLimit"]
    problem = assert_problem(answers[5], 429, "TooManyRequests")
    assert problem["title"] == "TooManyRequests"
    assert int(answers[5].headers["Retry-After"]) > 0


def test_trainings_have_a_limit_of_their_own(project: Project) -> None:
    body = {"dataset": 1, "alvo": "preco"}
    answer = project.treinador.post(f"{project.path}/treinamentos", body)
    assert '"post_treinamento";q=120;w=3600' in answer.headers["RateLimit-Policy"]


# App 9: tasks, their status, and who may cancel them.


def test_a_task_is_followed_from_the_queue_to_its_result(project: Project) -> None:
    publish_price_model(project.id)
    objeto = add_file(project.leitor, b"potencia,peso\n100,1000\n")
    body = {"objeto": objeto}
    first, second = (project.leitor.post(f"{project.path}/previsoes/lote", body) for _ in range(2))
    assert first.headers["Location"] == f"/jobs/{first.json['id']}"
    assert (first.json["state"], first.json["progress"]) == ("queued", 0.0)
    cancelled = project.leitor.post(f"/jobs/{second.json['id']}/cancelar")
    assert cancelled.json["state"] == "cancelled"
    work_off()
    done = project.leitor.get(first.headers["Location"]).json
    assert (done["state"], done["progress"], done["attempt"]) == ("succeeded", 1.0, 1)
    assert done["result"]["previstas"] == 1
    again = project.leitor.post(f"/jobs/{second.json['id']}/reenviar")
    assert again.status == 202
    work_off()
    assert project.leitor.get(f"/jobs/{second.json['id']}").json["state"] == "succeeded"
    assert_problem(
        project.stranger.get("/jobs/00000000-0000-0000-0000-000000000001"), 404, "JobNotFound"
    )
    assert_problem(project.treinador.get(first.headers["Location"]), 404, "JobNotFound")
