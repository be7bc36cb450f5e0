"""The hard rules: what each looks at, when it speaks, and what it says in pt-BR.

Pure. A rule that speaks stands before the model; among several, one that denies before one that
asks for a person, then the first of `RULES`.
"""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from chalicelib.core.portuguese import brl, counted, number
from chalicelib.credit.cases import CENT, Case
from chalicelib.credit.policy import Consequencia, Regras

NO_EDGES: Mapping[str, float] = {}


@dataclass(frozen=True)
class Fired:
    """A rule that speaks.

    Attributes:
        regra: Its name in the policy.
        consequencia: What it does with the order.
        texto: Why, for people.
    """

    regra: str
    consequencia: Consequencia
    texto: str


@dataclass(frozen=True)
class Rule:
    """One hard rule.

    Attributes:
        speaks: Whether it concerns a case; the second argument is its part of the policy.
        text: Why, for people.
        columns: What it looks at: without a change of these it goes on saying the same.
        edges: Column -> the value nearest to the case's at which it falls silent, that column
            changed alone.
    """

    speaks: Callable[[Case, Any], bool]
    text: Callable[[Case, Any], str]
    columns: frozenset[str]
    edges: Callable[[Case, Any], Mapping[str, float]]


def evaluate(case: Case, rules: Regras) -> list[Fired]:
    """The rules that speak, the decisive one first."""
    fired = [
        Fired(name, terms.consequencia, rule.text(case, terms))
        for name, rule in RULES.items()
        if (terms := getattr(rules, name)).ativa and rule.speaks(case, terms)
    ]
    return sorted(fired, key=lambda each: each.consequencia is not Consequencia.NEGADO)


def speaking(case: Case, rules: Regras) -> list[Rule]:
    """The rules that speak."""
    return [
        rule
        for name, rule in RULES.items()
        if (terms := getattr(rules, name)).ativa and rule.speaks(case, terms)
    ]


def is_silent(case: Case, rules: Regras, about: AbstractSet[str]) -> bool:
    """Whether no rule that looks at any of these columns speaks."""
    return not any(
        rule.columns & about and (terms := getattr(rules, name)).ativa and rule.speaks(case, terms)
        for name, rule in RULES.items()
    )


def edges_of(case: Case, rules: Regras) -> dict[str, list[float]]:
    """Column -> values at which rules that speak now would fall silent."""
    found: dict[str, list[float]] = {}
    for name, rule in RULES.items():
        terms = getattr(rules, name)
        if terms.ativa and rule.speaks(case, terms):
            for column, value in rule.edges(case, terms).items():
                found.setdefault(column, []).append(value)
    return found


def _above(column: str, bound: str, text: Callable[[Any, Any], str]) -> Rule:
    """A rule on a column that must not exceed the policy's `bound`."""

    def speaks(case: Case, terms: Any) -> bool:
        value = case.number(column)
        return value is not None and value > float(getattr(terms, bound))

    return Rule(
        speaks=speaks,
        text=lambda case, terms: text(case.number(column), getattr(terms, bound)),
        columns=frozenset((column,)),
        edges=lambda _, terms: {column: float(getattr(terms, bound))},
    )


def _allowed(case: Case, tolerance: float) -> Decimal:
    return (case.limite or Decimal(0)) * (1 + Decimal(repr(tolerance)))


def _exceeds_limit(case: Case, terms: Any) -> bool:
    if case.limite is None:
        return False
    return case.exposicao + case.valor > _allowed(case, terms.tolerancia)


def _limit_text(case: Case, terms: Any) -> str:
    more = f", com tolerância de {number(terms.tolerancia * 100)}%" if terms.tolerancia else ""
    return (
        f"A exposição de {brl(case.exposicao)} com este pedido de {brl(case.valor)} passa do "
        f"limite de {brl(case.limite or 0)}{more}."
    )


