"""What is worth knowing of columns and rows, said in Portuguese and with numbers."""

from collections.abc import Mapping, Sequence

from chalicelib.prices.profiling.conversion import Converted, Plan
from chalicelib.prices.profiling.reading import is_ambiguous, is_day_ambiguous
from chalicelib.prices.profiling.refusals import numbered
from chalicelib.prices.profiling.relations import LEAK_SHARE, Sampled, share_explained
from chalicelib.prices.schemas_datasets import Alvo, Aviso, ColunaPerfil, TipoColuna
from chalicelib.prices.values import NA_MARKS

FEWEST_AT_BOUND = 10
BOUND_SHARE = 0.01
TIMES_THE_MEAN = 3
MANY_ABSENT = 0.5
MANY_NA = 0.02
FEWEST_NA = 10
MANY_CATEGORIES = 100
MIXED_SHARE = 0.5
LEAKS_LOOKED_FOR = 3
LIKELY_TARGET = 2
FEWEST_DISTINCT = 20


def column_findings(column: ColunaPerfil, plan: Plan) -> list[Aviso]:
    """What is worth knowing of one column by itself."""
    found = (
        _constant(column),
        _identifier(column),
        _capped(column),
        _absent(column),
        _na_as_category(column),
        _many_categories(column),
        _mixed(column, plan),
        *_how_written(column, plan),
    )
    return [each for each in found if each is not None]


def _constant(column: ColunaPerfil) -> Aviso | None:
    if not column.presentes:
        return Aviso(codigo="vazia", mensagem="A coluna não tem nenhum valor; é ignorada.")
    if column.distintos > 1:
        return None
    if column.ausentes:
        message = "Todos os valores presentes são iguais; a coluna é ignorada."
    else:
        message = "Todas as linhas têm o mesmo valor; a coluna é ignorada."
    return Aviso(codigo="constante", mensagem=message, numeros={"ausentes": column.ausentes})


def _identifier(column: ColunaPerfil) -> Aviso | None:
    if column.tipo is not TipoColuna.IDENTIFICADOR:
        return None
    return Aviso(
        codigo="identificador",
        mensagem=(
            f"{numbered(column.distintos)} valores diferentes em {numbered(column.presentes)}"
            " linhas: parece identificar a linha, e é ignorada. Corrija o tipo se não for."
        ),
        numeros={"distintos": column.distintos, "presentes": column.presentes},
    )


def _capped(column: ColunaPerfil) -> Aviso | None:
    """Many rows exactly at the maximum, far more than at a usual value: somebody cut it off."""
    summary = column.numero
    if summary is None or column.distintos < FEWEST_DISTINCT or column.guardado is TipoColuna.TEXTO:
        return None
    at_top, rows = summary.no_maximo, column.presentes
    usual = rows / column.distintos
    if at_top < max(FEWEST_AT_BOUND, BOUND_SHARE * rows) or at_top < TIMES_THE_MEAN * usual:
        return None
    return Aviso(
        codigo="teto",
        mensagem=_cap_message(at_top, rows, summary.maximo),
        numeros={"linhas": at_top, "maximo": summary.maximo},
    )


def _cap_message(at_top: int, rows: int, maximum: float) -> str:
    return (
        f"{numbered(at_top)} linhas ({percent(at_top / rows)}) têm exatamente o valor máximo,"
        f" {maximum:.10g}: a coluna parece cortada nele. Como alvo, um modelo não aprende o que"
        " está acima."
    )


def percent(share: float) -> str:
    """A share as it is written in Portuguese: 4,7 %."""
    return f"{100 * share:.1f} %".replace(".", ",")


def _absent(column: ColunaPerfil) -> Aviso | None:
    rows = column.presentes + column.ausentes
    if not column.presentes or column.ausentes <= MANY_ABSENT * rows:
        return None
    return Aviso(
        codigo="muitos_ausentes",
        mensagem=f"Faltam {numbered(column.ausentes)} de {numbered(rows)} valores.",
        numeros={"ausentes": column.ausentes, "linhas": rows},
    )


