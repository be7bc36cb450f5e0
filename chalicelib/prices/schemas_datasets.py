"""What is said about datasets: columns, corrections, warnings."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, RootModel, StringConstraints

from chalicelib.core.job_control import JobOut
from chalicelib.core.jobs import JobState
from chalicelib.core.types import FromRow, ShortText, Strict
from chalicelib.prices.values import NumberFormat

LONGEST_NAME = 200


class EstadoDataset(StrEnum):
    """Where a dataset is in its life."""

    RECEBIDO = "recebido"
    PERFILANDO = "perfilando"
    PRONTO = "pronto"
    RECUSADO = "recusado"


class TipoColuna(StrEnum):
    """How a column's values are read."""

    NUMERO = "numero"
    CATEGORIA = "categoria"
    BOOLEANO = "booleano"
    DATA = "data"
    TEXTO = "texto"
    IDENTIFICADOR = "identificador"


class PapelColuna(StrEnum):
    """What a column is for."""

    ENTRADA = "entrada"
    ALVO = "alvo"
    GRUPO = "grupo"
    TEMPO = "tempo"
    IGNORAR = "ignorar"


class Aviso(BaseModel):
    """Something worth knowing."""

    codigo: str = Field(description="Stable, safe to branch on.", examples=["constante"])
    mensagem: str = Field(description="For people, in Portuguese.")
    numeros: dict[str, float] = {}
    colunas: list[str] = Field([], description="Other columns that it is about.")


class Frequente(BaseModel):
    """A value and how many rows have it."""

    valor: str
    linhas: int


class Histograma(BaseModel):
    """Counts of a number or a date between edges."""

    bordas: list[float] = Field(description="One more than counts; of a date, seconds since 1970.")
    linhas: list[int]


class ResumoNumero(BaseModel):
    """What a number column holds, in its own unit."""

    minimo: float
    mediana: float
    maximo: float
    media: float
    desvio: float = Field(description="Standard deviation, of the sample.")
    quantis: dict[str, float] = Field(examples=[{"p25": 129500.0, "p75": 213500.0}])
    inteiros: bool = Field(description="Whether every value is a whole number.")
    zeros: int
    negativos: int
    no_maximo: int = Field(description="Rows that are exactly at the maximum.")
    fora_iqr: int = Field(description="Rows beyond 1.5 interquartile ranges from the quartiles.")
    fora_z: int | None = Field(
        description="Rows whose robust z (0.6745 |x - median| / MAD) is above 3.5 (Iglewicz and "
        "Hoaglin, 1993); null where more than half of the rows are equal."
    )


class ResumoData(BaseModel):
    """What a date column holds."""

    minimo: datetime
    maximo: datetime


class ResumoTexto(BaseModel):
    """How long a text column's values are, in characters."""

    media: float
    maximo: int


class ColunaPerfil(BaseModel):
    """A column of a dataset, as it is to be read."""

    nome: str
    tipo: TipoColuna
    papel: PapelColuna = PapelColuna.ENTRADA
    unidade: str | None = None
    na_e_categoria: bool = Field(
        False, description='"NA" is a category of its own rather than a missing value.'
    )
    vazio_e_categoria: bool = Field(
        False,
        description="With na_e_categoria: an empty cell is that category, too, because no cell of "
        "the file says NA in writing.",
    )
    guardado: TipoColuna = Field(
        TipoColuna.TEXTO, description="What the Parquet holds: numero, data, or else texto."
    )
    formato_numero: NumberFormat | None = Field(
        None, description="How the file writes its numbers."
    )
    formato_data: str | None = Field(
        None, description="How the file writes its dates: iso, d/m/a, m/d/a or a/m/d."
    )
    corrigida: bool = Field(False, description="Whether somebody has said better.")
    presentes: int = 0
    ausentes: int = 0
    marcas_ausentes: dict[str, int] = Field(
        {}, description="How absence is written, and how often.", examples=[{"": 3, "NA": 120}]
    )
    distintos: int = 0
    frequentes: list[Frequente] = Field(
        [], description="The twenty most frequent values; of more, those that repeat."
    )
    numero: ResumoNumero | None = None
    data: ResumoData | None = None
    texto: ResumoTexto | None = None
    histograma: Histograma | None = None
    ilegiveis: dict[TipoColuna, int] = Field(
        {}, description="Tipo -> how many present values cannot be read so."
    )
    avisos: list[Aviso] = []


