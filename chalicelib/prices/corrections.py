"""The effective profile: what profiling found, and what people say better of it.

A pure function of the two, so that a correction needs no look at the data: profiling has counted
beforehand how many values of every column can be read as what.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.core.errors import FieldError
from chalicelib.prices.errors import CorrecaoInvalida
from chalicelib.prices.schemas_datasets import (
    ColunaPerfil,
    Correcao,
    Frequente,
    PapelColuna,
    TipoColuna,
)
from chalicelib.prices.values import NA, NA_MARKS

READ_AS = {
    TipoColuna.NUMERO: "um número",
    TipoColuna.DATA: "uma data",
    TipoColuna.BOOLEANO: "sim ou não",
}
LABELS = (TipoColuna.CATEGORIA, TipoColuna.BOOLEANO, TipoColuna.TEXTO, TipoColuna.IDENTIFICADOR)
ALONE = (PapelColuna.ALVO, PapelColuna.GRUPO, PapelColuna.TEMPO)
OF_IDENTIFIERS = "identificador"
OF_NA = "na_parece_categoria"


def merged(
    before: Mapping[str, Any], change: Mapping[str, Correcao | None]
) -> dict[str, dict[str, Any]]:
    """Corrections after some more; null takes back all that was said of a column."""
    after = {name: dict(said) for name, said in before.items()}
    for name, said in change.items():
        if said is None:
            after.pop(name, None)
            continue
        new = said.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        if (ignored := new.pop("ignorar", None)) is not None and "papel" not in new:
            new["papel"] = (PapelColuna.IGNORAR if ignored else PapelColuna.ENTRADA).value
        if kept := {**after.get(name, {}), **new}:
            after[name] = kept
    return after


def effective(
    columns: Sequence[ColunaPerfil], corrections: Mapping[str, Mapping[str, Any]]
) -> list[ColunaPerfil]:
    """The columns as they are to be read.

    Raises:
        CorrecaoInvalida: Some corrections cannot hold; names all of them, by column.
    """
    errors = _unknown(columns, corrections)
    found = []
    for column in columns:
        said = corrections.get(column.nome)
        if said is None:
            found.append(column)
            continue
        if reason := _reason_against(column, said):
            errors.append(FieldError(campo=column.nome, erro=reason))
        else:
            found.append(_corrected(column, said))
    errors += _twice(found)
    if errors:
        raise CorrecaoInvalida(errors=errors)
    return found


def _unknown(
    columns: Sequence[ColunaPerfil], corrections: Mapping[str, object]
) -> list[FieldError]:
    """A name that is none of the file's is the caller's input: only how many there are is said."""
    unknown = len(corrections.keys() - {each.nome for each in columns})
    if not unknown:
        return []
    message = f"{unknown} dos nomes corrigidos não são de colunas deste dataset."
    return [FieldError(campo="colunas", erro=message)]


def _reason_against(column: ColunaPerfil, said: Mapping[str, Any]) -> str | None:
    kind = TipoColuna(said.get("tipo", column.tipo))
    if kind in READ_AS and (unreadable := column.ilegiveis.get(kind, 0)):
        return (
            f"{unreadable} de {column.presentes} valores presentes não podem ser lidos como"
            f" {READ_AS[kind]}; a coluna não pode ser do tipo {kind.value}."
        )
    if kind in READ_AS and kind is not column.tipo and not column.presentes:
        return f"A coluna não tem valores; não pode ser do tipo {kind.value}."
    if said.get("na_e_categoria") and kind not in LABELS:
        return f"Uma coluna do tipo {kind.value} não tem categorias: corrija o tipo também."
    if said.get("na_e_categoria") and not column.ausentes:
        return "Nenhum valor da coluna está ausente: não há NA que seja uma categoria."
    return None


def _twice(columns: Sequence[ColunaPerfil]) -> list[FieldError]:
    errors = []
    for role in ALONE:
        named = [each.nome for each in columns if each.papel is role]
        if len(named) > 1:
            message = f"{len(named)} colunas teriam o papel {role.value}; só uma pode tê-lo."
            errors += [FieldError(campo=name, erro=message) for name in named]
    return errors


def _corrected(column: ColunaPerfil, said: Mapping[str, Any]) -> ColunaPerfil:
    kind = TipoColuna(said.get("tipo", column.tipo))
    role = PapelColuna(said.get("papel", _usual_role(column, kind, said)))
    after = column.model_copy(
        update={
            "tipo": kind,
            "papel": role,
            "unidade": said.get("unidade") or None,
            "corrigida": True,
            "avisos": [each for each in column.avisos if _still_holds(each.codigo, kind, said)],
        }
    )
    return _with_na(after) if said.get("na_e_categoria") else after


def _usual_role(column: ColunaPerfil, kind: TipoColuna, said: Mapping[str, Any]) -> PapelColuna:
    """Who says that an identifier is something else wants it looked at."""
    if kind is TipoColuna.IDENTIFICADOR:
        return PapelColuna.IGNORAR
    varies = column.distintos + bool(said.get("na_e_categoria")) > 1
    return PapelColuna.ENTRADA if varies else PapelColuna.IGNORAR


def _still_holds(code: str, kind: TipoColuna, said: Mapping[str, Any]) -> bool:
    if code == OF_IDENTIFIERS:
        return kind is TipoColuna.IDENTIFICADOR
    return not (said.get("na_e_categoria") and code in (OF_NA, "muitos_ausentes", "constante"))


def _with_na(column: ColunaPerfil) -> ColunaPerfil:
    """The column with NA as a category: as it is written, or every absence where it never is.

    Of a column that is kept as numbers nobody knows any more how absence was written.
    """
    written = sum(n for mark, n in column.marcas_ausentes.items() if mark.lower() in NA_MARKS)
    knows = column.guardado is TipoColuna.TEXTO and written > 0
    rows = written if knows else column.ausentes
    frequent = sorted(
        [*column.frequentes, Frequente(valor=NA, linhas=rows)], key=lambda each: -each.linhas
    )
    return column.model_copy(
        update={
            "na_e_categoria": True,
            "vazio_e_categoria": not knows,
            "presentes": column.presentes + rows,
            "ausentes": column.ausentes - rows,
            "distintos": column.distintos + 1,
            "frequentes": frequent,
        }
    )
