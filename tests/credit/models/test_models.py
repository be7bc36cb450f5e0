"""The versions of a company's model by the API: compared, promoted, rolled back, tried, watched."""

import csv
import io
import json
from math import fsum
from typing import Any
from uuid import UUID

import pytest

from chalicelib.core.db import unit_of_work
from chalicelib.credit.schemas_models import DesempenhoOut
from chalicelib.credit.training_watch import UNCERTAIN, cautious, maturity
from chalicelib.ml.registry import Alias, ModelVersion
from infra.local.seed_credit import load_company
from infra.local.simulation.company import SimulatedCompany
from tests.client import Client, assert_problem
from tests.credit.companies import Company
from tests.credit.conftest import MakeCompany, Sending, rows
from tests.credit.models.records import (
    UNTIL,
    alias,
    change,
    load,
    report_of,
    small_company,
    train,
    version_row,
)
from tests.gym.work import finished_job, work_off

MODELS = "/credito/modelos"
WHY = {"motivo": "Conferido com o financeiro."}
TABLES = ("pedidos", "clientes", "limites", "consultas", "decisoes", "contas")

pytestmark = pytest.mark.usefixtures("small_forests")


def counts(tenant: str) -> dict[str, int]:
    """How many rows of each kind a company has."""
    return {table: change(tenant, f"SELECT 1 FROM credito_{table}") for table in TABLES}


def load_acervo(company: Company, records: SimulatedCompany) -> None:
    """Give a company's acervo these records."""
    change(company.tenant, "DELETE FROM credito_datasets WHERE acervo")
    with unit_of_work(tenant=company.tenant) as session:
        load_company(session, company.tenant, records, now=UNTIL, acervo=True)


@pytest.mark.slow
def test_versions_are_compared_on_what_none_was_trained_on_then_promoted_and_rolled_back(
    company: Company, make_company: MakeCompany
) -> None:
    client = company.client
    dataset = load(company.tenant)
    report_of(train(client, dataset))
    names = [each["column"]["name"] for each in version_row(company.tenant, 1).encoder["columns"]]
    ignored = [name for name in names if name != "pedido.canal"]
    report_of(train(client, dataset, ignorar=ignored))
    _compare(company, dataset)
    promoted = client.post(f"{MODELS}/2/promover", WHY)
    assert (promoted.json["versao"], promoted.json["uso"]) == (2, "campeao")
    assert_problem(client.post(f"{MODELS}/2/promover", WHY), 409, "AlreadyChampion")
    assert client.post(f"{MODELS}/reverter", WHY).json["versao"] == 1
    assert_problem(client.post(f"{MODELS}/reverter", WHY), 409, "NoEarlierChampion")
    assert alias(company.tenant, Alias.CHAMPION) == 1
    moves = [(m["tipo"], m["versao"]) for m in client.get(f"{MODELS}/historico").json["items"]]
    assert moves == [("reversao", 1), ("promocao", 2), ("promocao", 1)]
    _assert_nobody_else_sees(make_company(), dataset)


def _compare(company: Company, dataset: UUID) -> None:
    job = finished_job(
        company.client, company.client.post(f"{MODELS}/comparar", {"versoes": [1, 2]})
    )
    found = report_of(job)
    row = version_row(company.tenant, 1)
    assert (found["dataset"], found["alvo"]) == (str(dataset), "pagamento")
    assert found["desde"] >= row.split["validacao_desde"]
    assert found["linhas"] == row.split["linhas_validacao"]
    first, second = found["versoes"]
    for metric in ("roc_auc", "ks", "brier"):
        assert first["metricas"][metric] == pytest.approx(row.metrics["validacao"][metric])
    assert first["diferencas"] is None
    for metric in ("roc_auc", "ks", "brier"):
        assert second["diferencas"][metric]["high"] < 0, metric
    assert second["aprovacao_a_igual_risco"] < first["aprovacao_a_igual_risco"]
    assert first["aprovacao_a_igual_risco"] >= first["no_limiar"]["aprovacao"]
    assert second["custo_por_pedido"]["value"] > first["custo_por_pedido"]["value"]


