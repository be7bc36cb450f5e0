"""What a company's policy says to its training: what mistakes cost, and what must not be used."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.credit.tables_decisions import Politica

LOSS, MARGIN = 0.6, 0.2
"""Where a company has not said: 60% of an order that is not paid is lost, 20% of one that is paid
is earned."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What mistakes cost, as shares of an order's value.

    Attributes:
        loss: Lost where an order is approved that turns out badly.
        margin: Not earned where an order is denied that would have turned out well.
        stated: Whether the company has said so, or these are the defaults.
    """

    loss: float = LOSS
    margin: float = MARGIN
    stated: bool = False

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
    """

    version: int | None
    sensitive: frozenset[str]
    costs: Costs


def training_policy(session: Session, tenant: str) -> TrainingPolicy:
    """What the newest version of a company's policy says."""
    found = session.execute(
        select(Politica.versao, Politica.conteudo)
        .where(Politica.tenant == tenant)
        .order_by(Politica.versao.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        return TrainingPolicy(None, frozenset(), Costs())
    return TrainingPolicy(
        found.versao,
        frozenset(found.conteudo.get("sensiveis") or ()),
        _costs(found.conteudo.get("custos")),
    )


def _costs(said: dict[str, Any] | None) -> Costs:
    if not said:
        return Costs()
    return Costs(float(said["perda_por_inadimplencia"]), float(said["margem"]), stated=True)
