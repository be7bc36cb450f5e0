"""Requests and responses about trainings and the versions they made."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from chalicelib.core.jobs import JobState
from chalicelib.core.types import FromRow, Id, ShortText, Strict
from chalicelib.ml.schemas import (
    CartaoOut,
    ComparisonReport,
    Uso,
    Versao,
    VersaoOut,
)
from chalicelib.ml.schemas_health import Desempenho, Desvio, MedicaoModelo, SaudeModelo
from chalicelib.prices.experiment import Experimento

MOST_SHORT_ROWS, MOST_SHORT_COLUMNS = 2_000, 50


class TreinamentoIn(Experimento):
    """What to train on what."""

    dataset: Id = Field(description="Id of a dataset of the project that is `pronto`.")

    @property
    def experiment(self) -> Experimento:
        """What is declared, without where the rows are."""
        return Experimento.model_construct(
            **{name: getattr(self, name) for name in Experimento.model_fields}
        )


class TreinamentoResumo(FromRow):
    """A training in a list."""

    id: int
    dataset_id: int
    alvo: str
    algoritmos: list[str]
    estado: JobState | None = Field(description="Null: its job was too long ago to be known.")
    progresso: float
    etapa: str | None
    restam_segundos: float | None = Field(description="By how it went so far; null if unknown.")
    versao: int | None = Field(description="What it published.")
    job_id: UUID
    criado_em: datetime
    criado_por: str
    concluido_em: datetime | None


class TreinamentoOut(TreinamentoResumo):
    """A training, and what it came to."""

    experimento: dict[str, Any]
    erro: dict[str, Any] | None = Field(description="Why the last attempt ended badly.")
    resultado: dict[str, Any] | None = Field(
        description="Every algorithm on the same folds with intervals, paired tests, the chosen "
        "one on rows that trained nothing, warnings."
    )
    figuras: dict[str, str] = Field(description="Name -> address of its Plotly JSON.")


class VersaoPrecoOut(VersaoOut):
    """A version of a project's model; beside the metrics of its hold-out."""

    r2: dict[str, float] | None
    mae: dict[str, float] | None
    rmse: dict[str, float] | None
    mape: dict[str, float] | None
    medae: dict[str, float] | None
    roc_auc: dict[str, float] | None
    f1_macro: dict[str, float] | None
    log_loss: dict[str, float] | None
    acuracia: dict[str, float] | None


class VersaoListada(VersaoPrecoOut):
    """The same, with what it foretells and whether it was put away."""

    alvo: str
    tarefa: str
    arquivada_em: datetime | None


class CartaoPrecoOut(CartaoOut):
    """The card of a version."""

    uso: Uso | None
    arquivada_em: datetime | None
    intervalo: dict[str, Any] | None = Field(
        description="How intervals are made, with nominal and measured coverage."
    )


class CompararPrecosIn(Strict):
    """Two versions, and the rows to judge them on."""

    a: Versao = Field(examples=[2])
    b: Versao = Field(examples=[1])
    dataset: Id | None = Field(
        None, description="Whose rows; when left out those of the newer version."
    )

    @model_validator(mode="after")
    def _are_two(self) -> "CompararPrecosIn":
        if self.a == self.b:
            raise ValueError("a and b must be two versions")
        return self


class ComparacaoPrecosReport(ComparisonReport):
    """Two versions on the same rows."""

    dataset: int = 0


class DesempenhoPreco(Desempenho):
    """How a version does on real values told since, beside its own hold-out."""

    versao: int
    linhas: int = Field(0, description="Cases with a real value.")
    validacao: dict[str, Any] | None = Field(None, description="The same of its hold-out.")
    cobertura: dict[str, float] | None = Field(
        None, description="Share of real values within their interval, with its own interval."
    )
    cobertura_validacao: dict[str, Any] | None = Field(
        None, description="Nominal and measured on rows that trained nothing."
    )


class MedicaoPreco(MedicaoModelo):
    """What was measured of a project's versions."""

    previsoes: int = Field(description="Rows that shift is counted over.")
    desempenho: DesempenhoPreco
    outras: list[DesempenhoPreco] = Field(description="Other versions with real values.")
    entradas: list[Desvio]


class SaudePrecoOut(SaudeModelo):
    """How the version that answers is doing."""

    medicao: MedicaoPreco | None


class SaudePrecoReport(BaseModel):
    """What the measuring job came to."""

    versao: int | None
    previsoes: int
    desfechos: int


Linha = Annotated[dict[str, Any], Field(min_length=1, max_length=MOST_SHORT_COLUMNS)]


def _rows_or_text(dados: object) -> str | None:
    """By its own form, so that what is wrong in a row is not said of both forms."""
    return "linhas" if isinstance(dados, list) else "csv" if isinstance(dados, str) else None


class TreinarIn(Strict):
    """Rows and a target: everything else is chosen."""

    dados: Annotated[
        Annotated[list[Linha], Field(min_length=1, max_length=MOST_SHORT_ROWS), Tag("linhas")]
        | Annotated[str, Field(min_length=1, max_length=2_000_000), Tag("csv")],
        Discriminator(
            _rows_or_text,
            custom_error_type="neither_rows_nor_csv",
            custom_error_message="send rows as a list of objects, or the text of a CSV",
        ),
    ] = Field(
        description="Rows as objects, or the text of a CSV with a header: at most "
        f"{MOST_SHORT_ROWS} rows of {MOST_SHORT_COLUMNS} columns."
    )
    alvo: Annotated[str, Field(min_length=1, max_length=200)] = Field(examples=["preco"])
    algoritmo: Annotated[str, Field(max_length=60)] | None = Field(
        None, description="One of GET /precos/algoritmos; a few are compared when left out."
    )
    nome: ShortText = "Projeto rápido"


class TreinarOut(BaseModel):
    """Where it is trained, and where to predict."""

    modelo: UUID = Field(description="What POST /precos/prever takes: the project made for it.")
    job_id: UUID
    acompanhar: str = Field(description="Address of the training.")
    prever: str = Field(description="Address to predict at, once it has ended.")