def _assert_nobody_else_sees(other: Company, dataset: UUID) -> None:
    client = other.client
    assert client.get(MODELS).json["total"] == 0
    assert client.get(f"{MODELS}/historico").json["total"] == 0
    assert client.get(f"{MODELS}/saude").json["estado"] == "sem_dados"
    for path in (f"{MODELS}/1", f"{MODELS}/1/figuras/roc"):
        assert_problem(client.get(path), 404, "ModelVersionNotFound")
    tried: dict[str, Any] = {"pedidos": [{"valor": "10.00"}]}
    for path, body in (
        (f"{MODELS}/1/promover", WHY),
        (f"{MODELS}/1/testar", tried),
        (f"{MODELS}/comparar", {"versoes": [1, 2]}),
    ):
        assert_problem(client.post(path, body), 404, "ModelVersionNotFound")
    asked = {"dataset": str(dataset)}
    assert_problem(client.post("/credito/retreinamentos", asked), 404, "DatasetNotFound")


@pytest.mark.slow
def test_a_version_is_tried_and_nothing_is_decided_or_kept(
    company: Company, make_company: MakeCompany
) -> None:
    records = small_company()
    load_acervo(company, records)
    report_of(train(company.client, load(company.tenant, records)))
    before = counts(company.tenant)
    _try_inline(company)
    _try_file(company, make_company(), records)
    assert counts(company.tenant) == before


def _try_inline(company: Company) -> None:
    known = {"cliente": "C00001", "valor": "900.00", "data": "2026-02-01"}
    late = {"itens": {"cliente": {"titulos_em_atraso": 9, "atraso_medio_dias": 30.0}}}
    strange = {"atributos": {"prazo_dias": "trinta", "cor": "azul"}, "desfecho": "pago"}
    sent = [known, {**known, **late}, {**known, **strange, "numero": "minha"}]
    answer = company.client.post(f"{MODELS}/1/testar", {"pedidos": sent}).json
    assert (answer["versao"], answer["alvo"]) == (1, "pagamento")
    first, worse, named = answer["pedidos"]
    for each in answer["pedidos"]:
        effects = fsum(reason["efeito"] for reason in each["justificativas"])
        assert each["probabilidade"] == pytest.approx(each["valor_base"] + effects, abs=1e-6)
        assert each["abaixo_do_limiar"] == (each["probabilidade"] < answer["limiar"])
    assert worse["probabilidade"] > first["probabilidade"]
    assert (named["numero"], named["desfecho"]) == ("minha", "pago")
    assert named["colunas_desconhecidas"] == ["pedido.cor"]
    assert named["colunas_de_outro_tipo"] == ["pedido.prazo_dias"]
    again = company.client.post(f"{MODELS}/1/testar", {"pedidos": [known]}).json["pedidos"]
    assert again == [first]
    unread = {"pedidos": [{"valor": "1.00", "data": "ontem"}]}
    problem = assert_problem(
        company.client.post(f"{MODELS}/1/testar", unread), 422, "ValidationFailed"
    )
    assert problem["errors"][0]["campo"] == "pedidos.0.data"


