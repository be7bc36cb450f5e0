"""What each product has foretold is kept for its days, and then goes with all that hangs on it."""

# ruff: noqa: F811 - a fixture of another module is used by its name.

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.books import service_removal
from chalicelib.core.auth import Role
from chalicelib.core.clock import utc_now
from chalicelib.core.settings import settings
from chalicelib.core.storage import StorageUnavailable
from chalicelib.core.uploads import object_store
from chalicelib.credit.service_old_decisions import remove_old_decisions
from chalicelib.gym.service_scores import remove_old_scores
from chalicelib.prices import service_old_predictions
from tests.books.conftest import a_book, found_of, publish
from tests.client import Answer, Client
from tests.conftest import MakeUser
from tests.credit.companies import Company, sign_up_company
from tests.credit.conftest import rows
from tests.credit.decisions.deciding import order, publish_credit_model
from tests.gym.conftest import MakeAluno, make_aluno, plano_id  # noqa: F401 - fixtures
from tests.gym.work import work_off
from tests.prices.publishing import CAR, publish_price_model

A_MINUTE = timedelta(minutes=1)
ORDERS = "/credito/pedidos"


def _count(table: str) -> int:
    return int(rows(f"SELECT count(*) FROM {table}")[0][0])


def test_a_score_goes_after_its_days(
    make_aluno: MakeAluno, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHURN_KEEP_DAYS", "30")
    settings.cache_clear()
    aluno_id, now = make_aluno(), datetime.fromisoformat("2026-03-31T12:00:00+00:00")
    for day in (date(2026, 2, 28), date(2026, 3, 1)):
        rows(
            "INSERT INTO probabilidades_churn (dia, aluno_id, tipo, probabilidade, modelo_versao,"
            " revisao, calculado_em) VALUES (:dia, :aluno_id, 'ausente', 0.9, 1, 1, now())"
            " RETURNING 1",
            dia=day,
            aluno_id=aluno_id,
        )
    rows(
        "INSERT INTO riscos_churn (aluno_id, revisao, dia, modelo_versao, probabilidade,"
        " calculado_em, formato, resposta) VALUES (:id, 1, '2026-02-28', 1, 0.9, now(), '', '{}')"
        " RETURNING 1",
        id=aluno_id,
    )
    assert remove_old_scores(now) == 2
    assert [str(row.dia) for row in rows("SELECT dia FROM probabilidades_churn")] == ["2026-03-01"]


def _decided(company: Company) -> dict[str, int]:
    """An order refused by a rule, one approved and open, one approved and paid."""
    client = company.client
    bodies = {"negado": order(valor="900000.00"), "aberto": order(), "pago": order()}
    answers = {name: client.post(ORDERS, body) for name, body in bodies.items()}
    found = {name: answer.json["id"] for name, answer in answers.items()}
    assert answers["negado"].json["decisao"] == "negado"
    told = client.post(f"{ORDERS}/{found['pago']}/desfecho", {"desfecho": "pago"})
    assert told.status == 201, told.body
    return found


def test_decisions_go_with_their_orders_but_for_what_is_still_owed(
    environment: dict[str, str],
) -> None:
    companies = [sign_up_company(), sign_up_company()]
    decided = []
    for company in companies:
        publish_credit_model(company.tenant)
        decided.append(_decided(company))
    client = companies[0].client
    lot: Answer = client.post(f"{ORDERS}/lote", {"pedidos": [order(valor="900000.00")]})
    work_off()
    kept = timedelta(days=settings().credito_keep_days)
    assert remove_old_decisions(utc_now() + kept - A_MINUTE) == 0
    assert remove_old_decisions(utc_now() + kept + A_MINUTE) == 5
    for company, found in zip(companies, decided, strict=True):
        assert company.client.get(f"{ORDERS}/{found['aberto']}").status == 200
        for name in ("negado", "pago"):
            assert company.client.get(f"{ORDERS}/{found[name]}").status == 404
    (line,) = client.get(lot.headers["Location"]).json["items"]
    assert line["problema"]["title"] == "PedidoExpirado"
    for table in ("credito_pedidos", "credito_decisoes"):
        assert _count(table) == 2


def _predicted(admin: Client) -> tuple[str, str]:
    """A project, and the file of answers that it holds beside one case."""
    at = f"/precos/projetos/{admin.post('/precos/projetos', {'nome': 'Carros'}).json['id']}"
    publish_price_model(at.rpartition("/")[2])
    assert admin.post(f"{at}/previsoes", {"instancia": CAR}).status == 201
    key = "casa/precos/answers.csv"
    object_store().put(key, b"previsao")
    rows(
        "INSERT INTO precos_chamadas (tenant, projeto_id, versao, usuario, em, linhas, origem,"
        " relatorio) SELECT tenant, projeto_id, versao, usuario, em, 1, 'arquivo',"
        " jsonb_build_object('objeto', cast(:key AS text)) FROM precos_chamadas RETURNING 1",
        key=key,
    )
    return at, key


def test_prices_that_were_told_go_with_their_files(
    client_of: MakeUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = client_of(Role.ADMIN)
    at, key = _predicted(admin)
    kept, remove = timedelta(days=365), service_old_predictions.remove_old_predictions
    assert remove(utc_now() + kept - A_MINUTE) == 0

    class Away:
        def delete(self, _key: str) -> None:
            raise StorageUnavailable

    with monkeypatch.context() as patch:
        patch.setattr(service_old_predictions, "object_store", Away)
        remove(utc_now() + kept + A_MINUTE)
    assert _count("precos_chamadas") == 2  # Found again tomorrow, when the store answers.
    assert remove(utc_now() + kept + A_MINUTE) == 2
    assert (_count("precos_chamadas"), _count("precos_previsoes")) == (0, 0)
    assert list(object_store().list(key)) == []
    assert admin.get(f"{at}/previsoes").json["items"] == []


def test_what_was_foretold_of_books_goes_and_the_books_stay(
    client_of: MakeUser, tmp_path: Path
) -> None:
    publish(found_of([a_book(1)]), tmp_path)
    sent = {"model": "mine", "version": "1", "predictions": [{"book_id": 1, "value": 9.5}]}
    answer = client_of(Role.ADMIN).post("/api/v1/ml/predictions", sent)
    assert answer.status in (200, 201), answer.body
    kept = timedelta(days=settings().books_predictions_keep_days)
    assert service_removal.remove_old_predictions(utc_now() + kept - A_MINUTE) == 0
    assert service_removal.remove_old_predictions(utc_now() + kept + A_MINUTE) == 1
    assert _count("books") == 1
