"""Routes of members and plans, beyond registering them."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply, page_reply
from chalicelib.core.pages import Page
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.web import Routes, endpoint
from chalicelib.gym import service_member_changes, service_members_list, service_plans
from chalicelib.gym.errors import (
    AlunoJaAtivo,
    AlunoJaInativo,
    AlunoMudou,
    AlunoNotFound,
    EmailTaken,
    MudancaForaDeOrdem,
    PlanoEmUso,
    PlanoForaDeOferta,
    PlanoJaAtivo,
    PlanoJaInativo,
    PlanoNameTaken,
    PlanoNotFound,
    PlanoUnknown,
)
from chalicelib.gym.schemas import AlunoIn, PlanoIn, PlanoOut
from chalicelib.gym.schemas_members import (
    AlunoDetalheOut,
    AlunoResumoOut,
    AlunosQuery,
    AtivarIn,
    DesativarIn,
)

members = Routes(__name__)

READERS = (Role.OPERADOR, Role.CIENTISTA, Role.LEITOR)


def _versioned(found: tuple[AlunoDetalheOut, str]) -> Reply:
    aluno, etag = found
    return Reply(aluno, headers={"ETag": etag})


@members.route("/alunos", methods=["GET"])
@endpoint(
    members,
    tenant=HOUSE,
    query=AlunosQuery,
    allow=READERS,
    response=Page[AlunoResumoOut],
    autocommit=True,
)
def get_alunos(session: Session, query: AlunosQuery, call: Call, now: datetime) -> Reply:
    """List the members, by name unless told otherwise.

    Synthetic members are left out unless they are asked for.
    """
    alunos, cursor, total = service_members_list.list_alunos(session, query, now)
    return page_reply(Page[AlunoResumoOut], alunos, cursor, total, call)


@members.route("/aluno/{aluno_id}", methods=["GET"])
@endpoint(
    members,
    tenant=HOUSE,
    allow=READERS,
    response=AlunoDetalheOut,
    raises=(AlunoNotFound,),
    versioned=True,
    autocommit=True,
)
def get_aluno(session: Session, aluno_id: Id) -> Reply:
    """A member, with the plans they had and when they were active."""
    return _versioned(service_member_changes.describe_aluno(session, aluno_id))


@members.route("/aluno/{aluno_id}", methods=["PUT"])
@endpoint(
    members,
    tenant=HOUSE,
    body=AlunoIn,
    allow=Role.OPERADOR,
    response=AlunoDetalheOut,
    raises=(AlunoNotFound, AlunoMudou, EmailTaken, PlanoUnknown, PlanoForaDeOferta),
    versioned=True,
)
def put_aluno(
    session: Session, principal: Principal, aluno_id: Id, body: AlunoIn, call: Call, now: datetime
) -> Reply:
    """Replace a member's data; what is left out is emptied. Another plan counts from now on.

    With `If-Match` nothing is done when the member has changed, or come, since they were read.
    """
    return _versioned(
        service_member_changes.update_aluno(
            session, principal, aluno_id, body, if_match=call.headers.get("if-match"), now=now
        )
    )


@members.route("/aluno/{aluno_id}/ativar", methods=["PATCH"])
@endpoint(
    members,
    tenant=HOUSE,
    body=AtivarIn,
    allow=Role.OPERADOR,
    response=AlunoDetalheOut,
    raises=(AlunoNotFound, AlunoJaAtivo, MudancaForaDeOrdem),
    versioned=True,
)
def patch_aluno_ativar(
    session: Session, principal: Principal, aluno_id: Id, body: AtivarIn, now: datetime
) -> Reply:
    """Activate a member who had cancelled, with the plan they had; the body may be left out."""
    return _versioned(
        service_member_changes.activate_aluno(session, principal, aluno_id, body, now)
    )


@members.route("/aluno/{aluno_id}/desativar", methods=["PATCH"])
@endpoint(
    members,
    tenant=HOUSE,
    body=DesativarIn,
    allow=Role.OPERADOR,
    response=AlunoDetalheOut,
    raises=(AlunoNotFound, AlunoJaInativo, MudancaForaDeOrdem),
    versioned=True,
)
def patch_aluno_desativar(
    session: Session, principal: Principal, aluno_id: Id, body: DesativarIn, now: datetime
) -> Reply:
    """Record that a member cancelled, why, and since when."""
    return _versioned(
        service_member_changes.deactivate_aluno(session, principal, aluno_id, body, now)
    )


@members.route("/planos/{plano_id}", methods=["GET"])
@endpoint(members, tenant=HOUSE, allow=READERS, raises=(PlanoNotFound,), autocommit=True)
def get_plano(session: Session, plano_id: Id) -> PlanoOut:
    """A plan."""
    return PlanoOut.model_validate(service_plans.get_plano(session, plano_id))


@members.route("/planos/{plano_id}", methods=["PUT"])
@endpoint(
    members,
    tenant=HOUSE,
    body=PlanoIn,
    allow=Role.OPERADOR,
    raises=(PlanoNotFound, PlanoNameTaken),
)
def put_plano(session: Session, principal: Principal, plano_id: Id, body: PlanoIn) -> PlanoOut:
    """Give a plan another name or price, for everybody who has it.

    The model knows plans by name: under a new one it answers as for an unknown plan until it is
    trained again.
    """
    return PlanoOut.model_validate(service_plans.update_plano(session, principal, plano_id, body))


@members.route("/planos/{plano_id}/ativar", methods=["PATCH"])
@endpoint(members, tenant=HOUSE, allow=Role.OPERADOR, raises=(PlanoNotFound, PlanoJaAtivo))
def patch_plano_ativar(session: Session, principal: Principal, plano_id: Id) -> PlanoOut:
    """Put a plan on offer again."""
    plano = service_plans.offer_plano(session, principal, plano_id, on_offer=True)
    return PlanoOut.model_validate(plano)


@members.route("/planos/{plano_id}/desativar", methods=["PATCH"])
@endpoint(members, tenant=HOUSE, allow=Role.OPERADOR, raises=(PlanoNotFound, PlanoJaInativo))
def patch_plano_desativar(session: Session, principal: Principal, plano_id: Id) -> PlanoOut:
    """Take a plan off offer: who has it keeps it, nobody can take it up.

    Files of members may still name it, because they tell what was.
    """
    plano = service_plans.offer_plano(session, principal, plano_id, on_offer=False)
    return PlanoOut.model_validate(plano)


@members.route("/planos/{plano_id}", methods=["DELETE"])
@endpoint(
    members,
    tenant=HOUSE,
    status=204,
    allow=Role.OPERADOR,
    raises=(PlanoNotFound, PlanoEmUso),
)
def delete_plano(session: Session, principal: Principal, plano_id: Id) -> None:
    """Delete a plan that nobody has or ever had."""
    service_plans.delete_plano(session, principal, plano_id)
