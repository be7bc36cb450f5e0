"""Predictions: made by the served model, or sent by others, kept, and scored by the catalogue."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from chalicelib.books.edition import current_edition
from chalicelib.books.errors import BookNotFound, NoPriceModel, PredictedBookUnknown
from chalicelib.books.features import GIVEN_ROWS, NAMES
from chalicelib.books.models import BOOK_PRICE, beats_chance, notice
from chalicelib.books.schemas_instances import LOOKED_AT, InstanceIn
from chalicelib.books.schemas_ml import (
    ModelScoresOut,
    PredictedOut,
    PredictionOut,
    PredictionsIn,
    ScoreOut,
    ScoresQuery,
    StoredOut,
    Target,
)
from chalicelib.core import audit
from chalicelib.core.auth import Principal
from chalicelib.core.pages import (
    LARGEST_EXACT_TOTAL,
    as_text,
    decode_cursor,
    encode_cursor,
)
from chalicelib.core.statements import HotStatement
from chalicelib.ml.registry import champion_of
from chalicelib.ml.versions import UNLOADABLE, ModelUnusable, served_model

GIVEN_FEATURES = HotStatement(GIVEN_ROWS)


def predict(session: Session, body: PredictionsIn) -> PredictedOut:
    """What the served model says of the books described.

    Args:
        session: The house's: the model is its own.
        body: One book, or some.

    Raises:
        NoPriceModel: None has been trained yet.
        BookNotFound: A book that is named is not of the catalogue.
        ModelUnusable: The stored model is not the one registered.
    """
    champion = champion_of(session, BOOK_PRICE)
    if champion is None:
        raise NoPriceModel
    rows = given_features(session, body.asked)
    try:
        model = served_model(session, BOOK_PRICE, champion.version)
    except UNLOADABLE as error:
        raise ModelUnusable from error
    answers = model.predict({name: [getattr(row, name) for row in rows] for name in NAMES})
    predictions = [
        PredictionOut(book_id=row.book_id, prediction=round(float(answer), 4))
        for row, answer in zip(rows, answers, strict=True)
    ]
    metrics = champion.metrics
    return PredictedOut(
        model=BOOK_PRICE.model,
        version=champion.version,
        predictions=predictions,
        prediction=predictions[0].prediction if body.instances is None else None,
        baseline=_figures(metrics["regra_ingenua"]),
        metrics=_figures(metrics["validacao"]),
        beats_baseline=beats_chance(metrics),
        notice=notice(metrics),
    )


def given_features(session: Session, instances: Sequence[InstanceIn]) -> Sequence[Any]:
    """The columns of books that are described, in their order.

    Raises:
        BookNotFound: A book that is named is not of the catalogue.
    """
    told = [
        {"place": place, **each.model_dump(mode="json", include=set(LOOKED_AT))}
        for place, each in enumerate(instances)
    ]
    rows = GIVEN_FEATURES.all(session, instances=json.dumps(told))
    if any(row.book_id is not None and row.known is None for row in rows):
        raise BookNotFound
    return rows


def _figures(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: metrics[name] for name in ("r2", "mae", "rmse")}


STORE = HotStatement("""
INSERT INTO book_predictions
    (tenant, model, version, target, book_id, value, snapshot_id, sent_at, sent_by)
SELECT :tenant, :model, :version, :target, b.id, p.value, cast(:snapshot AS bigint),
       cast(:now AS timestamptz), :sent_by
FROM unnest(cast(:ids AS bigint[]), cast(:values AS float8[])) AS p (book_id, value)
JOIN books b ON b.id = p.book_id ORDER BY b.id
ON CONFLICT (tenant, model, version, target, book_id) DO UPDATE SET
    value = excluded.value, snapshot_id = excluded.snapshot_id, sent_at = excluded.sent_at,
    sent_by = excluded.sent_by
RETURNING book_id
""")


def keep_predictions(
    session: Session, principal: Principal, body: PredictionsIn, now: datetime
) -> StoredOut:
    """Keep what a model elsewhere says; the same book said again takes the place of the old one.

    Raises:
        PredictedBookUnknown: A book is not of the catalogue; then nothing is kept.
    """
    predictions = body.predictions or []
    model, version = str(body.model), str(body.version)
    target, snapshot = body.target or Target.PRICE, current_edition(session).snapshot
    stored = STORE.all(
        session,
        tenant=principal.tenant,
        model=model,
        version=version,
        target=target.value,
        snapshot=snapshot,
        now=now,
        sent_by=principal.subject,
        ids=[each.book_id for each in predictions],
        values=[each.value for each in predictions],
    )
    if len(stored) != len(predictions):
        raise PredictedBookUnknown
    audit.record_by(
        session,
        principal,
        "previsoes.recebidas",
        f"snapshot:{snapshot}",
        alvo=target.value,
        linhas=len(stored),
    )
    return StoredOut(
        stored=len(stored), model=model, version=version, target=target, snapshot=snapshot
    )


WANTED = """
SELECT DISTINCT p.model COLLATE "C" AS model, p.version COLLATE "C" AS version,
       p.target COLLATE "C" AS target
