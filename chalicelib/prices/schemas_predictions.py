"""Requests and responses about predictions: asked, kept, counted, and told what became of them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)

from chalicelib.core.pages import PageQuery
from chalicelib.core.types import FromRow, Id, Instant, Strict
from chalicelib.ml.schemas import Versao

MOST_ROWS = 1_000
Instancia = Annotated[
    dict[str, Any],
    Field(
        description="Column -> value. Numbers as JSON numbers; text is read by the rules that the "
        "dataset was read by, or refused with the field named. Null or left out: missing.",
    ),
]
Referencia = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class PrevisoesIn(Strict):
    """One case, or up to 1,000."""

    instancia: Instancia | None = Field(
        None, examples=[{"cylinders": 4, "weight": 2130, "origin": "japan"}]
    )
    instancias: list[Instancia] | None = Field(None, min_length=1, max_length=MOST_ROWS)
    versao: Versao | None = Field(None, description="Which version; the champion when left out.")
    explicar: bool | None = Field(
        None,
        description="Contributions per column. Left out: of one case, where it is cheap.",
    )
    referencia: Referencia | None = Field(
        None, description="A key of your own for the one case, to tell the real value by later."
    )
    referencias: list[Referencia | None] | None = Field(
        None, description="The same for `instancias`, in their order."
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.instancia is None) == (self.instancias is None):
            raise ValueError("send either instancia or instancias")
        if self.referencia is not None and self.instancias is not None:
            raise ValueError("use referencias with instancias")
        if self.referencias is not None and len(self.referencias) != len(self.instancias or ()):
            raise ValueError("referencias must be as many as instancias")
        return self

    @property
    def is_list(self) -> bool:
        """Whether cases came in a list."""
        return self.instancias is not None

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The cases."""
        return self.instancias if self.instancias is not None else [self.instancia or {}]

    @property
    def keys(self) -> list[str | None]:
        """The callers' own keys of the cases, in their order."""
        if self.instancias is None:
            return [self.referencia]
        return list(self.referencias or [None] * len(self.instancias))


class NaoVisto(BaseModel):
    """A value that training saw nothing like."""

    coluna: str
    tipo: Literal["categoria_nova", "abaixo_da_faixa", "acima_da_faixa", "ausente_inedito"]
    valor: float | str | None


class Explicacao(BaseModel):
    """The answer taken apart: `valor_base` and the contributions sum to it."""

    de: str = Field(description="What is taken apart: the target, or the class's probability.")
    valor_base: float
    contribuicoes: dict[str, float] = Field(description="By source column, strongest first.")


class PrevisaoOut(BaseModel):
    """What a version says of a case."""

    id: int
    referencia: str | None
    previsao: float | str = Field(description="In the target's unit; of classes the likeliest.")
    baixo: float | None = Field(description="Lower end of the interval; see `intervalo`.")
    alto: float | None
    probabilidades: dict[str, float] | None = Field(description="By class.")
    explicacao: Explicacao | None
    nao_vistos: list[NaoVisto] = Field(description="What training saw nothing like.")
    ausentes: list[str] = Field(
        description="Columns that the version reads and that came without a value, or not at all."
    )
    desconhecidas: list[str] = Field(
        description="What came and the version does not read: the first fifty names."
    )


class PrevisoesOut(BaseModel):
    """What a version says."""

    modelo: UUID = Field(description="The project.")
    versao: int
    algoritmo: str
    alvo: str
    tarefa: str
    unidade: str | None
    intervalo: dict[str, Any] | None = Field(
        description="`nominal`: the share of cases it is made to hold; `medida`: what it held on "
        "rows that trained nothing."
    )
    previsoes: list[PrevisaoOut]
    aviso: str | None


class PrevisoesQuery(PageQuery):
    """Which of the predictions."""

    versao: Versao | None = None
    usuario: str | None = Field(None, max_length=100, examples=["usuario:7"])
    desde: Instant | None = Field(None, description="From this instant on.")
    ate: Instant | None = Field(None, description="Before this instant.")
    observado: bool | None = Field(None, description="Whether the real value is known.")
    referencia: Referencia | None = None


class FormatoArquivo(StrEnum):
    """How a list is written as a file."""

    CSV = "csv"
    NDJSON = "ndjson"


class ExportarPrevisoesQuery(BaseModel):
    """Which predictions are exported, and how."""

    model_config = ConfigDict(extra="forbid")

    versao: Versao | None = None
    usuario: str | None = Field(None, max_length=100)
    desde: Instant | None = None
    ate: Instant | None = None
    observado: bool | None = None
    referencia: Referencia | None = None
    formato: FormatoArquivo = FormatoArquivo.CSV
    linhas: int = Field(100_000, ge=1, le=100_000, description="How many at the most.")
    depois_de: int = Field(0, ge=0, le=2**62, description="Only predictions of a higher id.")


