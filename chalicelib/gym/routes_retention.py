"""Routes of the retention team's work."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page, PageQuery
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.web import Routes, endpoint
from chalicelib.gym import service_contacts, service_plays, service_retention_effect
from chalicelib.gym.errors import (
    AlunoNoControle,
    AlunoNotFound,
    ContatoEmAberto,
    ContatoNotFound,
    JogadaNameTaken,
    JogadaNotFound,
    JogadaUnknown,
    RegraEmUso,
    RegraNameTaken,
    RegraNotFound,
    RegraUnknown,
    ResponsavelUnknown,
)
from chalicelib.gym.schemas_retention import (
    ContatoIn,
    ContatoOut,
    ContatoPatch,
    ContatosQuery,
    EfeitoOut,
    EfeitoQuery,
    FilaOut,
    FilaQuery,
    JogadaIn,
    JogadaOut,
    RegraIn,
    RegraOut,
)
from chalicelib.gym.service_worklist_rows import describe_worklist

retention = Routes(__name__)

READERS = (Role.OPERADOR, Role.CIENTISTA, Role.LEITOR)


@retention.route("/retencao/fila", methods=["GET"])
@endpoint(retention, tenant=HOUSE, query=FilaQuery, allow=READERS)
def get_fila(session: Session, principal: Principal, query: FilaQuery, now: datetime) -> FilaOut:
    """Say whom to contact today, why, and how.

    Whom a priority rule names come first, then the highest probability of leaving. The first
    operador to ask makes the day's list, which then stands; others see it as it was made. Members
    held out, with an open contact, or contacted in the last `descanso_dias` are not on it.
    """
    return describe_worklist(session, principal, query.capacidade, now)


@retention.route("/retencao/efeito", methods=["GET"])
@endpoint(retention, tenant=HOUSE, query=EfeitoQuery, allow=READERS, autocommit=True)
def get_efeito(session: Session, query: EfeitoQuery, now: datetime) -> EfeitoOut:
    """Say whether contacts keep members.

    Retention of those to contact beside those held out, as drawn, with the 95% interval of the
    difference.
    """
    return service_retention_effect.effect(session, query, now)


@retention.route("/retencao/contatos", methods=["GET"])
@endpoint(
    retention,
    tenant=HOUSE,
    query=ContatosQuery,
    allow=READERS,
    response=Page[ContatoOut],
    autocommit=True,
)
def get_contatos(session: Session, query: ContatosQuery, call: Call, now: datetime) -> Reply:
    """List contacts to be made and made, newest first."""
    contatos, cursor, total = service_contacts.list_contatos(session, query, now)
    return page_reply(Page[ContatoOut], contatos, cursor, total, call)


@retention.route("/retencao/contatos", methods=["POST"])
@endpoint(
    retention,
    tenant=HOUSE,
    body=ContatoIn,
    status=201,
    allow=Role.OPERADOR,
    raises=(AlunoNotFound, AlunoNoControle, ContatoEmAberto, ResponsavelUnknown, JogadaUnknown),
)
def post_contato(
    session: Session, principal: Principal, body: ContatoIn, now: datetime
) -> ContatoOut:
    """Plan a contact, or log one that was made.

    Members who are held out are refused, so that the effect of contacts can be measured.
    """
    contato = service_contacts.create_contato(session, principal, body, now)
    return ContatoOut.model_validate(contato)


@retention.route("/retencao/contatos/{contato_id}", methods=["PATCH"])
@endpoint(
    retention,
    tenant=HOUSE,
    body=ContatoPatch,
    allow=Role.OPERADOR,
    raises=(ContatoNotFound, ResponsavelUnknown),
)
def patch_contato(
    session: Session, principal: Principal, contato_id: Id, body: ContatoPatch, now: datetime
) -> ContatoOut:
    """Record what came of a contact, or pass it on; what is left out stays."""
    contato = service_contacts.change_contato(session, principal, contato_id, body, now)
    return ContatoOut.model_validate(contato)


@retention.route("/retencao/jogadas", methods=["GET"])
@endpoint(
    retention,
    tenant=HOUSE,
    query=PageQuery,
    allow=READERS,
    response=Page[JogadaOut],
    autocommit=True,
)
def get_jogadas(session: Session, query: PageQuery, call: Call) -> Reply:
    """List the plays, newest first."""
    jogadas, cursor, total = service_plays.list_jogadas(session, query)
    return page_reply(Page[JogadaOut], jogadas, cursor, total, call)


@retention.route("/retencao/jogadas", methods=["POST"])
@endpoint(
    retention,
    tenant=HOUSE,
    body=JogadaIn,
    status=201,
    allow=Role.OPERADOR,
    raises=(JogadaNameTaken, RegraUnknown),
)
def post_jogada(session: Session, principal: Principal, body: JogadaIn) -> JogadaOut:
    """Add a play."""
    return JogadaOut.model_validate(service_plays.create_jogada(session, principal, body))


@retention.route("/retencao/jogadas/{jogada_id}", methods=["PUT"])
@endpoint(
    retention,
    tenant=HOUSE,
    body=JogadaIn,
    allow=Role.OPERADOR,
    raises=(JogadaNotFound, JogadaNameTaken, RegraUnknown),
)
def put_jogada(session: Session, principal: Principal, jogada_id: Id, body: JogadaIn) -> JogadaOut:
    """Replace a play."""
    jogada = service_plays.replace_jogada(session, principal, jogada_id, body)
    return JogadaOut.model_validate(jogada)


@retention.route("/retencao/jogadas/{jogada_id}", methods=["DELETE"])
@endpoint(retention, tenant=HOUSE, status=204, allow=Role.OPERADOR, raises=(JogadaNotFound,))
def delete_jogada(session: Session, principal: Principal, jogada_id: Id) -> None:
    """Delete a play; contacts that followed it stay."""
    service_plays.delete_jogada(session, principal, jogada_id)


@retention.route("/retencao/regras", methods=["GET"])
@endpoint(
    retention,
    tenant=HOUSE,
    query=PageQuery,
    allow=READERS,
    response=Page[RegraOut],
    autocommit=True,
)
def get_regras(session: Session, query: PageQuery, call: Call) -> Reply:
    """List the alert rules, newest first."""
    regras, cursor, total = service_plays.list_regras(session, query)
    return page_reply(Page[RegraOut], regras, cursor, total, call)


@retention.route("/retencao/regras", methods=["POST"])
@endpoint(
    retention,
    tenant=HOUSE,
    body=RegraIn,
    status=201,
    allow=Role.OPERADOR,
    raises=(RegraNameTaken,),
)
def post_regra(session: Session, principal: Principal, body: RegraIn) -> RegraOut:
    """Add an alert rule."""
    return RegraOut.model_validate(service_plays.create_regra(session, principal, body))


@retention.route("/retencao/regras/{regra_id}", methods=["PUT"])
@endpoint(
    retention,
    tenant=HOUSE,
    body=RegraIn,
    allow=Role.OPERADOR,
    raises=(RegraNotFound, RegraNameTaken),
)
def put_regra(session: Session, principal: Principal, regra_id: Id, body: RegraIn) -> RegraOut:
    """Replace an alert rule."""
    regra = service_plays.replace_regra(session, principal, regra_id, body)
    return RegraOut.model_validate(regra)


@retention.route("/retencao/regras/{regra_id}", methods=["DELETE"])
@endpoint(
    retention,
    tenant=HOUSE,
    status=204,
    allow=Role.OPERADOR,
    raises=(RegraNotFound, RegraEmUso),
)
def delete_regra(session: Session, principal: Principal, regra_id: Id) -> None:
    """Delete an alert rule."""
    service_plays.delete_regra(session, principal, regra_id)
