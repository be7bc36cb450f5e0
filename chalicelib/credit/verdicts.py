"""From rules and a probability to a decision. Pure: the same for an order, a replay, a what-if."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.credit.policy import Consequencia, Limiares
from chalicelib.credit.rules import Fired


class Situacao(StrEnum):
    """What is decided on an order."""

    APROVADO = "aprovado"
    REVISAO = "revisao"
    NEGADO = "negado"


class Origem(StrEnum):
    """What decided."""

    REGRA = "regra"
    MODELO = "modelo"
    SEM_MODELO = "sem_modelo"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A decision.

    Attributes:
        decisao: What is decided.
        origem: By what.
        regra: Which rule, where one decided.
    """

    decisao: Situacao
    origem: Origem
    regra: str | None = None


BY_CONSEQUENCE = {
    Consequencia.NEGADO: Situacao.NEGADO,
    Consequencia.REVISAO: Situacao.REVISAO,
}


def verdict(fired: Sequence[Fired], probability: float | None, limits: Limiares | None) -> Verdict:
    """Decide.

    A rule's word stands before the model's: what a company wants a person to see is not denied
    by a score, nor approved by one.

    Args:
        fired: The rules that speak, the decisive one first.
        probability: Of the bad outcome; None where no model may answer.
        limits: The thresholds; None where no model may answer.
    """
    if fired:
        first = fired[0]
        return Verdict(BY_CONSEQUENCE[first.consequencia], Origem.REGRA, first.regra)
    if probability is None or limits is None:
        return Verdict(Situacao.REVISAO, Origem.SEM_MODELO)
    return Verdict(by_model(probability, limits), Origem.MODELO)


def by_model(probability: float, limits: Limiares) -> Situacao:
    """What the thresholds say of a probability: the lower one is not approved any more, the upper
    one is denied already.
    """
    if probability < limits.aprova_abaixo_de:
        return Situacao.APROVADO
    return Situacao.NEGADO if probability >= limits.nega_a_partir_de else Situacao.REVISAO
