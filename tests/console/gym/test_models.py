"""The churn model's pages, which other products share."""

import json
import re
from typing import Any

import pytest

from chalicelib.core.auth import Role
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from chalicelib.gym.models import CHURN
from chalicelib.ml.registry import version_of
from tests.console.browsing import Browser
from tests.console.conftest import Visitor
from tests.gym.conftest import MakeAluno
from tests.gym.publishing import publish_model

MODEL = "/console/modelos/churn"


@pytest.fixture
def boss(browser_of: Visitor) -> Browser:
    """An admin."""
    return browser_of(Role.ADMIN)


def test_model_without_versions_says_so(boss: Browser) -> None:
    page = boss.get(MODEL)
    assert "Nenhuma versão ainda" in page.text
    assert "Sem medida ainda" in page.text


def test_training_begins_and_is_followed(boss: Browser) -> None:
    page = boss.submit(boss.get(MODEL), MODEL, "treinar")
    assert "O treino começou" in page.text
    assert "Na fila" in page.text
    assert 'id="treino" data-live' in page.source
    with pytest.raises(AssertionError, match="no form"):
        page.form("treinar")


def test_version_is_promoted_with_a_reason_and_taken_back(
    boss: Browser, make_aluno: MakeAluno
) -> None:
    publish_model(1)
    publish_model(2)
    page = boss.get(MODEL)
    refused = boss.send(page, MODEL, "promover", versao="1", motivo="não")
    assert (refused.status, "Use pelo menos 5 caracteres" in refused.text) == (422, True)
    page = boss.submit(page, MODEL, "promover", versao="1", motivo="Melhor nos casos recentes.")
    assert "A versão 1 responde a partir de agora" in page.text
    assert "Melhor nos casos recentes." in page.text
    assert "· admin." in page.text  # Who it was, by name.
    page = boss.submit(page, MODEL, "reverter", motivo="Foi engano mesmo.")
    assert "A versão 2 responde a partir de agora" in page.text
    page = boss.send(page, MODEL, "promover", versao="2", motivo="De novo, por favor.")
    assert (page.status, "já é a que responde" in page.text) == (409, True)


def test_versions_are_compared_by_a_job(boss: Browser) -> None:
    publish_model(1)
    publish_model(2)
    page = boss.submit(boss.get(MODEL), MODEL, "comparar", a="2", b="1")
    assert "A comparação começou" in page.text
    assert "Última comparação" in page.text
    assert boss.send(page, MODEL, "comparar", a="1", b="1").status == 422


def test_refused_promotion_is_told_once_where_it_was_asked_for(boss: Browser) -> None:
    publish_model(1)
    publish_model(2)
    refused = boss.send(boss.get(MODEL), MODEL, "promover", versao="1", motivo="não")
    assert refused.text.count("Use pelo menos 5 caracteres") == 1
    assert refused.form("reverter").fields["motivo"] == ""


def test_model_that_offers_no_measurement_takes_none_for_a_comparison(boss: Browser) -> None:
    publish_model(1)
    publish_model(2)
    token = boss.get(MODEL).form("/sair").fields["ficha"]
    refused = boss.post(MODEL, {"ficha": token, "acao": "medir", "a": "2", "b": "1"})
    assert refused.status == 400
    assert "Última comparação" not in boss.get(MODEL).text


def test_card_of_a_version_is_shown(boss: Browser) -> None:
    version = publish_model()
    page = boss.get(f"{MODEL}/{version}")
    assert f"versão {version}" in page.title
    assert "Responde agora" in page.text
    assert boss.get(f"{MODEL}/404").status == 404
    assert boss.get(f"{MODEL}/um").status == 404


@pytest.mark.parametrize(
    ("role", "action"),
    [(Role.OPERADOR, "treinar"), (Role.LEITOR, "comparar"), (Role.CIENTISTA, "promover")],
)
def test_actions_ask_for_their_own_role(browser_of: Visitor, role: Role, action: str) -> None:
    publish_model()
    browser = browser_of(role)
    page = browser.get(MODEL)
    with pytest.raises(AssertionError, match="no form"):
        page.form(action)
    token = page.form("/sair").fields["ficha"]
    page = browser.post(MODEL, {"ficha": token, "acao": action})
    assert page.status == 403


def curve(y: float) -> dict[str, Any]:
    own = {"type": "scatter", "name": "modelo", "x": [0, 1], "y": [0, y], "error_y": {}}
    chance = {"type": "scatter", "name": "acaso", "x": [0, 1], "y": [0, 1]}
    return {"roc": {"data": [own, chance], "layout": {"xaxis": {"title": "Falsos positivos"}}}}


def test_curves_of_versions_lie_over_each_other(boss: Browser) -> None:
    for version in (1, 2):
        publish_model(version)
        with unit_of_work(tenant=HOUSE) as session:
            row = version_of(session, CHURN, version)
            row.figures = curve(version / 2)
    page = boss.get(MODEL)
    assert "Curvas lado a lado" in page.text
    (figure,) = re.findall(r'<script type="application/json">(.*?)</script>', page.source)
    lines = json.loads(figure)["data"]
    assert [line["name"] for line in lines] == ["Versão 2, responde", "Versão 1", "acaso"]
    assert [line["y"] for line in lines] == [[0, 1.0], [0, 0.5], [0, 1]]
    assert "error_y" not in lines[0]


def test_one_version_has_nothing_to_lie_over(boss: Browser) -> None:
    publish_model()
    assert "Curvas lado a lado" not in boss.get(MODEL).text
