"""Who answers: promotions, rollbacks, and the history of both (law 7)."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Text,
    case,
    delete,
    func,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from chalicelib.core.db import Base
from chalicelib.core.errors import Conflict
from chalicelib.ml.registry import (
    Alias,
    ModelAlias,
    ModelName,
    aliased_version,
    lock_model,
    point_alias,
)


class AlreadyChampion(Conflict):
    """This version answers already."""

    motivo = "Esta versão já é a que responde."


class NoEarlierChampion(Conflict):
    """No other version answered before this one; there is nothing to go back to."""

    motivo = "Nenhuma outra versão respondeu antes desta."


class Move(StrEnum):
    """Why the champion changed."""

    PROMOTION = "promocao"
    ROLLBACK = "reversao"


class ModelMove(Base):
    """One change of the champion; the rows are the history and are never changed."""

    __tablename__ = "model_moves"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant: Mapped[str] = mapped_column(Text)
    model: Mapped[str] = mapped_column(Text)
    move: Mapped[Move] = mapped_column(Text)
    version: Mapped[int] = mapped_column(comment="Who answers from now on.")
    previous: Mapped[int | None] = mapped_column(comment="Who answered until then.")
    moved_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    moved_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant", "model", "version"],
            ["model_versions.tenant", "model_versions.model", "model_versions.version"],
        ),
        CheckConstraint("move IN ('promocao', 'reversao')", name="move"),
        Index("model_moves_version_idx", "tenant", "model", "version", "id"),
    )


def move_champion(
    session: Session, name: ModelName, version: int, *, by: str, reason: str, move: Move
) -> None:
    """Let a version answer from now on, and remember whom it replaced.

    Raises:
        AlreadyChampion: It does.
        ModelVersionNotFound: There is no such version.
    """
    lock_model(session, name)
    previous = aliased_version(session, name, Alias.CHAMPION)
    if previous == version:
        raise AlreadyChampion
    point_alias(session, name, Alias.CHAMPION, version, by=by, reason=reason)
    session.execute(
        delete(ModelAlias).where(
            ModelAlias.tenant == name.tenant,
            ModelAlias.model == name.model,
            ModelAlias.alias == Alias.CHALLENGER.value,
            ModelAlias.version == version,
        )
    )
    session.add(
        ModelMove(
            tenant=name.tenant,
            model=name.model,
            move=move,
            version=version,
            previous=previous,
            moved_by=by,
            reason=reason,
        )
    )
    session.flush()


def champion_before(session: Session, name: ModelName) -> int:
    """Whom the champion replaced; until the transaction ends nobody else moves it.

    Going back twice goes back two promotions: each rollback takes back the newest promotion that
    none has taken back yet.

    Raises:
        NoEarlierChampion: Nobody answered before it.
    """
    lock_model(session, name)
    # Counted from the newest move on, the first promotion that no rollback makes up for.
    balance = func.sum(case((ModelMove.move == Move.ROLLBACK, 1), else_=-1)).over(
        order_by=ModelMove.id.desc()
    )
    moves = (
        select(ModelMove.id, ModelMove.previous, balance.label("balance"))
        .where(ModelMove.tenant == name.tenant, ModelMove.model == name.model)
        .subquery()
    )
    previous = session.scalar(
        select(moves.c.previous).where(moves.c.balance == -1).order_by(moves.c.id.desc()).limit(1)
    )
    if previous is None:
        raise NoEarlierChampion
    return int(previous)
