"""Refusals in the words of those who use the console."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core.errors import Problem

TITLES: Mapping[int, str] = {
    400: "Pedido incompleto",
    401: "Entre para continuar",
    403: "Sem permissão",
    404: "Não encontrado",
    409: "Não foi possível",
    412: "Mudou enquanto isso",
    413: "Grande demais",
    415: "Arquivo não aceito",
    422: "Não pode ser aceito",
    429: "Devagar, por favor",
    500: "Erro do nosso lado",
    503: "Fora do ar por um instante",
}


@dataclass(frozen=True)
class Told:
    """A refusal, ready to be shown."""

    status: int
    title: str
    text: str


def told(problem: Problem) -> Told:
    """A refusal in Portuguese."""
    title = TITLES.get(problem.status, "Não foi possível")
    return Told(problem.status, title, problem.motivo)
