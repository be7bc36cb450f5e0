"""Hard rules, verdicts and what they say; all of it pure."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.credit.cases import ATTRIBUTES, BASE_NAMES, Case
from chalicelib.credit.policy import Consequencia, Limiares, Politica, Regras, thresholds
from chalicelib.credit.rules import RULES, evaluate
from chalicelib.credit.verdicts import Origem, Situacao, by_model, verdict

QUIET: dict[str, Any] = {
    "valor_pedido": 1000.0,
    "limite_credito": 5000.0,
    "uso_do_limite": 0.2,
    "titulos_em_atraso": 0.0,
    "valor_em_atraso": 0.0,
    "maior_atraso_dias": 0.0,
    "serasa_ocorrencias": 0.0,
    "serasa_valor": 0.0,
    "serasa_protestos": 0.0,
    "serasa_pontuacao": 700.0,
    "dias_desde_consulta": 3.0,
}


def make_case(**changes: Any) -> Case:
    """A case that no rule of the default policy speaks of."""
    fields = {name for name in Case.__dataclass_fields__ if name != "row"}
    row = {**dict.fromkeys(BASE_NAMES), **{name: {} for name in ATTRIBUTES}, **QUIET}
    quiet = Case(
        row={**row, **{k: v for k, v in changes.items() if k not in fields}},
        as_of=datetime(2026, 3, 1, tzinfo=UTC),
        valor=Decimal(1000),
        limite=Decimal(5000),
        utilizado=Decimal(0),
        exposicao=Decimal(0),
        cliente_conhecido=True,
        falencia=False,
    )
    return replace(quiet, **{k: v for k, v in changes.items() if k in fields})


def every_rule(**terms: Any) -> Regras:
    """All rules on."""
    base = Regras().model_dump()
    for name, rule in base.items():
        rule.update(ativa=True, **terms.get(name, {}))
    return Regras.model_validate(base, strict=False)


LOUD = every_rule(valor_em_atraso={"maximo": 10}, valor_do_pedido={"maximo": 1000})


def test_quiet_case_is_quiet_under_every_rule() -> None:
    assert evaluate(make_case(), every_rule(valor_do_pedido={"maximo": 1000})) == []


@pytest.mark.parametrize(
    ("changes", "rule", "said"),
    [
        ({"falencia": True}, "falencia", "falência"),
        ({"exposicao": Decimal("4000.01")}, "limite", "R$ 4.000,01"),
        ({"limite": None}, "sem_limite", "não tem limite"),
        ({"cliente_conhecido": False}, "cliente_desconhecido", "Nada se sabe"),
        ({"titulos_em_atraso": 1.0}, "titulos_em_atraso", "1 título em atraso"),
        ({"valor_em_atraso": 10.01}, "valor_em_atraso", "R$ 10,01"),
        ({"maior_atraso_dias": 61.0}, "dias_de_atraso", "61 dias"),
        ({"valor_pedido": 1000.01}, "valor_do_pedido", "R$ 1.000,01"),
        ({"serasa_ocorrencias": 3.0}, "ocorrencias_serasa", "3 ocorrências"),
        ({"serasa_valor": 0.01}, "valor_serasa", "R$ 0,01"),
        ({"serasa_protestos": 1.0}, "protestos", "1 protesto;"),
        ({"serasa_pontuacao": 299.0}, "pontuacao_serasa", "299"),
        ({"dias_desde_consulta": 90.5}, "consulta_vencida", "90,5 dias"),
        ({"dias_desde_consulta": None}, "consulta_vencida", "Não há consulta"),
    ],
)
def test_rule_speaks_of_what_it_is_about(changes: Any, rule: str, said: str) -> None:
    (fired,) = evaluate(make_case(**changes), LOUD)
    assert fired.regra == rule
    assert said in fired.texto


@pytest.mark.parametrize(
    "at_the_bound",
    [
        {"exposicao": Decimal(4000)},
        {"valor_em_atraso": 10.0},
        {"maior_atraso_dias": 60.0},
        {"valor_pedido": 1000.0},
        {"serasa_ocorrencias": 2.0},
        {"serasa_pontuacao": 300.0},
        {"dias_desde_consulta": 90.0},
    ],
)
def test_a_bound_itself_is_allowed(at_the_bound: Any) -> None:
    assert evaluate(make_case(**at_the_bound), LOUD) == []


def test_what_is_missing_silences_a_rule_but_those_about_missing_things() -> None:
    nothing = make_case(**dict.fromkeys(QUIET), limite=None, cliente_conhecido=False, falencia=None)
    assert {each.regra for each in evaluate(nothing, LOUD)} == {
        "sem_limite",
        "cliente_desconhecido",
        "consulta_vencida",
    }


def test_every_rule_of_the_policy_is_known_and_the_other_way_round() -> None:
    assert set(RULES) == set(Regras.model_fields)


def test_denial_stands_before_review_whatever_the_order() -> None:
    fired = evaluate(make_case(cliente_conhecido=False, exposicao=Decimal(9999)), LOUD)
    assert [each.consequencia for each in fired] == [Consequencia.NEGADO, Consequencia.REVISAO]
    assert verdict(fired, 0.0, None).regra == "limite"


def test_tolerance_widens_the_limit() -> None:
    case = make_case(exposicao=Decimal("4500.00"))
    assert (
        evaluate(case, every_rule(limite={"tolerancia": 0.1}, valor_do_pedido={"maximo": 1000}))
        == []
    )
    assert evaluate(replace(case, exposicao=Decimal("4500.01")), LOUD)[0].regra == "limite"


def test_rules_that_are_off_say_nothing() -> None:
    assert evaluate(make_case(valor_em_atraso=1e9, serasa_pontuacao=0.0), Regras()) == []


@pytest.mark.parametrize(
    ("probability", "decided"),
    [
        (0.0, "aprovado"),
        (0.2999, "aprovado"),
        (0.3, "revisao"),
        (0.5999, "revisao"),
        (0.6, "negado"),
    ],
)
def test_thresholds_decide(probability: float, decided: str) -> None:
    limits = Limiares(aprova_abaixo_de=0.3, nega_a_partir_de=0.6)
    assert by_model(probability, limits) == Situacao(decided)


def test_without_a_band_there_is_no_review() -> None:
    limits = Limiares(aprova_abaixo_de=0.4, nega_a_partir_de=0.4)
    assert by_model(0.4, limits) is Situacao.NEGADO
    assert by_model(0.39999, limits) is Situacao.APROVADO


def test_band_lies_around_the_models_threshold_and_stays_within_0_and_1() -> None:
    wide = Politica.model_validate({"faixa_revisao": {"abaixo": 0.4, "acima": 0.9}})
    assert thresholds(wide, 0.3) == Limiares(aprova_abaixo_de=0.0, nega_a_partir_de=1.0)
    assert thresholds(Politica(), 0.3).aprova_abaixo_de == pytest.approx(0.25)
    stated = Limiares(aprova_abaixo_de=0.1, nega_a_partir_de=0.2)
    assert thresholds(Politica(limiares=stated), 0.7) == stated


def test_without_a_model_a_person_decides() -> None:
    assert verdict([], None, None).origem is Origem.SEM_MODELO
    assert verdict([], None, None).decisao is Situacao.REVISAO


def test_a_case_comes_back_whole_from_json() -> None:
    case = make_case(atributos_cliente={"segmento": "varejo", "novo": True}, utilizado=None)
    assert Case.from_json(case.to_json()) == case


def test_sensitive_columns_are_taken_out_and_handed_over() -> None:
    case = make_case(atributos_cliente={"sexo": "F", "segmento": "varejo"})
    left, taken = case.without(["cliente.sexo", "serasa_pontuacao", "pedido.nada"])
    assert taken == {"cliente.sexo": "F", "serasa_pontuacao": 700.0, "pedido.nada": None}
    assert left.row["atributos_cliente"] == {"segmento": "varejo"}
    assert left.value("serasa_pontuacao") is None
    assert case.value("cliente.sexo") == "F"
