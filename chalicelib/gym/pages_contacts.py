"""Contacts, from whichever page they are opened, given to somebody, and concluded."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from chalicelib.console.forms import Form
from chalicelib.console.visits import Visit
from chalicelib.gym import service_contacts
from chalicelib.gym.errors import (
    AlunoNoControle,
    ContatoEmAberto,
    ContatoNotFound,
    ResponsavelUnknown,
)
from chalicelib.gym.schemas_retention import ContatoIn, ContatoPatch
from chalicelib.gym.tables_retention import Contato
from chalicelib.identity.service import names_of

CONTACT_REFUSALS = (AlunoNoControle, ContatoEmAberto, ContatoNotFound, ResponsavelUnknown)
"""What the actions raise, for a page to declare."""


class ContactFields(BaseModel):
    """Which open contact a form concludes; none where it records one that was not planned."""

    contato_id: int | None = Field(None, ge=1)
    forcar: bool = False


class HandOverFields(BaseModel):
    """Whose a contact is from now on."""

    contato_id: int = Field(ge=1)
    responsavel_id: int = Field(ge=1)


def contact_people(session: Session, visit: Visit, shown: Sequence[Contato]) -> dict[str, Any]:
    """Who can be given a contact, who asks, and what those are called whose contacts are shown."""
    given = {f"usuario:{each.responsavel_id}" for each in shown if each.responsavel_id}
    names = names_of(session, given)
    return {
        "team": service_contacts.list_responsaveis(session),
        "me": visit.who.usuario_id,
        "whose": {each.id: names.get(f"usuario:{each.responsavel_id}") for each in shown},
    }


def open_contact(session: Session, visit: Visit, aluno_id: int, form: Form, now: datetime) -> str:
    """Plan a contact, or log one that was made; gives what to tell.

    It is the caller's, where the form names nobody.

    Raises:
        AlunoNoControle, ContatoEmAberto, ResponsavelUnknown: See `service_contacts`.
    """
    fields = form.read(ContactFields)
    own: dict[str, Any] = {} if form["responsavel_id"] else {"responsavel_id": visit.who.usuario_id}
    new = form.read(ContatoIn, aluno_id=aluno_id, forcar=fields.forcar, **own)
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


def hand_contact_over(
    session: Session, visit: Visit, _aluno_id: int, form: Form, now: datetime
) -> str:
    """Give a contact to somebody; gives what to tell."""
    fields = form.read(HandOverFields)
    change = ContatoPatch(responsavel_id=fields.responsavel_id)
    service_contacts.change_contato(session, visit.who, fields.contato_id, change, now)
    name = dict(service_contacts.list_responsaveis(session))[fields.responsavel_id]
    return f"O contato agora é de {name}."


ContactAct = Callable[[Session, Visit, int, Form, datetime], str]
CONTACT_ACTIONS: dict[str, ContactAct] = {
    "contato": open_contact,
    "desfecho": conclude_contact,
    "passar": hand_contact_over,
}
