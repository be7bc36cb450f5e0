"""What a dataset tells of orders that were decided on here: their outcome, on record as if said.

A person's word that is later than the item stands: they knew what it says, or better. That
somebody paid or did not is not taken back by a dataset that tells what was decided.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

OF_STRETCH = """
FROM credito_pedidos s
JOIN credito_pedidos a ON a.tenant = s.tenant AND a.dataset_id = cast(:acervo AS uuid)
    AND a.numero = s.numero
JOIN credito_decisoes d ON d.pedido_id = a.id
WHERE s.dataset_id = :dataset AND s.seq > :after AND s.seq <= :until AND s.desfecho IS NOT NULL
"""
# Whoever records an outcome holds the order too; the statement behind this one sees their word.
HOLD = text(f"SELECT a.id {OF_STRETCH} ORDER BY a.id FOR UPDATE OF a")

TELL = text(f"""
WITH said AS (
    SELECT a.id, a.tenant, a.desfecho AS de, s.desfecho AS para,
        greatest(
            CASE WHEN s.desfecho = a.desfecho THEN coalesce(s.desfecho_em, a.desfecho_em)
                ELSE s.desfecho_em END,
            CASE WHEN s.desfecho_em IS NOT NULL THEN a.pedido_em END
        ) AS em,
        a.desfecho_em AS de_em
    {OF_STRETCH}
        AND NOT (coalesce(a.desfecho, '') IN ('pago', 'inadimplente')
            AND s.desfecho IN ('faturado', 'bloqueado'))
        AND NOT EXISTS (
            SELECT 1 FROM credito_desfechos w
            WHERE w.pedido_id = a.id AND w.em >= s.recebido_em AND w.por NOT LIKE 'dataset:%'
        )
), told AS (
    SELECT * FROM said WHERE de IS DISTINCT FROM para OR de_em IS DISTINCT FROM em
), kept AS (
    UPDATE credito_pedidos a
    SET desfecho = t.para, desfecho_em = t.em, desfecho_informado = NULL
    FROM told t WHERE a.id = t.id
)
INSERT INTO credito_desfechos (tenant, pedido_id, de, para, ocorrido_em, por)
SELECT tenant, id, de, para, em, concat('dataset:', cast(:dataset AS uuid)) FROM told
RETURNING id
""")


def tell_outcomes(session: Session, stretch: Mapping[str, Any]) -> int:
    """Record what some lots of a dataset tell of orders of the acervo that were decided on.

    Args:
        session: The transaction that pours them.
        stretch: `acervo`, `dataset`, and the lots `after` and `until` which.

    Returns:
        How many have learned their outcome.
    """
    if not session.execute(HOLD, stretch).all():
        return 0
    return len(session.execute(TELL, stretch).all())
