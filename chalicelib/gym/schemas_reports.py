"""The daily report: what it holds, and how it is asked for."""

from datetime import date, datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from chalicelib.core.types import Day, FromRow, Id, Strict


class HoraRelatorio(BaseModel):
    """Entries within one local hour."""

    hora: int = Field(description="0 to 23; an hour that clocks repeat is counted as one.")
    visitas: int
    media: float | None = Field(description="Mean of the days compared with; null without any.")


class PlanoRelatorio(BaseModel):
    """One plano, by what members had at the end of the day."""

    plano_id: Id | None = Field(description="Null: visits from before their member's plano.")
    plano: str | None
    visitas: int
    alunos: int = Field(description="Different members who came.")
    ativos: int = Field(description="Active members at the end of the day.")
    novos: int
    cancelados: int


class DiaComparado(BaseModel):
    """An earlier day of the same weekday."""

    dia: date
    visitas: int
    alunos: int


class Comparacao(BaseModel):
    """The day beside earlier ones of its weekday."""

    dias: list[DiaComparado] = Field(
        description="The last four of this weekday with any visit, within eight weeks; latest "
        "first. There are fewer in a young gym or after a long closure."
    )
    media_visitas: float | None = Field(description="Null without a day to compare with.")
    media_alunos: float | None
    variacao_visitas: float | None = Field(
        description="Share by which visits exceed their mean; negative when there are fewer.",
        examples=[-0.125],
    )


class AusenciaRelatorio(BaseModel):
    """A regular of this weekday who did not come."""

    aluno_id: Id
    plano: str
    ultima_visita: datetime = Field(description="Their last entry before the day.")
    visitas_28_dias: int = Field(description="Entries in the 28 days before the day.")


class PrimeirasAusencias(BaseModel):
    """Regulars of this weekday who were absent for the first time."""

    definicao: str = Field(description="Who is counted, in pt-BR.")
    total: int
    alunos: list[AusenciaRelatorio] = Field(description="The most frequent first, 500 at the most.")


class ConteudoRelatorio(BaseModel):
    """What a local day was like, from what is known of it and of the days before.

    Nothing that happened after the day changes it. What of the day itself, or of the weeks
    before, is recorded late does, when the report is made again.
    """

    dia: date
    dia_da_semana: str = Field(examples=["quarta-feira"])
    fuso: str = Field(examples=["America/Sao_Paulo"])
    inicio: datetime
    fim: datetime = Field(description="The first instant that is not of the day any more.")
    visitas: int = Field(description="Entries within the day, whenever the visit ended.")
    alunos: int = Field(description="Different members who entered.")
    ativos: int = Field(description="Active members at the end of the day.")
    novos: int = Field(description="Registered on the day.")
    cancelados: int = Field(description="Cancelled on the day, and not active at its end.")
    por_hora: list[HoraRelatorio]
    por_plano: list[PlanoRelatorio]
    comparacao: Comparacao
    primeiras_ausencias: PrimeirasAusencias


class RelatorioResumo(FromRow):
    """A report in the list of them."""

    dia: date
    visitas: int
    alunos: int
    impressao_digital: str = Field(description="SHA-256 of `conteudo` as it is sent.")
    gerado_em: datetime = Field(description="When it came to be as it is now.")


class RelatorioOut(RelatorioResumo):
    """A report."""

    nomes: dict[str, str] = Field(description="Id of a member named in it -> name, as of now.")
    conteudo: ConteudoRelatorio


class FormatoRelatorio(StrEnum):
    """Forms of a report."""

    JSON = "json"
    CSV = "csv"
    HTML = "html"


class RelatorioQuery(BaseModel):
    """In which form a report is wanted."""

    formato: FormatoRelatorio | None = Field(None, description="Instead of an Accept header.")


class RelatorioIn(Strict):
    """A report that is wanted."""

    data: Day | None = Field(None, description="Yesterday in the gym, when left out.")


class RelatorioMessage(BaseModel):
    """A request for the report of a day."""

    dia: date


class RelatorioJob(BaseModel):
    """What a job that made a report did."""

    dia: date
    visitas: int
    alunos: int
    impressao_digital: str
    alterado: bool = Field(description="False when there was this very report already.")
