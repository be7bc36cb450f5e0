"""What is said about datasets and their lots."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.core.jobs import JobState
from chalicelib.core.pages import PageQuery
from chalicelib.core.types import FromRow, ShortText, Strict
from chalicelib.credit.item_fields import Tipo

MOST_LOTS = 1_000_000
MOST_ITEMS = 100_000_000

Seq = Annotated[int, Field(ge=1, le=MOST_LOTS, examples=[1])]
"""A lot's number among those of its kind, from 1."""

Count = Annotated[int, Field(ge=0, le=MOST_ITEMS)]


class Alvo(StrEnum):
    """What a model is to foretell."""

    FATURAMENTO = "faturamento"
    PAGAMENTO = "pagamento"


class EstadoDataset(StrEnum):
    """Where a dataset is in its life."""

    ABERTO = "aberto"
    CONFERINDO = "conferindo"
    FECHADO = "fechado"
    CANCELADO = "cancelado"
    EXPIRADO = "expirado"


class EstadoLote(StrEnum):
    """Whether a lot's items have been judged and stored."""

    PENDENTE = "pendente"
    GRAVADO = "gravado"


class DatasetIn(Strict):
    """A collection that is about to be sent."""

    alvo: Alvo = Field(
        strict=False,
        description="faturamento learns who was blocked, pagamento who did not pay.",
        examples=["pagamento"],
    )
    nome: ShortText | None = Field(None, examples=["Pedidos de 2025"])


class DatasetOut(FromRow):
    """A dataset."""

    id: UUID
    nome: str | None
    alvo: Alvo
    estado: EstadoDataset
    criado_em: datetime
    expira_em: datetime | None = Field(
        description="When an open dataset is given up; every new lot puts it off for seven days."
    )
    encerrado_em: datetime | None


class Trecho(BaseModel):
    """Numbers from one to another."""

    de: int
    ate: int


class TipoOut(BaseModel):
    """What has come of one kind."""

    tipo: Tipo
    lotes: int = Field(description="Lots received.")
    maior_seq: int = Field(description="The highest number among them; 0 without any.")
    lotes_faltando: int = Field(description="How many numbers below it have not come.")
    faltando: list[Trecho] = Field(description="Which, the first hundred stretches of them.")
    pendentes: int = Field(description="Lots received, but not stored yet.")
    itens: int = Field(description="Items of all lots received.")
    aceitos: int
    recusados: int = Field(description="See GET /credito/datasets/{id}/erros.")


class Exemplo(BaseModel):
    """Where something was found."""

    tipo: Tipo
    lote: int
    linha: int | None = Field(None, description="1 is the lot's first item.")


class Achado(BaseModel):
    """Something that is wrong with a dataset, or worth knowing of it."""

    codigo: str = Field(description="Stable, safe to branch on.", examples=["contagem"])
    tipo: Tipo | None = None
    coluna: str | None = Field(None, examples=["cliente.segmento"])
    mensagem: str = Field(description="For people, in Portuguese.")
    numeros: dict[str, int] = {}
    exemplos: list[Exemplo] = Field([], description="The first few.")


class ColunaOut(BaseModel):
    """A column of a kind, as its values have shown it."""

    nome: str = Field(description="A company's own begin with what they belong to.")
    kind: str = Field(description="number, category, bool, date, outcome or id.")
    propria: bool = Field(description="Whether the column is the company's own.")
    faltando: int = Field(description="Items in which it holds nothing.")
    presentes: int
    distintos: int = Field(description="Different values among the sampled items.")
    amostra: int = Field(description="Items that hold something, of those sampled: up to 50,000.")
    minimo: float | None = Field(None, description="Of a number.")
    maximo: float | None = None
    exemplos: list[str] = Field(
        [], description="Frequent values of a category; none of a column that may name persons."
    )
    avisos: list[str] = Field(
        [],
        description=(
            "constante, quase_vazia, identificador, tipos_misturados, muitas_categorias: "
            "what may make the column useless."
        ),
    )


class Conclusao(FromRow):
    """The last conclusion that was asked for."""

    job_id: UUID
    estado: JobState | None = Field(description="Of its job; null when that was deleted long ago.")
    esperados: dict[str, int]
    aceita_recusados: bool
    aceita_sem_cliente: bool


class DatasetDetalhe(DatasetOut):
    """A dataset and all that has come of it."""

    tipos: list[TipoOut]
    desfechos: dict[str, int] = Field(
        description="Accepted orders by outcome; a status that is none, as written; the commonest."
    )
    conclusao: Conclusao | None
    problemas: list[Achado] = Field(description="Of the last conclusion; none when it succeeded.")
    avisos: list[Achado]
    esquema: dict[Tipo, list[ColunaOut]] = Field(description="Of a closed dataset.")


class LoteOut(FromRow):
    """A lot."""

    tipo: Tipo
    seq: int
    estado: EstadoLote
    sha256: str = Field(description="Of the body.")
    itens: int
    aceitos: int
    recusados: int
    recebido_em: datetime
    gravado_em: datetime | None
    job_id: UUID | None = Field(description="The job that stores it; see GET /jobs/{id}.")


class LotesQuery(PageQuery):
    """Filters of the list of lots."""

    tipo: Tipo | None = None
    estado: EstadoLote | None = None


class ErrosQuery(PageQuery):
    """Filters of the list of faults."""

    tipo: Tipo | None = None
    lote: Seq | None = Field(None, description="A lot's number, with `tipo`.")


class ErroOut(FromRow):
    """One fault of a refused item; an item may have several."""

    tipo: Tipo
    lote: int = Field(validation_alias="seq")
    linha: int = Field(description="1 is the lot's first item; of a CSV, the line below the header")
    campo: str | None = Field(description="Null where the whole item is wrong.")
    motivo: str = Field(description="For people, in Portuguese.")


class Esperados(Strict):
    """How many items the company has counted; of a kind that it does not name, none."""

    model_config = ConfigDict(extra="forbid", strict=True, serialize_by_alias=True)

    clientes: Count = 0
    pedidos: int = Field(ge=1, le=MOST_ITEMS)
    limites: Count = 0
    consultas_serasa: Count = Field(0, alias="consultas-serasa")


class ConcluirIn(Strict):
    """That a dataset is whole."""

    esperados: Esperados = Field(
        description=(
            "Items of each kind as you count them: all that were sent, or, where some were "
            "refused, those that were accepted."
        ),
        examples=[{"clientes": 120, "pedidos": 900, "limites": 120, "consultas-serasa": 45}],
    )
    aceitar_recusados: bool = Field(
        False, description="Close although some of the items counted were refused."
    )
    aceitar_sem_cliente: bool = Field(
        False, description="Close although items name clientes that were not sent."
    )


class LoteReport(BaseModel):
    """What became of a lot's items; zeros where another job had done the work.

    Of a file, its first lot, and how many of its items were taken in, to be judged lot by lot.
    """

    tipo: Tipo
    seq: int
    aceitos: int = 0
    recusados: int = 0


class ConclusaoReport(BaseModel):
    """How a conclusion ended; the dataset itself says what was found."""

    estado: EstadoDataset
    problemas: int = 0
    avisos: int = 0
    itens: int = 0
    treino: UUID | None = Field(None, description="The job that trains on it; see GET /jobs/{id}.")


class RemocaoReport(BaseModel):
    """What was removed of a dataset that was given up."""

    itens: int
    objetos: int
