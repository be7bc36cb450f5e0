"""Whether the churn model can still be trusted, judged from what was measured."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from chalicelib.gym.models import CHURN
from chalicelib.gym.schemas_models import DesempenhoOut, Medicao, SaudeOut
from chalicelib.gym.service_analyses import NOT_YET, Analysis, latest
from chalicelib.ml.health import Finding, Kept, aged, fallen, health_of, interval, shifted, stale
from chalicelib.ml.registry import champion_of
from chalicelib.ml.schemas_health import Saude

OLDEST = timedelta(days=28)  # Four weekly trainings without a better version, or without any.
STALE = timedelta(days=3)  # A nightly measurement that is older than this has stopped.
BY_CONTACTS = "Entre os alunos sem contato não se vê: pode ser efeito dos contatos."


def churn_health(session: Session, now: datetime) -> SaudeOut:
    """How the version that answers is doing."""
    champion = champion_of(session, CHURN)
    found = latest(session, Analysis.SAUDE)
    kept = None
    if found is not None:
        kept = Kept(found.calculado_em, Medicao.model_validate(found.conteudo))
    return health_of(champion, kept, partial(_findings, now=now), now, SaudeOut, not_yet=NOT_YET)


def _findings(kept: Kept[Medicao], now: datetime) -> Iterator[Finding]:
    yield from judge(kept.measured, now)
    yield from stale(kept.at, now, STALE, "a análise noturna parou")


def judge(measured: Medicao, now: datetime) -> Iterator[Finding]:
    """What is wrong with a version, each with how bad it is."""
    yield from shifted(measured)
    yield from _performance(measured)
    yield from aged(measured, now, OLDEST, "os treinos semanais não a substituíram")


def _performance(measured: Medicao) -> Iterator[Finding]:
    at_training = measured.roc_auc_validacao
    apart = measured.desempenho_sem_contato
    for kind, said in _failings(measured.desempenho, at_training).items():
        # Members whom a contact kept look like errors; what is not seen without them may be that.
        if apart is not None and apart.metricas and kind not in _failings(apart, at_training):
            yield Saude.ATENCAO, f"{said} {BY_CONTACTS}"
        else:
            yield Saude.DERIVA, said


def _failings(since: DesempenhoOut, at_training: dict[str, float]) -> dict[str, str]:
    """Kind of failing -> what to say of it."""
    if since.metricas is None:
        return {}
    found = {}
    worse = fallen("ROC AUC", since.metricas["roc_auc"], at_training)
    if worse is not None:
        found["auc"] = worse
    skill = since.metricas["brier_skill"]
    if skill["high"] < 0:
        gain = interval(skill)
        found["skill"] = f"Erra mais que a simples prevalência: ganho de Brier {gain}."
    return found