def _try_file(company: Company, other: Company, records: SimulatedCompany) -> None:
    """The records' own orders, a few of them unreadable, as CSV and as NDJSON."""
    wanted = [p for p in records.pedidos if p["desfecho"] in ("pago", "inadimplente")][:300]
    lines = [
        {**{k: p[k] for k in ("numero", "cliente", "valor", "desfecho")}, "data": p["pedido_em"]}
        | p["atributos"]
        for p in wanted
    ]
    lines[3]["valor"] = "dez"
    table = io.StringIO()
    writer = csv.DictWriter(table, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    reports = []
    for body, kind in (
        (table.getvalue().encode(), "text/csv"),
        ("\n".join(map(json.dumps, lines)).encode(), "application/x-ndjson"),
    ):
        accepted = company.client.post(f"{MODELS}/1/testar", body, content_type=kind)
        reports.append(report_of(finished_job(company.client, accepted)))
    found = reports[0]
    assert (found["linhas"], found["lidas"], found["recusadas"]) == (300, 299, 1)
    assert found["primeiras_recusadas"][0]["linha"] == 5
    assert found["rotuladas"] == 299
    assert found["metricas"]["roc_auc"]["value"] > 0.6
    assert found["aviso"].startswith("299 de 299 linhas com desfecho são do período")
    assert len(found["pedidos"]) == 100
    assert found["custo_por_pedido"]["limiar"]["value"] < 1e6
    assert reports[1]["metricas"] == found["metricas"]
    accepted = company.client.post(f"{MODELS}/1/testar", b"valor\nnada\n", content_type="text/csv")
    job = finished_job(company.client, accepted)
    assert job["error"]["title"] == "ArquivoVazio"
    answer = other.client.post(f"{MODELS}/1/testar", b"valor\n1\n", content_type="text/csv")
    assert_problem(answer, 404, "ModelVersionNotFound")


@pytest.mark.slow
def test_health_follows_what_is_decided_and_what_becomes_of_it(company: Company) -> None:
    records = small_company()
    load_acervo(company, records)
    report_of(train(company.client, load(company.tenant, records)))
    assert alias(company.tenant, Alias.CHAMPION) == 1
    for number in range(130):
        order = {
            "numero": f"novo-{number}",
            "cliente": f"C{number % 60 + 1:05d}",
            "valor": "90000.00",
            "atributos": {"prazo_dias": 90, "canal": "site", "urgente": True},
        }
        assert company.client.post("/credito/pedidos", order).status == 201
    change(
        company.tenant,
        "UPDATE credito_pedidos o SET desfecho = CASE WHEN d.id % 3 = 0 THEN 'inadimplente'"
        " ELSE 'pago' END, desfecho_em = now() FROM credito_decisoes d WHERE d.pedido_id = o.id",
    )
    old = " WHERE id IN (SELECT pedido_id FROM credito_decisoes ORDER BY id LIMIT 120)"
    earlier = "UPDATE credito_pedidos SET pedido_em = pedido_em - interval '1 year'"
    change(company.tenant, earlier + old)
    measured = report_of(finished_job(company.client, company.client.post(f"{MODELS}/saude")))
    assert measured == {"versao": 1, "pedidos": 130, "desfechos": 120}
    health = company.client.get(f"{MODELS}/saude").json
    shifts = {each["coluna"]: each for each in health["medicao"]["entradas"]}
    assert shifts["valor_pedido"]["faixa"] == "deriva"
    assert health["medicao"]["score"]["linhas"] == 130
    assert health["estado"] == "deriva"
    assert any("Valor do pedido: PSI" in said for said in health["motivos"])
    performance = health["medicao"]["desempenho"]
    assert (performance["clientes"], performance["desfechos"]) == (60, 120)
    waited = version_row(company.tenant, 1).split["intervalo_dias"]
    assert (performance["espera_dias"], performance["recentes"]) == (waited, 10)
    assert performance["aviso"].startswith(f"10 desfechos de pedidos de menos de {waited} dias")
    assert 0.2 < performance["metricas"]["roc_auc"]["value"] < 0.8
    assert sum(each["rows"] for each in performance["confiabilidade"]) == 120


def test_a_version_that_does_not_know_how_long_outcomes_take_says_so() -> None:
    whole: dict[str, Any] = {**dict.fromkeys(DesempenhoOut.model_fields), "desfechos": 7}
    nothing = DesempenhoOut.model_construct(**whole)
    for split, alvo, known in (
        ({"tipo": "temporal", "intervalo_dias": 90}, "pagamento", 90),
        ({"tipo": "temporal", "intervalo_dias": 0}, "pagamento", None),
        ({"tipo": "temporal", "intervalo_dias": 0}, "faturamento", 0),
        ({"tipo": "entidades", "parcela": 0.2}, "pagamento", None),
    ):
        days = maturity(ModelVersion(split=split, data={"alvo": alvo}))
        assert days == known
        said = cautious(nothing, days, 0).aviso
        assert said == (UNCERTAIN if days is None else None)


def test_a_company_without_a_model_is_told_so(company: Company) -> None:
    assert company.client.get(f"{MODELS}/saude").json["motivos"] == [
        "Nenhuma versão do modelo responde ainda."
    ]
    job = finished_job(company.client, company.client.post(f"{MODELS}/saude"))
    assert report_of(job) == {"versao": None, "pedidos": 0, "desfechos": 0}
    assert_problem(company.client.post(f"{MODELS}/reverter", WHY), 409, "NoEarlierChampion")


def test_what_is_asked_for_must_make_sense(company: Company) -> None:
    client, tried = company.client, f"{MODELS}/1/testar"
    both: dict[str, Any] = {"pedidos": [{"valor": "1.00"}], "objeto": "x"}
    wrong: list[dict[str, Any]] = [{}, both, {"pedidos": []}, {"pedidos": [{"valor": "-1"}]}]
    for body in wrong:
        assert_problem(client.post(tried, body), 422, "ValidationFailed")
    for numbers in ([1], [1, 1], list(range(1, 12))):
        assert_problem(
            client.post(f"{MODELS}/comparar", {"versoes": numbers}), 422, "ValidationFailed"
        )
    assert_problem(client.post(tried, {"objeto": "nada"}), 422, "ObjectMissing")


@pytest.mark.slow
def test_what_became_of_orders_decided_here_is_learnt_from_the_acervo(
    company: Company, make_company: MakeCompany
) -> None:
    client, retrain = company.client, "/credito/retreinamentos"
    load_acervo(company, small_company())
    assert_problem(client.post(retrain, {"dataset": "acervo"}), 422, "AlvoNaoDito")
    assert_problem(client.post(retrain, {"dataset": "tudo"}), 422, "ValidationFailed")
    asked = {"dataset": "acervo", "alvo": "pagamento"}
    accepted = client.post(retrain, asked)
    assert client.post(retrain, asked).json["id"] == accepted.json["id"]
    first = report_of(finished_job(client, accepted))
    decided = 12
    for number in range(decided):
        _decide_and_tell(client, f"aqui-{number}", "inadimplente" if number % 3 == 0 else "pago")
    acervo = client.get("/credito/empresa").json["acervo_id"]
    second = report_of(finished_job(client, client.post(retrain, {**asked, "dataset": acervo})))
    assert [report["versao"] for report in (first, second)] == [1, 2]
    assert first["dataset"] == second["dataset"] == acervo
    before, after = (version_row(company.tenant, n).data["pedidos"] for n in (1, 2))
    assert after["usados"] - before["usados"] == decided
    other = make_company().client
    assert other.get("/credito/empresa").json["acervo_id"] != acervo
    assert_problem(other.post(retrain, {**asked, "dataset": acervo}), 404, "DatasetNotFound")


def _decide_and_tell(client: Client, numero: str, desfecho: str) -> None:
    """Have an order of last summer decided, and say what became of it."""
    order = {"numero": numero, "cliente": "C00001", "valor": "900.00", "data": "2025-07-01"}
    answer = client.post("/credito/pedidos", order)
    assert answer.status == 201, answer.body
    told = {"desfecho": desfecho, "em": "2025-08-01"}
    address = f"/credito/pedidos/{answer.json['id']}/desfecho"
    assert client.post(address, told).status == 201


def test_a_training_on_other_terms_is_another_job(company: Company, sending: Sending) -> None:
    assert sending.conclude(sending.store_whole()).status == 202
    work_off()

    def job_of(**terms: Any) -> str:
        answer = company.client.post("/credito/retreinamentos", {"dataset": sending.id, **terms})
        assert answer.status == 202, answer.body
        found: str = answer.json["id"]
        return found

    plain = job_of()
    assert job_of(alvo="pagamento") == plain
    without = job_of(ignorar=["pedido.a", "pedido.b"])
    assert without != plain
    assert job_of(ignorar=["pedido.B", "pedido.a"]) == without
    assert len({plain, without, job_of(ignorar=["pedido.a"]), job_of(alvo="faturamento")}) == 4
    of = "SELECT dedupe_key FROM jobs WHERE queue = 'credit_training_queue' ORDER BY created_at"
    closing, asked, *_ = [row.dedupe_key for row in rows(of)]
    assert closing == asked
