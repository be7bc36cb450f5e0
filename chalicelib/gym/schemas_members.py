"""Requests and responses about members: lists, changes, their data, synthetic ones."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, Field

from chalicelib.core.pages import PageQuery
from chalicelib.core.types import FromRow, Id, Instant, ShortText, Strict
from chalicelib.gym.schemas import AlunoOut, Faixa

MOST_SYNTHETIC = 100


class VigenciaOut(FromRow):
    """From `desde` until the next one, the member had this plan and was active or not."""

    desde: datetime
    plano_id: Id
    plano: str
    ativo: bool
    motivo: str | None = Field(description="Why they cancelled.")


class AlunoDetalheOut(AlunoOut):
    """A member and their history."""

    plano: str
    ultima_visita: datetime | None
    cancelado_em: datetime | None = Field(description="Null while active.")
    motivo_cancelamento: str | None
    historico: list[VigenciaOut] = Field(description="Newest first, the last hundred.")


class AtivarIn(Strict):
    """A member who comes back."""

    em: Instant | None = Field(None, description="Since when; now, when left out.")


class DesativarIn(Strict):
    """A cancellation."""

    motivo: ShortText = Field(examples=["Mudou de cidade"])
    em: Instant | None = Field(None, description="Since when; now, when left out.")


class Ordem(StrEnum):
    """What the members are sorted by; a leading minus turns it round. Nulls come last."""

    NOME = "nome"
    NOME_DESC = "-nome"
    MATRICULADO_EM = "matriculado_em"
    MATRICULADO_EM_DESC = "-matriculado_em"
    ULTIMA_VISITA = "ultima_visita"
    ULTIMA_VISITA_DESC = "-ultima_visita"
    PROBABILIDADE = "probabilidade"
    PROBABILIDADE_DESC = "-probabilidade"

    @property
    def column(self) -> str:
        """What is sorted by, without the direction."""
        return self.value.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Whether the largest comes first."""
        return self.value.startswith("-")


class Sinteticos(StrEnum):
    """What to do with synthetic members."""

    EXCLUIR = "excluir"
    INCLUIR = "incluir"
    SOMENTE = "somente"


class AlunosQuery(PageQuery):
    """Search, filters and order of the list of members."""

    busca: str | None = Field(
        None,
        max_length=100,
        description="Beginnings of words of the name, in any order, without regard to accents and"
        " case; or of the e-mail address; or digits of the telephone.",
        examples=["joa sou"],
    )
    plano_id: Id | None = None
    ativo: bool | None = None
    faixa: Faixa | None = Field(None, description="Band of the score stored today.")
    ultima_visita_desde: Instant | None = Field(None, description="Came at or after this.")
    ultima_visita_antes: Instant | None = Field(
        None, description="Came, but not at or after this; who never came is left out."
    )
    sinteticos: Sinteticos = Sinteticos.EXCLUIR
    ordem: Ordem = Ordem.NOME


class AlunoResumoOut(AlunoOut):
    """A member in a list."""

    ultima_visita: datetime | None
    probabilidade_churn: float | None = Field(
        description="As stored today; null where there is none yet."
    )
    faixa: Faixa | None


class Perfil(StrEnum):
    """How a synthetic member comes."""

    ASSIDUO = "assiduo"
    EM_QUEDA = "em_queda"
    IRREGULAR = "irregular"
    NOVO = "novo"
    SUMIDO = "sumido"


class SinteticosIn(Strict):
    """Synthetic members to make."""

    perfil: Perfil = Field(examples=["em_queda"])
    n: int = Field(1, ge=1, le=MOST_SYNTHETIC)
    semente: int = Field(
        0, ge=0, lt=2**31, description="The same one makes the same visits, counted back from now."
    )


class SinteticosOut(BaseModel):
    """The synthetic members that were made."""

    perfil: Perfil
    alunos: list[AlunoOut]


class SinteticosRemovidosOut(BaseModel):
    """How many synthetic members there were."""

    removidos: int


class ArquivoRecebido(BaseModel):
    """A raw file of an import, which may mention this member beside others."""

    objeto: str
    recebido_em: datetime


class DadosOut(BaseModel):
    """All that is held of a member."""

    aluno: dict[str, Any] = Field(description="The registration.")
    registros: dict[str, list[dict[str, Any]]] = Field(
        description="By table: plans, visits, scores with what they were computed from, ..."
    )
    respostas_guardadas: list[dict[str, Any]] = Field(
        description="Answers kept for a day for their Idempotency-Key."
    )
    auditoria: list[dict[str, Any]] = Field(description="Who did what to the registration.")
    arquivos_recebidos: list[ArquivoRecebido] = Field(
        description="Raw files that are kept for some days. What they say of the member is above."
    )


class ApagarMessage(BaseModel):
    """Files to delete after a member's rows are gone."""

    aluno_id: int
    pedido_em: datetime = Field(description="Files taken in until then may mention them.")


class ApagarReport(BaseModel):
    """What became of the files."""

    arquivos_removidos: int = Field(description="Raw files of imports, whomever they mention.")
    exportacoes_removidas: int
