"""What changes about a member once they are registered, and what is known of them."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.gym.errors import (
    AlunoJaAtivo,
    AlunoJaInativo,
    AlunoMudou,
    AlunoNotFound,
    MudancaForaDeOrdem,
)
from chalicelib.gym.schemas import AlunoIn, AlunoOut
from chalicelib.gym.schemas_members import AlunoDetalheOut, AtivarIn, DesativarIn, VigenciaOut
from chalicelib.gym.service_members import get_aluno, require_offered
from chalicelib.gym.tables import Aluno, Checkin, Plano, Vigencia

EDITABLE = ("nome", "email", "telefone", "data_nascimento", "plano_id")
HISTORY_SHOWN = 100


def describe_aluno(session: Session, aluno_id: int) -> tuple[AlunoDetalheOut, str]:
    """A member with their history, newest first.

    Returns:
        The answer and its entity tag.

    Raises:
        AlunoNotFound: There is none.
    """
    return _detail(session, get_aluno(session, aluno_id))


def update_aluno(
    session: Session,
    principal: Principal,
    aluno_id: int,
    new: AlunoIn,
    *,
    if_match: str | None,
    now: datetime,
) -> tuple[AlunoDetalheOut, str]:
    """Replace what the desk may edit; another plano counts from now on.

    Args:
        if_match: Entity tags of which the member must have one, as `If-Match` lists them.

    Returns:
        The member as they are now, and the new entity tag.

    Raises:
        AlunoNotFound: There is none.
        AlunoMudou: Somebody else, or a visit, came in between.
        EmailTaken: Somebody has this e-mail.
        PlanoUnknown, PlanoForaDeOferta: The new plano cannot be had.
    """
    aluno = _lock(session, aluno_id)
    if if_match is not None and not _matches(if_match, aluno):
        raise AlunoMudou
    changed = [name for name in EDITABLE if getattr(aluno, name) != getattr(new, name)]
    if changed:
        before = aluno.plano_id
        if "plano_id" in changed:
            require_offered(session, new.plano_id)
            _begin(session, aluno, None, now, plano_id=new.plano_id)
        for name in changed:
            setattr(aluno, name, getattr(new, name))
        planos = {"de": before, "para": new.plano_id} if "plano_id" in changed else {}
        _change(session, principal, aluno, "aluno.alterado", campos=changed, **planos)
    return _detail(session, aluno)


def deactivate_aluno(
    session: Session, principal: Principal, aluno_id: int, cancelled: DesativarIn, now: datetime
) -> tuple[AlunoDetalheOut, str]:
    """Record a cancellation, at the instant it is dated.

    Raises:
        AlunoNotFound, AlunoJaInativo: Who is this?
        MudancaForaDeOrdem: The date does not follow what is known.
    """
    aluno = _lock(session, aluno_id)
    if not aluno.ativo:
        raise AlunoJaInativo
    _begin(session, aluno, cancelled.em, now, ativo=False, motivo=cancelled.motivo)
    aluno.ativo = False
    # The reason stays out of the trail: it is about a person, and the trail is for ever.
    _change(session, principal, aluno, "aluno.desativado")
    return _detail(session, aluno)


def activate_aluno(
    session: Session, principal: Principal, aluno_id: int, back: AtivarIn, now: datetime
) -> tuple[AlunoDetalheOut, str]:
    """Record that a member who had cancelled is back, with the plano they had.

    Raises:
        AlunoNotFound, AlunoJaAtivo: Who is this?
        MudancaForaDeOrdem: The date does not follow what is known.
    """
    aluno = _lock(session, aluno_id)
    if aluno.ativo:
        raise AlunoJaAtivo
    _begin(session, aluno, back.em, now, ativo=True)
    aluno.ativo = True
    _change(session, principal, aluno, "aluno.ativado")
    return _detail(session, aluno)


def _lock(session: Session, aluno_id: int) -> Aluno:
    """The member, whom nobody else changes until the transaction ends."""
    aluno = session.get(Aluno, aluno_id, with_for_update={"key_share": True})
    if aluno is None:
        raise AlunoNotFound
    return aluno


def _begin(
    session: Session, aluno: Aluno, em: datetime | None, now: datetime, **changes: Any
) -> None:
    """Begin a vigência that differs from how the member is in these columns.

    A change of now follows the last one even if that was made by a clock ahead of ours.

    Raises:
        MudancaForaDeOrdem: A date was given, and it does not follow what is known.
    """
    last = session.scalar(select(func.max(Vigencia.desde)).where(Vigencia.aluno_id == aluno.id))
    last = max(last or aluno.matriculado_em, aluno.matriculado_em)
    if em is not None and not last < em <= now:
        raise MudancaForaDeOrdem
    desde = em or max(now, last + timedelta(microseconds=1))
    values = {"plano_id": aluno.plano_id, "ativo": aluno.ativo, **changes}
    session.add(Vigencia(aluno_id=aluno.id, desde=desde, **values))


def _change(
    session: Session, principal: Principal, aluno: Aluno, acao: str, **detalhes: Any
) -> None:
    aluno.revisao += 1
    session.flush()
    audit.record_by(
        session,
        principal,
        acao,
        f"aluno:{aluno.id}",
        **detalhes,
    )


def _etag(aluno: Aluno) -> str:
    return f'"{aluno.revisao}"'


def _matches(if_match: str, aluno: Aluno) -> bool:
    """Whether the member is as one of the listed tags says; `*` stands for any."""
    tags = {tag.strip() for tag in if_match.split(",")}
    return bool(tags & {"*", _etag(aluno)})


def _detail(session: Session, aluno: Aluno) -> tuple[AlunoDetalheOut, str]:
    history = [
        VigenciaOut.model_validate(row)
        for row in session.execute(
            select(
                Vigencia.desde,
                Vigencia.plano_id,
                Plano.nome.label("plano"),
                Vigencia.ativo,
                Vigencia.motivo,
            )
            .join(Plano, Plano.id == Vigencia.plano_id)
            .where(Vigencia.aluno_id == aluno.id)
            .order_by(Vigencia.desde.desc())
            .limit(HISTORY_SHOWN)
        )
    ]
    plano, last_visit = session.execute(
        select(
            Plano.nome,
            select(func.max(Checkin.entrada)).where(Checkin.aluno_id == aluno.id).scalar_subquery(),
        ).where(Plano.id == aluno.plano_id)
    ).one()
    cancelled = _cancellation(history)
    found = AlunoDetalheOut(
        **AlunoOut.model_validate(aluno).model_dump(),
        plano=plano,
        ultima_visita=last_visit,
        cancelado_em=cancelled.desde if cancelled else None,
        motivo_cancelamento=cancelled.motivo if cancelled else None,
        historico=history,
    )
    return found, _etag(aluno)


def _cancellation(history: list[VigenciaOut]) -> VigenciaOut | None:
    """The vigência that began the time in which the member has been inactive till now."""
    found = None
    for vigencia in history:
        if vigencia.ativo:
            break
        found = vigencia
    return found
