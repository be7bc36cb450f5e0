"""Refusals about trainings, versions and predictions."""

from chalicelib.core.errors import Conflict, NotFound, Unprocessable


class TreinamentoNotFound(NotFound):
    """This project has no training under this id."""

    motivo = "Este treinamento não existe mais."


class PrevisaoNotFound(NotFound):
    """This project has no prediction under this id."""

    motivo = "Esta previsão não existe no projeto."


class TreinamentoTerminou(Conflict):
    """This training has ended; only one that waits or runs can be cancelled."""

    motivo = "Este treino já terminou."


class SemCampeao(Conflict):
    """No version of this project answers yet: train one, promote one, or name a `versao`."""

    motivo = "Nenhuma versão responde ainda. Treine ou promova uma."


class VersaoArquivada(Conflict):
    """This version is archived and does not answer; restore it first."""

    motivo = "Esta versão está arquivada. Restaure-a antes."


class CampeaoNaoSeArquiva(Conflict):
    """The version that answers cannot be archived; promote another one first."""

    motivo = "A versão que responde não se arquiva. Promova outra antes."


class VersaoNaoArquivada(Conflict):
    """This version is not archived."""

    motivo = "Esta versão não está arquivada."


class AlvosDiferentes(Unprocessable):
    """These versions foretell different targets, or in another unit; they cannot be compared."""

    motivo = "Estas versões não preveem a mesma coisa, ou não na mesma unidade."


class ExplicacaoCara(Unprocessable):
    """Explaining so many rows would take too long; ask for fewer, or without `explicar`."""

    motivo = "Explicar tantas linhas demoraria demais."


class SemExplicacao(Unprocessable):
    """This version was published without an explainer."""

    motivo = "Esta versão foi publicada sem explicações."


class ArquivoSemColunas(Unprocessable):
    """The file has none of the columns that the version reads."""

    motivo = "O arquivo não tem nenhuma das colunas que a versão lê."


class ExperimentoNaoServe(Unprocessable):
    """What was asked for does not fit the dataset:"""

    motivo = "O que foi pedido não combina com o arquivo:"


class LinhasDemais(Unprocessable):
    """The file has more than 5,000,000 rows, which one job predicts; send it in parts."""

    motivo = "O arquivo tem mais de 5.000.000 de linhas, o máximo de uma tarefa. Divida-o."


class DadosGrandes(Unprocessable):
    """Too much data for the short path: at most 2,000 rows of 50 columns; use a project."""


class DadosIlegiveis(Unprocessable):
    """`dados` is neither rows as JSON objects nor the text of a CSV with a header."""


class LoteNotFound(NotFound):
    """This project has no file of predictions under this id."""

    motivo = "Este arquivo de previsões não existe mais."


class LoteNaoPronto(Conflict):
    """This file is not predicted yet, or could not be; see its job."""

    motivo = "As previsões deste arquivo ainda não estão prontas."
