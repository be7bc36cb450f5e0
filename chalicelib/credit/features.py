"""What a credit model knows of an order: one SQL statement, as of the order's instant (law 5).

Training asks it about a dataset's orders, deciding about one order of the acervo. Nothing after
the order's instant is looked at: no later limit, no later Serasa query, no outcome that was not
known yet. The company's own columns come beside these, as they stood then.
"""

from chalicelib.ml.columns import Column

HISTORY_DAYS = 365
MOST_HISTORY = 1_000
"""How many of a cliente's latest orders of the year are looked at.

A code that many share ("CONSUMIDOR FINAL") has hundreds a day: were all looked at, each order would
take longer than the one before it. Whoever orders less often than this is looked at whole.
"""

BASE_COLUMNS = (
    Column("valor_pedido", "number", label="Valor do pedido", unit="R$", log=True),
    Column("meses_de_relacionamento", "number", label="Tempo como cliente", unit="meses"),
    Column("titulos_pagos", "number", label="Títulos pagos", unit="títulos", log=True),
    Column("titulos_em_atraso", "number", label="Títulos em atraso", unit="títulos"),
    Column("valor_em_atraso", "number", label="Valor em atraso", unit="R$", log=True),
    Column("atraso_medio_dias", "number", label="Atraso médio", unit="dias"),
    Column("maior_atraso_dias", "number", label="Maior atraso", unit="dias"),
    Column("limite_credito", "number", label="Limite de crédito", unit="R$", log=True),
    Column("uso_do_limite", "number", label="Uso do limite com este pedido", unit="% do limite"),
    Column("consultas_12_meses", "number", label="Consultas em 12 meses", unit="consultas"),
    Column("dias_desde_consulta", "number", label="Dias desde a última consulta", unit="dias"),
    Column("serasa_ocorrencias", "number", label="Ocorrências na Serasa", unit="ocorrências"),
    Column("serasa_valor", "number", label="Valor das ocorrências", unit="R$", log=True),
    Column("serasa_protestos", "number", label="Protestos", unit="protestos"),
    Column("serasa_pontuacao", "number", label="Pontuação na Serasa", unit="pontos"),
    Column("pedidos_12_meses", "number", label="Pedidos em 12 meses", unit="pedidos"),
    Column("valor_sobre_media", "number", label="Valor frente à média do cliente", unit="vezes"),
    Column("pedidos_ruins", "number", label="Pedidos com desfecho ruim", unit="pedidos"),
    Column("dias_desde_pedido", "number", label="Dias desde o pedido anterior", unit="dias"),
)
"""The columns every company has; those of one dataset that hold nothing are left out of it.

`falencia` is a rule's, not a column: a bankrupt cliente is not a matter of degree.
"""

OWN = ("pedido", "cliente", "limite", "consulta")
"""Where a company's own columns come from; their names are `cliente.segmento` and the like."""