FROM book_predictions p
WHERE (cast(:model AS text) IS NULL OR p.model = :model)
  AND (cast(:version AS text) IS NULL OR p.version = :version)
  AND (cast(:target AS text) IS NULL OR p.target = :target)
"""
COUNT = HotStatement(
    f"SELECT count(*) AS found FROM ({WANTED} LIMIT {LARGEST_EXACT_TOTAL + 1}) AS w"
)
# What was foretold of a book is scored by the version of it that held when it was sent.
SCORES = HotStatement(f"""
WITH picked AS (
    SELECT * FROM ({WANTED}) w
    WHERE (w.model, w.version, w.target)
        > (cast(:after_model AS text), cast(:after_version AS text), cast(:after_target AS text))
    ORDER BY w.model, w.version, w.target LIMIT cast(:rows AS int)
), scored AS (
    SELECT k.model, k.version, k.target, s.scope, p.sent_at, p.value AS foretold,
           CASE p.target WHEN 'price' THEN v.price::float8 ELSE v.rating::float8 END AS actual
    FROM picked k
    JOIN book_predictions p ON (p.model, p.version, p.target) = (k.model, k.version, k.target)
    JOIN books b ON b.id = p.book_id
    JOIN book_versions v ON v.book_id = p.book_id AND v.since_snapshot <= p.snapshot_id
        AND (v.until_snapshot IS NULL OR v.until_snapshot > p.snapshot_id)
    CROSS JOIN LATERAL (
        SELECT 'all' AS scope UNION ALL SELECT 'test' WHERE livro_de_teste(b.upc)
    ) s
), chance AS (
    SELECT model, version, target, scope,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY actual) AS baseline
    FROM scored GROUP BY model, version, target, scope
), errors AS (
    SELECT s.*, c.baseline, s.foretold - s.actual AS error,
           abs(s.actual - c.baseline) - abs(s.foretold - s.actual) AS gained
    FROM scored s JOIN chance c USING (model, version, target, scope)
)
SELECT model, version, target, scope, max(sent_at) AS sent_at, count(*) AS rows,
       avg(abs(error)) AS mae, sqrt(avg(error ^ 2)) AS rmse,
       1 - avg(error ^ 2) / nullif(var_pop(actual), 0) AS r2, avg(error) AS bias,
       min(baseline) AS baseline, avg(abs(actual - baseline)) AS baseline_mae,
       avg(gained) AS gain, 1.96 * stddev_samp(gained) / sqrt(count(*)) AS half
FROM errors GROUP BY model, version, target, scope
ORDER BY model, version, target, scope
""")


def list_scores(
    session: Session, query: ScoresQuery
) -> tuple[list[ModelScoresOut], str | None, tuple[int, bool]]:
    """How good the models are whose predictions this tenant has sent, by name and version."""
    after = ["", "", ""]
    if query.cursor is not None:
        after = decode_cursor(query.cursor, (as_text, as_text, as_text))
    target = query.target.value if query.target else None
    which = {"model": query.model, "version": query.version, "target": target}
    rows = SCORES.all(
        session,
        **which,
        after_model=after[0],
        after_version=after[1],
        after_target=after[2],
        rows=query.limit + 1,
    )
    found = _by_model(rows)
    shown = found[: query.limit]
    cursor = None
    if len(found) > query.limit:
        cursor = encode_cursor([shown[-1].model, shown[-1].version, shown[-1].target.value])
    count = COUNT.one_or_none(session, **which).found
    return shown, cursor, (min(count, LARGEST_EXACT_TOTAL), count <= LARGEST_EXACT_TOTAL)


def _by_model(rows: Sequence[Any]) -> list[ModelScoresOut]:
    found: dict[tuple[str, str, str], ModelScoresOut] = {}
    for row in rows:  # Of each model, `all` comes before `test`.
        key = (row.model, row.version, row.target)
        if row.scope == "all":
            found[key] = ModelScoresOut(
                model=row.model,
                version=row.version,
                target=row.target,
                sent_at=row.sent_at,
                all=_score(row),
                test=None,
            )
        else:
            found[key] = found[key].model_copy(update={"test": _score(row)})
    return list(found.values())


def _score(row: Any) -> ScoreOut:
    low, high = (None if row.half is None else row.gain + s * row.half for s in (-1, 1))
    told = {name: getattr(row, name, None) for name in ScoreOut.model_fields}
    return ScoreOut.model_validate(
        {
            **told,
            "gain_low": low,
            "gain_high": high,
            "beats_baseline": low is not None and low > 0,
        }
    )