def _na_as_category(column: ColunaPerfil) -> Aviso | None:
    """A text column in which many rows say NA: it may mean "does not have", not "not known"."""
    if column.tipo not in (TipoColuna.CATEGORIA, TipoColuna.BOOLEANO):
        return None
    written = sum(n for mark, n in column.marcas_ausentes.items() if mark.lower() in NA_MARKS)
    rows = column.presentes + column.ausentes
    if written < max(MANY_NA * rows, FEWEST_NA):
        return None
    return Aviso(
        codigo="na_parece_categoria",
        mensagem=(
            f"{numbered(written)} de {numbered(rows)} linhas dizem NA: pode querer dizer"
            ' "não tem", e não "não se sabe". Se for assim, corrija com na_e_categoria.'
        ),
        numeros={"na": written, "linhas": rows},
    )


def _many_categories(column: ColunaPerfil) -> Aviso | None:
    if column.tipo is not TipoColuna.CATEGORIA or column.distintos <= MANY_CATEGORIES:
        return None
    return Aviso(
        codigo="muitas_categorias",
        mensagem=f"{numbered(column.distintos)} categorias; as raras são reunidas no treino.",
        numeros={"distintos": column.distintos},
    )


def _mixed(column: ColunaPerfil, plan: Plan) -> Aviso | None:
    """Mostly numbers or dates, with a few values that are none."""
    readings = plan.readings
    if readings is None or plan.number is not None or plan.stored is not TipoColuna.TEXTO:
        return None
    total = readings.as_numbers
    if sum(n > 0 for n in readings.currencies.values()) > 1 and readings.numbers.max() == total:
        signs = ", ".join(sorted(sign for sign, n in readings.currencies.items() if n))
        return Aviso(
            codigo="moedas_misturadas", mensagem=f"Há valores em mais de uma moeda: {signs}."
        )
    for kind, name in ((TipoColuna.NUMERO, "números"), (TipoColuna.DATA, "datas")):
        odd = column.ilegiveis.get(kind, 0)
        if total and 0 < odd < MIXED_SHARE * total:
            return Aviso(
                codigo="tipos_misturados",
                mensagem=(
                    f"Valores que não são {name}: {numbered(odd)} de {numbered(total)}; a coluna é"
                    " lida como texto."
                ),
                numeros={"presentes": total, "outros": odd},
            )
    return None


def _how_written(column: ColunaPerfil, plan: Plan) -> list[Aviso]:
    readings = plan.readings
    if readings is None:
        return []
    found = []
    if plan.number is not None and plan.stored is TipoColuna.NUMERO:
        form = plan.number
        if form.milhar or form.moeda or form.percentual or form.decimal == ",":
            found.append(_number_as_text(column))
        if is_ambiguous(readings):
            found.append(
                Aviso(
                    codigo="separador_ambiguo",
                    mensagem=(
                        "Todos os valores têm três dígitos depois do separador: podem ser milhares"
                        f" ou decimais. Foram lidos como {_as_what(column)}."
                    ),
                )
            )
    if plan.number is not None and readings.leading_zeros:
        found.append(
            Aviso(
                codigo="zeros_a_esquerda",
                mensagem=(
                    f"{numbered(readings.leading_zeros)} valores começam com zero, como códigos;"
                    " a coluna é lida como texto."
                ),
                numeros={"linhas": readings.leading_zeros},
            )
        )
    if plan.number is not None and readings.codes:
        found.append(
            Aviso(
                codigo="codigos_longos",
                mensagem=(
                    f"{numbered(readings.codes)} valores têm mais de 15 dígitos, como códigos;"
                    " a coluna é lida como texto."
                ),
                numeros={"linhas": readings.codes},
            )
        )
    if plan.date == "d/m/a" and is_day_ambiguous(readings):
        found.append(
            Aviso(
                codigo="data_ambigua",
                mensagem="Dia e mês poderiam estar trocados; as datas foram lidas com o dia antes.",
            )
        )
    return found


