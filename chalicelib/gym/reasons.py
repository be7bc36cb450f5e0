"""From contributions to sentences in pt-BR that a person at the front desk can use."""

from collections.abc import Callable, Mapping

from chalicelib.gym.schemas import MotivoOut

Value = float | str | None


def _number(value: Value, digits: int = 1) -> str:
    return f"{float(value or 0):.{digits}f}".replace(".", ",")


def counted_days(value: Value) -> str:
    """Whole days with their noun."""
    days = float(value or 0)
    return "menos de 1 dia" if days < 1 else f"{days:.0f} dia{'s' if round(days) != 1 else ''}"


def counted(number: float, one: str, many: str) -> str:
    """A number with its noun: from 2 on it is plural, as `1,5 visita` and `2,0 visitas` are."""
    return f"{_number(number)} {one if abs(round(number, 1)) < 2 else many}"


def _visits(value: Value) -> str:
    return counted(float(value or 0), "visita", "visitas")


def _trend(value: Value) -> str:
    change = float(value or 0)
    if abs(change) < 0.25:
        return "mantém o próprio ritmo"
    direction = "a menos" if change < 0 else "a mais"
    return f"vem {_visits(abs(change))} por semana {direction} que o seu costume"


TEXTS: dict[str, Callable[[Value, Value], str]] = {
    "frequencia_semanal": lambda v, u: (
        f"Frequência de {_visits(v)} por semana; o usual é {_number(u)}."
    ),
    "dias_desde_ultimo_checkin": lambda v, u: (
        f"Última visita há {counted_days(v)}; o usual é {counted_days(u)}."
    ),
    "duracao_media_minutos": lambda v, u: (
        "Duração das visitas desconhecida."
        if v is None
        else f"Visitas de {_number(v, 0)} minutos em média; o usual é {_number(u, 0)}."
    ),
    "plano": lambda v, _: f"Plano {v}.",
    "variacao_do_ritmo": lambda v, _: f"Nas últimas 4 semanas {_trend(v)}.",
    "ausencia_relativa": lambda v, _: (
        f"A ausência atual equivale a {counted(float(v or 0), 'vez', 'vezes')} o intervalo habitual"
        " entre visitas."
    ),
    "semanas_ativas": lambda v, u: (
        f"Veio em {_number(v, 0)} das últimas 12 semanas; o usual é {_number(u, 0)}."
    ),
    "meses_de_casa": lambda v, u: (
        f"Matrícula há {counted(float(v or 0), 'mês', 'meses')}; o usual é {_number(u)}."
    ),
}


def reasons(
    contributions: Mapping[str, float], values: Mapping[str, Value], usual: Mapping[str, Value]
) -> list[MotivoOut]:
    """One reason per column, strongest first.

    Args:
        contributions: Column -> probability points.
        values: The member's own features.
        usual: What is typical among the members the model learned from.
    """
    ranked = sorted(contributions.items(), key=lambda item: -abs(item[1]))
    return [
        MotivoOut(
            fator=name,
            texto=TEXTS[name](values[name], usual[name]),
            valor=values[name],
            usual=usual[name],
            contribuicao=contribution,
        )
        for name, contribution in ranked
    ]
