"""What the LGPD gives a member a right to: a copy of all that is held of them, and its erasure."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.layout import Shown
from chalicelib.console.pages import page
from chalicelib.console.visits import Visit
from chalicelib.core.auth import Role
from chalicelib.core.calls import Reply
from chalicelib.core.parsing import JSON
from chalicelib.core.personal_data import PRIVATE
from chalicelib.core.settings import HOUSE
from chalicelib.core.types import Id
from chalicelib.core.web import Routes
from chalicelib.gym import service_lgpd
from chalicelib.gym.errors import AlunoNotFound, ImportacaoEmAndamento
from chalicelib.gym.pages import DESK
from chalicelib.gym.pages_members import PATH
from chalicelib.gym.service_members import get_aluno

DATA = f"{PATH}/{{aluno_id}}/dados"

personal_data_pages = Routes(__name__)


class EraseFields(BaseModel):
    """Whether somebody means it."""

    certeza: Literal["sim"]


def show_personal_data(session: Session, visit: Visit, aluno_id: int, form: Form) -> Shown:
    """What can be asked for, and what becomes of it."""
    return Shown(
        "gym/personal_data.html",
        aluno=get_aluno(session, aluno_id),
        form=form,
        may_erase=visit.who.role is Role.ADMIN,
    )


@personal_data_pages.route(DATA, methods=["GET"])
@page(personal_data_pages, tenant=HOUSE, allow=DESK, raises=(AlunoNotFound,), autocommit=True)
def get_personal_data(session: Session, visit: Visit, aluno_id: Id, form: Form) -> Shown:
    """What can be asked for, and what becomes of it."""
    return show_personal_data(session, visit, aluno_id, form)


@personal_data_pages.route(f"{DATA}/copia", methods=["GET"])
@page(
    personal_data_pages,
    tenant=HOUSE,
    allow=DESK,
    raises=(AlunoNotFound,),
    own_transactions=True,
)
def get_copy(visit: Visit, aluno_id: Id, now: datetime) -> Reply:
    """All that is held of a member, as a file."""
    address, document = service_lgpd.export_aluno(visit.who, aluno_id, now)
    if address is not None:
        return Reply(status=303, headers={**PRIVATE, "Location": address})
    filename = service_lgpd.copy_name(aluno_id, now)
    saved_as = {"Content-Disposition": f'attachment; filename="{filename}"'}
    return Reply(document, headers={**PRIVATE, **saved_as}, media_type=JSON)


@personal_data_pages.route(DATA, methods=["POST"])
@page(
    personal_data_pages,
    tenant=HOUSE,
    allow=Role.ADMIN,
    again=show_personal_data,
    raises=(AlunoNotFound, ImportacaoEmAndamento),
)
def post_personal_data(
    session: Session, visit: Visit, aluno_id: Id, form: Form, now: datetime
) -> Reply:
    """Erase a member, for good."""
    form.read(EraseFields)
    service_lgpd.erase_aluno(session, visit.who, aluno_id, now)
    said = f"Os dados do aluno nº {aluno_id} foram apagados. Os arquivos em que aparece saem agora."
    return visit.go(PATH, said)
