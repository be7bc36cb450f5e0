"""Reasons as people read them."""

import pytest

from chalicelib.gym.reasons import TEXTS


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("frequencia_semanal", 1.94, "Frequência de 1,9 visita por semana; o usual é 1,0."),
        ("frequencia_semanal", 1.96, "Frequência de 2,0 visitas por semana; o usual é 1,0."),
        (
            "variacao_do_ritmo",
            -4.27,
            "Nas últimas 4 semanas vem 4,3 visitas por semana a menos que o seu costume.",
        ),
        (
            "ausencia_relativa",
            12.09,
            "A ausência atual equivale a 12,1 vezes o intervalo habitual entre visitas.",
        ),
        ("meses_de_casa", 1.0, "Matrícula há 1,0 mês; o usual é 1,0."),
        ("dias_desde_ultimo_checkin", 1.2, "Última visita há 1 dia; o usual é 1 dia."),
    ],
)
def test_nouns_agree_with_their_numbers(column: str, value: float, text: str) -> None:
    assert TEXTS[column](value, 1.0) == text
