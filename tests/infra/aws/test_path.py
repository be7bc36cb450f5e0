"""The whole way of a gym and a decision of a company, with nothing of our local runtime in it.

API and handlers under Lambda's runtime client; objects, signed uploads and rings on an emulated
S3 and SQS.
"""

# ruff: noqa: F811 - a fixture of another module is used by its name.

from dataclasses import replace
from typing import Any

import pytest
import requests

from chalicelib.core.clock import utc_now
from chalicelib.core.db import unit_of_work
from chalicelib.core.settings import HOUSE
from infra.local.seed import load_gym
from infra.local.simulation import simulate
from infra.local.simulation.result import SimulatedGym, SimulatedVisitas
from tests.client import Answer
from tests.credit.companies import sign_up_company
from tests.credit.decisions.deciding import order, publish_credit_model
from tests.gym.conftest import count
from tests.gym.work import CSV
from tests.infra.aws.deployed import DeployedClient, assert_reasons_add_up
from tests.infra.aws.test_handlers import (  # noqa: F401 - fixtures of the tests here
    Cloud,
    bookshop,
    cloud,
)

pytestmark = pytest.mark.slow

MEMBERS = 300


def _known_members() -> tuple[SimulatedGym, str]:
    """Store members of nine months without their visits; gives those as a file."""
    gym = simulate(alunos=MEMBERS, meses=9, until=utc_now())
    visits = gym.visitas
    none = SimulatedVisitas(visits.aluno[:0], visits.entrada[:0], visits.saida[:0])
    with unit_of_work(tenant=HOUSE) as session:
        load_gym(session, replace(gym, visitas=none))
    rows = (
        f"{aluno + 1},{entrada}Z"
        for aluno, entrada in zip(visits.aluno, visits.entrada.astype("datetime64[s]"), strict=True)
    )
    return gym, "\n".join(["aluno_id,entrada", *rows])


def _upload(client: DeployedClient, content: bytes) -> str:
    """Send a file to the bucket by a signed address; gives its key."""
    asked = {"tamanho_bytes": len(content), "content_type": CSV}
    upload: dict[str, Any] = client.post("/uploads", asked).json
    sent = requests.put(upload["url"], data=content, headers=upload["cabecalhos"], timeout=30)
    assert sent.status_code == 200, sent.text
    return str(upload["objeto"])


def test_a_gym_is_trained_for_and_an_order_decided(cloud: Cloud) -> None:
    gym, visits = _known_members()
    plano = cloud.api.get("/planos").json["items"][0]
    new = {"nome": "Ana Lima", "email": "ana@example.com", "plano_id": plano["id"]}
    registered = cloud.api.post("/aluno/registro", new)
    assert registered.status == 201, registered.body
    assert cloud.api.post("/aluno/checkin", {"aluno_id": registered.json["id"]}).status == 201

    objeto = _upload(cloud.api, visits.encode())
    accepted = cloud.api.post("/aluno/checkin/lote", {"objeto": objeto})
    report = cloud.result("checkin_queue", accepted)
    assert report["aceitas"] == len(gym.visitas) == count("checkins") - 1

    trained = cloud.result("model_update_queue", cloud.api.post("/admin/atualizar-modelo"))
    assert (trained["versao"], trained["promovido"]) == (1, True)

    answers = (cloud.api.get(f"/aluno/{n}/risco-churn") for n in range(1, MEMBERS + 1))
    score: Answer = next(answer for answer in answers if answer.json["tipo"] == "modelo")
    assert score.json["modelo_versao"] == 1
    assert_reasons_add_up(score.json)
    assert cloud.api.get(f"/aluno/{registered.json['id']}/risco-churn").status == 200
    _an_order_is_decided_with_reasons(cloud)


def _an_order_is_decided_with_reasons(cloud: Cloud) -> None:
    company = sign_up_company()
    publish_credit_model(company.tenant)
    client = DeployedClient(company.client.token).at(cloud.api.instance)
    decided = client.post("/credito/pedidos", order())
    assert decided.status == 201, decided.body
    assert decided.json["decisao"] == "aprovado"
    assert decided.json["justificativas"]
    stranger = DeployedClient(sign_up_company().client.token).at(cloud.api.instance)
    assert stranger.get(f"/credito/pedidos/{decided.json['id']}").status == 404
