"""What a company's policy says to its training: what mistakes cost, and what must not be used."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.core.jobs import SYSTEM
from chalicelib.credit.policy import Politica, declared_own, read_policy
from chalicelib.credit.service_policies import current_row


@dataclass(frozen=True, slots=True)
class Costs:
    """What mistakes cost, as shares of an order's value.

    Attributes:
        loss: Lost where an order is approved that turns out badly.
        margin: Not earned where an order is denied that would have turned out well.
        stated: Whether the company has said so, or these are the defaults.
    """

    loss: float
    margin: float
    stated: bool

    @property
    def indifference(self) -> float:
        """The probability at which approving and denying cost the same."""
        return self.margin / (self.margin + self.loss)

    def to_json(self) -> dict[str, Any]:
        """As the policy says it."""
        return {
            "perda_por_inadimplencia": self.loss,
            "margem": self.margin,
            "da_politica": self.stated,
        }


@dataclass(frozen=True, slots=True)
class TrainingPolicy:
    """The part of a policy that training reads.

    Attributes:
        version: Of the policy; None where the company has none yet.
        sensitive: Columns that are never features.
        costs: What mistakes cost.
        declared: Own columns that it names, sensitive or changeable.
    """

    version: int | None
    sensitive: frozenset[str]
    costs: Costs
    declared: frozenset[str] = frozenset()


def training_policy(session: Session, tenant: str) -> TrainingPolicy:
    """What the newest version of a company's policy says; the default one's where it has none."""
    row = current_row(session, tenant)
    policy = Politica() if row is None else read_policy(row.conteudo)
    costs = Costs(
        loss=policy.custos.perda_por_inadimplencia,
        margin=policy.custos.margem,
        stated=row is not None and row.criada_por != SYSTEM,
    )
    version = None if row is None else row.versao
    declared = frozenset(declared_own(policy))
    return TrainingPolicy(version, frozenset(policy.sensiveis), costs, declared)