def _as_what(column: ColunaPerfil) -> str:
    form = column.formato_numero
    return "milhares" if form is not None and form.milhar else "decimais"


def _number_as_text(column: ColunaPerfil) -> Aviso:
    form = column.formato_numero
    parts = []
    if form is not None:
        if form.decimal == ",":
            parts.append("vírgula decimal")
        if form.milhar:
            parts.append("separador de milhar")
        if form.moeda:
            parts.append(f"sinal de moeda ({form.moeda})")
        if form.percentual:
            parts.append("sinal de por cento")
    return Aviso(
        codigo="numero_como_texto",
        mensagem=f"Números escritos com {', '.join(parts)}: lidos como números.",
    )


def copy_findings(pairs: Sequence[tuple[str, str, float]]) -> dict[str, list[Aviso]]:
    """Of columns that say nearly what another one says; both are told."""
    found: dict[str, list[Aviso]] = {}
    for first, second, how in pairs:
        for one, other in ((first, second), (second, first)):
            found.setdefault(one, []).append(
                Aviso(
                    codigo="quase_copia",
                    mensagem=f"Diz quase o mesmo que {other}.",
                    numeros={"correlacao": round(how, 6)},
                    colunas=[other],
                )
            )
    return found


def leak_findings(columns: Sequence[Sampled], targets: Sequence[Alvo]) -> dict[str, list[Aviso]]:
    """Of columns that alone nearly determine a likely target: they may be known only afterwards.

    A likelier target is not told to give away a less likely one.
    """
    by_name: Mapping[str, Sampled] = {each.column.nome: each for each in columns}
    found: dict[str, list[Aviso]] = {}
    likely = [each for each in targets[:LEAKS_LOOKED_FOR] if each.pontos >= LIKELY_TARGET]
    for place, target in enumerate(likely):
        likelier = {each.coluna for each in likely[: place + 1]}
        for name, column in by_name.items():
            if name in likelier or column.column.distintos < 2:
                continue
            share = share_explained(column, by_name[target.coluna])
            if share is not None and share >= LEAK_SHARE:
                found.setdefault(name, []).append(
                    Aviso(
                        codigo="suspeita_de_vazamento",
                        mensagem=(
                            f"Sozinha explica {percent(share)} de {target.coluna}: confira se é"
                            " conhecida antes do preço."
                        ),
                        numeros={"explicado": round(share, 4)},
                        colunas=[target.coluna],
                    )
                )
    return found


def dataset_findings(
    converted: Converted, refused: int, beyond: int, columns: Sequence[ColunaPerfil]
) -> list[Aviso]:
    """What is worth knowing of the dataset as a whole.

    Args:
        converted: Its rows.
        refused: Rows of the file that are not among them.
        beyond: Numbers that were infinite, and are absent.
        columns: Its columns.
    """
    rows, duplicates = converted.rows, converted.duplicates
    found = []
    if beyond:
        found.append(
            Aviso(
                codigo="numeros_infinitos",
                mensagem=f"{numbered(beyond)} números são infinitos: contam como ausentes.",
                numeros={"valores": beyond},
            )
        )
    if refused:
        found.append(
            Aviso(
                codigo="linhas_recusadas",
                mensagem=f"Linhas que não puderam ser lidas: {numbered(refused)}; veja rejeicoes.",
                numeros={"linhas": refused},
            )
        )
    if duplicates:
        found.append(
            Aviso(
                codigo="linhas_duplicadas",
                mensagem=(
                    "Linhas que repetem outra por inteiro:"
                    f" {numbered(duplicates)} de {numbered(rows)}."
                ),
                numeros={"linhas": duplicates},
            )
        )
    if rows < FEWEST_AT_BOUND * max(len(columns), 1):
        found.append(
            Aviso(
                codigo="poucas_linhas",
                mensagem=f"Só {numbered(rows)} linhas para {len(columns)} colunas.",
                numeros={"linhas": rows, "colunas": len(columns)},
            )
        )
    return found
