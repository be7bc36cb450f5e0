"""What is said about projects and who they are shared with."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from chalicelib.core.types import FromRow, ShortText, Strict
from chalicelib.identity.schemas import Login
from chalicelib.prices.membership import Papel

Descricao = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]


class PapelDeMembro(StrEnum):
    """What a project may be shared as."""

    LEITOR = "leitor"
    TREINADOR = "treinador"
    ADMIN = "admin"


class ProjetoIn(Strict):
    """A project to make; it is yours."""

    nome: ShortText = Field(examples=["Imóveis de Ames"])
    descricao: Descricao = Field("", examples=["Preço de venda de casas."])


class ProjetoPatch(Strict):
    """What to change of a project."""

    nome: ShortText | None = None
    descricao: Descricao | None = None
    dono: Login | None = Field(
        None, description="Login of who owns it from now on; you stay as admin."
    )


class ProjetoOut(FromRow):
    """A project."""

    id: UUID
    nome: str
    descricao: str
    dono: str = Field(description="Login of its owner.", examples=["ana.lima"])
    papel: Papel = Field(description="What you are in it.")
    criado_em: datetime


class MembroIn(Strict):
    """As what to share a project with somebody."""

    papel: PapelDeMembro = Field(strict=False, examples=["treinador"])


class MembroOut(BaseModel):
    """Somebody a project is shared with."""

    login: str
    nome: str
    papel: PapelDeMembro
    desde: datetime
