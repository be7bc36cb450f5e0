"""A simulated company: the same again, plausible, with a known best, and dirty where asked."""

from datetime import UTC, datetime

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from infra.local.simulation.company import SimulatedCompany, simulate_company, soiled

UNTIL = datetime(2026, 3, 1, tzinfo=UTC)
NOW = "2026-03-01T00:00:00Z"


@pytest.fixture(scope="module")
def company() -> SimulatedCompany:
    return simulate_company(until=UNTIL)


def test_same_arguments_give_the_same_records(company: SimulatedCompany) -> None:
    again = simulate_company(until=UNTIL)
    assert again.pedidos == company.pedidos
    assert again.clientes == company.clientes
    assert simulate_company(until=UNTIL, seed=8).pedidos != company.pedidos


def test_nothing_is_recorded_after_its_time_and_keys_are_unique(company: SimulatedCompany) -> None:
    assert max(each["vale_desde"] for each in company.clientes) <= NOW
    assert max(each["consultada_em"] for each in company.consultas) <= NOW
    for each in company.pedidos:
        assert each["pedido_em"] <= NOW
        assert (each["desfecho"] is None) == (each["desfecho_em"] is None)
        if each["desfecho_em"]:
            assert each["pedido_em"] <= each["desfecho_em"] <= NOW
    for items, keys in (
        (company.clientes, ("codigo", "vale_desde")),
        (company.consultas, ("cliente", "consultada_em")),
        (company.pedidos, ("numero",)),
    ):
        assert len({tuple(each[key] for key in keys) for each in items}) == len(items)


def test_outcomes_follow_the_risk_that_is_told(company: SimulatedCompany) -> None:
    known = [k for k, p in enumerate(company.pedidos) if p["desfecho"] in ("pago", "inadimplente")]
    bad = [company.pedidos[k]["desfecho"] == "inadimplente" for k in known]
    assert roc_auc_score(bad, company.risco[known]) > 0.75
    assert 0.1 < np.mean(bad) < 0.3
    late = company.risco[[p["desfecho"] == "bloqueado" for p in company.pedidos]]
    assert late.mean() > 2 * company.risco.mean()


def test_decisions_are_another_target() -> None:
    found = simulate_company(until=UNTIL, alvo="faturamento")
    assert {each["desfecho"] for each in found.pedidos} == {"faturado", "bloqueado"}


def test_a_careless_export_has_something_of_everything(company: SimulatedCompany) -> None:
    dirty = soiled(company.pedidos)
    changed = [(a, b) for a, b in zip(company.pedidos, dirty, strict=True) if a != b]
    assert 0.08 < len(changed) / len(dirty) < 0.16
    assert any(b["valor"].startswith("-") for _, b in changed)
    assert any("/" in str(b["pedido_em"]) for _, b in changed)
    assert any(b["desfecho"] == "Em análise" for _, b in changed)
    assert any(a["desfecho"] and b["desfecho"] == a["desfecho"].upper() for a, b in changed)
    assert any(b["atributos"] == {} for _, b in changed)
    assert soiled(company.pedidos) == dirty


@pytest.mark.parametrize("wrong", [{"clientes": 0}, {"pedidos": 0}, {"meses": 0}])
def test_impossible_companies_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="needed"):
        simulate_company(until=UNTIL, **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="needed"):
        simulate_company(until=datetime(2026, 3, 1))  # noqa: DTZ001
