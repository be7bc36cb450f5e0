"""Whether a project's model can still be trusted, judged from what was measured of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.core.auth import Principal
from chalicelib.ml.health import Finding, Kept, aged, fallen, health_of, interval, shifted, stale
from chalicelib.ml.registry import champion_of
from chalicelib.ml.schemas_health import Saude
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.models import price_model_name
from chalicelib.prices.schemas_models import DesempenhoPreco, MedicaoPreco, SaudePrecoOut
from chalicelib.prices.tables_models import MedicaoRow

OLDEST = timedelta(days=365)
SHOWN_DAYS = 90
STALE = timedelta(days=3)  # A nightly measurement that is older than this has stopped.
NOT_YET = (
    "Ainda não medido: a medição roda de madrugada, depois de cada promoção, quando valores reais "
    "são informados e a pedido."
)
ERRORS = {"mae": "Erro médio absoluto", "log_loss": "Log loss"}


def price_health(
    session: Session, principal: Principal, projeto_id: UUID, now: datetime
) -> SaudePrecoOut:
    """How the version that answers is doing.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
    """
    projeto = projeto_of(session, principal, projeto_id, Papel.LEITOR)
    champion = champion_of(session, price_model_name(projeto.tenant, projeto_id))
    row = session.scalar(
        select(MedicaoRow)
        .where(MedicaoRow.projeto_id == projeto_id)
        .order_by(MedicaoRow.dia.desc())
        .limit(1)
    )
    kept = None if row is None else Kept(row.medido_em, MedicaoPreco.model_validate(row.conteudo))
    findings = partial(_findings, now=now)
    return health_of(champion, kept, findings, now, SaudePrecoOut, not_yet=NOT_YET)


def price_history(
    session: Session, principal: Principal, projeto_id: UUID
) -> dict[str, list[tuple[datetime, float]]]:
    """A project's measures of the last days over time, by name: shift, error, coverage.

    Raises:
        ProjetoNotFound: It is not the caller's, nor shared with them.
    """
    projeto_of(session, principal, projeto_id, Papel.LEITOR)
    rows = session.scalars(
        select(MedicaoRow)
        .where(MedicaoRow.projeto_id == projeto_id)
        .order_by(MedicaoRow.dia.desc())
        .limit(SHOWN_DAYS)
    ).all()
    found: dict[str, list[tuple[datetime, float]]] = {}
    for row in reversed(rows):
        measured = MedicaoPreco.model_validate(row.conteudo)
        for name, value in _measures(measured):
            found.setdefault(name, []).append((row.medido_em, value))
    return found


def _measures(measured: MedicaoPreco) -> Iterator[tuple[str, float]]:
    if measured.score is not None:
        yield "Mudança das respostas (PSI)", measured.score.psi
    for name, title in ERRORS.items():
        if estimate := (measured.desempenho.metricas or {}).get(name):
            yield title, float(estimate["value"])
    if measured.desempenho.cobertura is not None:
        yield "Cobertura dos intervalos", measured.desempenho.cobertura["value"]


def _findings(kept: Kept[MedicaoPreco], now: datetime) -> Iterator[Finding]:
    measured = kept.measured
    yield from shifted(measured)
    yield from _errors(measured.desempenho)
    yield from _coverage(measured.desempenho)
    yield from aged(measured, now, OLDEST, "nenhum treinamento a substituiu")
    yield from stale(kept.at, now, STALE, "a medição noturna parou")


def _errors(found: DesempenhoPreco) -> Iterator[Finding]:
    if found.metricas is None or found.validacao is None:
        return
    for name, title in ERRORS.items():
        if name in found.metricas and name in found.validacao:
            worse = fallen(
                title, found.metricas[name], found.validacao[name], higher_is_better=False
            )
            if worse is not None:
                yield Saude.DERIVA, worse


def _coverage(found: DesempenhoPreco) -> Iterator[Finding]:
    """Intervals that surely hold less than they promise."""
    if found.cobertura is None or found.cobertura_validacao is None:
        return
    nominal = float(found.cobertura_validacao["nominal"])
    if found.cobertura["high"] < nominal:
        held = interval(found.cobertura)
        said = f"Os intervalos prometem conter {nominal:.0%} dos valores reais e contêm {held}."
        yield Saude.ATENCAO, said
