"""Routes of what the LGPD gives a member a right to, and of members who are nobody."""

from datetime import datetime

from sqlalchemy.orm import Session

from chalicelib.core import job_control
from chalicelib.core.auth import Principal, Role
from chalicelib.core.calls import Call, Reply
from chalicelib.core.job_control import JobOut
from chalicelib.core.personal_data import PRIVATE
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.web import Routes, endpoint
from chalicelib.gym import service_lgpd, service_synthetic
from chalicelib.gym.errors import AlunoNotFound, ImportacaoEmAndamento, PlanoUnknown
from chalicelib.gym.schemas import AlunoOut
from chalicelib.gym.schemas_members import (
    DadosOut,
    SinteticosIn,
    SinteticosOut,
    SinteticosRemovidosOut,
)

personal_data = Routes(__name__)


@personal_data.route("/aluno/{aluno_id}/dados", methods=["GET"])
@endpoint(
    personal_data,
    tenant=HOUSE,
    allow=Role.OPERADOR,
    response=DadosOut,
    raises=(AlunoNotFound,),
    own_transactions=True,
)
def get_dados(principal: Principal, aluno_id: Id, now: datetime) -> Reply:
    """All that is held of a member (LGPD).

    A document of more than 4 MB is answered with 303 and an address to fetch it from, which
    lives for a quarter of an hour.
    """
    address, document = service_lgpd.export_aluno(principal, aluno_id, now)
    if address is not None:
        return Reply(status=303, headers={**PRIVATE, "Location": address})
    return Reply(document, headers=PRIVATE)


@personal_data.route("/aluno/{aluno_id}/dados", methods=["DELETE"])
@endpoint(
    personal_data,
    tenant=HOUSE,
    allow=Role.ADMIN,
    status=202,
    response=JobOut,
    raises=(AlunoNotFound, ImportacaoEmAndamento),
)
def delete_dados(
    session: Session, principal: Principal, aluno_id: Id, call: Call, now: datetime
) -> Reply:
    """Erase a member (LGPD), for good: their rows at once, raw files by the job that is answered.

    What has been counted stays counted; the trail keeps who erased whom by number, and when.
    """
    job = service_lgpd.erase_aluno(session, principal, aluno_id, now)
    return job_control.accepted(job, call)


@personal_data.route("/admin/alunos-sinteticos", methods=["POST"])
@endpoint(
    personal_data,
    tenant=HOUSE,
    body=SinteticosIn,
    status=201,
    allow=Role.CIENTISTA,
    raises=(PlanoUnknown,),
)
def post_alunos_sinteticos(
    session: Session, principal: Principal, body: SinteticosIn, now: datetime
) -> SinteticosOut:
    """Make synthetic members, to try the model on.

    They are marked `sintetico`, and neither training nor reports know of them.
    """
    made = service_synthetic.create_synthetic(session, principal, body, now)
    return SinteticosOut(
        perfil=body.perfil, alunos=[AlunoOut.model_validate(aluno) for aluno in made]
    )


@personal_data.route("/admin/alunos-sinteticos", methods=["DELETE"])
@endpoint(personal_data, tenant=HOUSE, allow=Role.CIENTISTA)
def delete_alunos_sinteticos(session: Session, principal: Principal) -> SinteticosRemovidosOut:
    """Remove all synthetic members."""
    return SinteticosRemovidosOut(removidos=service_synthetic.remove_synthetic(session, principal))
