"""Versions of the churn model: who answers, by whose decision, and back again."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store
from chalicelib.gym.models import CHURN
from chalicelib.ml import versions
from chalicelib.ml.registry import Alias, ModelVersion, aliased_version
from infra.local.scheduler import run_due, schedules_of
from tests.client import Answer, Client, assert_problem
from tests.conftest import MakeUser, forget_process_state
from tests.gym.publishing import publish_model

WHY = {"motivo": "Conferido com a gerência."}
MODELS = "/modelos/churn"


def _alias(alias: Alias) -> int | None:
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        return aliased_version(session, CHURN, alias)


def _history(client: Client) -> list[tuple[Any, ...]]:
    items = client.get(f"{MODELS}/historico").json["items"]
    return [(m["tipo"], m["versao"], m["anterior"], m["motivo"]) for m in items]


def test_versions_are_listed_newest_first_with_their_use(admin: Client) -> None:
    assert admin.get(MODELS).json["items"] == []
    publish_model(1)
    publish_model(2)
    publish_model(3, alias=Alias.CHALLENGER)
    found = [(v["versao"], v["uso"]) for v in admin.get(MODELS).json["items"]]
    assert found == [(3, "desafiante"), (2, "campeao"), (1, None)]
    page = admin.get(MODELS, limit=1)
    assert page.json["total"] == 3
    assert page.json["next"]


def test_a_card_says_what_the_version_is(admin: Client) -> None:
    publish_model()
    card = admin.get(f"{MODELS}/1").json
    assert (card["versao"], card["uso"], card["criado_por"]) == (1, "campeao", "teste")
    assert card["colunas"][0] == "frequencia_semanal"
    assert "30 dias" in card["rotulo"]
    assert len(card["artefatos"]["onnx"]["sha256"]) == 64
    assert "objeto" not in card["artefatos"]["onnx"]
    assert_problem(admin.get(f"{MODELS}/2"), 404, "ModelVersionNotFound")
    assert_problem(admin.get(f"{MODELS}/1/figuras/roc"), 404, "FiguraNotFound")
    assert_problem(admin.get(f"{MODELS}/2/figuras/roc"), 404, "ModelVersionNotFound")


def test_an_admin_promotes_with_a_reason_that_is_kept(admin: Client) -> None:
    publish_model(1)
    publish_model(2, alias=Alias.CHALLENGER)
    answer = admin.post(f"{MODELS}/2/promover", WHY)
    assert (answer.status, answer.json["uso"]) == (200, "campeao")
    assert (_alias(Alias.CHAMPION), _alias(Alias.CHALLENGER)) == (2, None)
    assert _history(admin)[0] == ("promocao", 2, 1, WHY["motivo"])
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        trail = session.execute(
            text("SELECT ator, objeto FROM auditoria WHERE acao = 'modelo.alias_movido'")
        ).all()
    assert (admin.subject, "modelo:churn:2") in {tuple(row) for row in trail}


def test_what_cannot_be_promoted_is_refused_and_nothing_moves(admin: Client) -> None:
    publish_model(1)
    publish_model(2, alias=Alias.CHALLENGER)
    assert_problem(admin.post(f"{MODELS}/1/promover", WHY), 409, "AlreadyChampion")
    assert_problem(admin.post(f"{MODELS}/9/promover", WHY), 404, "ModelVersionNotFound")
    assert_problem(admin.post(f"{MODELS}/2/promover", {"motivo": " "}), 422, "ValidationFailed")
    object_store().put(f"{HOUSE}/models/churn/2/model.onnx", b"something else")
    forget_process_state()
    assert_problem(admin.post(f"{MODELS}/2/promover", WHY), 409, "ModelUnusable")
    assert (_alias(Alias.CHAMPION), len(_history(admin))) == (1, 1)


def test_a_store_that_is_away_is_told_from_a_model_that_is_gone(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def read(self, _key: str) -> bytes:
            raise StorageUnavailable

    publish_model(1)
    publish_model(2, alias=Alias.CHALLENGER)
    forget_process_state()
    with monkeypatch.context() as patch:
        patch.setattr(versions, "object_store", Away)
        assert_problem(admin.post(f"{MODELS}/2/promover", WHY), 503, "ServiceUnavailable")
    assert admin.post(f"{MODELS}/2/promover", WHY).status == 200


def test_rolling_back_goes_back_one_promotion_at_a_time(admin: Client) -> None:
    for seed in (1, 2, 3):
        publish_model(seed)
    back = admin.post(f"{MODELS}/reverter", WHY)
    assert (back.status, back.json["versao"]) == (200, 2)
    assert admin.post(f"{MODELS}/reverter", WHY).json["versao"] == 1
    assert_problem(admin.post(f"{MODELS}/reverter", WHY), 409, "NoEarlierChampion")
    assert [move[:3] for move in _history(admin)[:2]] == [("reversao", 1, 2), ("reversao", 2, 3)]
    assert _alias(Alias.CHAMPION) == 1


def test_rolling_back_does_not_swing_between_versions_promoted_in_turn(admin: Client) -> None:
    publish_model(1)
    publish_model(2)
    admin.post(f"{MODELS}/1/promover", WHY)
    assert [admin.post(f"{MODELS}/reverter", WHY).json["versao"] for _ in range(2)] == [2, 1]
    assert_problem(admin.post(f"{MODELS}/reverter", WHY), 409, "NoEarlierChampion")
    assert admin.post(f"{MODELS}/2/promover", WHY).json["versao"] == 2
    assert admin.post(f"{MODELS}/reverter", WHY).json["versao"] == 1


def test_two_rollbacks_at_once_go_back_two_promotions(admin: Client) -> None:
    for seed in (1, 2, 3):
        publish_model(seed)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: admin.post(f"{MODELS}/reverter", WHY), range(2)))
    assert sorted(answer.json["versao"] for answer in answers) == [1, 2]
    assert _alias(Alias.CHAMPION) == 1


def test_without_a_champion_there_is_nothing_to_roll_back(admin: Client) -> None:
    assert_problem(admin.post(f"{MODELS}/reverter", WHY), 409, "NoEarlierChampion")


def test_a_promotion_has_the_new_version_measured(admin: Client) -> None:
    publish_model(1)
    publish_model(2)
    admin.post(f"{MODELS}/1/promover", WHY)
    jobs = admin.get("/jobs", queue="analysis_queue").json["items"]
    assert [job["state"] for job in jobs] == ["queued"]


@pytest.mark.parametrize("role", [Role.CIENTISTA, Role.OPERADOR, Role.LEITOR])
def test_only_admins_decide_who_answers(client_of: MakeUser, role: Role) -> None:
    client = client_of(role)
    refused: list[Answer] = [
        client.post(f"{MODELS}/1/promover", WHY),
        client.post(f"{MODELS}/reverter", WHY),
    ]
    for answer in refused:
        assert_problem(answer, 403, "Forbidden")


def test_comparing_asks_for_two_versions_that_are_there(admin: Client) -> None:
    publish_model(1)
    compare = f"{MODELS}/comparar"
    assert_problem(admin.post(compare, {"a": 1, "b": 1}), 422, "ValidationFailed")
    assert_problem(admin.post(compare, {"a": 1, "b": 2}), 404, "ModelVersionNotFound")
    publish_model(2)
    assert admin.post(compare, {"a": 1, "b": 2}).status == 202


def test_every_monday_at_five_a_training_is_asked_for_once(admin: Client) -> None:
    sunday = datetime(2026, 3, 15, 12, tzinfo=UTC)
    app = Client.app
    (weekly,) = [s for s in schedules_of(app, sunday) if s.name == "train_churn_model"]
    assert weekly.due == datetime(2026, 3, 16, 8, tzinfo=UTC)
    run_due([weekly], weekly.due)
    assert weekly.due == datetime(2026, 3, 23, 8, tzinfo=UTC)
    run_due([weekly], weekly.due)
    (job,) = admin.get("/jobs", queue="model_update_queue").json["items"]
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        row = session.execute(text("SELECT owner, message FROM jobs")).one()
    assert (job["state"], row.owner, row.message) == ("queued", "sistema", {"motivo": "semanal"})


def test_large_columns_are_not_read_to_serve(environment: dict[str, str]) -> None:
    publish_model()
    with unit_of_work(tenant=HOUSE, autocommit=True) as session:
        row = session.get(ModelVersion, (HOUSE, CHURN.model, 1))
        assert row is not None
        assert not {"figures", "profile"} & row.__dict__.keys()
