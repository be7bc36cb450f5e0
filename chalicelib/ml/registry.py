"""Versions of models and the aliases that point at them (law 7).

A version never changes once registered. Promotion and rollback move one alias row, and two
trainings at once cannot take the same number: a counter row hands the numbers out.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Text,
    and_,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import Mapped, Session, mapped_column, undefer

from chalicelib.core import audit
from chalicelib.core.db import Base
from chalicelib.core.errors import NotFound

if TYPE_CHECKING:
    from chalicelib.ml.serving import ServedModel


class Alias(StrEnum):
    """What a version is used for."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"


class ModelVersionNotFound(NotFound):
    """There is no such version of this model."""

    motivo = "Esta versão não existe."


class Model(Base):
    """A model by name, and the last number given to a version of it."""

    __tablename__ = "models"

    tenant: Mapped[str] = mapped_column(Text, primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)
    last_version: Mapped[int]


class ModelVersion(Base):
    """One trained model, with everything needed to serve it, judge it and make it again."""

    __tablename__ = "model_versions"

    tenant: Mapped[str] = mapped_column(Text, primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    algorithm: Mapped[str] = mapped_column(Text)
    parameters: Mapped[dict[str, Any]] = mapped_column(JSONB)
    encoder: Mapped[dict[str, Any]] = mapped_column(JSONB)
    explainer: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="Window, rows, fingerprint.")
    split: Mapped[dict[str, Any]] = mapped_column(JSONB)
    metrics: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="With their intervals.")
    # Large, and of no use to serving: read only where they are asked for.
    figures: Mapped[dict[str, Any]] = mapped_column(
        JSONB, server_default="{}", deferred=True, comment="Plotly JSON by name."
    )
    profile: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, server_default="[]", deferred=True, comment="Bins of inputs and score at training."
    )
    artefacts: Mapped[dict[str, Any]] = mapped_column(JSONB, comment="Keys, digests, sizes.")
    libraries: Mapped[dict[str, str]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    created_by: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        ForeignKeyConstraint(["tenant", "model"], ["models.tenant", "models.model"]),
        CheckConstraint("version > 0", name="version"),
    )


class ModelAlias(Base):
    """A name that points at one version."""

    __tablename__ = "model_aliases"

    tenant: Mapped[str] = mapped_column(Text, primary_key=True)
    model: Mapped[str] = mapped_column(Text, primary_key=True)
    alias: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int]
    moved_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    moved_by: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant", "model", "version"],
            ["model_versions.tenant", "model_versions.model", "model_versions.version"],
        ),
        CheckConstraint("alias IN ('champion', 'challenger')", name="alias"),
    )


@dataclass(frozen=True, slots=True)
class ModelName:
    """A tenant's model."""

    tenant: str
    model: str


@dataclass(frozen=True, slots=True)
class Champion:
    """The version that answers, and since when it is there."""

    version: int
    created_at: datetime


def next_version(session: Session, name: ModelName) -> int:
    """Take the next version number; it is never given out twice, even if nothing follows."""
    statement = (
        insert(Model)
        .values(tenant=name.tenant, model=name.model, last_version=1)
        .on_conflict_do_update(
            index_elements=["tenant", "model"], set_={"last_version": Model.last_version + 1}
        )
        .returning(Model.last_version)
    )
    return session.execute(statement).scalar_one()


def register(session: Session, version: ModelVersion) -> None:
    """Add a version whose artefacts are stored already."""
    session.add(version)
    session.flush()
    audit.record(
        session,
        tenant=version.tenant,
        ator=version.created_by,
        acao="modelo.registrado",
        objeto=f"modelo:{version.model}:{version.version}",
        algoritmo=version.algorithm,
    )


