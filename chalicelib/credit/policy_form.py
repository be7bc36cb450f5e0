"""A company's policy as a form: each rule by its name, and from what was typed to a policy."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.console.forms import Form
from chalicelib.credit.policy import Politica, Regras

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
SHARES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "custos": (
        ("perda_por_inadimplencia", "Perda de um pedido não pago, de 0 a 1"),
        ("margem", "Ganho de um pedido pago, de 0 a 1"),
    ),
    "faixa_revisao": (("abaixo", "Revisão abaixo do limiar"), ("acima", "Revisão acima do limiar")),
    "limiares": (
        ("aprova_abaixo_de", "Aprova abaixo de, de 0 a 1"),
        ("nega_a_partir_de", "Nega a partir de, de 0 a 1"),
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
    return Form(values)


def _written(value: Any) -> str:
    """To the last digit: what is shown and sent back unread must not change the policy."""
    return "" if value is None else str(value).replace(".", ",")


def policy_of(form: Form, current: Politica) -> Politica:
    """What was typed, with what the form does not ask for as it is.

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
    return Form().read(
        Politica,
        regras=rules,
        sensiveis=sensitive,
        alteraveis=current.model_dump(mode="json")["alteraveis"],
        **given,
    )


def _typed(values: Mapping[str, str], name: str) -> str | None:
    return values.get(name, "").strip().replace(".", "").replace(",", ".") or None


def seal(policy: Politica) -> str:
    """What tells whether a policy is the one whose effect was shown."""
    return hashlib.sha256(policy.model_dump_json().encode()).hexdigest()
