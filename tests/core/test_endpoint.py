"""`@endpoint`: who is let in, what is refused and how, and that a request is one transaction."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, text

from chalicelib.core.auth import Role
from chalicelib.core.db import DatabaseRole, dispose_engines, unit_of_work
from chalicelib.core.settings import settings
from chalicelib.core.telemetry import JsonFormatter
from chalicelib.core.web import forget_principals
from tests.client import Client, assert_problem
from tests.conftest import Bell, MakeUser
from tests.core.sample import EMAIL, SECRET, app

FORM = "application/x-www-form-urlencoded"
PART = "6f1c5a52-8c1e-4d0a-9d0c-0a1f6a4a7b11"


@pytest.fixture
def stranger(environment: dict[str, str]) -> Client:
    """Nobody, at the sample app."""
    return Client().on(app)


@pytest.fixture
def desk(operador: Client) -> Client:
    """An operador, at the sample app."""
    return operador.on(app)


@pytest.fixture
def log_lines(caplog: pytest.LogCaptureFixture) -> Iterator[list[dict[str, Any]]]:
    """What the program logs, as the JSON lines that leave it."""
    lines: list[dict[str, Any]] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.loads(JsonFormatter().format(record)))

    keeper, logger = Keeper(), logging.getLogger("previsto")
    logger.addHandler(keeper)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield lines
    logger.setLevel(before)
    logger.removeHandler(keeper)


def _notes_and_jobs() -> tuple[int, int]:
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        notes = text("SELECT count(*) FROM auditoria WHERE acao = 'nota.feita'")
        jobs = text("SELECT count(*) FROM jobs")
        return int(session.scalar(notes) or 0), int(session.scalar(jobs) or 0)


# Who is let in.


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer a.b.c", "Bearer ção", "x"],
)
def test_without_a_valid_token_is_401(stranger: Client, authorization: str | None) -> None:
    headers = {} if authorization is None else {"authorization": authorization}
    answer = stranger.request("GET", "/notes", headers=headers)
    assert answer.status == 401
    assert answer.json["title"] in {"Unauthorized", "TokenInvalid"}
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_scheme_is_not_case_sensitive(desk: Client, stranger: Client) -> None:
    headers = {"authorization": f"bEARER {desk.token}"}
    assert stranger.request("GET", "/notes", headers=headers).status == 200


def test_wrong_role_is_403(client_of: MakeUser) -> None:
    answer = client_of(Role.LEITOR).on(app).post("/notes", {"texto": "x"})
    assert_problem(answer, 403, "Forbidden")


def test_admin_may_what_others_may(admin: Client) -> None:
    assert admin.on(app).post("/notes", {"texto": "x"}).status == 201


def test_refusal_of_the_caller_comes_before_that_of_the_body(stranger: Client) -> None:
    assert_problem(stranger.post("/notes", b"{broken"), 401, "Unauthorized")


def test_public_view_has_no_tenant(stranger: Client, desk: Client) -> None:
    assert desk.get("/notes").status == 200  # Leaves a connection behind that named a tenant.
    assert stranger.get("/tenant").body in (b"''", b"None")


def test_unknown_path_and_method_reach_no_view(stranger: Client) -> None:
    assert stranger.get("/nowhere").status in {403, 404}
    assert stranger.request("DELETE", "/notes").status in {403, 405}


# What is refused.


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["texto"]),
        ({"texto": "  "}, ["texto"]),
        ({"texto": None, "vezes": "many"}, ["texto", "vezes"]),
        ({"texto": "x", "vezes": 0}, ["vezes"]),
        ({"texto": "x", "vezes": 10**30}, ["vezes"]),
        ({"texto": "x", "outro": 1}, ["outro"]),
        ([], ["corpo"]),
        ("text", ["corpo"]),
    ],
)
def test_body_that_does_not_validate_names_its_fields(
    desk: Client, body: Any, fields: list[str]
) -> None:
    answer = desk.request("POST", "/notes", json.dumps(body).encode())
    document = assert_problem(answer, 422, "ValidationFailed")
    assert [error["campo"] for error in document["errors"]] == fields
    assert all(error["erro"] for error in document["errors"])


def test_refusal_does_not_repeat_what_was_sent(desk: Client) -> None:
    answer = desk.post("/notes", {"texto": ["card 4111"], "vezes": "card 4111"})
    assert answer.status == 422
    assert b"4111" not in answer.body


def test_refusal_is_short_however_much_is_wrong(desk: Client) -> None:
    unknown = ",".join(f'"x{n}": 1' for n in range(5_000))
    many = assert_problem(desk.post("/notes", f"{{{unknown}}}".encode()), 422, "ValidationFailed")
    assert (len(many["errors"]), "100" in many["detail"]) == (100, True)
    long = desk.post("/notes", b'{"texto": "x", "%s": 1}' % (b"y" * 100_000))
    assert assert_problem(long, 422, "ValidationFailed")["errors"][0]["campo"] == "y" * 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"texto": "\xe9"}',
        b'{"texto": "\\ud800"}',
        b'{"texto": "a\x00b"}',
        b"[" * 100_000,
        b'{"vezes": ' + b"9" * 10_000,
    ],
)
def test_body_that_is_not_json_is_400(desk: Client, body: bytes) -> None:
    assert_problem(desk.post("/notes", body), 400, "BadRequest")


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_body_that_is_not_there_is_told_so(desk: Client, body: bytes) -> None:
    document = assert_problem(desk.post("/notes", body), 400, "BadRequest")
    assert "empty" in document["detail"]


def test_int_of_any_length_is_refused(desk: Client) -> None:
    body = b'{"texto": "x", "vezes": ' + b"9" * 5000 + b"}"
    assert desk.post("/notes", body).status in {400, 422}


def test_nul_characters_are_refused_wherever_they_stand(desk: Client, stranger: Client) -> None:
    refused = [
        desk.post("/notes", b'{"texto": "a\\u0000b"}'),
        desk.request("GET", "/notes?nome=a%00b"),
        stranger.post("/forms", b"texto=a%00b", content_type=FORM),
    ]
    for answer in refused:
        assert_problem(answer, 422, "ValidationFailed")


@pytest.mark.parametrize("content_type", ["text/plain", FORM, "", "application/jsonp"])
def test_other_content_type_is_415_and_names_the_right_one(desk: Client, content_type: str) -> None:
    answer = desk.post("/notes", {"texto": "x"}, content_type=content_type)
    assert "application/json" in assert_problem(answer, 415, "UnsupportedMediaType")["detail"]


def test_content_type_may_carry_parameters(desk: Client) -> None:
    answer = desk.post("/notes", {"texto": "x"}, content_type="Application/JSON; charset=utf-8")
    assert answer.status == 201


def test_form_is_validated_as_json_is(stranger: Client) -> None:
    fine = stranger.post("/forms", b"texto=ol%C3%A1+voc%C3%AA&vezes=3", content_type=FORM)
    assert (fine.status, fine.json) == (200, {"texto": "olá você", "vezes": 3})
    unknown = stranger.post("/forms", b"texto=x&outro=1", content_type=FORM)
    assert assert_problem(unknown, 422, "ValidationFailed")["errors"][0]["campo"] == "outro"
    assert_problem(stranger.post("/forms", b"\xff=1", content_type=FORM), 400, "BadRequest")
    many = b"&".join(b"f%d=1" % n for n in range(60))
    assert_problem(stranger.post("/forms", many, content_type=FORM), 400, "BadRequest")


def test_file_arrives_as_it_was_sent(stranger: Client) -> None:
    assert stranger.post("/files", b"a;b\r\n\xff", content_type="text/csv").status == 204
    assert_problem(stranger.post("/files", {"a": 1}), 415, "UnsupportedMediaType")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("limit=0", ["limit"]),
        ("limit=101", ["limit"]),
        ("limit=ten", ["limit"]),
        ("limit=", ["limit"]),
        ("limit=" + "9" * 5000, ["limit"]),
        ("ordem=nome", ["ordem"]),
        ("limit=0&cursor=" + "a" * 1201, ["limit", "cursor"]),
    ],
)
def test_query_is_validated(desk: Client, query: str, fields: list[str]) -> None:
    document = assert_problem(desk.request("GET", f"/notes?{query}"), 422, "ValidationFailed")
    assert [error["campo"] for error in document["errors"]] == fields


def test_repeated_query_parameter_is_a_list_where_the_model_has_one(desk: Client) -> None:
    answer = desk.request("GET", "/notes?tag=a&tag=b&nome=y")
    assert answer.json["items"] == [{"limit": 20, "tag": ["a", "b"], "nome": "y"}]


def test_repeated_query_parameter_is_refused_where_there_is_one_answer(desk: Client) -> None:
    refused = desk.request("GET", "/notes?nome=x&nome=y&tag=a&tag=b")
    (error,) = assert_problem(refused, 422, "ValidationFailed")["errors"]
    assert error["campo"] == "nome"


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (f"/notes/0/parts/{PART}", ["note_id"]),
        (f"/notes/9223372036854775808/parts/{PART}", ["note_id"]),
        (f"/notes/1.5/parts/{PART}", ["note_id"]),
        ("/notes/1/parts/one", ["part_id"]),
        ("/notes/x/parts/y", ["note_id", "part_id"]),
        (f"/notes/{'9' * 5000}/parts/{PART}", ["note_id"]),
    ],
)
def test_path_is_validated(stranger: Client, path: str, fields: list[str]) -> None:
    document = assert_problem(stranger.get(path), 422, "ValidationFailed")
    assert sorted(error["campo"] for error in document["errors"]) == fields


def test_path_parameters_arrive_as_their_types(stranger: Client) -> None:
    answer = stranger.get(f"/notes/{2**63 - 1}/parts/{PART}")
    assert assert_problem(answer, 400, "Problem")["detail"] == f"{2**63 - 1} 4"


# What goes wrong inside.


def test_unforeseen_error_is_a_500_that_says_nothing(
    stranger: Client, log_lines: list[dict[str, Any]]
) -> None:
    answer = stranger.get("/broken")
    document = assert_problem(answer, 500, "InternalError")
    assert b"swordfish" not in answer.body
    assert b"ValueError" not in answer.body
    failure = next(line for line in log_lines if line["message"] == "unhandled error")
    assert SECRET in failure["exception"]
    assert failure["request_id"] == document["request_id"]


def test_broken_statement_is_a_500_and_its_values_are_not_even_logged(
    desk: Client, log_lines: list[dict[str, Any]]
) -> None:
    answer = desk.post("/notes", {"texto": "sql"})
    assert_problem(answer, 500, "InternalError")
    assert b"no_such_column" not in answer.body
    failure = next(line for line in log_lines if line["message"] == "unhandled error")
    assert "no_such_column" in failure["exception"]
    assert EMAIL not in failure["exception"]


def test_database_away_is_503_and_the_log_says_why(
    stranger: Client,
    desk: Client,
    monkeypatch: pytest.MonkeyPatch,
    log_lines: list[dict[str, Any]],
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres@127.0.0.1:9/nothing")
    dispose_engines()
    settings.cache_clear()
    refused = assert_problem(stranger.get("/database"), 503, "ServiceUnavailable")
    cause = next(line for line in log_lines if "exception" in line)
    assert "127.0.0.1, port 9" in cause["exception"]
    assert (cause["level"], cause["request_id"]) == ("WARNING", refused["request_id"])
    # Whether the caller may is not known either.
    forget_principals()
    assert_problem(desk.get("/notes"), 503, "ServiceUnavailable")


def test_database_that_ended_the_connections_is_well_again_at_the_next_request(
    stranger: Client, admin_engine: Engine
) -> None:
    assert stranger.get("/database").status == 200
    with admin_engine.connect() as connection:
        ended = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE application_name = 'previsto-app'"
            )
        ).all()
    assert len(ended) == 1
    assert stranger.get("/database").status == 200


# One request, one transaction.


def test_success_commits_and_publishes(desk: Client, bell: Bell) -> None:
    assert desk.post("/notes", {"texto": "fine"}).status == 201
    assert _notes_and_jobs() == (1, 1)
    assert bell.rings() == ["sample_queue"]


@pytest.mark.parametrize(("texto", "status"), [("refused", 409), ("broken", 500), ("sql", 500)])
def test_refusal_leaves_nothing_and_publishes_nothing(
    desk: Client, bell: Bell, texto: str, status: int
) -> None:
    assert desk.post("/notes", {"texto": texto}).status == status
    assert _notes_and_jobs() == (0, 0)
    assert bell.rings() == []


def test_answer_that_cannot_be_made_leaves_nothing(desk: Client) -> None:
    assert_problem(desk.get("/wrong"), 500, "InternalError")
    assert _notes_and_jobs() == (0, 0)


# The request id.


def test_one_request_id_in_header_body_log_and_job(
    desk: Client, stranger: Client, log_lines: list[dict[str, Any]]
) -> None:
    sent = {"x-request-id": "front-desk.2026_03-02"}
    assert desk.request("POST", "/notes", {"texto": "fine"}, headers=sent).status == 201
    refused = stranger.request("GET", "/broken", headers=sent)
    assert refused.json["request_id"] == refused.headers["X-Request-Id"] == sent["x-request-id"]
    calls = [line for line in log_lines if line["message"] == "request"]
    assert [line["request_id"] for line in calls] == [sent["x-request-id"]] * 2
    assert (calls[0]["subject"], calls[0]["status"]) == (desk.subject, 201)
    with unit_of_work(role=DatabaseRole.SYSTEM, autocommit=True) as session:
        assert session.scalar(text("SELECT request_id FROM jobs")) == sent["x-request-id"]


@pytest.mark.parametrize(
    "given", ["short", "a" * 65, "with space 1", 'x"}{"evil', "a\r\nSet: b", ""]
)
def test_unsafe_request_id_is_replaced(stranger: Client, given: str) -> None:
    answer = stranger.request("GET", "/broken", headers={"x-request-id": given})
    assert answer.headers["X-Request-Id"] != given
    assert len(answer.json["request_id"]) == 32


# The stage of a deployment.


def _deployed_event(path: str, resource: str, token: str | None) -> dict[str, Any]:
    """The event API Gateway sends for a stage called `api`; its path says so in one place only."""
    return {
        "httpMethod": "GET",
        "path": path,
        "headers": {"authorization": f"Bearer {token}"},
        "multiValueQueryStringParameters": {"limit": ["5"], "tag": ["a b", "ç"]},
        "pathParameters": None,
        "stageVariables": None,
        "body": None,
        "isBase64Encoded": False,
        "requestContext": {
            "httpMethod": "GET",
            "resourcePath": resource,
            "path": f"/api{path}",
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {"sourceIp": "192.0.2.7"},
        },
    }


def test_addresses_keep_the_stage(desk: Client) -> None:
    moved = app(_deployed_event("/moved", "/moved", None), None)
    assert moved["headers"]["Location"] == "/api/notes/1"
    listed = app(_deployed_event("/notes", "/notes", desk.token), None)
    address = "/api/notes?limit=5&tag=a+b&tag=%C3%A7&cursor=more"
    assert json.loads(listed["body"])["next"] == address
    assert listed["headers"]["Link"] == f'<{address}>; rel="next"'
    assert listed["headers"]["X-Request-Id"] == "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"


def test_addresses_have_no_stage_where_there_is_none(desk: Client) -> None:
    assert desk.get("/moved").headers["Location"] == "/notes/1"
    assert desk.get("/notes", limit=5).json["next"] == "/notes?limit=5&cursor=more"


@pytest.mark.parametrize("value", [True, "3", 3.5])
def test_nothing_is_taken_for_the_number_that_it_is_not(desk: Client, value: object) -> None:
    answer = desk.post("/notes", {"texto": "x", "vezes": value})
    assert assert_problem(answer, 422, "ValidationFailed")["errors"][0]["campo"] == "vezes"
