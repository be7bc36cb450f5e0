"""Measuring the version that answers: shift of what is decided on, and how it does on outcomes."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chalicelib.core.clock import local_day
from chalicelib.core.runs import JobRun
from chalicelib.core.settings import settings
from chalicelib.credit.columns import table_of
from chalicelib.credit.models import credit_model, credit_model_name
from chalicelib.credit.schemas_models import DesempenhoOut, Medicao, SaudeReport
from chalicelib.credit.tables_models import MedicaoRow
from chalicelib.credit.training_data import OUTCOMES
from chalicelib.credit.training_recipe import credit_recipe
from chalicelib.ml.registry import ModelVersion, champion_of, training_profile
from chalicelib.ml.schemas_health import Desvio
from chalicelib.ml.serving import ServedModel
from chalicelib.ml.training.hold_outs import IN_TIME
from chalicelib.ml.training.watch import Outcomes, moved, performance

WINDOW = timedelta(days=30)
MOST_ROWS = 20_000

DECIDED = """
SELECT d.entradas -> 'caso' -> 'linha' AS linha
FROM credito_decisoes d
WHERE d.tenant = :tenant AND d.decidido_em > :since
ORDER BY d.decidido_em DESC, d.id DESC LIMIT :most
"""
ENDED = """
SELECT d.entradas -> 'caso' -> 'linha' AS linha, d.cliente, d.decidido_em, o.desfecho
FROM credito_decisoes d JOIN credito_pedidos o ON o.id = d.pedido_id
WHERE d.tenant = :tenant AND d.decidido_em > :since AND o.desfecho = ANY(cast(:desfechos AS text[]))
    AND o.pedido_em <= :until
ORDER BY d.decidido_em DESC, d.id DESC LIMIT :most
"""
TOO_YOUNG = """
SELECT count(*) AS recentes
FROM credito_decisoes d JOIN credito_pedidos o ON o.id = d.pedido_id
WHERE d.tenant = :tenant AND d.decidido_em > :since AND o.desfecho = ANY(cast(:desfechos AS text[]))
    AND o.pedido_em > :until
"""

UNCERTAIN = (
    "Não se sabe em quanto tempo os desfechos desta versão se conhecem: entre os de pedidos"
    " recentes pode faltar quem ainda vai se mostrar ruim, e o desempenho parecer melhor do que é."
)
YOUNG = (
    "{n} desfechos de pedidos de menos de {days} dias ficaram de fora: dos da sua idade já se sabe"
    " quem pagou cedo, e ainda não quem não pagou."
)


def measure_champion(run: JobRun, now: datetime) -> SaudeReport:
    """Measure the version that answers, and keep what was found; the day's last one counts."""
    run.progress(0, 1, "medindo o modelo")
    with run.reading() as session:
        champion = champion_of(session, credit_model_name(run.tenant))
    if champion is None:
        return SaudeReport(versao=None, pedidos=0, desfechos=0)
    measured = measure(run, champion, now)
    values = {"medido_em": now, "conteudo": measured.model_dump(mode="json")}
    day = local_day(now, settings().local_timezone)
    with run.transaction() as session:
        session.execute(
            insert(MedicaoRow)
            .values(tenant=run.tenant, dia=day, **values)
            .on_conflict_do_update(index_elements=["tenant", "dia"], set_=values)
        )
    return SaudeReport(
        versao=champion.version,
        pedidos=measured.pedidos,
        desfechos=measured.desempenho.desfechos,
    )


def measure(run: JobRun, version: ModelVersion, now: datetime) -> Medicao:
    """Everything that the verdict on a version's health rests on."""
    name = credit_model_name(run.tenant)
    alvo, since = version.data["alvo"], data_end(version)
    given = {"tenant": run.tenant, "most": MOST_ROWS}
    with run.reading() as session:
        model = credit_model(session, name, version.version)
        profile = training_profile(session, name, version.version)
        decided = _rows(session, DECIDED, {**given, "since": now - WINDOW})
        days = maturity(version)
        outcomes = {
            "since": since,
            "until": now - timedelta(days=days or 0),
            "desfechos": list(OUTCOMES[alvo]),
        }
        ended = _rows(session, ENDED, {**given, **outcomes})
        (young,) = _rows(session, TOO_YOUNG, {"tenant": run.tenant, **outcomes})
    recipe = credit_recipe(run.tenant, alvo, model.encoder.columns)
    inputs: list[Desvio] = []
    score = None
    if decided and profile:
        table = table_of([row["linha"] for row in decided], model.encoder.columns)
        inputs, score = moved(recipe, profile, table, model.predict(table), Desvio)
    found = performance(recipe, _outcomes(model, ended, OUTCOMES[alvo]), DesempenhoOut)
    return Medicao(
        versao=version.version,
        treinado_em=version.created_at,
        dados_ate=since,
        alvo=alvo,
        roc_auc_validacao=version.metrics["validacao"]["roc_auc"],
        pedidos=len(decided),
        entradas=inputs,
        score=score,
        desempenho=cautious(found, days, young["recentes"]),
    )


def maturity(version: ModelVersion) -> int | None:
    """Days after which an order's outcome is known, whichever it is (ADR 0028).

    None where the version does not know: its clientes were parted, not its times, or nobody had
    said when payment was known.
    """
    split, alvo = version.split, version.data["alvo"]
    days = split["intervalo_dias"] if split["tipo"] == IN_TIME else None
    return days if days or alvo != "pagamento" else None


def cautious(found: DesempenhoOut, days: int | None, young: int) -> DesempenhoOut:
    """What was found, with what it leaves out and how far it goes."""
    said = [] if found.aviso is None else [found.aviso]
    if days is None and found.desfechos:
        said.append(UNCERTAIN)
    if young:
        said.append(YOUNG.format(n=young, days=days))
    left_out = {"espera_dias": days, "recentes": young, "aviso": " ".join(said) or None}
    return found.model_copy(update=left_out)


def data_end(version: ModelVersion) -> datetime:
    """The last order that made the version; its training, where orders carry no time."""
    last = version.data["ate"]
    return version.created_at if last is None else datetime.fromisoformat(last).replace(tzinfo=UTC)


def _rows(session: Session, statement: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(text(statement), given).mappings()]


def _outcomes(
    model: ServedModel, ended: Sequence[Mapping[str, Any]], outcomes: Mapping[str, int]
) -> Outcomes | None:
    """What the version says of decided orders, as they were stored, and what came of them."""
    if not ended:
        return None
    table = table_of([row["linha"] for row in ended], model.encoder.columns)
    decided = [row["decidido_em"].astimezone(UTC).replace(tzinfo=None) for row in ended]
    return Outcomes(
        answers=model.predict(table),
        y=np.array([outcomes[row["desfecho"]] for row in ended], dtype=np.int_),
        who=np.array([row["cliente"] for row in ended], dtype=np.str_),
        as_of=np.array(decided, dtype="datetime64[us]"),
    )
