"""Requests and responses of the retention team's work."""

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
    model_validator,
)

from chalicelib.core.pages import PageQuery
from chalicelib.core.types import Day, FromRow, Id, ShortText, Strict
from chalicelib.gym.features import COLUMNS, LABEL_DAYS
from chalicelib.gym.schemas import Faixa, MotivoOut

FATORES = tuple(column.name for column in COLUMNS)
LONGEST_TEXT = 2000


def _of_the_model(name: str) -> str:
    if name not in FATORES:
        raise ValueError("must be a column of the model")
    return name


Fator = Annotated[
    str, AfterValidator(_of_the_model), Field(json_schema_extra={"enum": list(FATORES)})
]
LongText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TEXT)
]


class Canal(StrEnum):
    """How a member is reached."""

    WHATSAPP = "whatsapp"
    TELEFONE = "telefone"
    EMAIL = "email"
    PRESENCIAL = "presencial"
    OUTRO = "outro"


class Desfecho(StrEnum):
    """What came of a contact."""

    VAI_VOLTAR = "vai_voltar"
    AGENDOU = "agendou"
    CONVERSOU = "conversou"
    SEM_RESPOSTA = "sem_resposta"
    VAI_CANCELAR = "vai_cancelar"
    NAO_CONTATAR = "nao_contatar"


class TipoRegra(StrEnum):
    """What a rule looks at."""

    DIAS_AUSENTE = "dias_ausente"
    RITMO_PROPRIO = "ritmo_proprio"


class Grupo(StrEnum):
    """Whom the draw put a member with."""

    CONTATO = "contato"
    CONTROLE = "controle"


class RegraIn(Strict):
    """An alert rule."""

    nome: ShortText = Field(examples=["14 dias sem vir"])
    tipo: TipoRegra = Field(examples=["dias_ausente"])
    limite: float = Field(
        gt=0,
        le=LABEL_DAYS,
        description="`dias_ausente`: days since the last visit, or since registration without any; "
        "fires from this many on. `ritmo_proprio`: share, up to 1, of the member's own weekly "
        "visits in the 12 weeks before; fires when the last 4 weeks reach no more.",
        examples=[14],
    )
    prioritaria: bool = Field(
        False, description="Whom it names come before everybody else on the worklist."
    )
    ativo: bool = True

    @model_validator(mode="after")
    def _is_a_share(self) -> Self:
        if self.tipo is TipoRegra.RITMO_PROPRIO and self.limite > 1:
            raise ValueError("limite of ritmo_proprio is a share of the own pace, at most 1")
        return self


class RegraOut(FromRow):
    """An alert rule."""

    id: Id
    nome: str
    tipo: TipoRegra
    limite: float
    prioritaria: bool
    ativo: bool


class JogadaIn(Strict):
    """A play; conditions left out hold for everybody, all given ones must hold."""

    nome: ShortText = Field(examples=["Ligação do professor"])
    descricao: LongText = Field(examples=["Ligue hoje e ofereça um treino marcado."])
    canal: Canal = Field(examples=["telefone"])
    prioridade: int = Field(50, ge=1, le=99, description="The lowest that fits is suggested.")
    faixa: Faixa | None = Field(None, description="Members in this band.")
    fator: Fator | None = Field(None, description="Members whose strongest reason this is.")
    regra_id: Id | None = Field(None, description="Members this alert rule names.")
    ativo: bool = True


class JogadaOut(FromRow):
    """A play."""

    id: Id
    nome: str
    descricao: str
    canal: Canal
    prioridade: int
    faixa: Faixa | None
    fator: str | None
    regra_id: Id | None
    ativo: bool


class ContatoIn(Strict):
    """A contact to be made; with `desfecho`, one that was."""

    aluno_id: Id
    canal: Canal = Field(examples=["whatsapp"])
    nota: LongText | None = None
    desfecho: Desfecho | None = None
    prazo: Day | None = Field(None, description="Local day by which it is to be made.")
    responsavel_id: Id | None = Field(None, description="Who is to make it.")
    jogada_id: Id | None = Field(None, description="The play that was followed.")
    forcar: bool = Field(
        False, description="Although the member is held out; goes on the trail as such."
    )


class ContatoPatch(Strict):
    """What changes of a contact; what is left out stays. An outcome concludes it."""

    canal: Canal | None = None
    nota: LongText | None = None
    desfecho: Desfecho | None = Field(None, examples=["agendou"])
    prazo: Day | None = None
    responsavel_id: Id | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("nothing to change")
        for name in ("canal", "desfecho"):
            if name in self.model_fields_set and getattr(self, name) is None:
                raise ValueError(f"{name} cannot be emptied")
        return self


