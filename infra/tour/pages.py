"""Every page of the console by name, as somebody with work to do finds it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Places = Mapping[str, str]
"""What stands for `{aluno}`, `{pedido}`, ... in the addresses of a filled installation."""


class Who(StrEnum):
    """Who looks at a page."""

    NOBODY = "ninguém"
    ADMIN = "admin"
    COMPANY = "empresa"


@dataclass(frozen=True)
class Page:
    """A page to look at.

    Attributes:
        name: Its screenshot's.
        path: Its address; what is in braces is looked up in `Places`.
        who: Whoever looks.
        in_readme: Whether README shows it.
    """

    name: str
    path: str
    who: Who = Who.ADMIN
    in_readme: bool = False


FILES = ("parquet", "exportar", "resultado", "copia", "{arquivo}", "/arquivos/{job_id}")
"""How addresses end that lead to a file; a file is not looked at."""


def address(path: str, places: Places) -> str:
    """A page's address in a filled installation."""
    return re.sub(r"{(\w+)}", lambda found: places[found[1]], path)


PAGES = (
    Page("entrar", "/entrar", Who.NOBODY),
    Page("cadastro", "/cadastro", Who.NOBODY),
    Page("senha", "/console/senha"),
    Page("inicio", "/"),
    Page("academia-recepcao", "/console/academia"),
    Page("academia-alunos", "/console/academia/alunos"),
    Page("academia-matricula", "/console/academia/alunos/novo"),
    Page("academia-aluno", "/console/academia/alunos/{aluno}", in_readme=True),
    Page("academia-visitas", "/console/academia/alunos/{aluno}/visitas"),
    Page("academia-dados", "/console/academia/alunos/{aluno}/dados"),
    Page("academia-saidas", "/console/academia/saidas-sem-entrada"),
    Page("academia-retencao", "/console/academia/retencao"),
    Page("academia-jogadas", "/console/academia/jogadas"),
    Page("academia-efeito", "/console/academia/efeito"),
    Page("academia-relatorios", "/console/academia/relatorios"),
    Page("academia-planos", "/console/academia/planos"),
    Page("academia-importar", "/console/academia/importar"),
    Page("academia-sinteticos", "/console/academia/sinteticos"),
    Page("modelos", "/console/modelos"),
    Page("modelos-churn", "/console/modelos/churn"),
    Page("modelos-churn-versao", "/console/modelos/churn/1"),
    Page("credito-inicio", "/", Who.COMPANY),
    Page("credito-pedidos", "/console/credito/pedidos", Who.COMPANY),
    Page("credito-novo", "/console/credito/pedidos/novo", Who.COMPANY),
    Page("credito-pedido", "/console/credito/pedidos/{pedido}", Who.COMPANY, in_readme=True),
    Page("credito-lotes", "/console/credito/pedidos/lotes", Who.COMPANY),
    Page("credito-lote", "/console/credito/pedidos/lotes/{lote}", Who.COMPANY),
    Page("credito-equidade", "/console/credito/equidade", Who.COMPANY),
    Page("credito-empresa", "/console/credito/empresa", Who.COMPANY),
    Page("credito-revisoes", "/console/credito/revisoes", Who.COMPANY),
    Page("credito-politica", "/console/credito/politica", Who.COMPANY),
    Page("credito-envios", "/console/credito/envios", Who.COMPANY),
    Page("credito-envio", "/console/credito/envios/{envio}", Who.COMPANY),
    Page("credito-credenciais", "/console/credito/credenciais", Who.COMPANY),
    Page("credito-auditoria", "/console/credito/auditoria", Who.COMPANY),
    Page("modelos-empresa", "/console/modelos", Who.COMPANY),
    Page("modelos-credito", "/console/modelos/credito", Who.COMPANY),
    Page("modelos-credito-versao", "/console/modelos/credito/1", Who.COMPANY),
    Page("modelos-credito-treinar", "/console/modelos/credito/treinar", Who.COMPANY),
    Page("modelos-credito-testar", "/console/modelos/credito/testar", Who.COMPANY),
    Page("modelos-credito-comparar", "/console/modelos/credito/comparar", Who.COMPANY),
    Page("livros-catalogo", "/console/livros"),
    Page("livros-livro", "/console/livros/{livro}"),
    Page("livros-numeros", "/console/livros/numeros"),
    Page("livros-coletas", "/console/livros/coletas"),
    Page("livros-coleta", "/console/livros/coletas/{coleta}"),
    Page("livros-quarentena", "/console/livros/quarentena"),
    Page("livros-nao-lida", "/console/livros/quarentena/{nao_lida}"),
    Page("modelos-livros", "/console/modelos/livros"),
    Page("modelos-livros-versao", "/console/modelos/livros/1"),
    Page("precos-projetos", "/console/precos"),
    Page("precos-projeto", "/console/precos/{projeto}"),
    Page("precos-dados", "/console/precos/{projeto}/dados"),
    Page("precos-perfil", "/console/precos/{projeto}/dados/{dataset}"),
    Page("precos-treinos", "/console/precos/{projeto}/treinos"),
    Page("precos-novo", "/console/precos/{projeto}/treinos/novo"),
    Page("precos-treino", "/console/precos/{projeto}/treinos/{treino}", in_readme=True),
    Page("precos-versoes", "/console/precos/{projeto}/versoes"),
    Page("precos-versao", "/console/precos/{projeto}/versoes/{versao}"),
    Page("precos-prever", "/console/precos/{projeto}/prever"),
    Page("precos-arquivos", "/console/precos/{projeto}/arquivos"),
    Page("precos-historico", "/console/precos/{projeto}/historico"),
    Page("precos-previsao", "/console/precos/{projeto}/historico/{previsao}"),
    Page("precos-uso", "/console/precos/{projeto}/uso"),
    Page("precos-saude", "/console/precos/{projeto}/saude"),
    Page("precos-pessoas", "/console/precos/{projeto}/pessoas"),
    Page("operacao-requisicoes", "/console/operacao"),
    Page("operacao-tarefas", "/console/operacao/tarefas"),
    Page("operacao-tarefa", "/console/operacao/tarefas/{tarefa}"),
    Page("operacao-sistema", "/console/operacao/sistema"),
    Page("operacao-cache", "/console/operacao/sistema/cache"),
    Page("operacao-banco", "/console/operacao/sistema/banco"),
    Page("operacao-arquivos", "/console/operacao/sistema/arquivos"),
    Page("operacao-usuarios", "/console/operacao/usuarios"),
    Page("operacao-usuario", "/console/operacao/usuarios/{usuario}"),
    Page("operacao-auditoria", "/console/operacao/auditoria"),
)