class PrevisaoGuardada(FromRow):
    """A prediction as it was kept."""

    id: int
    versao: int
    usuario: str
    em: datetime
    referencia: str | None
    entrada: dict[str, Any]
    valor: float | None
    classe: str | None
    baixo: float | None
    alto: float | None
    probabilidades: dict[str, float] | None
    avisos: dict[str, Any]
    observado: Decimal | None
    observado_classe: str | None
    observado_em: datetime | None
    observado_por: str | None


class Observado(Strict):
    """What a case's target really was."""

    previsao_id: Id | None = None
    referencia: Referencia | None = None
    valor: Decimal | None = Field(
        None, strict=False, max_digits=30, allow_inf_nan=False, examples=["18.50"]
    )
    classe: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.previsao_id is None) == (self.referencia is None):
            raise ValueError("name the case by previsao_id or by referencia")
        if (self.valor is None) == (self.classe is None):
            raise ValueError("say valor, or of classes classe")
        return self


class ObservadosIn(Strict):
    """What became of up to 1,000 cases; said again, the last word counts."""

    observados: list[Observado] = Field(min_length=1, max_length=MOST_ROWS)


class ObservadosOut(BaseModel):
    """What became known."""

    recebidos: int
    previsoes: int = Field(description="Predictions that now have a real value.")
    nao_encontrados: list[int] = Field(
        description="Places in the request, from 0, of what names no prediction of this project."
    )
    outro_tipo: list[int] = Field(
        description="Places of those that say a number of classes, or a class of numbers."
    )
    medicao: UUID | None = Field(description="The job that measures the model anew.")


class UsoQuery(BaseModel):
    """Of what time, and by what."""

    model_config = ConfigDict(extra="forbid")

    desde: Instant | None = Field(None, description="Thirty days back when left out.")
    ate: Instant | None = None
    por: Literal["dia", "hora"] = Field("dia", description="Length of a step of time.")


class Uso(BaseModel):
    """How much was asked."""

    chamadas: int
    linhas: int
    ultima: datetime | None = None


class UsoVersao(Uso):
    """How much a version was asked."""

    versao: int


class UsoUsuario(Uso):
    """How much somebody asked."""

    usuario: str


class UsoPasso(BaseModel):
    """How much a version was asked in a step of time."""

    inicio: datetime
    versao: int
    chamadas: int
    linhas: int
    usuarios: int


class UsoOut(BaseModel):
    """How much a project's models were asked, by whom, and when."""

    desde: datetime
    ate: datetime
    total: Uso
    por_versao: list[UsoVersao]
    por_usuario: list[UsoUsuario] = Field(description="The hundred who asked most.")
    serie: list[UsoPasso] = Field(description="Steps of local time in which something was asked.")
    serie_completa: bool = Field(description="False where the latest 2,000 steps are shown only.")


class LoteIn(Strict):
    """A file of cases."""

    objeto: str = Field(max_length=300, description="Key from POST /uploads.")
    versao: Versao | None = Field(None, description="Which version; the champion when left out.")


class LinhaRecusada(BaseModel):
    """A row of a file that could not be read."""

    linha: int = Field(description="Line of the file it begins on; of a Parquet, its row.")
    motivo: str


class LoteReport(BaseModel):
    """What became of a file of cases."""

    versao: int
    linhas: int
    previstas: int
    recusadas: int
    primeiras_recusadas: list[LinhaRecusada] = Field(
        description="The first hundred; all of them at GET /jobs/{id}/rejeicoes."
    )
    ausentes: list[str] = Field(description="Columns that the version reads and the file lacks.")
    desconhecidas: list[str] = Field(description="Columns that the version does not read.")
    fora_do_treino: dict[str, int] = Field(
        description="Column -> rows with a value that training saw nothing like."
    )
    objeto: str
    bytes: int


class LoteOut(BaseModel):
    """Where a file's answers are."""

    relatorio: LoteReport
    url: str = Field(description="Good for a quarter of an hour.")
    expira_em: datetime


def _one_or_many(dados: object) -> str | None:
    """By its own form, so that what is wrong in a case is not said of both forms."""
    return "caso" if isinstance(dados, dict) else "casos" if isinstance(dados, list) else None


class PreverIn(Strict):
    """Ask in one call."""

    modelo: UUID = Field(strict=False, description="From POST /precos/treinar: the project.")
    dados: Annotated[
        Annotated[Instancia, Tag("caso")]
        | Annotated[list[Instancia], Field(min_length=1, max_length=MOST_ROWS), Tag("casos")],
        Discriminator(
            _one_or_many,
            custom_error_type="neither_case_nor_cases",
            custom_error_message="send a case as an object, or cases as a list of objects",
        ),
    ]
    versao: Versao | None = None
    explicar: bool | None = None

    @property
    def asked(self) -> PrevisoesIn:
        """The same for the long path."""
        given = {"versao": self.versao, "explicar": self.explicar}
        field = "instancias" if isinstance(self.dados, list) else "instancia"
        return PrevisoesIn.model_validate({**given, field: self.dados})
