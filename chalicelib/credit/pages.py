"""The companies' part of the console: its pages, what needs attention, refusals in words."""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.sections import Attention, Link, Section, Tone
from chalicelib.core.auth import Principal, Role
from chalicelib.core.errors import Problem
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import number
from chalicelib.credit import errors, service_orders_list

REFUSALS: Mapping[type[Problem], str] = {
    errors.EmpresaNotFound: "Esta empresa não existe.",
    errors.EmailEmUso: "Já há uma empresa cadastrada com este e-mail.",
    errors.CnpjEmUso: "Já há uma empresa cadastrada com este CNPJ.",
    errors.ChaveNomeEmUso: "Já há uma chave com este nome. Revogue-a antes, ou escolha outro.",
    errors.ChaveNotFound: "Esta chave não existe.",
    errors.ChaveEncerrada: "Esta chave já foi revogada, está sendo substituída ou expirou.",
    errors.ChaveNaoFazChaves: "Só uma pessoa cria chaves, não um programa.",
    errors.DatasetNotFound: "Este envio não existe.",
    errors.DatasetEncerrado: "Este envio já se encerrou. Abra outro.",
    errors.DatasetFechado: "Este envio está fechado: modelos podem ter sido treinados com ele.",
    errors.DatasetEmConferencia: "Este envio está sendo conferido. Espere a conferência terminar.",
    errors.LoteNotFound: "Não há lote com este número.",
    errors.LoteIlegivel: "O arquivo não é um lote: envie um CSV com cabeçalho que tenha as colunas "
    "necessárias, ou uma lista JSON.",
    errors.LoteVazio: "O lote não tem itens.",
    errors.LoteGrande: "O lote tem mais de 500 itens. Divida-o em vários.",
    errors.LotesPendentes: "Há lotes que ainda estão sendo gravados. Conclua quando terminarem.",
    errors.PedidoNotFound: "Este pedido não existe.",
    errors.PedidoRepetido: "Já há um pedido com este número, e um pedido é decidido uma vez.",
    errors.PoliticaMudou: "Alguém mudou a política ao mesmo tempo. Confira e salve de novo.",
    errors.PoliticaDesatualizada: "Alguém mudou a política enquanto você editava. "
    "Abra-a de novo e confira.",
    errors.DecisaoIgual: "O pedido já está assim.",
    errors.PedidoEncerrado: "O desfecho deste pedido já é conhecido: a decisão não se revê mais.",
    errors.DesfechoIgual: "Este desfecho já está registrado.",
    errors.CorrecaoSemMotivo: "Outro desfecho está registrado. Para corrigir, diga o motivo.",
    errors.DatasetAberto: "Para treinar é preciso ter um envio fechado. Conclua um antes.",
    errors.PoucosPedidos: "Há pedidos de menos com desfecho conhecido, ou de um dos tipos, "
    "para que um modelo aprenda.",
    errors.PedidosInaproveitaveis: "Pedidos demais não servem para aprender.",
    errors.ColunaEntregaResposta: "Uma coluna entrega o desfecho, como nada que se saiba antes "
    "entregaria. Tire-a do envio.",
}


ADVICE: Mapping[str, str] = {
    "its check digits do not fit": "Confira o CNPJ: os dígitos finais não conferem.",
    "must be a CNPJ: twelve digits or letters and two check digits": "Um CNPJ tem doze algarismos "
    "ou letras e dois dígitos no fim.",
    "aprova_abaixo_de must not lie above nega_a_partir_de": "O limiar que aprova não pode ficar "
    "acima do que nega.",
    "a sensitive column cannot be changeable": "Uma coluna sensível não pode ser alterável.",
}


def look_for_attention(session: Session, principal: Principal, _now: datetime) -> list[Attention]:
    """Orders that wait for a person."""
    query = PageQuery(limit=1)
    _, _, (waiting, _) = service_orders_list.list_reviews(session, principal.tenant, query)
    said = "pedido espera revisão" if waiting == 1 else "pedidos esperam revisão"
    tone: Tone = "atencao" if waiting else "bom"
    return [Attention(number(waiting, 0), said, "/console/credito/revisoes", "Abrir a fila", tone)]


CREDITO = Section(
    name="Crédito",
    order=20,
    allow=(Role.EMPRESA,),
    tenant="empresa",
    attention=look_for_attention,
    links=(
        Link("Pedidos", "/console/credito/pedidos"),
        Link("Revisões", "/console/credito/revisoes"),
        Link("Política", "/console/credito/politica"),
        Link("Modelo", "/console/modelos/credito"),
        Link("Envios", "/console/credito/envios"),
        Link("Credenciais", "/console/credito/credenciais"),
        Link("Auditoria", "/console/credito/auditoria"),
    ),
)
