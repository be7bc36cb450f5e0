"""What is worth knowing of columns and rows, said in Portuguese and with numbers."""

from collections.abc import Iterator, Mapping, Sequence

from chalicelib.prices.profiling.conversion import Converted, Plan
from chalicelib.prices.profiling.reading import Readings, is_ambiguous, is_day_ambiguous
from chalicelib.prices.profiling.refusals import numbered
from chalicelib.prices.profiling.relations import LEAK_SHARE, Sampled, share_explained
from chalicelib.prices.schemas_datasets import Alvo, Aviso, ColunaPerfil, TipoColuna
from chalicelib.prices.values import NA_MARKS, NumberFormat

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


def _notice(code: str, message: str, *, about: str | None = None, **numbers: float) -> Aviso:
    """A notice; `about` is another column that it is about too, the numbers stand in it by name."""
    others = [] if about is None else [about]
    return Aviso(codigo=code, mensagem=message, numeros=numbers, colunas=others)


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
        *_how_written(plan),
    )
    return [each for each in found if each is not None]


def _constant(column: ColunaPerfil) -> Aviso | None:
    if not column.presentes:
        return _notice("vazia", "A coluna não tem nenhum valor; é ignorada.")
    if column.distintos > 1:
        return None
    if column.ausentes:
        message = "Todos os valores presentes são iguais; a coluna é ignorada."
    else:
        message = "Todas as linhas têm o mesmo valor; a coluna é ignorada."
    return _notice("constante", message, ausentes=column.ausentes)


