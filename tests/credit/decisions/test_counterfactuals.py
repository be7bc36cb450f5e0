"""The nearest change: verified, within bounds, minimal in the stated sense; all of it pure."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from chalicelib.credit.counterfactuals import MOST_ROWS, Changes, nearest_approval
from chalicelib.credit.policy import Limiares, Politica
from chalicelib.credit.rules import evaluate
from tests.credit.decisions.test_rules import make_case

LIMITS = Limiares(aprova_abaixo_de=0.4, nega_a_partir_de=0.6)


class Linear:
    """Predicts from amount, overdue titles and an own column; counts what it is asked."""

    def __init__(self, case: Any, weights: dict[str, float], base: float = 0.0) -> None:
        self.case, self.weights, self.base = case, weights, base
        self.calls = self.rows = 0

    def of(self, change: Changes) -> float:
        after = self.case.changed(change)
        score = self.base + sum(w * (after.number(n) or 0) for n, w in self.weights.items())
        return min(1.0, max(0.0, score))

    def __call__(self, changes: Sequence[Changes]) -> list[float]:
        self.calls, self.rows = self.calls + 1, self.rows + len(changes)
        return [self.of(change) for change in changes]


def policy(**alteraveis: dict[str, Any]) -> Politica:
    return Politica.model_validate({"alteraveis": alteraveis})


def down(lowest: float, highest: float = 1e6, **more: Any) -> dict[str, Any]:
    return {"direcao": "diminui", "minimo": lowest, "maximo": highest, **more}


def up(lowest: float, highest: float, **more: Any) -> dict[str, Any]:
    return {"direcao": "aumenta", "minimo": lowest, "maximo": highest, **more}


def amount(valor: float, **changes: Any) -> Any:
    """A case of an order of this amount, whose limit is no matter."""
    return make_case(
        valor=Decimal(str(valor)), valor_pedido=valor, limite=Decimal(10**9), **changes
    )


def test_one_column_goes_just_below_the_threshold() -> None:
    case = amount(8000.0)
    found = nearest_approval(
        case, policy(valor_pedido=down(0.01)), LIMITS, Linear(case, {"valor_pedido": 1e-4})
    )
    assert found.changes is not None
    (value,) = found.changes.values()
    assert 3990 < value < 4000
    assert found.probability is not None
    assert found.probability < LIMITS.aprova_abaixo_de
    assert found.distance == pytest.approx((8000 - value) / (8000 - 0.01))


def test_steps_are_kept() -> None:
    case = amount(8000.0)
    found = nearest_approval(
        case,
        policy(valor_pedido=down(0.01, passo=250)),
        LIMITS,
        Linear(case, {"valor_pedido": 1e-4}),
    )
    assert found.changes == {"valor_pedido": 3750.0}


@pytest.mark.parametrize(
    ("now", "lowest", "is_whole"), [(24.0, 4, True), (24.5, 4, False), (24.0, 0.5, False)]
)
def test_a_term_in_months_stays_whole_but_no_ratio_is_rounded(
    now: float, lowest: float, is_whole: bool
) -> None:
    case = amount(100.0, atributos_pedido={"prazo": now})
    two = policy(**{"pedido.prazo": down(lowest, 72)})
    found = nearest_approval(case, two, LIMITS, Linear(case, {"pedido.prazo": 0.039}))
    assert found.changes is not None
    assert found.changes["pedido.prazo"].is_integer() == is_whole


def test_what_is_said_with_two_decimals_is_what_was_verified() -> None:
    case = amount(100.0, atributos_pedido={"atraso": 13.9})
    found = nearest_approval(
        case,
        policy(**{"pedido.atraso": down(0, 1000)}),
        LIMITS,
        Linear(case, {"pedido.atraso": 0.0431}),
    )
    assert found.changes is not None
    (value,) = found.changes.values()
    assert value == round(value, 2)


def test_an_order_is_not_advised_to_shrink_to_nothing() -> None:
    case = amount(12_579.0)
    nothing_else = Linear(case, {"valor_pedido": 1e-4})
    lowest = Politica().alteraveis["valor_pedido"]
    assert (lowest.parcela_minima, lowest.minimo) == (0.1, 0.01)
    found = nearest_approval(
        case,
        Politica(),
        Limiares.model_validate({"aprova_abaixo_de": 0.12, "nega_a_partir_de": 0.6}),
        nothing_else,
    )
    assert found.changes is None
    found = nearest_approval(
        case,
        Politica(),
        Limiares.model_validate({"aprova_abaixo_de": 0.126, "nega_a_partir_de": 0.6}),
        nothing_else,
    )
    assert found.changes == {"valor_pedido": 1257.9}
    below_zero = {"saldo": -10.0}
    case = amount(100.0, atributos_pedido=below_zero)
    shrinks = policy(**{"pedido.saldo": down(-50, parcela_minima=0.1)})
    assert nearest_approval(case, shrinks, LIMITS, Linear(case, {"pedido.saldo": 0.1}, 1.5)).changes


def test_a_share_is_not_rounded() -> None:
    case = amount(100.0, atributos_pedido={"entrada": 0.0})
    shares = policy(**{"pedido.entrada": up(0, 1)})
    found = nearest_approval(case, shares, LIMITS, Linear(case, {"pedido.entrada": -1.0}, 0.9))
    assert found.changes is not None
    assert 0.5 < found.changes["pedido.entrada"] < 0.51


def test_fewest_columns_then_the_nearest_one() -> None:
    case = amount(5000.0, atributos_pedido={"prazo": 90})
    predict = Linear(case, {"valor_pedido": 1e-4, "pedido.prazo": 1e-3})
    # 0.59: 1,900 BRL of 4,999 less, or not even all of the term.
    both = policy(**{"valor_pedido": down(0.01), "pedido.prazo": down(0)})
    found = nearest_approval(case, both, LIMITS, predict)
    assert found.changes is not None
    assert set(found.changes) == {"valor_pedido"}


def test_several_columns_where_none_does_alone() -> None:
    case = amount(5000.0, atributos_pedido={"prazo": 90})
    predict = Linear(case, {"valor_pedido": 1e-4, "pedido.prazo": 3e-3})
    two = policy(**{"valor_pedido": down(2000), "pedido.prazo": down(30, passo=10)})
    found = nearest_approval(case, two, LIMITS, predict)
    assert found.changes is not None
    assert set(found.changes) == {"valor_pedido", "pedido.prazo"}
    assert found.changes["pedido.prazo"] in (30.0, 40.0, 50.0, 60.0, 70.0, 80.0)
    assert predict.of(found.changes) == found.probability
    assert (found.probability or 1) < 0.4


def test_a_rule_is_freed_to_the_cent() -> None:
    case = make_case(exposicao=Decimal("4200.55"))
    found = nearest_approval(case, policy(valor_pedido=down(0.01)), LIMITS, Linear(case, {}))
    assert found.changes == {"valor_pedido": 799.45}


def test_rule_and_model_are_both_freed() -> None:
    case = make_case(
        valor=Decimal(9000), valor_pedido=9000.0, exposicao=Decimal(0), titulos_em_atraso=2.0
    )
    predict = Linear(case, {"valor_pedido": 1e-4})
    both = policy(valor_pedido=down(0.01), titulos_em_atraso=down(0, 100))
    found = nearest_approval(case, both, LIMITS, predict)
    assert found.changes is not None
    assert found.changes["titulos_em_atraso"] == 0
    assert found.changes["valor_pedido"] < 4000
    assert evaluate(case.changed(found.changes), both.regras) == []


def test_a_raised_limit_frees_too_and_its_use_follows() -> None:
    case = make_case(exposicao=Decimal(4500))
    found = nearest_approval(case, policy(limite_credito=up(0, 20_000)), LIMITS, Linear(case, {}))
    assert found.changes == {"limite_credito": 5500.0}
    assert case.changed(found.changes).number("uso_do_limite") == pytest.approx(1000 / 5500)


@pytest.mark.parametrize(
    ("case", "alteraveis", "said"),
    [
        (make_case(falencia=True), {"valor_pedido": down(0.01)}, "falencia"),
        (amount(8000.0), {}, "Nenhuma coluna"),
        (amount(8000.0), {"valor_pedido": up(0, 7000)}, "Nenhuma coluna"),
        (amount(8000.0), {"cliente.renda": up(0, 7000)}, "Nenhuma coluna"),
        (amount(8000.0), {"valor_pedido": down(7000)}, "Nenhuma mudança"),
    ],
)
def test_none_says_why(case: Any, alteraveis: dict[str, Any], said: str) -> None:
    found = nearest_approval(
        case, policy(**alteraveis), LIMITS, Linear(case, {"valor_pedido": 1e-4})
    )
    assert found.changes is None
    assert said in (found.reason or "")


def test_without_a_model_nothing_would_be_approved() -> None:
    found = nearest_approval(make_case(), Politica(), None, None)
    assert found.changes is None
    assert "Sem modelo" in (found.reason or "")


def test_a_score_that_jumps_is_verified_where_it_lands() -> None:
    case = amount(8000.0)

    def jumps(changes: Sequence[Changes]) -> list[float]:
        return [0.1 if 2000 <= change["valor_pedido"] <= 3000 else 0.9 for change in changes]

    found = nearest_approval(case, policy(valor_pedido=down(0.01)), LIMITS, jumps)
    assert found.changes is not None
    assert 2900 < found.changes["valor_pedido"] <= 3000


@pytest.mark.parametrize("seed", range(60))
def test_whatever_the_case_it_is_verified_bounded_and_within_its_rows(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = [f"pedido.c{n}" for n in range(rng.integers(1, 12))]
    own = {name.split(".")[1]: float(rng.uniform(0, 10)) for name in names}
    case = amount(float(rng.integers(100, 9000)), atributos_pedido=own)
    weights = {name: float(rng.normal(0, 0.05)) for name in names} | {"valor_pedido": 5e-5}
    predict = Linear(case, weights, base=float(rng.uniform(0.3, 0.9)))
    ways = ("aumenta", "diminui", "ambas")
    allowed = {
        name: {"direcao": ways[rng.integers(3)], "minimo": 0, "maximo": 10}
        | ({"passo": 0.5} if rng.random() < 0.5 else {})
        for name in names
    }
    terms = policy(**allowed, valor_pedido=down(0.01))
    found = nearest_approval(case, terms, LIMITS, predict)
    assert predict.rows == found.rows <= MOST_ROWS
    assert predict.calls <= 3
    if found.changes is None:
        return
    assert predict.of(found.changes) < LIMITS.aprova_abaixo_de
    assert evaluate(case.changed(found.changes), terms.regras) == []
    for name, value in found.changes.items():
        how, now = terms.alteraveis[name], case.number(name) or 0.0
        assert how.minimo <= value <= how.maximo
        assert value != now
        assert how.direcao == "ambas" or (value > now) == (how.direcao == "aumenta")
    again = nearest_approval(case, terms, LIMITS, predict)
    assert again.changes == found.changes
