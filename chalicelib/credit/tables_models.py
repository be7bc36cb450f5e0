"""What was measured of a company's model, day by day."""

from datetime import date
from typing import Any

from sqlalchemy import Date, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chalicelib.core.db import Base
from chalicelib.credit.tables import When


class MedicaoRow(Base):
    """A day's last measurement of the version that answered then."""

    __tablename__ = "credito_medicoes"

    tenant: Mapped[str] = mapped_column(Text, primary_key=True)
    dia: Mapped[date] = mapped_column(Date, primary_key=True)
    medido_em: Mapped[When]
    conteudo: Mapped[dict[str, Any]] = mapped_column(JSONB)
