"""Whether a company's model can still be trusted, judged from what was measured of it."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import select
from sqlalchemy.orm import Session

from chalicelib.credit.models import credit_model_name
from chalicelib.credit.schemas_models import Medicao, SaudeOut
from chalicelib.credit.tables_models import MedicaoRow
from chalicelib.ml.health import Finding, Kept, aged, fallen, health_of, interval, shifted, stale
from chalicelib.ml.registry import champion_of
from chalicelib.ml.schemas_health import Saude

OLDEST = timedelta(days=180)
SHOWN_DAYS = 90
STALE = timedelta(days=3)  # A nightly measurement that is older than this has stopped.
NOT_YET = "Ainda não medido: a medição roda de madrugada, depois de cada promoção e a pedido."


def credit_health(session: Session, tenant: str, now: datetime) -> SaudeOut:
    """How the version that answers is doing."""
    champion = champion_of(session, credit_model_name(tenant))
    row = session.scalar(
        select(MedicaoRow)
        .where(MedicaoRow.tenant == tenant)
        .order_by(MedicaoRow.dia.desc())
        .limit(1)
    )
    kept = None if row is None else Kept(row.medido_em, Medicao.model_validate(row.conteudo))
    return health_of(champion, kept, partial(_findings, now=now), now, SaudeOut, not_yet=NOT_YET)


def credit_history(session: Session, tenant: str) -> dict[str, list[tuple[datetime, float]]]:
    """A company's measures of the last days over time, by name: the score's shift since training,
    and the ROC AUC on outcomes known since.
    """
    rows = session.scalars(
        select(MedicaoRow)
        .where(MedicaoRow.tenant == tenant)
        .order_by(MedicaoRow.dia.desc())
        .limit(SHOWN_DAYS)
    ).all()
    moved, judged = [], []
    for row in reversed(rows):
        if score := row.conteudo.get("score"):
            moved.append((row.medido_em, float(score["psi"])))
        if metrics := row.conteudo["desempenho"]["metricas"]:
            judged.append((row.medido_em, float(metrics["roc_auc"]["value"])))
    return {"Mudança do risco (PSI)": moved, "ROC AUC": judged}


def _findings(kept: Kept[Medicao], now: datetime) -> Iterator[Finding]:
    measured = kept.measured
    yield from shifted(measured)
    yield from _performance(measured)
    yield from aged(measured, now, OLDEST, "nenhum retreinamento a substituiu")
    yield from stale(kept.at, now, STALE, "a medição noturna parou")


def _performance(measured: Medicao) -> Iterator[Finding]:
    found = measured.desempenho.metricas
    if found is None:
        return
    worse = fallen("ROC AUC", found["roc_auc"], measured.roc_auc_validacao)
    if worse is not None:
        # Only what was approved shows whether it is paid, and among these risks are more alike.
        only_approved = " Vê-se só quem foi aprovado, entre quem é mais difícil distinguir."
        yield Saude.ATENCAO, worse + (only_approved if measured.alvo == "pagamento" else "")
    if found["brier_skill"]["high"] < 0:
        gain = interval(found["brier_skill"])
        yield Saude.DERIVA, f"Erra mais que a simples prevalência: ganho de Brier {gain}."