class ContatoOut(FromRow):
    """A contact."""

    id: Id
    aluno_id: Id
    canal: Canal
    nota: str | None
    desfecho: Desfecho | None = Field(description="Null while it is to be made.")
    prazo: date | None
    responsavel_id: Id | None
    jogada_id: Id | None
    criado_por: str = Field(examples=["usuario:1"])
    criado_em: datetime
    concluido_em: datetime | None


class ContatosQuery(PageQuery):
    """Filters of the contacts."""

    aluno_id: Id | None = None
    responsavel_id: Id | None = None
    aberto: bool | None = Field(None, description="Still to be made, or made.")
    atrasado: bool | None = Field(None, description="Open, and its day is past; or not so.")


class FilaQuery(BaseModel):
    """How many members can be contacted today."""

    model_config = ConfigDict(extra="forbid")

    capacidade: int = Field(40, ge=1, le=200)


class AlertaOut(BaseModel):
    """A rule of the club that names a member."""

    regra_id: Id
    nome: str
    texto: str = Field(examples=["Sem vir há 16 dias."])


class UltimoContatoOut(BaseModel):
    """When a member was last contacted."""

    em: datetime
    por: str
    canal: Canal
    desfecho: Desfecho


class FilaItemOut(BaseModel):
    """Whom to contact, why, and how."""

    posicao: int = Field(description="Held-out members, who are not shown, leave gaps.")
    aluno_id: Id
    nome: str
    telefone: str | None
    plano: str
    ultima_visita: datetime | None
    probabilidade_churn: float | None = Field(description="Null: named by a rule, no score.")
    faixa: Faixa | None
    mudanca: float | None = Field(
        description="Probability points since the day before; null where there is none, or by "
        "another version of the model."
    )
    motivos: list[MotivoOut] = Field(description="Of the model, strongest first.")
    alertas: list[AlertaOut]
    jogada: JogadaOut | None = Field(description="Suggested.")
    ultimo_contato: UltimoContatoOut | None


class FilaOut(BaseModel):
    """The day's worklist."""

    dia: date
    dia_das_probabilidades: date | None = Field(description="The day the scores are of.")
    capacidade: int
    descanso_dias: int = Field(description="After a contact a member is left alone so long.")
    aviso: str | None
    items: list[FilaItemOut]


class EfeitoQuery(BaseModel):
    """Members by the day on which they first came onto a worklist."""

    model_config = ConfigDict(extra="forbid")

    desde: Day | None = Field(None, description="From this local day on.")
    ate: Day | None = Field(None, description="Up to and with this local day.")

    @field_validator("ate")
    @classmethod
    def _follows(cls, ate: date | None, others: ValidationInfo) -> date | None:
        desde = others.data.get("desde")
        if ate is not None and desde is not None and ate < desde:
            raise ValueError("must not lie before desde")
        return ate


class GrupoEfeitoOut(BaseModel):
    """What became of one group."""

    alunos: int = Field(description="Whose 30 days are over.")
    retidos: int
    retencao: float | None
    low: float | None = Field(description="95% interval, Wilson's.")
    high: float | None
    contatados: int = Field(description="To whom a contact was made in those days; context only.")


class DiferencaOut(BaseModel):
    """Retention of the group to contact minus that of the held out, in percentage points."""

    value: float
    low: float = Field(description="95% interval, Newcombe's hybrid score.")
    high: float


class Conclusao(StrEnum):
    """What the interval says."""

    CEDO_DEMAIS = "cedo_demais"
    INCONCLUSIVO = "inconclusivo"
    AJUDA = "ajuda"
    PREJUDICA = "prejudica"


class ComparacaoOut(BaseModel):
    """Both groups of one period."""

    periodo: str | None = Field(description="Month of the first worklist, `2026-03`; null: all.")
    contato: GrupoEfeitoOut
    controle: GrupoEfeitoOut
    diferenca_pp: DiferencaOut | None = Field(description="Null: too few.")
    conclusao: Conclusao


class EfeitoOut(BaseModel):
    """Whether contacting members keeps them."""

    definicao: str
    aguardando: int = Field(description="Members whose 30 days are not over yet.")
    geral: ComparacaoOut
    por_mes: list[ComparacaoOut] = Field(description="Oldest first, the last 24.")
    aviso: str | None
