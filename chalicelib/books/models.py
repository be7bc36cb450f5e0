"""The price model: its name, what it foretells, and whether it knows more than chance."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.settings import HOUSE
from chalicelib.ml.registry import ModelName

BOOK_PRICE = ModelName(HOUSE, "precos-livros")
LABEL_TEXT = (
    "Preço do livro, pelas outras colunas. Em books.toscrape.com preços e avaliações são "
    "sorteados, como o próprio site diz: nenhuma coluna os explica, e um modelo honesto não supera "
    "a regra ingênua (sempre a média). O que há de verdadeiro para aprender está nos textos: veja "
    "os livros parecidos."
)
KNOWS_NOTHING = (
    "Este modelo não supera a regra ingênua (sempre a média): nos dados de que aprendeu, as "
    "outras colunas não dizem nada sobre o preço."
)
KNOWS_SOMETHING = "Este modelo supera a regra ingênua (sempre a média) nos livros de teste."


STANDARD_ERRORS = 3.0
"""By how many the gain must be above 0. A version is trained after every change of the catalogue,
and of forty that know nothing one has a 95% interval above 0: by that measure chance would soon
be beaten by luck."""
WIDTH_OF_95 = 2 * 1.96


def beats_chance(metrics: Mapping[str, Any]) -> bool:
    """Whether a version surely explains more of the test books' prices than their mean does."""
    gain = metrics["ganho_sobre_regra"]["r2"]
    standard_error = (gain["high"] - gain["low"]) / WIDTH_OF_95
    return bool(gain["value"] > STANDARD_ERRORS * standard_error)


def notice(metrics: Mapping[str, Any]) -> str:
    """The same in a sentence."""
    return KNOWS_SOMETHING if beats_chance(metrics) else KNOWS_NOTHING