def _identifier(column: ColunaPerfil) -> Aviso | None:
    if column.tipo is not TipoColuna.IDENTIFICADOR:
        return None
    return _notice(
        "identificador",
        f"{numbered(column.distintos)} valores diferentes em {numbered(column.presentes)}"
        " linhas: parece identificar a linha, e é ignorada. Corrija o tipo se não for.",
        distintos=column.distintos,
        presentes=column.presentes,
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
    return _notice(
        "teto", _cap_message(at_top, rows, summary.maximo), linhas=at_top, maximo=summary.maximo
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
    return _notice(
        "muitos_ausentes",
        f"Faltam {numbered(column.ausentes)} de {numbered(rows)} valores.",
        ausentes=column.ausentes,
        linhas=rows,
    )


def _na_as_category(column: ColunaPerfil) -> Aviso | None:
    """A text column in which many rows say NA: it may mean "does not have", not "not known"."""
    if column.tipo not in (TipoColuna.CATEGORIA, TipoColuna.BOOLEANO):
        return None
    written = sum(n for mark, n in column.marcas_ausentes.items() if mark.lower() in NA_MARKS)
    rows = column.presentes + column.ausentes
    if written < max(MANY_NA * rows, FEWEST_NA):
        return None
    return _notice(
        "na_parece_categoria",
        f"{numbered(written)} de {numbered(rows)} linhas dizem NA: pode querer dizer"
        ' "não tem", e não "não se sabe". Se for assim, corrija com na_e_categoria.',
        na=written,
        linhas=rows,
    )


def _many_categories(column: ColunaPerfil) -> Aviso | None:
    if column.tipo is not TipoColuna.CATEGORIA or column.distintos <= MANY_CATEGORIES:
        return None
    return _notice(
        "muitas_categorias",
        f"{numbered(column.distintos)} categorias; as raras são reunidas no treino.",
        distintos=column.distintos,
    )


def _mixed(column: ColunaPerfil, plan: Plan) -> Aviso | None:
    """Mostly numbers or dates, with a few values that are none."""
    readings = plan.readings
    if readings is None or plan.number is not None or plan.stored is not TipoColuna.TEXTO:
        return None
    total = readings.as_numbers
    if sum(n > 0 for n in readings.currencies.values()) > 1 and readings.numbers.max() == total:
        signs = ", ".join(sorted(sign for sign, n in readings.currencies.items() if n))
        return _notice("moedas_misturadas", f"Há valores em mais de uma moeda: {signs}.")
    for kind, name in ((TipoColuna.NUMERO, "números"), (TipoColuna.DATA, "datas")):
        odd = column.ilegiveis.get(kind, 0)
        if total and 0 < odd < MIXED_SHARE * total:
            return _notice(
                "tipos_misturados",
                f"Valores que não são {name}: {numbered(odd)} de {numbered(total)}; a coluna é"
                " lida como texto.",
                presentes=total,
                outros=odd,
            )
    return None


def _how_written(plan: Plan) -> Iterator[Aviso]:
    readings, form = plan.readings, plan.number
    if readings is None:
        return
    if form is not None and plan.stored is TipoColuna.NUMERO:
        if written := _unlike_plain_numbers(form):
            said = f"Números escritos com {', '.join(written)}: lidos como números."
            yield _notice("numero_como_texto", said)
        if is_ambiguous(readings):
            yield _notice(
                "separador_ambiguo",
                "Todos os valores têm três dígitos depois do separador: podem ser milhares"
                f" ou decimais. Foram lidos como {'milhares' if form.milhar else 'decimais'}.",
            )
    if form is not None:
        yield from _codes(readings)
    if plan.date == "d/m/a" and is_day_ambiguous(readings):
        yield _notice(
            "data_ambigua",
            "Dia e mês poderiam estar trocados; as datas foram lidas com o dia antes.",
        )


def _codes(readings: Readings) -> Iterator[Aviso]:
    """Of numbers that are written as codes are."""
    for code, rows, how in (
        ("zeros_a_esquerda", readings.leading_zeros, "começam com zero"),
        ("codigos_longos", readings.codes, "têm mais de 15 dígitos"),
    ):
        if rows:
            said = f"{numbered(rows)} valores {how}, como códigos; a coluna é lida como texto."
            yield _notice(code, said, linhas=rows)


def _unlike_plain_numbers(form: NumberFormat) -> list[str]:
    """What numbers of this form have that plain ones have not."""
    return [
        *(["vírgula decimal"] if form.decimal == "," else []),
        *(["separador de milhar"] if form.milhar else []),
        *([f"sinal de moeda ({form.moeda})"] if form.moeda else []),
        *(["sinal de por cento"] if form.percentual else []),
    ]


def copy_findings(pairs: Sequence[tuple[str, str, float]]) -> dict[str, list[Aviso]]:
    """Of columns that say nearly what another one says; both are told."""
    found: dict[str, list[Aviso]] = {}
    for first, second, how in pairs:
        for one, other in ((first, second), (second, first)):
            found.setdefault(one, []).append(
                _notice(
                    "quase_copia",
                    f"Diz quase o mesmo que {other}.",
                    about=other,
                    correlacao=round(how, 6),
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
                    _notice(
                        "suspeita_de_vazamento",
                        f"Sozinha explica {percent(share)} de {target.coluna}: confira se é"
                        " conhecida antes do preço.",
                        about=target.coluna,
                        explicado=round(share, 4),
                    )
                )
    return found


def dataset_findings(
    converted: Converted, refused: int, beyond: int, columns: Sequence[ColunaPerfil]
) -> Iterator[Aviso]:
    """What is worth knowing of the dataset as a whole.

    Args:
        converted: Its rows.
        refused: Rows of the file that are not among them.
        beyond: Numbers that were infinite, and are absent.
        columns: Its columns.
    """
    rows, duplicates = converted.rows, converted.duplicates
    if beyond:
        yield _notice(
            "numeros_infinitos",
            f"{numbered(beyond)} números são infinitos: contam como ausentes.",
            valores=beyond,
        )
    if refused:
        yield _notice(
            "linhas_recusadas",
            f"Linhas que não puderam ser lidas: {numbered(refused)}; veja rejeicoes.",
            linhas=refused,
        )
    if duplicates:
        yield _notice(
            "linhas_duplicadas",
            f"Linhas que repetem outra por inteiro: {numbered(duplicates)} de {numbered(rows)}.",
            linhas=duplicates,
        )
    if rows < FEWEST_AT_BOUND * max(len(columns), 1):
        yield _notice(
            "poucas_linhas",
            f"Só {numbered(rows)} linhas para {len(columns)} colunas.",
            linhas=rows,
            colunas=len(columns),
        )
