"""Whether the churn model can still be trusted, judged from what was measured."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from chalicelib.gym.models import CHURN
from chalicelib.gym.schemas_models import DesempenhoOut, Medicao, Saude, SaudeOut
from chalicelib.gym.service_analyses import NOT_YET, Analysis, latest
from chalicelib.ml.registry import ModelVersion, champion_of
from chalicelib.ml.stability import Stability

OLDEST = timedelta(days=28)  # Four weekly trainings without a better version, or without any.
STALE = timedelta(days=3)  # A nightly measurement that is older than this has stopped.
BY_CONTACTS = "Entre os alunos sem contato não se vê: pode ser efeito dos contatos."
SEVERITY = (Saude.OK, Saude.ATENCAO, Saude.DERIVA)

Finding = tuple[Saude, str]


def churn_health(session: Session, now: datetime) -> SaudeOut:
    """How the version that answers is doing."""
    champion = champion_of(session, CHURN)
    if champion is None:
        return _unknown("Nenhuma versão do modelo responde ainda.")
    kept = latest(session, Analysis.SAUDE)
    measured = None if kept is None else Medicao.model_validate(kept.conteudo)
    if kept is None or measured is None or measured.versao != champion.version:
        return _unknown(NOT_YET, champion, now)
    findings = [*judge(measured, now), *_freshness(kept.calculado_em, now)]
    return SaudeOut(
        estado=max((state for state, _ in findings), key=SEVERITY.index, default=Saude.OK),
        motivos=[reason for _, reason in findings] or ["Nada mudou desde o treino."],
        versao=champion.version,
        idade_dias=_days(now - champion.created_at),
        dias_desde_dados=_days(now - measured.dados_ate),
        medido_em=kept.calculado_em,
        medicao=measured,
    )


def judge(measured: Medicao, now: datetime) -> Iterator[Finding]:
    """What is wrong with a version, each with how bad it is."""
    shifts = [*measured.entradas, *([measured.score] if measured.score else [])]
    for shift in shifts:
        said = f"{shift.rotulo}: PSI {_number(shift.psi)} desde o treino."
        if shift.faixa is Stability.DRIFT:
            yield Saude.DERIVA, said
        elif shift.faixa is Stability.ATTENTION:
            yield Saude.ATENCAO, said
    yield from _performance(measured)
    if now - measured.treinado_em > OLDEST:
        age = f"{_days(now - measured.treinado_em):.0f} dias"
        yield Saude.ATENCAO, f"A versão tem {age}; os treinos semanais não a substituíram."


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
    auc, skill = since.metricas["roc_auc"], since.metricas["brier_skill"]
    found = {}
    if auc["high"] < at_training["low"]:
        both = f"{_interval(auc)}, abaixo da validação {_interval(at_training)}"
        found["auc"] = f"ROC AUC desde o treino {both}."
    if skill["high"] < 0:
        gain = _interval(skill)
        found["skill"] = f"Erra mais que a simples prevalência: ganho de Brier {gain}."
    return found


def _freshness(measured_at: datetime, now: datetime) -> Iterator[Finding]:
    if now - measured_at > STALE:
        days = _days(now - measured_at)
        yield Saude.ATENCAO, f"A última medição tem {days:.0f} dias; a análise noturna parou."


def _unknown(
    reason: str, champion: ModelVersion | None = None, now: datetime | None = None
) -> SaudeOut:
    return SaudeOut(
        estado=Saude.SEM_DADOS,
        motivos=[reason],
        versao=champion.version if champion else None,
        idade_dias=_days(now - champion.created_at) if champion and now else None,
        dias_desde_dados=None,
        medido_em=None,
        medicao=None,
    )


def _days(length: timedelta) -> float:
    return round(length / timedelta(days=1), 2)


def _number(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def _interval(estimate: dict[str, float]) -> str:
    low, high = _number(estimate["low"]), _number(estimate["high"])
    return f"{_number(estimate['value'])} [{low}; {high}]"
