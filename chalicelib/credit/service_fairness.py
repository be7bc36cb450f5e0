"""How orders fared by the groups of a column that no decision looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.portuguese import number
from chalicelib.credit.errors import ColunaNaoSensivel
from chalicelib.credit.schemas_fairness import (
    EquidadeOut,
    EquidadeQuery,
    GrupoEquidadeOut,
    ParcelaOut,
)
from chalicelib.credit.service_policies import current_row, describe
from chalicelib.ml.proportions import newcombe, wilson

FEWEST = 30  # Orders of a share, below which it says next to nothing.
MOST_VALUES = 10_000
MOST_GROUPS = 20
BANDS = 4
UNKNOWN = "(não informado)"
OTHERS = "(outros)"
DEFINITION = (
    "Conta cada pedido decidido no período enquanto a coluna estava declarada sensível, como está "
    "agora: aprovado, em revisão ou negado, com as revisões feitas por pessoas. Bom é faturado ou "
    "pago, ruim é bloqueado ou inadimplente. O desfecho quase só se conhece de pedidos aprovados: "
    "as parcelas por desfecho dizem pouco de quem foi negado. Intervalos de 95%: Wilson por "
    f"grupo, Newcombe para diferenças. Parcelas de menos de {FEWEST} pedidos não são calculadas. "
    f"Colunas numéricas de mais de {MOST_GROUPS} valores são divididas em {BANDS} faixas de "
    f"tamanho parecido; das outras, além dos {MOST_GROUPS} maiores, os grupos são somados."
)

BY_VALUE = text("""
SELECT d.sensiveis -> cast(:coluna AS text) AS valor, count(*) AS n,
    count(*) FILTER (WHERE d.situacao = 'aprovado') AS aprovados,
    count(*) FILTER (WHERE d.situacao = 'revisao') AS em_revisao,
    count(*) FILTER (WHERE o.desfecho IN ('faturado', 'pago')) AS bons,
    count(*) FILTER (
        WHERE o.desfecho IN ('faturado', 'pago') AND d.situacao = 'aprovado') AS bons_aprovados,
    count(*) FILTER (WHERE o.desfecho IN ('bloqueado', 'inadimplente')) AS ruins,
    count(*) FILTER (
        WHERE o.desfecho IN ('bloqueado', 'inadimplente')
        AND d.situacao = 'aprovado') AS ruins_aprovados
FROM credito_decisoes d JOIN credito_pedidos o ON o.id = d.pedido_id
WHERE d.tenant = :tenant AND jsonb_exists(d.sensiveis, cast(:coluna AS text))
    AND d.decidido_em >= coalesce(cast(:desde AS timestamptz), '-infinity')
    AND d.decidido_em < coalesce(cast(:ate AS timestamptz), 'infinity')
GROUP BY 1 ORDER BY n DESC, 1 LIMIT :most
""")


@dataclass
class Group:
    """Counts of a group's orders."""

    nome: str
    n: int = 0
    aprovados: int = 0
    em_revisao: int = 0
    bons: int = 0
    bons_aprovados: int = 0
    ruins: int = 0
    ruins_aprovados: int = 0

    def add(self, row: Any) -> None:
        """Count the orders of one value in."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(row, name))


COUNTED = (
    "n",
    "aprovados",
    "em_revisao",
    "bons",
    "bons_aprovados",
    "ruins",
    "ruins_aprovados",
)


def fairness(session: Session, tenant: str, query: EquidadeQuery) -> EquidadeOut:
    """How orders fared by the groups of a column.

    Raises:
        ColunaNaoSensivel: The policy in use does not declare it sensitive.
    """
    policy = describe(current_row(session, tenant)).politica
    if query.coluna not in policy.sensiveis:
        raise ColunaNaoSensivel
    period = {"desde": query.desde, "ate": query.ate}
    rows = session.execute(
        BY_VALUE, {"tenant": tenant, "coluna": query.coluna, **period, "most": MOST_VALUES}
    ).all()
    groups = group_values(rows)
    known = [group for group in groups if group.nome not in (UNKNOWN, OTHERS)]
    reference = max(known, key=lambda group: group.n, default=None)
    return EquidadeOut(
        coluna=query.coluna,
        n=sum(group.n for group in groups),
        referencia=None if reference is None else reference.nome,
        grupos=[_describe(group, reference) for group in groups],
        definicao=DEFINITION,
    )


def group_values(rows: Sequence[Any]) -> list[Group]:
    """Groups of values, each with its counts; who did not say is a group of its own."""
    missing = [row for row in rows if row.valor is None]
    present = [row for row in rows if row.valor is not None]
    if len(present) > MOST_GROUPS and all(_is_number(row.valor) for row in present):
        named = _banded(present)
    else:
        named = [(_named(row.valor), [row]) for row in present[:MOST_GROUPS]]
        named.append((OTHERS, list(present[MOST_GROUPS:])))
    groups = []
    for name, found in [*named, (UNKNOWN, missing)]:
        group = Group(name)
        for row in found:
            group.add(row)
        groups.append(group)
    return [group for group in groups if group.n]


def _banded(rows: Sequence[Any]) -> list[tuple[str, list[Any]]]:
    """Neighbouring numbers in bands of about as many orders each."""
    ordered = sorted(rows, key=lambda row: row.valor)
    total, counted = sum(row.n for row in ordered), 0
    bands: list[list[Any]] = [[] for _ in range(BANDS)]
    for row in ordered:
        bands[min(BANDS - 1, counted * BANDS // total)].append(row)
        counted += row.n
    return [(f"{number(band[0].valor)} a {number(band[-1].valor)}", band) for band in bands if band]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _named(value: Any) -> str:
    if isinstance(value, bool):
        return "sim" if value else "não"
    return number(value) if _is_number(value) else str(value)


def _describe(group: Group, reference: Group | None) -> GrupoEquidadeOut:
    too_few = [
        name
        for name, n in (("aprovação", group.n), ("bons", group.bons), ("ruins", group.ruins))
        if n < FEWEST
    ]
    other = None if reference is None or reference is group else reference
    return GrupoEquidadeOut(
        grupo=group.nome,
        n=group.n,
        aprovados=group.aprovados,
        em_revisao=group.em_revisao,
        negados=group.n - group.aprovados - group.em_revisao,
        aprovacao=_share(group.aprovados, group.n),
        aprovacao_dos_bons=_share(group.bons_aprovados, group.bons),
        aprovacao_dos_ruins=_share(group.ruins_aprovados, group.ruins),
        diferenca_de_aprovacao=other
        and _difference((group.aprovados, group.n), (other.aprovados, other.n)),
        diferenca_de_oportunidade=other
        and _difference((group.bons_aprovados, group.bons), (other.bons_aprovados, other.bons)),
        motivo=f"Menos de {FEWEST} pedidos: {', '.join(too_few)}." if too_few else None,
    )


def _share(part: int, whole: int) -> ParcelaOut | None:
    return ParcelaOut.of(wilson(part, whole), whole) if whole >= FEWEST else None


def _difference(one: tuple[int, int], other: tuple[int, int]) -> ParcelaOut | None:
    fewest = min(one[1], other[1])
    if fewest < FEWEST:
        return None
    return ParcelaOut.of(newcombe(wilson(*one), wilson(*other)), fewest)
