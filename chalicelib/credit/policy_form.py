"""A company's policy as a form: each rule by its name, and from what was typed to a policy."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.console.forms import Form, typed_amount
from chalicelib.core.errors import FieldError, ValidationFailed
from chalicelib.credit.features import BASE_COLUMNS
from chalicelib.credit.policy import (
    CHANGEABLE_BASE,
    MOST_CHANGEABLE,
    Alteravel,
    Politica,
    Regras,
)

TITLES: Mapping[str, tuple[str, str]] = {
    "falencia": ("Falência", "A Serasa soube de uma falência."),
    "limite": ("Limite de crédito", "A exposição com o pedido passa do limite."),
    "sem_limite": ("Sem limite", "O cliente não tem limite."),
    "cliente_desconhecido": ("Cliente desconhecido", "Nada se sabe do cliente."),
    "titulos_em_atraso": ("Títulos em atraso", "Mais títulos em atraso do que isto."),
    "valor_em_atraso": ("Valor em atraso", "Mais em atraso do que isto."),
    "dias_de_atraso": ("Dias de atraso", "Já pagou com mais atraso do que isto."),
    "valor_do_pedido": ("Valor do pedido", "Um pedido maior do que isto."),
    "ocorrencias_serasa": ("Ocorrências na Serasa", "Mais ocorrências do que isto."),
    "valor_serasa": ("Valor na Serasa", "Ocorrências que somam mais do que isto."),
    "protestos": ("Protestos", "Mais protestos do que isto."),
    "pontuacao_serasa": ("Pontuação da Serasa", "Pontuação abaixo disto."),
    "consulta_vencida": ("Consulta vencida", "Nenhuma consulta, ou uma mais velha do que isto."),
}
"""Rule -> what it is called, and when it speaks; a test sees that none is forgotten."""

LABELS: Mapping[tuple[str, str], str] = {
    ("limite", "tolerancia"): "Tolerância, de 0 a 1",
    ("limite", "faturado_usa_por_dias"): "Faturado usa o limite por, em dias",
    ("valor_em_atraso", "maximo"): "Máximo, em R$",
    ("valor_do_pedido", "maximo"): "Máximo, em R$",
    ("valor_serasa", "maximo"): "Máximo, em R$",
}
PLAIN_LABELS = {"maximo": "Máximo", "minimo": "Mínimo", "maximo_dias": "Máximo, em dias"}
COMMON = ("ativa", "consequencia")
CHANGE_FIELDS = tuple(Alteravel.model_fields)
DIRECTIONS = (("diminui", "Diminuir"), ("aumenta", "Aumentar"), ("ambas", "Os dois"))
CHANGEABLE = tuple(
    (column.name, column.label) for column in BASE_COLUMNS if column.name in CHANGEABLE_BASE
)
"""Base columns that may be declared changeable, and what they are called."""
SHARES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "custos": (
        ("perda_por_inadimplencia", "Perda do não pago"),
        ("margem", "Ganho do pago"),
    ),
    "faixa_revisao": (("abaixo", "Revisão abaixo do limiar"), ("acima", "Revisão acima do limiar")),
    "limiares": (
        ("aprova_abaixo_de", "Aprova abaixo de"),
        ("nega_a_partir_de", "Nega a partir de"),
    ),
}


@dataclass(frozen=True)
class RuleField:
    """A number of a rule: as the form names it, and as people do."""

    name: str
    label: str


@dataclass(frozen=True)
class RuleShown:
    """A rule, as the form shows it."""

    name: str
    title: str
    text: str
    fields: tuple[RuleField, ...]


def rules_shown() -> list[RuleShown]:
    """Every rule, in the policy's order."""
    return [
        RuleShown(
            f"regras.{rule}",
            *TITLES[rule],
            tuple(RuleField(f"regras.{rule}.{n}", _label(rule, n)) for n in _numbers(rule)),
        )
        for rule in Regras.model_fields
    ]


def _numbers(rule: str) -> Iterator[str]:
    model: Any = Regras.model_fields[rule].annotation
    return (name for name in model.model_fields if name not in COMMON)


def _label(rule: str, name: str) -> str:
    return LABELS.get((rule, name)) or PLAIN_LABELS[name]


def form_of(policy: Politica) -> Form:
    """A policy as the form holds it."""
    values: dict[str, str] = {}
    for rule in Regras.model_fields:
        for name, value in getattr(policy.regras, rule):
            if name == "ativa":
                values |= {f"regras.{rule}.ativa": "sim"} if value else {}
            else:
                values[f"regras.{rule}.{name}"] = _written(value)
    for part, fields in SHARES.items():
        found = getattr(policy, part)
        for name, _ in fields:
            values[f"{part}.{name}"] = "" if found is None else _written(getattr(found, name))
    values["sensiveis"] = "\n".join(policy.sensiveis)
    for place, (column, how) in enumerate(policy.alteraveis.items()):
        values[f"alteraveis.{place}.coluna"] = column
        for name, value in how:
            values[f"alteraveis.{place}.{name}"] = _written(value)
    return Form(values)


def changeable_rows(form: Form) -> list[int]:
    """The rows of the form's table of changeable columns: those filled in, and one for another."""
    filled = [n for n in range(MOST_CHANGEABLE) if form[f"alteraveis.{n}.coluna"].strip()]
    return [*filled, max(filled, default=-1) + 1][:MOST_CHANGEABLE]


def _written(value: Any) -> str:
    """To the last digit: what is shown and sent back unread must not change the policy."""
    return "" if value is None else str(value).removesuffix(".0").replace(".", ",")


def policy_of(form: Form) -> Politica:
    """What was typed.

    Raises:
        ValidationFailed: It is no policy; errors are by the names of the fields.
    """
    values = form.values
    rules = {}
    for rule in Regras.model_fields:
        said: dict[str, Any] = {"ativa": f"regras.{rule}.ativa" in values}
        said["consequencia"] = values.get(f"regras.{rule}.consequencia", "")
        said |= {n: _typed(values, f"regras.{rule}.{n}") for n in _numbers(rule)}
        rules[rule] = {name: value for name, value in said.items() if value is not None}
    parts = {
        part: {name: _typed(values, f"{part}.{name}") for name, _ in fields}
        for part, fields in SHARES.items()
    }
    if not any(parts["limiares"].values()):
        del parts["limiares"]
    given = {part: {n: v for n, v in said.items() if v} for part, said in parts.items()}
    sensitive = [line.strip() for line in values.get("sensiveis", "").splitlines() if line.strip()]
    changeable = _changeable(form)
    return Form().read(Politica, regras=rules, sensiveis=sensitive, alteraveis=changeable, **given)


def _changeable(form: Form) -> dict[str, dict[str, str]]:
    """Column -> how it may be changed, as was typed."""
    found: dict[str, dict[str, str]] = {}
    for place in changeable_rows(form):
        column = form[f"alteraveis.{place}.coluna"].strip()
        if not column:
            continue
        if column in found:
            told = f"{column} está duas vezes."
            raise ValidationFailed(errors=[FieldError(campo="alteraveis", erro=told)])
        typed = {n: _typed(form.values, f"alteraveis.{place}.{n}") for n in CHANGE_FIELDS}
        found[column] = {name: value for name, value in typed.items() if value is not None}
    return found


def _typed(values: Mapping[str, str], name: str) -> str | None:
    return typed_amount(values.get(name, "")) or None


def seal(policy: Politica) -> str:
    """What tells whether a policy is the one whose effect was shown."""
    return hashlib.sha256(policy.model_dump_json().encode()).hexdigest()
