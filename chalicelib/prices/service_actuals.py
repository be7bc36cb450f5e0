"""What cases turned out to be worth: told by prediction or by the caller's own key."""

import json
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.statements import HotStatement
from chalicelib.prices.membership import Papel, projeto_of
from chalicelib.prices.schemas_predictions import ObservadosIn, ObservadosOut
from chalicelib.prices.service_models import ask_for_health

# Of what is told twice in one request the last word counts. A key may stand for several
# predictions: the case was asked about more than once, or of several versions.
TELL = HotStatement("""
WITH dito AS (
    SELECT * FROM jsonb_to_recordset(cast(:ditos AS jsonb)) AS d (
        lugar int, previsao_id bigint, referencia text, valor numeric, classe text)
), achado AS (
    SELECT p.id, d.lugar, d.valor, d.classe,
        (p.classe IS NULL) = (d.classe IS NULL) AS serve
    FROM dito d JOIN precos_previsoes p
        ON p.projeto_id = cast(:projeto AS uuid) AND p.id = d.previsao_id
    WHERE d.previsao_id IS NOT NULL
    UNION ALL
    SELECT p.id, d.lugar, d.valor, d.classe,
        (p.classe IS NULL) = (d.classe IS NULL)
    FROM dito d JOIN precos_previsoes p
        ON p.projeto_id = cast(:projeto AS uuid) AND p.referencia = d.referencia
    WHERE d.referencia IS NOT NULL
), ultimo AS (
    SELECT DISTINCT ON (id) id, valor, classe FROM achado WHERE serve ORDER BY id, lugar DESC
), contado AS (
    UPDATE precos_previsoes p
    SET observado = u.valor, observado_classe = u.classe,
        observado_em = cast(:em AS timestamptz), observado_por = :por
    FROM ultimo u WHERE p.id = u.id
    RETURNING p.id
)
SELECT d.lugar, (SELECT count(*) FROM contado) AS contadas,
    EXISTS (SELECT 1 FROM achado a WHERE a.lugar = d.lugar) AS conhecido,
    EXISTS (SELECT 1 FROM achado a WHERE a.lugar = d.lugar AND a.serve) AS serve
FROM dito d ORDER BY d.lugar
""")


def tell_actuals(
    session: Session, principal: Principal, projeto_id: UUID, body: ObservadosIn, now: datetime
) -> ObservadosOut:
    """Keep what cases turned out to be, and have the model measured anew.

    Raises:
        ProjetoNotFound, PapelInsuficiente: The caller may not.
    """
    projeto_of(session, principal, projeto_id, Papel.TREINADOR)
    told = [
        {"lugar": place, **each.model_dump(mode="json")}
        for place, each in enumerate(body.observados)
    ]
    rows = TELL.all(
        session, ditos=json.dumps(told), projeto=projeto_id, em=now, por=principal.subject
    )
    counted = rows[0].contadas
    audit.record_by(
        session, principal, "previsoes.observadas", f"projeto:{projeto_id}", previsoes=counted
    )
    job = None
    if counted:
        job = ask_for_health(session, projeto_id, tenant=principal.tenant, owner=principal.subject)
    return ObservadosOut(
        recebidos=len(told),
        previsoes=counted,
        nao_encontrados=[row.lugar for row in rows if not row.conhecido],
        outro_tipo=[row.lugar for row in rows if row.conhecido and not row.serve],
        medicao=None if job is None else job.id,
    )
