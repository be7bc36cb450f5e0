"""Whether a model can still be trusted, judged from what was measured of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from chalicelib.ml.registry import ModelVersion
from chalicelib.ml.schemas_health import Desvio, MedicaoModelo, Saude, SaudeModelo
from chalicelib.ml.stability import Stability

SEVERITY = (Saude.OK, Saude.ATENCAO, Saude.DERIVA)
NO_CHAMPION = "Nenhuma versão do modelo responde ainda."
NOTHING_CHANGED = "Nada mudou desde o treino."

Finding = tuple[Saude, str]
Measured = TypeVar("Measured", bound=MedicaoModelo)
Health = TypeVar("Health", bound=SaudeModelo)


@dataclass(frozen=True)
class Kept(Generic[Measured]):
    """A measurement, and when it was made."""

    at: datetime
    measured: Measured


def health_of(
    champion: ModelVersion | None,
    kept: Kept[Measured] | None,
    findings: Callable[[Kept[Measured]], Iterable[Finding]],
    now: datetime,
    health: type[Health],
    *,
    not_yet: str,
) -> Health:
    """How the version that answers is doing.

    Args:
        champion: Who answers; None where nobody does.
        kept: The last measurement, of whichever version.
        findings: What is wrong, by a measurement of the champion.
        now: The instant.
        health: What is said; its `medicao` is the product's own.
        not_yet: What is said where the champion has not been measured.
    """
    if champion is None:
        return _unknown(health, NO_CHAMPION, None, None)
    age = _days(now - champion.created_at)
    if kept is None or kept.measured.versao != champion.version:
        return _unknown(health, not_yet, champion.version, age)
    found = list(findings(kept))
    return health.model_validate(
        {
            "estado": max((state for state, _ in found), key=SEVERITY.index, default=Saude.OK),
            "motivos": [reason for _, reason in found] or [NOTHING_CHANGED],
            "versao": champion.version,
            "idade_dias": age,
            "dias_desde_dados": _days(now - kept.measured.dados_ate),
            "medido_em": kept.at,
            "medicao": kept.measured,
        }
    )


def _unknown(
    health: type[Health], reason: str, version: int | None, age_days: float | None
) -> Health:
    nothing = dict.fromkeys(health.model_fields)
    said = {"estado": Saude.SEM_DADOS, "motivos": [reason]}
    return health.model_validate({**nothing, **said, "versao": version, "idade_dias": age_days})


def shifted(measured: MedicaoModelo) -> Iterator[Finding]:
    """Inputs and answers that moved, each with how far."""
    shifts: list[Desvio] = [*measured.entradas, *([measured.score] if measured.score else [])]
    for shift in shifts:
        said = f"{shift.rotulo}: PSI {number(shift.psi)} desde o treino."
        if shift.faixa is Stability.DRIFT:
            yield Saude.DERIVA, said
        elif shift.faixa is Stability.ATTENTION:
            yield Saude.ATENCAO, said


def aged(measured: MedicaoModelo, now: datetime, oldest: timedelta, why: str) -> Iterator[Finding]:
    """A version that has answered for long.

    Args:
        measured: The version.
        now: The instant.
        oldest: As old as that it may be.
        why: What it means that it still answers: "os treinos semanais não a substituíram".
    """
    if now - measured.treinado_em > oldest:
        age = f"{_days(now - measured.treinado_em):.0f} dias"
        yield Saude.ATENCAO, f"A versão tem {age}; {why}."


def stale(measured_at: datetime, now: datetime, oldest: timedelta, why: str) -> Iterator[Finding]:
    """A measurement that is older than the next one should have been."""
    if now - measured_at > oldest:
        days = _days(now - measured_at)
        yield Saude.ATENCAO, f"A última medição tem {days:.0f} dias; {why}."


def fallen(
    title: str,
    since: Mapping[str, float],
    at_training: Mapping[str, float],
    *,
    higher_is_better: bool = True,
) -> str | None:
    """What to say where a metric is surely worse than it was at training; None where it is not.

    Args:
        title: The metric, for a person.
        since: Its estimate since: value, low, high.
        at_training: That of the hold-out.
        higher_is_better: Whether it measures merit rather than loss.
    """
    if higher_is_better and since["high"] < at_training["low"]:
        side = "abaixo"
    elif not higher_is_better and since["low"] > at_training["high"]:
        side = "acima"
    else:
        return None
    both = f"{interval(since)}, {side} da validação {interval(at_training)}"
    return f"{title} desde o treino {both}."


def _days(length: timedelta) -> float:
    return round(length / timedelta(days=1), 2)


def number(value: float) -> str:
    """With two decimals, as it is written in Portuguese."""
    return f"{value:.2f}".replace(".", ",")


def interval(estimate: Mapping[str, float]) -> str:
    """A value and its interval."""
    low, high = number(estimate["low"]), number(estimate["high"])
    return f"{number(estimate['value'])} [{low}; {high}]"