# The order's instant, or now where the company does not know it. An outcome counts from the day
# it was known on; a decision to invoice or to block is known as soon as it is taken. A limit that
# does not say how much of it is used leaves what was said last, as of then.
# An order denied here is a bad one once the company says so, as it did of those trained on.
FEATURES = f"""
SELECT
    p.id,
    p.numero,
    p.cliente,
    p.pedido_em,
    p.desfecho,
    p.desfecho_em,
    k.id IS NOT NULL AS cliente_conhecido,
    s.falencia,
    l.valor AS limite,
    u.utilizado AS limite_utilizado,
    u.vale_desde AS utilizado_desde,
    p.valor::float8 AS valor_pedido,
    date_part('epoch', t.as_of - k.cliente_desde::timestamptz) / 2629746
        AS meses_de_relacionamento,
    k.titulos_pagos::float8 AS titulos_pagos,
    k.titulos_em_atraso::float8 AS titulos_em_atraso,
    k.valor_em_atraso::float8 AS valor_em_atraso,
    k.atraso_medio_dias,
    k.maior_atraso_dias::float8 AS maior_atraso_dias,
    l.valor::float8 AS limite_credito,
    (coalesce(u.utilizado, 0) + p.valor)::float8 / nullif(l.valor, 0)::float8 AS uso_do_limite,
    s.consultas::float8 AS consultas_12_meses,
    date_part('epoch', t.as_of - s.consultada_em) / 86400 AS dias_desde_consulta,
    s.ocorrencias::float8 AS serasa_ocorrencias,
    s.valor_ocorrencias::float8 AS serasa_valor,
    s.protestos::float8 AS serasa_protestos,
    s.pontuacao::float8 AS serasa_pontuacao,
    h.pedidos::float8 AS pedidos_12_meses,
    p.valor::float8 / nullif(h.media, 0)::float8 AS valor_sobre_media,
    h.ruins::float8 AS pedidos_ruins,
    date_part('epoch', t.as_of - h.ultimo) / 86400 AS dias_desde_pedido,
    p.atributos AS atributos_pedido,
    k.atributos AS atributos_cliente,
    l.atributos AS atributos_limite,
    s.atributos AS atributos_consulta
FROM credito_pedidos p
CROSS JOIN LATERAL (SELECT coalesce(p.pedido_em, cast(:now AS timestamptz)) AS as_of) t
LEFT JOIN LATERAL (
    SELECT c.* FROM credito_clientes c
    WHERE c.tenant = p.tenant AND c.dataset_id = p.dataset_id AND c.codigo = p.cliente
        AND c.vale_desde <= t.as_of
    ORDER BY c.vale_desde DESC LIMIT 1
) k ON true
LEFT JOIN LATERAL (
    SELECT c.valor, c.atributos FROM credito_limites c
    WHERE c.tenant = p.tenant AND c.dataset_id = p.dataset_id AND c.cliente = p.cliente
        AND c.vale_desde <= t.as_of
    ORDER BY c.vale_desde DESC LIMIT 1
) l ON true
LEFT JOIN LATERAL (
    SELECT c.utilizado, c.vale_desde FROM credito_limites c
    WHERE c.tenant = p.tenant AND c.dataset_id = p.dataset_id AND c.cliente = p.cliente
        AND c.vale_desde <= t.as_of AND c.utilizado IS NOT NULL
    ORDER BY c.vale_desde DESC LIMIT 1
) u ON true
LEFT JOIN LATERAL (
    SELECT
        c.consultada_em, c.ocorrencias, c.valor_ocorrencias, c.protestos, c.pontuacao, c.atributos,
        count(*) FILTER (WHERE c.consultada_em > t.as_of - interval '{HISTORY_DAYS} days') OVER ()
            AS consultas,
        bool_or(c.falencia) OVER () AS falencia
    FROM credito_consultas c
    WHERE c.tenant = p.tenant AND c.dataset_id = p.dataset_id AND c.cliente = p.cliente
        AND c.consultada_em <= t.as_of
    ORDER BY c.consultada_em DESC LIMIT 1
) s ON true
CROSS JOIN LATERAL (
    SELECT
        count(*) AS pedidos,
        avg(o.valor) AS media,
        max(o.pedido_em) AS ultimo,
        count(*) FILTER (
            WHERE o.desfecho IN ('bloqueado', 'inadimplente') AND coalesce(
                o.desfecho_em, CASE WHEN o.desfecho = 'bloqueado' THEN o.pedido_em END
            ) < t.as_of
        ) AS ruins
    FROM (
        SELECT c.valor, c.pedido_em, c.desfecho, c.desfecho_em FROM credito_pedidos c
        WHERE c.tenant = p.tenant AND c.dataset_id = p.dataset_id AND c.cliente = p.cliente
            AND c.pedido_em < t.as_of
            AND c.pedido_em > t.as_of - interval '{HISTORY_DAYS} days' AND c.id <> p.id
        ORDER BY c.pedido_em DESC, c.id DESC LIMIT {MOST_HISTORY}
    ) o
) h
WHERE p.dataset_id = :dataset
"""

OF_ORDERS = FEATURES + "    AND p.id = ANY(cast(:pedidos AS bigint[]))\n"
"""Of some orders of a dataset: of the one that is decided on, of a page of those trained on."""
