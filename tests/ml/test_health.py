"""What is said of a model that answers, whatever it foretells."""

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.ml.health import Kept, aged, fallen, health_of, shifted, stale
from chalicelib.ml.registry import ModelVersion
from chalicelib.ml.schemas_health import Desvio, MedicaoModelo, Saude, SaudeModelo
from chalicelib.ml.stability import Stability

NOW = datetime(2026, 3, 18, tzinfo=UTC)
DAY = timedelta(days=1)
MEASURED = MedicaoModelo(
    versao=1, treinado_em=NOW - 9 * DAY, dados_ate=NOW - 10 * DAY, entradas=[], score=None
)
CHAMPION = ModelVersion(version=1, created_at=NOW - 9 * DAY)


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 1, "high": value + 1}


@pytest.mark.parametrize(
    ("since", "higher_is_better", "said"),
    [
        (7.0, True, "abaixo da validação 10,00 [9,00; 11,00]"),
        (8.5, True, None),
        (13.0, True, None),
        (13.0, False, "acima da validação 10,00 [9,00; 11,00]"),
        (11.5, False, None),
        (7.0, False, None),
    ],
)
def test_a_metric_has_fallen_where_it_is_surely_worse(
    since: float, higher_is_better: bool, said: str | None
) -> None:
    found = fallen("MAE", estimate(since), estimate(10.0), higher_is_better=higher_is_better)
    assert (found is None) is (said is None)
    assert said is None or said in (found or "")


def test_the_worst_finding_is_the_state() -> None:
    def findings(_kept: Kept[MedicaoModelo]) -> list[tuple[Saude, str]]:
        return [(Saude.DERIVA, "a"), (Saude.ATENCAO, "b")]

    found = health_of(
        CHAMPION, Kept(NOW, MEASURED), findings, NOW, SaudeModelo, not_yet="ainda não"
    )
    assert (found.estado, found.motivos) == (Saude.DERIVA, ["a", "b"])
    assert (found.versao, found.idade_dias, found.dias_desde_dados) == (1, 9.0, 10.0)


def test_nothing_is_said_of_a_version_by_what_was_measured_of_another() -> None:
    other = Kept(NOW, MEASURED.model_copy(update={"versao": 2}))
    for kept in (None, other):
        found = health_of(CHAMPION, kept, lambda _: [], NOW, SaudeModelo, not_yet="ainda não")
        assert (found.estado, found.motivos) == (Saude.SEM_DADOS, ["ainda não"])
    nobody = health_of(None, other, lambda _: [], NOW, SaudeModelo, not_yet="ainda não")
    assert (nobody.estado, nobody.versao) == (Saude.SEM_DADOS, None)


def test_age_and_staleness_are_said_once_they_pass_their_bound() -> None:
    assert list(aged(MEASURED, NOW, 9 * DAY, "por quê")) == []
    assert "9 dias; por quê." in next(aged(MEASURED, NOW, 8 * DAY, "por quê"))[1]
    assert list(stale(NOW - DAY, NOW, DAY, "parou")) == []
    assert next(stale(NOW - 2 * DAY, NOW, DAY, "parou"))[0] is Saude.ATENCAO


def test_a_shift_of_the_answer_counts_like_one_of_an_input() -> None:
    moved = Desvio(coluna="score", rotulo="Preço", psi=0.3, linhas=500, faixa=Stability.DRIFT)
    found = list(shifted(MEASURED.model_copy(update={"score": moved})))
    assert found == [(Saude.DERIVA, "Preço: PSI 0,30 desde o treino.")]
