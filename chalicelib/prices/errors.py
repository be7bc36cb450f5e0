"""Refusals of the prices."""

from chalicelib.core.errors import Conflict, Forbidden, NotFound, Unprocessable


class ProjetoNotFound(NotFound):
    """There is no project of yours, nor one shared with you, under this id."""

    motivo = "Este projeto não existe, ou não foi compartilhado com você."


class PapelInsuficiente(Forbidden):
    """Your role in this project does not allow this; ask its owner for another one."""

    motivo = "O seu papel neste projeto não permite isso. Peça outro ao dono."


class PessoaNotFound(NotFound):
    """There is no active user with this login."""

    motivo = "Não há ninguém ativo com este nome de acesso."


class MembroNotFound(NotFound):
    """The project is not shared with a user of this login."""

    motivo = "O projeto não é compartilhado com esta pessoa."


class DonoNaoMembro(Conflict):
    """This user owns the project, and may do everything in it; pass it on first."""

    motivo = "Esta pessoa é a dona do projeto e já pode tudo nele."


class MembrosDemais(Conflict):
    """A project is shared with 500 users at the most."""

    motivo = "Um projeto é compartilhado com 500 pessoas, no máximo."


class DatasetNotFound(NotFound):
    """This project has no dataset under this id."""

    motivo = "Este projeto não tem este arquivo."


class DatasetNaoPronto(Conflict):
    """This dataset has not been profiled yet, or its file was refused; see its `estado`."""

    motivo = "Este arquivo ainda não foi lido, ou foi recusado."


class DatasetEmUso(Conflict):
    """Models were trained from this dataset, and refer to it; it is kept."""

    motivo = "Modelos foram treinados com este arquivo, e por isso ele fica."


class ArquivoGrande(Unprocessable):
    """The file is larger than a dataset may be (PRECOS_DATASET_MAX_MB)."""

    motivo = "O arquivo é maior do que se pode ler."


class ArquivoRecusado(Unprocessable):
    """The file cannot be read as a table."""

    motivo = "O arquivo não pode ser lido como uma tabela."

    def __init__(self, detail: str | None = None) -> None:
        """Say what is wrong with the file, in Portuguese: people read it wherever it is said."""
        super().__init__(detail, motivo=detail)


class CorrecaoInvalida(Unprocessable):
    """Some corrections cannot hold; `errors` names the columns."""

    motivo = "Algumas correções não se sustentam. Nada foi mudado."


class FiguraNotFound(NotFound):
    """The profile has no figure of this name."""

    motivo = "Não há esta figura."
