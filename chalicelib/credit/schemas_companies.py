"""Requests and responses of companies and their keys."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from chalicelib.core.pages import PageQuery
from chalicelib.core.types import FromRow, Id, ShortText, Strict
from chalicelib.credit.cnpj import Cnpj
from chalicelib.identity.schemas import Senha, TokenOut

LONGEST_KEY_DAYS = 3650
LONGEST_GRACE_MINUTES = 7 * 24 * 60

# The company's first user signs in with it, so it is written in the letters of a login.
EmailDaEmpresa = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=100,
        pattern=r"^[A-Za-z0-9._+-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+$",
    ),
    Field(examples=["credito@padaria.example.com"]),
]
Validade = Annotated[
    int, Field(ge=1, le=LONGEST_KEY_DAYS, description="Days after which the key expires.")
]


class EmpresaIn(Strict):
    """A company that signs up."""

    nome: ShortText = Field(examples=["Padaria Modelo Ltda."])
    email: EmailDaEmpresa
    cnpj: Cnpj | None = None
    senha: Senha | None = Field(
        None,
        description=(
            "With it somebody of the company can sign in at POST /auth/token, the e-mail being"
            " the login; without it not before one is set at PUT /auth/senha."
        ),
    )


class EmpresaPatch(Strict):
    """What a company changes of itself; what is left out stays."""

    nome: ShortText | None = None
    email: EmailDaEmpresa | None = Field(
        None, description="The login of who signed up follows, if it was the e-mail."
    )
    cnpj: Cnpj | None = None


class EmpresaOut(FromRow):
    """A company."""

    id: Id
    nome: str
    email: str
    cnpj: str | None = Field(description="Without punctuation.")
    ativa: bool
    criada_em: datetime


class MinhaEmpresaOut(EmpresaOut):
    """The caller's own company."""

    acervo_id: UUID = Field(
        description="Its standing collection: all datasets concluded, the orders decided here and "
        "what became of them. POST /credito/retreinamentos takes it."
    )


class EmpresaEstado(Strict):
    """Whether a company may use the service."""

    ativa: bool


class EmpresasQuery(PageQuery):
    """Filters of the list of companies."""

    q: str | None = Field(
        None, min_length=1, max_length=100, description="Part of name, e-mail or CNPJ."
    )
    ativa: bool | None = None


class ChaveIn(Strict):
    """A new key."""

    nome: ShortText = Field(description="What it is for.", examples=["ERP"])
    validade_dias: Validade = 365


class RotacaoIn(Strict):
    """How a key is replaced."""

    graca_minutos: int = Field(
        60, ge=0, le=LONGEST_GRACE_MINUTES, description="How long the old secret is still taken."
    )
    validade_dias: Validade = 365


class ChaveOut(FromRow):
    """A key, without its secret."""

    id: UUID
    nome: str
    prefixo: str = Field(description="How it begins, to tell it by.", examples=["prv_Zk3vQ1xT"])
    criada_em: datetime
    criada_por: str
    expira_em: datetime
    usada_em: datetime | None = Field(description="First use of the last day on which it was used.")
    revogada_em: datetime | None = Field(
        description="From when on it is not taken; may lie ahead while it is being replaced."
    )


class ChaveNovaOut(ChaveOut):
    """A new key; its secret is shown this once."""

    chave: str = Field(description="Send it as `Authorization: Bearer prv_...`.")


class CredenciaisOut(BaseModel):
    """A company, and all that lets it in; shown this once."""

    empresa: EmpresaOut
    tokens: TokenOut
    chave: ChaveNovaOut
