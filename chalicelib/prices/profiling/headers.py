"""Names of columns: there, different, not too many, and no data."""

from collections import Counter
from collections.abc import Sequence

from chalicelib.prices.errors import ArquivoRecusado
from chalicelib.prices.schemas_datasets import LONGEST_NAME
from chalicelib.prices.values import read_number

MOST_COLUMNS = 500
SHOWN = 5


def check_names(names: Sequence[str]) -> list[str]:
    """The names, if they can be used.

    Raises:
        ArquivoRecusado: They cannot; the message says which, by place.
    """
    if not any(names):
        raise ArquivoRecusado("O arquivo não tem cabeçalho: a primeira linha não nomeia colunas.")
    if len(names) > MOST_COLUMNS:
        raise ArquivoRecusado(f"O arquivo tem {len(names)} colunas; o máximo é {MOST_COLUMNS}.")
    if unnamed := [place for place, name in enumerate(names, 1) if not name]:
        raise ArquivoRecusado(
            f"{len(unnamed)} de {len(names)} colunas não têm nome no cabeçalho: {_places(unnamed)}."
        )
    counts = Counter(names)
    if repeated := [place for place, name in enumerate(names, 1) if counts[name] > 1]:
        raise ArquivoRecusado(f"Há nomes repetidos no cabeçalho: {_places(repeated)}.")
    if long := [place for place, name in enumerate(names, 1) if len(name) > LONGEST_NAME]:
        raise ArquivoRecusado(
            f"Há nomes com mais de {LONGEST_NAME} caracteres no cabeçalho: {_places(long)}."
        )
    if odd := [place for place, name in enumerate(names, 1) if not _is_text(name)]:
        raise ArquivoRecusado(f"Há nomes ilegíveis no cabeçalho: {_places(odd)}.")
    if all(_is_number(name) for name in names):
        raise ArquivoRecusado(
            "A primeira linha só tem números: parece ser de dados, e o arquivo, sem cabeçalho."
        )
    return list(names)


def _places(places: Sequence[int]) -> str:
    shown = ", ".join(map(str, places[:SHOWN])) + (" e outras" if len(places) > SHOWN else "")
    return f"colunas {shown}" if len(places) > 1 else f"coluna {shown}"


def _is_text(name: str) -> bool:
    """PostgreSQL keeps no NUL, and no half of a surrogate pair is text."""
    return "\0" not in name and not any(0xD800 <= ord(letter) <= 0xDFFF for letter in name)


def _is_number(name: str) -> bool:
    try:
        return read_number(name) is not None
    except ValueError:
        return False
