"""The companies' part of the console: its pages, what needs attention, advice in words."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.console.model_attention import model_attention, the_model
from chalicelib.console.sections import Attention, Link, Section, ServedModels, Tone
from chalicelib.core.auth import Principal, Role
from chalicelib.core.pages import PageQuery
from chalicelib.core.portuguese import number
from chalicelib.credit import health, service_datasets, service_orders_list
from chalicelib.credit.schemas_datasets import EstadoDataset

MODEL = "/console/modelos/credito"

ADVICE: Mapping[str, str] = {
    "its check digits do not fit": "Confira o CNPJ: os dígitos finais não conferem.",
    "must be a CNPJ: twelve digits or letters and two check digits": "Um CNPJ tem doze algarismos "
    "ou letras e dois dígitos no fim.",
    "aprova_abaixo_de must not lie above nega_a_partir_de": "O limiar que aprova não pode ficar "
    "acima do que nega.",
    "a sensitive column cannot be changeable": "Uma coluna sensível não pode ser alterável.",
}


def look_for_attention(session: Session, principal: Principal, now: datetime) -> list[Attention]:
    """Orders that wait for a person, how the model does, and what was begun to be sent."""
    return [
        *_reviews(session, principal),
        *_model(session, principal, now),
        *_sending(session),
    ]


def _reviews(session: Session, principal: Principal) -> Iterator[Attention]:
    query = PageQuery(limit=1)
    _, _, (waiting, _) = service_orders_list.list_reviews(session, principal.tenant, query)
    said = "pedido espera revisão" if waiting == 1 else "pedidos esperam revisão"
    tone: Tone = "atencao" if waiting else "bom"
    yield Attention(number(waiting, 0), said, "/console/credito/revisoes", "Abrir a fila", tone)


def _model(session: Session, principal: Principal, now: datetime) -> Iterator[Attention]:
    found = health.credit_health(session, principal.tenant, now)
    if found.versao is None:
        why = "Nenhuma versão responde: pedidos ficam para uma pessoa."
        at = "/console/credito/envios"
        yield Attention("Nenhum", "Modelo de crédito", at, "Enviar dados", "atencao", why)
        return
    yield model_attention(found, "Modelo de crédito", MODEL)


def look_for_models(session: Session, principal: Principal, now: datetime) -> ServedModels:
    """The company's own model."""
    found = health.credit_health(session, principal.tenant, now)
    return the_model(found, "Modelo de crédito", MODEL)


def _sending(session: Session) -> Iterator[Attention]:
    found, _, _ = service_datasets.list_datasets(session, PageQuery(limit=1))
    if found and found[0].estado == EstadoDataset.ABERTO:
        at = f"/console/credito/envios/{found[0].id}"
        yield Attention("Aberto", "um envio, por concluir", at, "Continuar", "neutro")


CREDITO = Section(
    name="Crédito",
    order=20,
    allow=(Role.EMPRESA,),
    tenant="empresa",
    attention=look_for_attention,
    models=look_for_models,
    links=(
        Link("Pedidos", "/console/credito/pedidos"),
        Link("Revisões", "/console/credito/revisoes"),
        Link("Política", "/console/credito/politica"),
        Link("Modelo", MODEL),
        Link("Envios", "/console/credito/envios"),
        Link("Equidade", "/console/credito/equidade"),
        Link("Empresa e clientes", "/console/credito/empresa"),
        Link("Credenciais", "/console/credito/credenciais"),
        Link("Auditoria", "/console/credito/auditoria"),
    ),
)