def _limit_edges(case: Case, terms: Any) -> Mapping[str, float]:
    left = (_allowed(case, terms.tolerancia) - case.exposicao).quantize(CENT, ROUND_FLOOR)
    needed = (case.exposicao + case.valor) / (1 + Decimal(repr(terms.tolerancia)))
    return {
        "valor_pedido": float(left),
        "limite_credito": float(needed.quantize(CENT, ROUND_CEILING)),
    }


def _is_stale(case: Case, terms: Any) -> bool:
    days = case.number("dias_desde_consulta")
    return days is None or days > terms.maximo_dias


def _stale_text(case: Case, terms: Any) -> str:
    days = case.number("dias_desde_consulta")
    if days is None:
        return "Não há consulta à Serasa."
    old = counted(round(days, 1), "dia", "dias")
    return f"A última consulta à Serasa tem {old}; o máximo é {terms.maximo_dias}."


def _scores_below(case: Case, terms: Any) -> bool:
    score = case.number("serasa_pontuacao")
    return score is not None and score < terms.minimo


RULES: Mapping[str, Rule] = {
    "falencia": Rule(
        speaks=lambda case, _: bool(case.falencia),
        text=lambda *_: "Há registro de falência na Serasa.",
        columns=frozenset(),
        edges=lambda *_: NO_EDGES,
    ),
    "limite": Rule(
        speaks=_exceeds_limit,
        text=_limit_text,
        columns=frozenset(("valor_pedido", "limite_credito")),
        edges=_limit_edges,
    ),
    "sem_limite": Rule(
        speaks=lambda case, _: case.limite is None,
        text=lambda *_: "O cliente não tem limite de crédito.",
        columns=frozenset(),
        edges=lambda *_: NO_EDGES,
    ),
    "cliente_desconhecido": Rule(
        speaks=lambda case, _: not case.cliente_conhecido,
        text=lambda *_: "Nada se sabe deste cliente.",
        columns=frozenset(),
        edges=lambda *_: NO_EDGES,
    ),
    "titulos_em_atraso": _above(
        "titulos_em_atraso",
        "maximo",
        lambda value, most: f"{counted(value, 'título', 'títulos')} em atraso; o máximo é {most}.",
    ),
    "valor_em_atraso": _above(
        "valor_em_atraso",
        "maximo",
        lambda value, most: f"{brl(value)} em atraso; o máximo é {brl(most)}.",
    ),
    "dias_de_atraso": _above(
        "maior_atraso_dias",
        "maximo_dias",
        lambda value, most: f"Já atrasou {counted(value, 'dia', 'dias')}; o máximo é {most}.",
    ),
    "valor_do_pedido": _above(
        "valor_pedido",
        "maximo",
        lambda value, most: f"O pedido de {brl(value)} passa do máximo de {brl(most)}.",
    ),
    "ocorrencias_serasa": _above(
        "serasa_ocorrencias",
        "maximo",
        lambda value, most: (
            f"{counted(value, 'ocorrência', 'ocorrências')} na Serasa; o máximo é {most}."
        ),
    ),
    "valor_serasa": _above(
        "serasa_valor",
        "maximo",
        lambda value, most: f"Ocorrências de {brl(value)} na Serasa; o máximo é {brl(most)}.",
    ),
    "protestos": _above(
        "serasa_protestos",
        "maximo",
        lambda value, most: f"{counted(value, 'protesto', 'protestos')}; o máximo é {most}.",
    ),
    "pontuacao_serasa": Rule(
        speaks=_scores_below,
        text=lambda case, terms: (
            f"Pontuação {number(case.number('serasa_pontuacao') or 0)} na Serasa; "
            f"o mínimo é {terms.minimo}."
        ),
        columns=frozenset(("serasa_pontuacao",)),
        edges=lambda _, terms: {"serasa_pontuacao": float(terms.minimo)},
    ),
    "consulta_vencida": Rule(
        speaks=_is_stale,
        text=_stale_text,
        columns=frozenset(),
        edges=lambda *_: NO_EDGES,
    ),
}
"""The rules by their names in the policy, in the order in which they are asked."""
