"""Long pages of a history are kept in Redis, and are never another than what would be computed."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from chalicelib.core import cache
from chalicelib.core.cache import AnswerCache
from chalicelib.core.db import unit_of_work
from chalicelib.core.redis_link import redis_link
from chalicelib.core.settings import settings
from chalicelib.gym.schemas import FrequenciaQuery
from chalicelib.gym.service_frequency import Frequency, frequency
from chalicelib.gym.service_history import History, history
from tests.client import Client, assert_problem
from tests.core.proxy import Proxy
from tests.gym.conftest import MakeAluno

NOW = datetime(2026, 3, 18, 15, 0, tzinfo=UTC)  # A Wednesday, noon in São Paulo.
LONG = FrequenciaQuery(limit=100)


def _use(url: str, monkeypatch: pytest.MonkeyPatch) -> AnswerCache:
    monkeypatch.setenv("CACHE_URL", url)
    for cached in (settings, redis_link, cache.answer_cache):
        cached.cache_clear()
    found = cache.answer_cache()
    assert found is not None
    return found


@pytest.fixture
def kept(
    environment: dict[str, str], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> AnswerCache:
    """The cache in use."""
    return _use(redis_url, monkeypatch)


def _history(aluno_id: int, now: datetime = NOW, query: FrequenciaQuery = LONG) -> History:
    with unit_of_work(autocommit=True) as session:
        return history(session, aluno_id, query, now)


def _computed(aluno_id: int, now: datetime = NOW) -> Frequency:
    with unit_of_work(autocommit=True) as session:
        return frequency(session, aluno_id, LONG, now)


def test_answer_is_found_again_and_is_the_same_to_the_byte(
    operador: Client, make_aluno: MakeAluno, kept: AnswerCache
) -> None:
    path = f"/aluno/{make_aluno(tuple(range(1, 90)))}/frequencia"
    first, second = operador.get(path, limit=60), operador.get(path, limit=60)
    assert (kept.hits, kept.misses) == (1, 1)
    assert first.body == second.body
    assert first.headers["Link"] == second.headers["Link"]
    assert len(first.json["items"]) == 60
    following = operador.request("GET", first.json["next"])
    assert len(following.json["items"]) == 29
    assert following.json["items"][0] not in first.json["items"]


def test_short_pages_are_not_looked_for(
    operador: Client, make_aluno: MakeAluno, kept: AnswerCache
) -> None:
    operador.get(f"/aluno/{make_aluno((1, 2))}/frequencia")
    assert (kept.hits, kept.misses) == (0, 0)


def test_visit_makes_it_another_answer(
    operador: Client, make_aluno: MakeAluno, kept: AnswerCache
) -> None:
    aluno_id = make_aluno((1, 2, 3))
    path = f"/aluno/{aluno_id}/frequencia"
    assert operador.get(path, limit=100).json["total"] == 3
    for expected in ("aberta", "encerrada"):
        event = {"aluno_id": aluno_id} | ({"tipo": "saida"} if expected == "encerrada" else {})
        assert operador.post("/aluno/checkin", event).status == 201
        answer = operador.get(path, limit=100).json
        assert (answer["total"], answer["items"][0]["situacao"]) == (4, expected)
    assert kept.hits == 0


def test_nothing_is_kept_longer_than_twelve_hours(make_aluno: MakeAluno, kept: AnswerCache) -> None:
    aluno_id = make_aluno(now=NOW)
    _history(aluno_id)
    _history(aluno_id, NOW + timedelta(hours=11.9))
    assert kept.hits == 1
    _history(aluno_id, NOW + timedelta(hours=12))
    assert kept.hits == 1


def test_visit_that_leaves_a_window_ends_an_answer(
    make_aluno: MakeAluno, kept: AnswerCache
) -> None:
    aluno_id = make_aluno((6.9, 29.8), now=NOW)
    leaves = _computed(aluno_id).changes_at
    assert leaves == NOW + timedelta(days=0.1)
    before = _history(aluno_id)
    assert _history(aluno_id, leaves - timedelta(microseconds=1)) == before
    assert '"visitas_7_dias":1' in before.content
    assert '"visitas_7_dias":0' in _history(aluno_id, leaves).content
    assert kept.hits == 1


def test_week_that_begins_ends_an_answer(make_aluno: MakeAluno) -> None:
    monday = datetime(2026, 3, 23, 3, 0, tzinfo=UTC)  # Midnight in São Paulo.
    assert _computed(make_aluno(now=NOW)).changes_at == monday


def test_newcomers_mean_changes_all_the_time_and_is_not_kept(
    make_aluno: MakeAluno, kept: AnswerCache
) -> None:
    aluno_id = make_aluno((1, 2), registered_days_ago=30, now=NOW)
    assert _computed(aluno_id).changes_at is None
    assert [_history(aluno_id), _history(aluno_id)][0].content
    assert kept.hits == 0


@pytest.mark.parametrize("seed", range(5))
def test_time_alone_changes_nothing_before_it_was_said_to(make_aluno: MakeAluno, seed: int) -> None:
    chance = random.Random(seed)
    days = tuple(sorted(chance.uniform(0, 200) for _ in range(60)))
    registered = chance.choice((3, 400))
    aluno_id = make_aluno(days, registered_days_ago=registered, now=NOW)
    now = NOW
    for _ in range(12):
        found = _computed(aluno_id, now)
        if found.changes_at is None:  # A newcomer whose first week is over.
            assert registered == 3
            return
        assert found.changes_at > now
        for share in (0.3, 0.999999):
            later = now + (found.changes_at - now) * share
            assert _computed(aluno_id, later).fields == found.fields
        now = found.changes_at


def test_table_that_was_filled_anew_is_not_answered_from_before(
    make_aluno: MakeAluno, kept: AnswerCache
) -> None:
    aluno_id = make_aluno((1, 2, 3), now=NOW)
    assert '"total":3' in _history(aluno_id).content
    with unit_of_work() as session:
        session.execute(text("RESET ROLE"))
        session.execute(text("TRUNCATE alunos RESTART IDENTITY CASCADE"))
    assert make_aluno((1,), now=NOW) == aluno_id
    assert '"total":1' in _history(aluno_id).content
    assert kept.hits == 0


def test_refusals_are_the_same_with_a_cache(
    operador: Client, make_aluno: MakeAluno, kept: AnswerCache
) -> None:
    path = f"/aluno/{make_aluno()}/frequencia"
    assert_problem(operador.get(path, limit=100, cursor="x"), 400, "CursorInvalid")
    assert_problem(operador.get("/aluno/404/frequencia", limit=100), 404, "AlunoNotFound")


def test_redis_that_dies_in_mid_run_changes_no_answer(
    operador: Client, make_aluno: MakeAluno, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/aluno/{make_aluno((1, 2, 3))}/frequencia"
    with Proxy.to(6379) as proxy:
        database = redis_url.rpartition("/")[2]
        found = _use(f"redis://127.0.0.1:{proxy.port}/{database}", monkeypatch)
        answers = [operador.get(path, limit=100) for _ in range(2)]
        assert found.hits == 1
        proxy.cut()
        answers += [operador.get(path, limit=100) for _ in range(3)]
        assert (
            found.misses == 2
        )  # The first, and the one that found it away; then none was looked for.
    assert {answer.status for answer in answers} == {200}
    assert len({answer.body for answer in answers}) == 1
