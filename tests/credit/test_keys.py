"""Keys of programs: shown once, kept as digests, refused when they have ended."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chalicelib.core.auth import SUBJECT_TTL_SECONDS, KeyInvalid, TokenCache
from chalicelib.core.clock import utc_now
from chalicelib.core.db import DatabaseRole, unit_of_work
from chalicelib.core.jobs import enqueue
from chalicelib.core.web import forget_principals
from chalicelib.credit.api_keys import PREFIX, find_principal
from tests.client import Client, assert_problem
from tests.core.conftest import job_row
from tests.core.sample import SAMPLE_QUEUE, Tiny
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany


def _new_key(company: Company, **body: Any) -> dict[str, Any]:
    answer = company.client.post("/credito/chaves", {"nome": uuid4().hex, **body})
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


def _change_key(chave_id: str, assignments: str) -> None:
    with unit_of_work(role=DatabaseRole.SYSTEM) as session:
        session.execute(
            text(f"UPDATE chaves_api SET {assignments} WHERE id = :id"), {"id": UUID(chave_id)}
        )


def _is_taken(secret: str) -> bool:
    forget_principals()  # Ten seconds later.
    return Client(secret).get("/credito/empresa").status == 200


def test_key_is_shown_once_and_kept_as_a_digest(company: Company) -> None:
    answer = company.client.post("/credito/chaves", {"nome": "ERP"})
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    secret = answer.json["chave"]
    assert secret.startswith(PREFIX)
    assert len(secret) == len(PREFIX) + 43
    listed = company.client.get("/credito/chaves")
    assert secret.encode() not in listed.body
    assert [item["nome"] for item in listed.json["items"]] == ["ERP", "primeira"]
    assert listed.json["items"][0] == {k: v for k, v in answer.json.items() if k != "chave"}
    assert secret.startswith(listed.json["items"][0]["prefixo"])
    with unit_of_work(tenant=company.tenant, autocommit=True) as session:
        kept = session.scalar(text("SELECT k::text FROM chaves_api k WHERE nome = 'ERP'"))
    assert hashlib.sha256(secret.encode()).hexdigest() in str(kept)
    assert secret[len(PREFIX) + 8 :] not in str(kept)


def test_program_calls_under_the_name_of_its_key(company: Company) -> None:
    chave = _new_key(company)
    program = Client(chave["chave"])
    assert program.patch("/credito/empresa", {"nome": "Nova"}).status == 200
    with unit_of_work(tenant=company.tenant, autocommit=True) as session:
        trail = "SELECT ator FROM auditoria WHERE acao = 'empresa.alterada'"
        assert session.scalar(text(trail)) == f"chave:{chave['id']}"


def test_key_is_taken_wherever_a_company_is_but_stands_for_no_user(company: Company) -> None:
    program = company.program
    assert program.get("/jobs").status == 200
    upload = program.post("/uploads", {"tamanho_bytes": 10})
    assert upload.json["objeto"].startswith(f"{company.tenant}/")
    assert_problem(program.get("/auth/eu"), 403, "NotAUser")
    new = {"senha_atual": "x", "senha_nova": "outra-senha-de-teste"}
    assert_problem(program.put("/auth/senha", new), 403, "NotAUser")
    assert_problem(program.get("/alunos"), 403, "Forbidden")


def test_company_follows_the_jobs_of_its_programs(
    company: Company, make_company: MakeCompany
) -> None:
    with unit_of_work(tenant=company.tenant) as session:
        owner = f"chave:{company.credentials.chave.id}"
        job = enqueue(session, SAMPLE_QUEUE, Tiny(), tenant=company.tenant, owner=owner)
    for client in (company.client, company.program):
        assert client.get(f"/jobs/{job.id}").status == 200
    stranger = make_company()
    for client in (stranger.client, stranger.program):
        assert_problem(client.get(f"/jobs/{job.id}"), 404, "JobNotFound")
        assert_problem(client.post(f"/jobs/{job.id}/cancelar"), 404, "JobNotFound")
    assert job_row(job.id).cancel_requested is False


@pytest.mark.parametrize("token", ["prv_", "prv_x", "prv_" + "A" * 43, "prv_é"])
def test_unknown_key_is_refused(company: Company, token: str) -> None:
    assert_problem(Client(token).get("/credito/empresa"), 401, "KeyInvalid")


@pytest.mark.parametrize(
    "ended",
    [
        "expira_em = now() - interval '1 second'",
        "revogada_em = now()",
    ],
)
def test_key_that_has_ended_is_refused(company: Company, ended: str) -> None:
    chave = _new_key(company)
    _change_key(chave["id"], ended)
    assert not _is_taken(chave["chave"])


def test_key_in_use_is_remembered_ten_seconds_but_ends_at_once(company: Company) -> None:
    cache = TokenCache(lambda _: None, {PREFIX: find_principal})
    chave, now = _new_key(company, validade_dias=1), utc_now()
    cache.principal(chave["chave"], now, 0.0)
    company.client.delete(f"/credito/chaves/{chave['id']}")
    cache.principal(chave["chave"], now, SUBJECT_TTL_SECONDS - 0.01)
    with pytest.raises(KeyInvalid):
        cache.principal(chave["chave"], now + timedelta(days=1), 0.0)
    with pytest.raises(KeyInvalid):
        cache.principal(chave["chave"], utc_now(), SUBJECT_TTL_SECONDS)


def test_day_of_use_is_noted_once_a_day(company: Company) -> None:
    chave, now = _new_key(company), utc_now().replace(hour=12)

    def used() -> Any:
        items = company.client.get("/credito/chaves").json["items"]
        return next(item["usada_em"] for item in items if item["id"] == chave["id"])

    assert used() is None
    find_principal(chave["chave"], now)
    first = used()
    find_principal(chave["chave"], now + timedelta(hours=2))
    assert used() == first is not None
    find_principal(chave["chave"], now + timedelta(days=1))
    assert used() > first


def test_revoked_key_is_refused_and_its_name_is_free(company: Company) -> None:
    chave = _new_key(company, nome="ERP")
    clash = company.client.post("/credito/chaves", {"nome": "ERP"})
    assert_problem(clash, 409, "ChaveNomeEmUso")
    path = f"/credito/chaves/{chave['id']}"
    assert company.client.delete(path).status == 204
    assert not _is_taken(chave["chave"])
    assert company.client.delete(path).status == 204
    assert company.client.post("/credito/chaves", {"nome": "ERP"}).status == 201
    with unit_of_work(tenant=company.tenant, autocommit=True) as session:
        trail = "SELECT count(*) FROM auditoria WHERE acao = 'chave.revogada'"
        assert session.scalar(text(trail)) == 1


def test_two_keys_of_one_name_at_once_are_one(company: Company) -> None:
    def post(_: int) -> int:
        return company.client.post("/credito/chaves", {"nome": "ERP"}).status

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(post, range(4))) == [201, 409, 409, 409]


def test_replaced_key_is_taken_until_the_grace_is_over(company: Company) -> None:
    old = _new_key(company, nome="ERP")
    path = f"/credito/chaves/{old['id']}/rotacionar"
    answer = company.client.post(path, {"graca_minutos": 30})
    assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    new = answer.json
    assert (new["nome"], new["id"] != old["id"]) == ("ERP", True)
    assert _is_taken(new["chave"])
    assert _is_taken(old["chave"])
    now = utc_now()
    assert find_principal(old["chave"], now + timedelta(minutes=29)) is not None
    assert find_principal(old["chave"], now + timedelta(minutes=31)) is None
    assert find_principal(new["chave"], now + timedelta(days=364)) is not None
    assert_problem(company.client.post(path, {}), 409, "ChaveEncerrada")
    # Who cannot wait for the end of the grace revokes the old one.
    assert company.client.delete(f"/credito/chaves/{old['id']}").status == 204
    assert not _is_taken(old["chave"])


def test_without_grace_the_old_secret_ends_at_once(company: Company) -> None:
    old = _new_key(company)
    path = f"/credito/chaves/{old['id']}/rotacionar"
    assert company.client.post(path, {"graca_minutos": 0}).status == 201
    assert not _is_taken(old["chave"])


def test_of_two_who_replace_a_key_at_once_one_does(company: Company) -> None:
    path = f"/credito/chaves/{_new_key(company)['id']}/rotacionar"
    with ThreadPoolExecutor(4) as pool:
        statuses = sorted(pool.map(lambda _: company.client.post(path, {}).status, range(4)))
    assert statuses == [201, 409, 409, 409]


def test_key_replaces_and_revokes_itself_and_nothing_more(company: Company) -> None:
    own, other = _new_key(company), _new_key(company)
    program = Client(own["chave"])
    refused = [
        program.post("/credito/chaves", {"nome": "mais uma"}),
        program.delete(f"/credito/chaves/{other['id']}"),
        program.post(f"/credito/chaves/{other['id']}/rotacionar", {}),
    ]
    for answer in refused:
        assert_problem(answer, 403, "ChaveNaoFazChaves")
    assert _is_taken(other["chave"])
    new = program.post(f"/credito/chaves/{own['id']}/rotacionar", {})
    assert new.status == 201
    assert Client(new.json["chave"]).delete(f"/credito/chaves/{new.json['id']}").status == 204
    assert not _is_taken(new.json["chave"])


def test_another_companys_key_is_unknown(company: Company, make_company: MakeCompany) -> None:
    chave, stranger = _new_key(company), make_company()
    path = f"/credito/chaves/{chave['id']}"
    for client in (stranger.client, stranger.program):
        assert_problem(client.delete(path), 404, "ChaveNotFound")
        assert_problem(client.post(f"{path}/rotacionar", {}), 404, "ChaveNotFound")
    assert _is_taken(chave["chave"])
    shown = stranger.client.get("/credito/chaves").json["items"]
    assert [item["nome"] for item in shown] == ["primeira"]


@pytest.mark.parametrize(
    "body",
    [
        {"nome": "x", "validade_dias": 0},
        {"nome": "x", "validade_dias": 3651},
        {"nome": " "},
        {"nome": "x", "tenant": "casa"},
    ],
)
def test_key_that_does_not_validate_is_refused(company: Company, body: dict[str, Any]) -> None:
    assert_problem(company.client.post("/credito/chaves", body), 422, "ValidationFailed")
