"""Requests, responses and queue messages of the gym."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    PastDate,
    StringConstraints,
    model_validator,
)

from chalicelib.core.pages import PageQuery
from chalicelib.core.types import FromRow, Id, Instant, ShortText, Strict, WrittenAs

Email = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        to_lower=True,
        max_length=254,
    ),
    WrittenAs(
        r"^[^\s@\x00-\x1f]{1,64}@[^\s@.\x00-\x1f]+(\.[^\s@.\x00-\x1f]+)+$",
        "use an e-mail address such as ana.lima@example.com",
    ),
    Field(examples=["ana.lima@example.com"]),
]
Telefone = Annotated[
    str,
    StringConstraints(strip_whitespace=True),
    WrittenAs(r"^\+?[0-9()\s-]{8,20}$", "use 8 to 20 digits, such as +55 11 98765-4321"),
    Field(examples=["+55 11 98765-4321"]),
]
DataNascimento = Annotated[PastDate, Field(ge=date(1900, 1, 1), examples=["1990-05-17"])]
ChaveEvento = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(description="The turnstile's key of the event; sent twice, it counts once."),
]


Reais = Annotated[
    Decimal,
    Field(ge=0, max_digits=10, decimal_places=2),
    AfterValidator(lambda amount: amount.quantize(Decimal("0.01"))),
]
"""An amount in BRL, to the centavo."""


class PlanoIn(Strict):
    """A new plan."""

    nome: ShortText = Field(examples=["Padrão"])
    mensalidade: Reais = Field(description="BRL a month.", examples=["119.90"])


class PlanoOut(FromRow):
    """A plan."""

    id: Id
    nome: str
    mensalidade: Decimal = Field(description="BRL a month.")
    ativo: bool


class AlunoIn(Strict):
    """A new member."""

    nome: ShortText = Field(examples=["Ana Lima"])
    email: Email
    plano_id: Id
    telefone: Telefone | None = None
    data_nascimento: DataNascimento | None = None


class AlunoOut(FromRow):
    """A member."""

    id: Id
    nome: str
    email: str
    telefone: str | None
    data_nascimento: date | None
    plano_id: Id
    ativo: bool
    matriculado_em: datetime
    sintetico: bool = Field(description="Made up, for trying the model.")


class TipoEvento(StrEnum):
    """What a turnstile saw."""

    ENTRADA = "entrada"
    SAIDA = "saida"


class CheckinIn(Strict):
    """An entry, an exit, or a whole visit."""

    aluno_id: Id
    tipo: TipoEvento | None = Field(
        None, description="Left out: an exit when only `saida` is given, else an entry."
    )
    entrada: Instant | None = Field(None, description="Now, when left out of an entry.")
    saida: Instant | None = Field(None, description="Now, when left out of an exit.")
    chave_evento: ChaveEvento | None = None

    @model_validator(mode="after")
    def _is_one_event(self) -> Self:
        if self.tipo is TipoEvento.SAIDA and self.entrada is not None:
            raise ValueError("an exit has no entrada: it ends the visit that is open")
        if self.entrada and self.saida and self.saida <= self.entrada:
            raise ValueError("saida must come after entrada")
        if self.tipo is TipoEvento.ENTRADA and self.saida and not self.entrada:
            raise ValueError("a visit with saida needs its entrada too")
        return self

    @property
    def is_exit(self) -> bool:
        """Whether this ends a visit rather than beginning one."""
        if self.tipo is None:
            return self.entrada is None and self.saida is not None
        return self.tipo is TipoEvento.SAIDA


class SituacaoVisita(StrEnum):
    """Where a visit stands."""

    ABERTA = "aberta"
    ENCERRADA = "encerrada"
    SEM_SAIDA = "sem_saida"
    SEM_ENTRADA = "sem_entrada"


class CheckinOut(BaseModel):
    """A visit."""

    aluno_id: Id
    entrada: datetime | None = Field(description="Null only of an exit whose entry is not known.")
    saida: datetime | None
    situacao: SituacaoVisita
    duracao_minutos: float | None = Field(
        description="Null while open, without exit, and without entry."
    )
    chave_evento: str | None


class FrequenciaQuery(PageQuery):
    """Which page of the visits."""


class VisitaOut(BaseModel):
    """A visit in a member's history."""

    entrada: datetime
    saida: datetime | None
    situacao: SituacaoVisita
    duracao_minutos: float | None


