"""Which columns may be what is to be foretold, and why."""

import re
from collections.abc import Sequence

from chalicelib.prices.schemas_datasets import Alvo, ColunaPerfil, TipoColuna

MOST_CANDIDATES = 5
MOST_CLASSES = 20
FEWEST_VALUES = 10
FEW_ABSENT = 0.05

PRICE_NAME = re.compile(
    r"pre[cç]o|price|valor|value|venda|sale|custo|cost|aluguel|rent|sal[aá]rio|salary|medv|receita"
    r"|revenue|mpg",
    re.IGNORECASE,
)
TARGET_NAME = re.compile(
    r"^(y|alvo|target|label|classe?|outcome|resultado|desfecho)$", re.IGNORECASE
)
PRICE_ALONE = re.compile(r"^(pre[cç]o|price|sale[\s_.]?price|valor|mpg|medv)$", re.IGNORECASE)
TIME_NAME = re.compile(r"(^|[\s_.])(ano|year|m[eê]s|month|dia|day|yr|mo)($|[\s_.])", re.IGNORECASE)


def target_candidates(columns: Sequence[ColunaPerfil]) -> list[Alvo]:
    """The likeliest targets, best first."""
    found = [_judged(each, is_last=each is columns[-1]) for each in columns if _may_be(each)]
    # A column that has nothing but its type to speak for it is no candidate.
    named = [each for each in found if each.pontos > 1]
    return sorted(named, key=lambda each: -each.pontos)[:MOST_CANDIDATES]


def _may_be(column: ColunaPerfil) -> bool:
    if column.distintos < 2 or not column.presentes:
        return False
    if column.tipo is TipoColuna.NUMERO:
        return True
    is_class = column.tipo in (TipoColuna.CATEGORIA, TipoColuna.BOOLEANO)
    return is_class and column.distintos <= MOST_CLASSES


def _judged(column: ColunaPerfil, *, is_last: bool) -> Alvo:
    points, why = 0.0, []
    if column.tipo is TipoColuna.NUMERO and column.distintos > FEWEST_VALUES:
        points += 1
        why.append(f"é um número com {column.distintos} valores diferentes")
    elif column.tipo is not TipoColuna.NUMERO:
        points += 0.5
        why.append(f"tem {column.distintos} classes")
    if PRICE_ALONE.search(column.nome) or TARGET_NAME.search(column.nome):
        points += 4
        why.append("o nome é o de um preço ou alvo")
    elif PRICE_NAME.search(column.nome):
        points += 2.5
        why.append("o nome lembra um preço ou valor")
    if is_last:
        points += 1.5
        why.append("é a última coluna")
    if TIME_NAME.search(column.nome):
        points -= 2
    rows = column.presentes + column.ausentes
    if not column.ausentes:
        points += 0.25
        why.append("não tem ausentes")
    elif column.ausentes > FEW_ABSENT * rows:
        points -= 1.5
        why.append(f"mas faltam {column.ausentes} de {rows} valores")
    if column.numero and column.numero.zeros > column.presentes / 2:
        points -= 1
        why.append("mas mais da metade é zero")
    return Alvo(coluna=column.nome, pontos=points, motivos=why)