def point_alias(
    session: Session, name: ModelName, alias: Alias, version: int, *, by: str, reason: str
) -> None:
    """Promote or roll back: let an alias point at another version.

    Args:
        session: The transaction.
        name: The model.
        alias: Which pointer.
        version: Where it points from now on.
        by: Subject of who decided.
        reason: Why, for the trail.

    Raises:
        ModelVersionNotFound: There is no such version.
    """
    version_of(session, name, version)
    values = {"version": version, "moved_by": by, "reason": reason}
    session.execute(
        insert(ModelAlias)
        .values(tenant=name.tenant, model=name.model, alias=alias.value, **values)
        .on_conflict_do_update(
            index_elements=["tenant", "model", "alias"], set_={**values, "moved_at": func.now()}
        )
    )
    audit.record(
        session,
        tenant=name.tenant,
        ator=by,
        acao="modelo.alias_movido",
        objeto=f"modelo:{name.model}:{version}",
        alias=alias.value,
        motivo=reason,
    )


def aliased_version(session: Session, name: ModelName, alias: Alias) -> int | None:
    """The version an alias points at; None when it points at none."""
    return session.scalar(
        select(ModelAlias.version).where(
            ModelAlias.tenant == name.tenant,
            ModelAlias.model == name.model,
            ModelAlias.alias == alias.value,
        )
    )


def champion_of(session: Session, name: ModelName) -> ModelVersion | None:
    """The version that answers now, whole but for what is read later."""
    version = aliased_version(session, name, Alias.CHAMPION)
    return None if version is None else version_of(session, name, version)


def champions_of(session: Session, names: Collection[ModelName]) -> dict[ModelName, Champion]:
    """The versions that answer of several models, in one statement; others are left out."""
    rows = session.execute(
        select(
            ModelVersion.tenant,
            ModelVersion.model,
            ModelVersion.version,
            ModelVersion.created_at,
        )
        .join(
            ModelAlias,
            and_(
                ModelAlias.tenant == ModelVersion.tenant,
                ModelAlias.model == ModelVersion.model,
                ModelAlias.version == ModelVersion.version,
            ),
        )
        .where(
            ModelAlias.alias == Alias.CHAMPION.value,
            tuple_(ModelAlias.tenant, ModelAlias.model).in_(
                [(name.tenant, name.model) for name in names]
            ),
        )
    )
    return {ModelName(row.tenant, row.model): Champion(row.version, row.created_at) for row in rows}


def version_of(
    session: Session, name: ModelName, version: int, options: Sequence[Any] = ()
) -> ModelVersion:
    """One version.

    Args:
        session: The session.
        name: The model.
        version: Which version.
        options: SQLAlchemy's, such as `undefer` of a large column.

    Raises:
        ModelVersionNotFound: There is no such version.
    """
    found = session.get(ModelVersion, (name.tenant, name.model, version), options=options)
    if found is None:
        raise ModelVersionNotFound
    return found


def training_profile(session: Session, name: ModelName, version: int) -> list[dict[str, Any]]:
    """The bins that a version's inputs and scores fell into at training; empty of old ones.

    Raises:
        ModelVersionNotFound: There is no such version.
    """
    return version_of(session, name, version, options=[undefer(ModelVersion.profile)]).profile


def load_version(
    session: Session, name: ModelName, version: int, read_object: Callable[[str], bytes]
) -> "ServedModel":
    """Load a version for serving; its digest is checked before anything reads it.

    Args:
        session: The transaction; this one read of the object store may happen within it.
        name: The model.
        version: Which version.
        read_object: Gives an object's bytes by its key.

    Raises:
        ModelVersionNotFound: There is no such version.
        DigestMismatch: The stored bytes are not those that were registered.
    """
    # Brings numpy, a fifth of a cold start, which only who loads a model has to wait for.
    from chalicelib.ml.serving import load_served_model

    found = version_of(session, name, version)
    onnx = found.artefacts["onnx"]
    return load_served_model(
        read_object(onnx["objeto"]),
        onnx["sha256"],
        found.encoder,
        explainer=found.explainer,
        target=found.encoder.get("target"),
        metadata={"version": version, "algorithm": found.algorithm, **found.data},
        classes=found.data.get("classes"),
    )


def lock_model(session: Session, name: ModelName) -> None:
    """Let one promotion of a model at a time decide; others wait for its transaction."""
    session.execute(
        text("SELECT 1 FROM models WHERE tenant = :tenant AND model = :model FOR UPDATE"),
        {"tenant": name.tenant, "model": name.model},
    )