class SemanaOut(BaseModel):
    """Visits of one local week."""

    semana: date = Field(description="Its Monday.")
    visitas: int


class FrequenciaOut(BaseModel):
    """A member's history: one page of visits, and figures over all of them."""

    aluno_id: Id
    visitas_7_dias: int
    visitas_30_dias: int
    visitas_90_dias: int
    media_semanal: float = Field(
        description="Visits a week over the last 12 weeks, or since registration if that is less."
    )
    duracao_media_minutos: float | None = Field(
        description="Mean over the last 90 days of visits whose exit is known."
    )
    ultima_visita: datetime | None
    serie_semanal: list[SemanaOut] = Field(description="The last 26 local weeks, oldest first.")
    items: list[VisitaOut] = Field(description="Visits, newest first.")
    total: int
    total_exact: bool
    next: str | None


class TipoResposta(StrEnum):
    """What kind of answer a risk is."""

    MODELO = "modelo"
    INICIO = "inicio"
    AUSENTE = "ausente"
    SEM_MODELO = "sem_modelo"
    INATIVO = "inativo"
    SEM_VISITA = "sem_visita"


class Origem(StrEnum):
    """Where the number comes from."""

    ARMAZENADO = "armazenado"
    RECALCULADO = "recalculado"


class Faixa(StrEnum):
    """Band of a probability."""

    BAIXO = "baixo"
    MEDIO = "medio"
    ALTO = "alto"


class MotivoOut(BaseModel):
    """What one feature did to the score."""

    fator: str = Field(examples=["dias_desde_ultimo_checkin"])
    texto: str = Field(examples=["Última visita há 12 dias; o usual é 2."])
    valor: float | str | None
    usual: float | str | None = Field(description="Typical value among members.")
    contribuicao: float = Field(description="Probability points it adds; negative ones protect.")


class ExplicacaoOut(BaseModel):
    """Why a score is what it is; contributions sum to score minus base."""

    probabilidade_base: float
    motivos: list[MotivoOut]


class RiscoOut(BaseModel):
    """How likely a member is to leave in the next 30 days, and why."""

    aluno_id: Id
    tipo: TipoResposta
    probabilidade_churn: float | None = Field(
        None, ge=0, le=1, description="Null where there is no honest number."
    )
    faixa: Faixa | None = None
    aviso: str | None = Field(None, description="What to keep in mind about this answer.")
    probabilidade_base: float | None = Field(
        None, description="Mean score of the members it is explained against."
    )
    motivos: list[MotivoOut] = Field(
        default_factory=list,
        description="Strongest first; contributions sum to probability minus base.",
    )
    fatores: dict[str, float | str | None] = Field(default_factory=dict)
    modelo_versao: int | None = None
    calculado_em: datetime | None = None
    origem: Origem | None = None


class ImportMessage(BaseModel):
    """A file of alunos or check-ins to import."""

    objeto: str


class UpdateModelMessage(BaseModel):
    """A request to train the churn model anew."""

    motivo: str = "manual"


class CalculoMessage(BaseModel):
    """A request to score every active member."""

    motivo: str = "manual"


class CalculoReport(BaseModel):
    """What a pass over all active members came to; counts are those of the day."""

    dia: date = Field(description="Local day the scores are of.")
    modelo_versao: int | None = Field(description="Null: there was no model to score by.")
    alunos: int = Field(description="Active members with an answer of this day.")
    por_tipo: dict[TipoResposta, int] = Field(description="Members by kind of answer.")
    por_faixa: dict[Faixa, int] = Field(description="Members with a number, by band.")
    explicados: int = Field(description="Of the highest scores, those stored with reasons.")
