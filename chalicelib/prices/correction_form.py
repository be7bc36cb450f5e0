"""The form that says better what columns are: its fields, named by the column's place, from 1."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.prices.schemas_datasets import ColunaPerfil, Correcao, Correcoes

UNDO = "desfazer"
YES = "sim"


def corrections_of(
    values: Mapping[str, str],
    columns: Sequence[ColunaPerfil],
    said: Mapping[str, Mapping[str, Any]],
) -> Correcoes:
    """What a form says otherwise than the columns are now.

    Args:
        values: The form's fields: `tipo.1`, `papel.1`, `unidade.1`, `na.1` of the first column.
        columns: As they are read now.
        said: What has been said of them before, which the form may take back.
    """
    undone = values.get(UNDO, "")
    if undone:
        names = [each.nome for place, each in enumerate(columns, 1) if str(place) == undone]
        return Correcoes.model_construct(root={name: None for name in names if name in said})
    changes = {each.nome: change for each, change in _changes(values, columns)}
    return Correcoes.model_construct(
        root={name: Correcao.model_validate(each) for name, each in changes.items() if each}
    )


def _changes(
    values: Mapping[str, str], columns: Sequence[ColunaPerfil]
) -> Iterator[tuple[ColunaPerfil, dict[str, Any]]]:
    for place, column in enumerate(columns, 1):
        if f"tipo.{place}" not in values:
            continue
        now = {
            "tipo": column.tipo.value,
            "papel": column.papel.value,
            "unidade": column.unidade or "",
        }
        wanted = {name: values.get(f"{name}.{place}", old).strip() for name, old in now.items()}
        changed: dict[str, Any] = {n: v for n, v in wanted.items() if v != now[n]}
        na = values.get(f"na.{place}") == YES
        if f"na-visto.{place}" in values and na != column.na_e_categoria:
            changed["na_e_categoria"] = na
        yield column, changed