class Alvo(BaseModel):
    """A column that may be what is to be foretold."""

    coluna: str
    pontos: float = Field(description="How much speaks for it; the list begins with the most.")
    motivos: list[str] = Field(description="For people, in Portuguese.")


class DatasetQuery(BaseModel):
    """What else is said of a file."""

    model_config = ConfigDict(extra="forbid")

    nome: ShortText | None = Field(None, description="What to call the dataset.")


class FiguraRef(BaseModel):
    """A figure of a profile."""

    nome: str = Field(description="For GET .../figuras/{nome}.", examples=["histograma-3"])
    titulo: str
    coluna: str | None = Field(None, description="The column that it is about.")


class FiguraQuery(BaseModel):
    """Against what a figure is drawn."""

    model_config = ConfigDict(extra="forbid")

    alvo: str | None = Field(
        None,
        max_length=LONGEST_NAME,
        description="A column; the target, or the likeliest candidate, when left out.",
    )


class FiguraOut(BaseModel):
    """A figure as Plotly's JSON."""

    data: list[dict[str, Any]]
    layout: dict[str, Any]


class Correcao(Strict):
    """What is said better of a column than its profile does; what is left out stays."""

    tipo: TipoColuna | None = Field(None, strict=False)
    papel: PapelColuna | None = Field(None, strict=False)
    ignorar: bool | None = Field(None, description="True: papel ignorar; false: entrada again.")
    unidade: Annotated[str, StringConstraints(strip_whitespace=True, max_length=40)] | None = None
    na_e_categoria: bool | None = None


class Correcoes(RootModel[dict[str, Correcao | None]]):
    """What is said better, by column; null takes back what was said before."""

    root: dict[str, Correcao | None] = Field(
        min_length=1,
        max_length=1000,
        examples=[{"Pool QC": {"na_e_categoria": True}, "SalePrice": {"papel": "alvo"}}],
    )


class DatasetOut(FromRow):
    """A dataset, without its profile."""

    id: int
    versao: int = Field(description="Its number within the project.")
    nome: str
    estado: EstadoDataset
    motivo: str | None = Field(description="Why the file was refused, in Portuguese.")
    sha256: str | None = Field(description="Of the bytes sent.")
    linhas: int | None
    linhas_recusadas: int | None = Field(description="See GET .../datasets/{id}/rejeicoes.")
    revisao: int = Field(description="Counts up with each correction.")
    job_id: UUID | None = Field(description="The job that profiles it; see GET /jobs/{id}.")
    criado_por: str
    criado_em: datetime


class DatasetRecebido(BaseModel):
    """A dataset that was sent, and the job that profiles it."""

    dataset: DatasetOut
    repetido: bool = Field(
        description="The same bytes were sent before: this is the dataset they made."
    )
    job: JobOut | None = Field(description="None where there is nothing left to do.")


class Andamento(FromRow):
    """How far the job of a dataset is, for everybody in the project."""

    estado: JobState = Field(validation_alias="state")
    progresso: float = Field(validation_alias="progress", ge=0, le=1)
    etapa: str | None = Field(validation_alias="step")


class DatasetPerfil(DatasetOut):
    """A dataset and all that was found in it; the lists are empty until its estado is pronto."""

    andamento: Andamento | None = Field(description="Of its job; null when that is long gone.")
    origem: dict[str, Any] = Field(description="How the file was read.")
    colunas: list[ColunaPerfil]
    alvos: list[Alvo] = Field(description="Candidates for what is to be foretold, best first.")
    linhas_duplicadas: int | None = Field(description="Rows that equal one before them.")
    avisos: list[Aviso] = Field(description="Of the dataset as a whole.")
    figuras: list[FiguraRef]


class PerfilReport(BaseModel):
    """How profiling a file ended; the dataset itself says what was found."""

    dataset: int
    versao: int
    repetido: bool = Field(description="The same bytes were known: this is the dataset to use.")
    linhas: int
    recusadas: int = Field(description="See GET /jobs/{id}/rejeicoes.")


class RemocaoReport(BaseModel):
    """What was removed."""

    objetos: int
