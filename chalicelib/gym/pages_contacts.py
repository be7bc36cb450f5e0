"""Contacts, from whichever page they are opened and concluded."""

from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.visits import Visit
from chalicelib.gym import service_contacts
from chalicelib.gym.schemas_retention import ContatoIn, ContatoPatch


class ContactFields(BaseModel):
    """Which open contact a form concludes; none where it records one that was not planned."""

    contato_id: int | None = Field(None, ge=1)
    forcar: bool = False


def open_contact(session: Session, visit: Visit, aluno_id: int, form: Form, now: datetime) -> str:
    """Plan a contact, or log one that was made; gives what to tell.

    Raises:
        AlunoNoControle, ContatoEmAberto: See `service_contacts.create_contato`.
    """
    fields = form.read(ContactFields)
    new = form.read(
        ContatoIn,
        aluno_id=aluno_id,
        responsavel_id=visit.who.usuario_id,
        forcar=fields.forcar,
    )
    service_contacts.create_contato(session, visit.who, new, now)
    return "O contato foi registrado." if new.desfecho else "O contato está planejado."


def conclude_contact(
    session: Session, visit: Visit, aluno_id: int, form: Form, now: datetime
) -> str:
    """Record what came of a contact, planned before or not; gives what to tell."""
    fields = form.read(ContactFields)
    if fields.contato_id is None:
        return open_contact(session, visit, aluno_id, form, now)
    change = form.read(ContatoPatch)
    service_contacts.change_contato(session, visit.who, fields.contato_id, change, now)
    return "O resultado do contato foi registrado."
