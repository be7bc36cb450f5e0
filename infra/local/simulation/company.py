"""A simulated company: clientes, limites, Serasa queries and orders that are nobody's.

For tests, benchmarks and the notebook. Every cliente has a health that nobody sees and that drifts;
overdue titles, Serasa and limits show it with noise, and with an order's own terms it decides
whether the order is paid. So it is known how well the best possible model could do: `risco` is the
probability each outcome was drawn with. Numbers measured on it say how the software behaves.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from infra.local.simulation.arrays import Floats, Instants, Ints

DAY = np.timedelta64(86_400_000_000, "us")
QUARTER_DAYS, DAYS_PER_MONTH = 91.0, 30.4
DRIFT = 0.35  # Of a cliente's health from one quarter to the next; its spread is 1.
SEGMENTOS = {"varejo": 0.0, "indústria": -0.4, "serviços": 0.1, "construção": 0.7}
REGIOES = ("norte", "sul", "leste", "oeste")
PRAZOS = {0: -0.5, 28: 0.0, 60: 0.35, 90: 0.6}
CANAIS = ("site", "vendedor", "telefone")
DEFAULT_AFTER_DAYS = 60

Item = dict[str, Any]


@dataclass(frozen=True)
class SimulatedCompany:
    """Items of the four kinds, as a company would send them: plain values, instants in ISO 8601.

    Attributes:
        clientes, limites, consultas, pedidos: The items, in order of time.
        risco: (n,) probability of the bad outcome that each pedido's was drawn with.
        alvo: `pagamento` or `faturamento`: what the outcomes of the orders are.
    """

    clientes: list[Item]
    limites: list[Item]
    consultas: list[Item]
    pedidos: list[Item]
    risco: Floats
    alvo: str


@dataclass(frozen=True)
class _Clientes:
    """(n,) each; `health` is (n, quarters), 1 being healthier than most."""

    codigo: list[str]
    health: Floats
    size: Floats
    segmento: Ints
    since: Instants


def simulate_company(
    *,
    clientes: int = 300,
    pedidos: int = 3000,
    meses: int = 24,
    until: datetime,
    seed: int = 7,
    alvo: str = "pagamento",
) -> SimulatedCompany:
    """Simulate a company's records up to an instant.

    Args:
        clientes: How many it has.
        pedidos: How many orders they place; those of the last weeks have no outcome yet.
        meses: How many months are on record.
        until: Aware; "now". Nothing is recorded after it.
        seed: Same arguments, same records.
        alvo: `pagamento`: orders are paid or not, and the riskiest were blocked. `faturamento`:
            somebody invoices or blocks, by what they see and by mood.

    Raises:
        ValueError: `until` is naive, or there is no cliente, order or month.
    """
    if until.tzinfo is None or min(clientes, pedidos, meses) < 1:
        raise ValueError("an aware instant, a cliente, an order and a month are needed")
    end = np.datetime64(until.astimezone(UTC).replace(tzinfo=None), "us")
    days = meses * DAYS_PER_MONTH
    # One stream each: a draw more in one part leaves the others as they were.
    who, seen, granted, asked, ordered = (np.random.default_rng([seed, k]) for k in range(5))
    begin = end - np.timedelta64(int(days * 86_400), "s")
    people = _draw_clientes(who, clientes, days, begin)
    limits = _limites(granted, people, begin)
    orders, risk = _pedidos(ordered, people, pedidos, (begin, end), alvo)
    return SimulatedCompany(
        clientes=_cadastros(seen, people, begin),
        limites=limits,
        consultas=_consultas(asked, people, begin, days),
        pedidos=orders,
        risco=risk,
        alvo=alvo,
    )


def _draw_clientes(
    rng: np.random.Generator, n: int, days: float, begin: np.datetime64
) -> _Clientes:
    quarters = int(days // QUARTER_DAYS) + 1
    health = np.empty((n, quarters))
    health[:, 0] = rng.normal(size=n)
    for quarter in range(1, quarters):
        kept = np.sqrt(1 - DRIFT**2) * health[:, quarter - 1]
        health[:, quarter] = kept + DRIFT * rng.normal(size=n)
    joined = begin - (rng.gamma(2.0, 900.0, n) * 86_400).astype("timedelta64[s]")
    return _Clientes(
        codigo=[f"C{number:05d}" for number in range(1, n + 1)],
        health=health,
        size=np.exp(rng.normal(0, 0.8, n)),
        segmento=rng.choice(len(SEGMENTOS), n, p=(0.4, 0.25, 0.2, 0.15)),
        since=joined.astype("datetime64[us]"),
    )


def _cadastros(rng: np.random.Generator, people: _Clientes, begin: np.datetime64) -> list[Item]:
    """What the company noted of each cliente at the beginning of every quarter."""
    n, quarters = people.health.shape
    region, sex = rng.choice(REGIOES, n).tolist(), rng.choice(("F", "M"), n).tolist()
    segment, since = list(SEGMENTOS), np.datetime_as_string(people.since, unit="D").tolist()
    own = [
        {
            "segmento": segment[people.segmento[i]],
            "regiao": region[i],
            "sexo_do_socio": sex[i],
            "funcionarios": max(1, round(float(people.size[i]) * 12)),
        }
        for i in range(n)
    ]
    return [
        {**known, "codigo": people.codigo[i], "cliente_desde": since[i], "atributos": own[i]}
        for quarter in range(quarters)
        for i, known in enumerate(_history(rng, people, quarter, begin))
    ]


def _history(
    rng: np.random.Generator, people: _Clientes, quarter: int, begin: np.datetime64
) -> list[Item]:
    """(n,) how each cliente has paid until the beginning of a quarter."""
    health, n = people.health[:, quarter], len(people.codigo)
    overdue = rng.poisson(np.exp(-1.1 - 0.8 * health))
    amount = overdue * people.size * np.exp(rng.normal(7.0, 0.5, n))
    late = np.maximum(0.0, 6 - 5 * health + rng.normal(0, 4, n))
    paid = rng.poisson(np.exp(1.5 + 0.2 * quarter), n)
    at = _iso(np.full(n, begin + int(quarter * QUARTER_DAYS) * DAY))
    return [
        {
            "vale_desde": at[i],
            "titulos_pagos": int(paid[i]),
            "titulos_em_atraso": int(overdue[i]),
            "valor_em_atraso": _brl(amount[i]),
            "atraso_medio_dias": round(float(late[i]), 1),
            "maior_atraso_dias": round(float(late[i]) * 2.5),
        }
        for i in range(n)
    ]


def _limites(rng: np.random.Generator, people: _Clientes, begin: np.datetime64) -> list[Item]:
    """A limit for nine in ten, half of them with what was used of it."""
    n = len(people.codigo)
    granted = people.size * np.exp(9.0 + 0.3 * people.health[:, 0] + rng.normal(0, 0.3, n))
    used = granted * rng.beta(2, 5, n)
    has, says = rng.random(n) < 0.9, rng.random(n) < 0.5
    at = _iso(np.full(n, begin))
    return [
        {
            "cliente": people.codigo[i],
            "vale_desde": at[i],
            "valor": _brl(granted[i]),
            "utilizado": _brl(used[i]) if says[i] else None,
            "atributos": {"garantia": ("nenhuma", "aval", "real")[int(granted[i]) % 3]},
        }
        for i in np.flatnonzero(has).tolist()
    ]


def _consultas(
    rng: np.random.Generator, people: _Clientes, begin: np.datetime64, days: float
) -> list[Item]:
    """About three queries a year for seven clientes in ten."""
    n, quarters = people.health.shape
    count = rng.poisson(3 * days / 365, n) * (rng.random(n) < 0.7)
    who = np.repeat(np.arange(n), count)
    seconds = np.sort((rng.random(len(who)) * days * 86_400).astype(np.int64))
    # Of one cliente no two queries are made within the same second.
    _, kept = np.unique(np.stack([who, seconds]), axis=1, return_index=True)
    kept.sort()
    who, seconds, when = who[kept], seconds[kept], seconds[kept] / 86_400
    health = people.health[who, np.minimum((when // QUARTER_DAYS).astype(int), quarters - 1)]
    marks = rng.poisson(np.exp(-1.0 - 0.9 * health))
    amount = marks * np.exp(rng.normal(7.5, 0.7, len(who)))
    score = np.clip(600 + 130 * health + rng.normal(0, 90, len(who)), 0, 1000)
    at = _iso(begin + seconds.astype("timedelta64[s]"))
    return [
        {
            "cliente": people.codigo[i],
            "consultada_em": at[k],
            "ocorrencias": int(marks[k]),
            "valor_ocorrencias": _brl(amount[k]),
            "protestos": int(marks[k] > 2),
            "falencia": False,
            "pontuacao": int(score[k]),
            "atributos": {},
        }
        for k, i in enumerate(who.tolist())
    ]


def _pedidos(
    rng: np.random.Generator,
    people: _Clientes,
    n: int,
    window: tuple[np.datetime64, np.datetime64],
    alvo: str,
) -> tuple[list[Item], Floats]:
    begin, end = window
    days = float((end - begin) / DAY)
    who = rng.choice(len(people.codigo), n, p=_shares(rng.gamma(0.8, 1.0, len(people.codigo))))
    when = np.sort(rng.random(n) * days)
    quarter = np.minimum((when // QUARTER_DAYS).astype(int), people.health.shape[1] - 1)
    health = people.health[who, quarter]
    relative = rng.normal(0, 0.7, n)  # Log of the order's value against what is usual of its size.
    terms = rng.choice(list(PRAZOS), n)
    logit = (
        -1.9
        - 1.6 * health
        + np.array(list(SEGMENTOS.values()))[people.segmento[who]]
        + np.array([PRAZOS[each] for each in terms.tolist()])
        + 0.6 * relative
    )
    risk = 1 / (1 + np.exp(-logit))
    placed = begin + (when * 86_400).astype("timedelta64[s]")
    outcome, known = _outcomes(rng, risk, placed, terms, alvo)
    outcome = np.where(known <= end, outcome, "")
    items = _order_items(rng, placed, people.size[who] * np.exp(7.2 + relative), terms)
    for k, item in enumerate(items):
        item["cliente"] = people.codigo[who[k]]
        item["desfecho"] = str(outcome[k]) or None
    for item, at in zip(items, _iso(known), strict=True):
        item["desfecho_em"] = at if item["desfecho"] else None
    return items, risk


def _order_items(
    rng: np.random.Generator, placed: Instants, valor: Floats, terms: Ints
) -> list[Item]:
    channel, urgent = rng.choice(CANAIS, len(placed)).tolist(), rng.random(len(placed)) < 0.2
    return [
        {
            "numero": f"P{k + 1:07d}",
            "valor": _brl(valor[k]),
            "pedido_em": at,
            "atributos": {
                "prazo_dias": int(terms[k]),
                "canal": channel[k],
                "urgente": bool(urgent[k]),
            },
        }
        for k, at in enumerate(_iso(placed))
    ]


def _outcomes(
    rng: np.random.Generator, risk: Floats, placed: Instants, terms: Ints, alvo: str
) -> tuple[Any, Instants]:
    """(n,) what became of each order, and when that was known."""
    draw, mood = rng.random(len(risk)), rng.normal(0, 0.8, len(risk))
    seen = np.log(risk / (1 - risk)) + mood
    if alvo == "faturamento":
        return np.where(seen > 0.0, "bloqueado", "faturado"), placed
    blocked = seen > np.quantile(seen, 0.93)
    is_bad = draw < risk
    waited = terms + np.where(is_bad, DEFAULT_AFTER_DAYS, rng.exponential(4.0, len(risk)))
    paid = np.where(is_bad, "inadimplente", "pago")
    known = placed + (waited * 86_400).astype("timedelta64[s]")
    return np.where(blocked, "bloqueado", paid), np.where(blocked, placed, known)


def _shares(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum())


def _brl(amount: float) -> str:
    return f"{amount:.2f}"


def _iso(instants: Instants) -> list[str]:
    return [f"{each}Z" for each in np.datetime_as_string(instants, unit="s").tolist()]


def soiled(items: Iterable[Item], seed: int = 7) -> list[Item]:
    """The same items as a careless export writes them: one in eight has something wrong with it.

    Negative amounts, days that do not exist, dates the Brazilian way, statuses in capitals or
    undecided, blocks that are missing.
    """
    rng = np.random.default_rng(seed)
    return [_soil(rng, dict(item)) if rng.random() < 1 / 8 else item for item in items]


def _soil(rng: np.random.Generator, item: Item) -> Item:
    stains = [name for name in ("valor", "pedido_em", "desfecho", "atributos") if item.get(name)]
    if not stains:
        return item
    stain = stains[int(rng.integers(len(stains)))]
    year, month, day = str(item.get("pedido_em") or "2025-02-31")[:10].split("-")
    wrong: dict[str, Any] = {
        "valor": f"-{item.get('valor')}",
        "pedido_em": [f"{day}/{month}/{year}", "31/02/2025", "ontem"][int(rng.integers(3))],
        "desfecho": [str(item.get("desfecho")).upper(), "Em análise"][int(rng.integers(2))],
        "atributos": {},
    }
    item[stain] = wrong[stain]
    return item
