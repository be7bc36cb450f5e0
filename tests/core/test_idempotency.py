"""A creating request that is sent again with its `Idempotency-Key` does nothing more."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from chalice.app import Chalice, Response
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app import app as the_app
from chalicelib.core import audit, idempotency
from chalicelib.core.auth import Principal, Role
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, engine, unit_of_work
from chalicelib.core.idempotency import IdempotencyInFlight, KeyedRequest
from chalicelib.core.settings import HOUSE, settings
from chalicelib.core.web import Routes, endpoint
from infra.local.gateway.function import per_thread
from infra.local.scheduler import run_due, schedules_of
from tests.client import Answer, Client, assert_problem
from tests.conftest import PASSWORD, MakeUser
from tests.core.conftest import MakeJob, change_job, job_row
from tests.core.sample import Note
from tests.core.sample import app as sample_app
from tests.core.test_pages import statements
from tests.routes import api_views

KEY = "8e03978e-40d5-43e8-bc93-6894a57f9324"
NOTE = {"texto": "fine"}


@pytest.fixture
def desk(operador: Client) -> Client:
    """An operador, at the sample app."""
    return operador.on(sample_app)


def send(client: Client, path: str, body: Any = None, key: str = KEY) -> Answer:
    """POST with a key."""
    return client.post(path, body, headers={idempotency.HEADER: key})


def _is_replay(answer: Answer) -> bool:
    return answer.headers.get(idempotency.REPLAYED) == "true"


def _rows(table: str, where: str = "true") -> int:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table} WHERE {where}")) or 0)


def _notes() -> int:
    return _rows("auditoria", "acao = 'nota.feita'")


def _kept() -> int:
    return _rows("idempotency_keys")


# The same request again.


def test_repetition_gets_the_same_answer_and_does_nothing(desk: Client) -> None:
    first, again = send(desk, "/notes", NOTE), send(desk, "/notes", NOTE)
    assert (first.status, _is_replay(first)) == (201, False)
    assert (again.status, again.body, _is_replay(again)) == (201, first.body, True)
    assert again.headers["Content-Type"] == first.headers["Content-Type"]
    assert again.headers["X-Request-Id"] != first.headers["X-Request-Id"]
    assert (_notes(), _rows("jobs")) == (1, 1)


def test_job_is_sent_again_once_and_followed_at_the_same_place(
    operador: Client, make_job: MakeJob
) -> None:
    failed = make_job(owner=operador.subject)
    change_job(failed, "state = 'failed'")
    first = send(operador, f"/jobs/{failed}/reenviar")
    change_job(failed, "state = 'failed'")
    again = send(operador, f"/jobs/{failed}/reenviar")
    assert (first.status, again.status) == (202, 202)
    assert again.headers["Location"] == first.headers["Location"] == f"/jobs/{failed}"
    assert again.body == first.body
    assert job_row(failed).state == "failed"


def test_without_a_key_a_repetition_is_done_again(desk: Client) -> None:
    assert [desk.post("/notes", NOTE).status for _ in range(2)] == [201, 201]
    assert (_notes(), _kept()) == (2, 0)


@pytest.mark.parametrize(
    "other",
    [
        {"body": {"texto": "other"}},
        {"body": b'{"texto":"fine"}'},  # The same to a model, but not the same request.
        {"path": "/notes?x=1", "body": NOTE},
    ],
)
def test_other_content_under_the_same_key_is_refused(desk: Client, other: dict[str, Any]) -> None:
    send(desk, "/notes", NOTE)
    refused = send(desk, **{"path": "/notes", **other})
    assert_problem(refused, 422, "IdempotencyKeyReused")
    assert _notes() == 1


def test_order_of_the_query_does_not_matter(desk: Client) -> None:
    send(desk, "/notes?a=1&b=2", NOTE)
    assert _is_replay(send(desk, "/notes?b=2&a=1", NOTE))


# Whose key, and for what.


def test_key_is_its_senders(client_of: MakeUser) -> None:
    desks = [
        client_of(Role.OPERADOR),
        client_of(Role.OPERADOR),
        client_of(Role.OPERADOR, "padaria"),
    ]
    answers = [send(each.on(sample_app), "/notes", NOTE) for each in desks]
    assert [(a.status, _is_replay(a)) for a in answers] == [(201, False)] * 3
    assert _kept() == 3


def test_key_is_its_paths(operador: Client, make_job: MakeJob) -> None:
    jobs = [make_job(owner=operador.subject) for _ in range(2)]
    for job_id in jobs:
        change_job(job_id, "state = 'failed'")
        assert send(operador, f"/jobs/{job_id}/reenviar").json["id"] == str(job_id)
    assert [job_row(job_id).state for job_id in jobs] == ["queued", "queued"]


def test_answer_is_seen_by_its_tenant_only(environment: dict[str, str]) -> None:
    ours = KeyedRequest(HOUSE, "usuario:1", "POST /x", KEY, b"f")
    theirs = replace(ours, tenant="padaria")
    with unit_of_work(tenant=HOUSE) as session:
        idempotency.answer_once(session, ours, lambda: Response("ours", status_code=201))
    with unit_of_work(tenant=HOUSE) as session:
        assert idempotency.find_answer(session, ours) is not None
    with unit_of_work(tenant="padaria") as session:
        assert idempotency.find_answer(session, theirs) is None
        assert idempotency.find_answer(session, ours) is None
    assert ours.lock != theirs.lock


def test_caller_is_asked_for_again(client_of: MakeUser, desk: Client) -> None:
    send(desk, "/notes", NOTE)
    assert_problem(send(Client().on(sample_app), "/notes", NOTE), 401, "Unauthorized")
    assert_problem(send(client_of(Role.LEITOR).on(sample_app), "/notes", NOTE), 403, "Forbidden")


# What fails is not kept.


@pytest.mark.parametrize(("texto", "status"), [("refused", 409), ("broken", 500), ("", 422)])
def test_what_was_not_done_may_be_repaired_under_the_same_key(
    desk: Client, texto: str, status: int
) -> None:
    assert send(desk, "/notes", {"texto": texto}).status == status
    assert _kept() == 0
    repaired = send(desk, "/notes", NOTE)
    assert (repaired.status, _is_replay(repaired), _notes()) == (201, False, 1)


# At once.


@dataclass
class Held:
    """An app whose view waits, inside its transaction, until it may go on."""

    app: Chalice
    entered: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def held(environment: dict[str, str]) -> Iterator[Held]:
    """An app that can be held inside of a request."""
    routes = Routes(__name__)
    found = Held(Chalice(app_name="held", configure_logs=False))

    @routes.route("/notes", methods=["POST"])
    @endpoint(routes, body=Note, status=201, allow=Role.OPERADOR, autocommit=True)
    def post_note(session: Session, principal: Principal, body: Note) -> Note:
        """Write a note, and wait."""
        audit.record(
            session,
            tenant=principal.tenant,
            ator=principal.subject,
            acao="nota.feita",
            objeto=body.texto,
        )
        session.flush()
        found.entered.set()
        assert found.may_go_on.wait(30)
        return body

    found.app.register_blueprint(routes)
    per_thread(found.app)
    yield found
    found.may_go_on.set()


@pytest.fixture
def under_way(held: Held, operador: Client) -> Iterator[tuple[Client, Future[Answer]]]:
    """A request that is inside of its transaction, and who sent it."""
    desk = operador.on(held.app)
    with ThreadPoolExecutor(1) as elsewhere:
        answer = elsewhere.submit(send, desk, "/notes", NOTE)
        assert held.entered.wait(30)
        try:
            yield desk, answer
        finally:
            held.may_go_on.set()


def test_request_under_way_is_a_409_and_then_a_replay(
    under_way: tuple[Client, Future[Answer]], held: Held
) -> None:
    desk, first = under_way
    refused = send(desk, "/notes", NOTE)
    assert_problem(refused, 409, "IdempotencyInFlight")
    assert refused.headers["Retry-After"] == "1"
    held.may_go_on.set()
    assert first.result(30).status == 201
    again = send(desk, "/notes", NOTE)
    assert (again.status, again.body, _is_replay(again)) == (201, first.result().body, True)
    assert _notes() == 1


def test_lost_request_leaves_nothing_under_way(
    under_way: tuple[Client, Future[Answer]], held: Held, admin_engine: Engine
) -> None:
    desk, first = under_way
    with admin_engine.connect() as connection:
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE state = :s"
        assert connection.execute(text(ended), {"s": "idle in transaction"}).all() == [(True,)]
    held.may_go_on.set()
    assert_problem(first.result(30), 503, "ServiceUnavailable")
    again = send(desk, "/notes", NOTE)
    assert (again.status, _is_replay(again), _notes()) == (201, False, 1)


def test_many_at_once_create_one(desk: Client) -> None:
    per_thread(sample_app)
    together = threading.Barrier(8)

    def post(_: int) -> Answer:
        together.wait(30)
        return send(desk, "/notes", NOTE)

    with ThreadPoolExecutor(8) as desks:
        answers = list(desks.map(post, range(8)))
    assert [a.status for a in answers if not _is_replay(a) and a.status != 409] == [201]
    assert {a.status for a in answers} <= {201, 409}
    assert (_notes(), _rows("jobs"), _kept()) == (1, 1, 1)


def test_constraint_decides_where_the_lock_did_not(environment: dict[str, str]) -> None:
    keyed = KeyedRequest(HOUSE, "usuario:1", "POST /x", KEY, b"f")

    def work() -> Response:
        # Another process answers it meanwhile, and knows of no such lock.
        with unit_of_work(tenant=HOUSE) as other:
            other.add(idempotency._answer_to_keep(keyed, Response("theirs", status_code=201)))
        return Response("ours", status_code=201)

    with (
        pytest.raises(IdempotencyInFlight) as refusal,
        unit_of_work(tenant=HOUSE) as session,
    ):
        idempotency.answer_once(session, keyed, work)
    assert refusal.value.headers == {"Retry-After": "1"}
    assert _kept() == 1


# The key itself, and where it is taken.


@pytest.mark.parametrize("key", ["a", "~!#[]", "a" * 255, KEY])
def test_key_is_the_same_bare_and_quoted(desk: Client, key: str) -> None:
    assert send(desk, "/notes", NOTE, key).status == 201
    assert _is_replay(send(desk, "/notes", NOTE, f'"{key}"'))


@pytest.mark.parametrize(
    "key",
    [
        *("", " ", '"', '""', '"a', 'a"', 'a"b', "a b", '"a b"', "a\\b"),
        *("ção", "a\x7f", "a\tb", "a" * 256, '"a";p=1', '"a", "b"'),
    ],
)
def test_malformed_key_is_refused_and_nothing_done(desk: Client, key: str) -> None:
    assert_problem(send(desk, "/notes", NOTE, key), 400, "IdempotencyKeyMalformed")
    assert _notes() == 0


def test_every_creating_endpoint_takes_a_key_but_those_that_answer_credentials() -> None:
    takes, refuses = set(), set()
    for path, method, view in api_views():
        if view.takes_key(method):
            takes.add(f"{method} {path}")
        if view.refuses_key(method):
            refuses.add(f"{method} {path}")
    assert takes == {
        "POST /jobs/{job_id}/reenviar",
        "POST /api/v1/scraping/trigger",
        "POST /auth/usuarios",
        "POST /planos",
        "POST /credito/datasets",
        "POST /credito/datasets/{dataset_id}/concluir",
        "POST /aluno/registro",
        "POST /aluno/registro/lote",
        "POST /aluno/checkin",
        "POST /aluno/checkin/lote",
        "POST /admin/atualizar-modelo",
        "POST /admin/calcular-probabilidades",
        "POST /admin/relatorios",
        "POST /admin/alunos-sinteticos",
        "POST /modelos/churn/comparar",
        "POST /credito/retreinamentos",
        "POST /credito/modelos/saude",
        "POST /credito/modelos/comparar",
        "POST /retencao/contatos",
        "POST /retencao/jogadas",
        "POST /retencao/regras",
        "POST /credito/pedidos",
        "POST /credito/pedidos/lote",
        "POST /credito/pedidos/{pedido_id}/revisao",
        "POST /credito/pedidos/{pedido_id}/desfecho",
        "POST /credito/clientes/apagar",
        "POST /precos/projetos",
        "POST /precos/projetos/{projeto_id}/treinamentos",
        "POST /precos/projetos/{projeto_id}/modelos/comparar",
        "POST /precos/projetos/{projeto_id}/saude",
        "POST /precos/projetos/{projeto_id}/previsoes",
        "POST /precos/projetos/{projeto_id}/previsoes/lote",
        "POST /precos/treinar",
        "POST /precos/prever",
        "POST /precos/projetos/{projeto_id}/datasets",
    }
    assert refuses == {
        "POST /auth/token",
        "POST /auth/refresh",
        "POST /auth/logout",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/refresh",
        "POST /api/v1/ml/predictions",
        "POST /uploads",
        "POST /jobs/{job_id}/cancelar",
        "PATCH /auth/usuarios/{usuario_id}",
        "PATCH /aluno/{aluno_id}/ativar",
        "PATCH /aluno/{aluno_id}/desativar",
        "PATCH /planos/{plano_id}/ativar",
        "PATCH /planos/{plano_id}/desativar",
        "PATCH /aluno/{aluno_id}/visitas/{entrada}",
        "PATCH /retencao/contatos/{contato_id}",
        "POST /modelos/churn/{versao}/promover",
        "POST /modelos/churn/reverter",
        "POST /credito/modelos/reverter",
        "POST /credito/modelos/{versao}/promover",
        "POST /credito/modelos/{versao}/testar",
        "POST /credito/clientes/dados",
        "POST /credito/empresas",
        "PATCH /credito/empresa",
        "POST /credito/chaves",
        "POST /credito/chaves/{chave_id}/rotacionar",
        "POST /credito/politica/simular",
        "PATCH /credito/empresas/{empresa_id}",
        "POST /credito/empresas/{empresa_id}/credenciais",
        "PATCH /precos/projetos/{projeto_id}",
        "POST /precos/projetos/{projeto_id}/treinamentos/{treinamento_id}/cancelar",
        "POST /precos/projetos/{projeto_id}/modelos/reverter",
        "POST /precos/projetos/{projeto_id}/modelos/{versao}/promover",
        "POST /precos/projetos/{projeto_id}/modelos/{versao}/arquivar",
        "POST /precos/projetos/{projeto_id}/modelos/{versao}/restaurar",
        "POST /precos/projetos/{projeto_id}/observados",
        "PATCH /precos/projetos/{projeto_id}/datasets/{dataset_id}/colunas",
    }


def test_key_is_refused_where_it_would_promise_too_much(admin: Client) -> None:
    credentials = {"username": admin.login, "password": PASSWORD}
    upload = {"tamanho_bytes": 3, "content_type": "text/csv"}
    for path, body in [("/auth/token", credentials), ("/uploads", upload)]:
        assert_problem(send(admin, path, body), 400, "IdempotencyKeyUnsupported")
    assert (_rows("refresh_tokens"), _rows("uploads"), _kept()) == (0, 0, 0)


def test_key_is_left_unread_where_repetition_is_harmless(admin: Client) -> None:
    headers = {idempotency.HEADER: "not a key"}
    assert admin.request("GET", "/auth/eu", headers=headers).status == 200


def test_answers_with_credentials_are_not_for_caches(admin: Client, anonymous: Client) -> None:
    credentials = {"username": admin.login, "password": PASSWORD}
    upload = {"tamanho_bytes": 3, "content_type": "text/csv"}
    for answer in (anonymous.post("/auth/token", credentials), admin.post("/uploads", upload)):
        assert answer.headers["Cache-Control"] == "no-store"


# What is kept.


def test_password_that_was_sent_cannot_be_guessed_from_what_is_kept(
    admin: Client, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    new = {"login": "ana", "nome": "Ana", "senha": PASSWORD, "papel": "leitor"}
    assert send(admin, "/auth/usuarios", new).status == 201
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        kept = session.scalar(text("SELECT k::text FROM idempotency_keys k"))
    assert "ana" in str(kept)
    assert PASSWORD not in str(kept)
    # Who does not know the signing key cannot tell whether a guess is right.
    monkeypatch.setenv("SIGNING_KEY", "another-one-" + "k" * 32)
    settings.cache_clear()
    assert_problem(send(admin, "/auth/usuarios", new), 422, "IdempotencyKeyReused")


def test_user_is_added_once(admin: Client) -> None:
    new = {"login": "ana", "nome": "Ana", "senha": PASSWORD, "papel": "leitor"}
    first, again = send(admin, "/auth/usuarios", new), send(admin, "/auth/usuarios", new)
    assert (again.status, again.json, _is_replay(again)) == (201, first.json, True)
    assert_problem(admin.post("/auth/usuarios", new), 409, "LoginTaken")


def test_schedule_forgets_answers_after_a_day(desk: Client) -> None:
    send(desk, "/notes", NOTE)
    send(desk, "/notes", NOTE, key="older")
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(
            text(
                "UPDATE idempotency_keys SET criado_em = criado_em - interval '24 hours'"
                " WHERE key = 'older'"
            )
        )
    noon = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
    daily = [s for s in schedules_of(the_app, noon) if s.name == "remove_expired"]
    run_due(daily, noon + timedelta(days=1))
    assert _is_replay(send(desk, "/notes", NOTE))
    assert not _is_replay(send(desk, "/notes", NOTE, key="older"))


def test_answer_is_kept_for_a_day(desk: Client) -> None:
    send(desk, "/notes", NOTE)
    idempotency.remove_expired(utc_now() + timedelta(hours=23, minutes=59))
    assert _kept() == 1
    idempotency.remove_expired(utc_now() + timedelta(hours=24))
    assert _kept() == 0


def test_request_without_a_key_costs_no_statement_more(desk: Client) -> None:
    with statements(engine(DatabaseRole.APP)) as plain:
        assert desk.post("/notes", NOTE).status == 201
    with statements(engine(DatabaseRole.APP)) as keyed:
        assert send(desk, "/notes", NOTE).status == 201
    kept = [each for each in keyed if "advisory" in each or "idempotency_keys" in each]
    assert len(kept) == len(keyed) - len(plain) == 3
    assert json.dumps(plain).count("idempotency_keys") == 0
