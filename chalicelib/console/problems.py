"""Refusals in the words of those who use the console."""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.console.visits import FormNotOurs
from chalicelib.core import errors, job_control, jobs, pages, rowfile, uploads
from chalicelib.core.errors import Problem
from chalicelib.identity import errors as identity

TEXTS: dict[type[Problem], str] = {
    Problem: "Não foi possível fazer isso.",
    errors.BadRequest: "O endereço ou o formulário não está completo.",
    errors.Unauthorized: "Entre para continuar.",
    errors.Forbidden: "Seu papel não permite isso. Peça a quem administra o sistema.",
    errors.CompaniesOnly: "Esta página é das empresas, e mostra a cada uma o que é seu.",
    errors.NotFound: "O que você procura não está aqui. Pode ter sido removido.",
    errors.Conflict: "Isso contradiz o estado atual. Recarregue a página e tente de novo.",
    errors.PreconditionFailed: "Alguém mudou isso enquanto você editava. Confira e salve de novo.",
    errors.PayloadTooLarge: "O arquivo é grande demais para ser enviado assim.",
    errors.UnsupportedMediaType: "Este tipo de arquivo não serve aqui.",
    errors.Unprocessable: "Algo no que foi enviado não pode ser aceito.",
    errors.ValidationFailed: "Confira os campos marcados.",
    errors.TooManyRequests: "Foram pedidos demais em pouco tempo. Espere um instante.",
    errors.ServiceUnavailable: "Um serviço de que esta página precisa não responde. "
    "Tente de novo em instantes.",
    errors.InternalError: "Algo deu errado do nosso lado, e ficou registrado.",
    FormNotOurs: "Este formulário é antigo ou não foi enviado por uma página deste console. "
    "Volte, recarregue a página e envie de novo.",
    identity.CredentialsWrong: "Usuário ou senha não confere, ou o acesso foi desativado.",
    identity.LoginLocked: "Houve tentativas demais. Espere alguns minutos e tente de novo.",
    identity.LoginTaken: "Já há um usuário com este nome de acesso.",
    identity.UsuarioNotFound: "Este usuário não existe.",
    identity.LastAdmin: "É a última pessoa que administra. Dê esse papel a outra antes.",
    identity.CompanyRole: "Este papel é dos usuários de uma empresa.",
    pages.CursorInvalid: "Esta página da lista não existe mais. Comece de novo pelo início.",
    job_control.JobNotFound: "Esta tarefa não existe, ou não é sua.",
    job_control.JobFinished: "Esta tarefa já terminou.",
    job_control.JobNotRedrivable: "Só se reenvia uma tarefa que falhou ou foi cancelada.",
    jobs.JobKeyTaken: "Já há uma tarefa igual em andamento.",
    rowfile.HeaderInvalid: "O cabeçalho do arquivo não tem as colunas necessárias, ou as repete.",
    uploads.UploadTooLarge: "O arquivo é maior do que o permitido.",
    uploads.EmptyFile: "O arquivo está vazio.",
    uploads.FileTypeUnsupported: "Envie um arquivo CSV ou NDJSON.",
    uploads.ObjectMissing: "O arquivo não chegou. Envie de novo.",
}
"""Type of a refusal -> what to tell; products add theirs with `tell`."""

FAILURES: Mapping[str, str] = {
    "HeaderInvalid": "A primeira linha do arquivo não tem as colunas esperadas.",
    "ModelUnloadable": "O modelo guardado de uma das versões não pode ser lido.",
    "NoCommonHoldOut": "Ainda não há linhas posteriores ao treino de ambas; com o tempo haverá.",
    "TooLittleHistory": "Ainda não há histórico bastante para treinar.",
}
"""Name of a refusal that only jobs know -> what to tell."""

TITLES: Mapping[int, str] = {
    400: "Pedido incompleto",
    401: "Entre para continuar",
    403: "Sem permissão",
    404: "Não encontrado",
    409: "Não foi possível",
    412: "Mudou enquanto isso",
    413: "Grande demais",
    415: "Arquivo não aceito",
    422: "Não pode ser aceito",
    429: "Devagar, por favor",
    500: "Erro do nosso lado",
    503: "Fora do ar por um instante",
}


@dataclass(frozen=True)
class Told:
    """A refusal, ready to be shown."""

    status: int
    title: str
    text: str


def tell(texts: Mapping[type[Problem], str]) -> None:
    """Say what to tell of a product's refusals."""
    TEXTS.update(texts)


def failure(title: str) -> str:
    """Why a job failed, by the name of the refusal that its error carries."""
    return told_by_name(title) or f"A tarefa não terminou ({title}). Tente de novo mais tarde."


def told(problem: Problem) -> Told:
    """A refusal in Portuguese: by its own text, else by that of its kind."""
    text = next(TEXTS[kind] for kind in type(problem).__mro__ if kind in TEXTS)
    return Told(problem.status, TITLES.get(problem.status, "Não foi possível"), text)


def told_by_name(title: str) -> str | None:
    """What to tell of a refusal that a job was left with; None where it has no words of its own."""
    texts = {**{kind.__name__: text for kind, text in TEXTS.items()}, **FAILURES}
    return texts.get(title)
