"""Retention as Kaplan-Meier curves, by month of registration and by plan.

Who is still there counts until the end of the record: a member who registered last month says
something about the first month and nothing about the second. SciPy draws the curves and their
intervals (decision 0014).
"""

import warnings

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import CensoredData, ecdf
from sqlalchemy import text

from chalicelib.core.runs import JobRun
from chalicelib.core.settings import settings
from chalicelib.gym.features import LABEL_DAYS
from chalicelib.gym.schemas_models import CurvaOut, PontoOut, Retencao
from chalicelib.gym.training_data import Record, read_record

FEWEST = 30
STEP_DAYS = 30
MOST_DAYS = 720
MOST_COHORTS = 36

DEFINITION = (
    f"Saída: cancelamento, ou {LABEL_DAYS} dias completos sem visita, o que vier primeiro; quem "
    "depois volta já tinha saído. Ausências em dias sem registro do clube não contam. Só quem se "
    "matriculou desde o primeiro dia registrado; o plano é o da matrícula."
)

# A registration counts as a visit: who never comes has left after 30 days. A gap that touches a
# day on which the club was not recording says nothing about the member.
SPELLS = f"""
SELECT a.matriculado_em, pl.nome AS plano,
       least(ausente.desde, cancelado.desde) AS saiu_em
FROM alunos a
CROSS JOIN LATERAL (
    SELECT h.plano_id FROM aluno_vigencias h WHERE h.aluno_id = a.id ORDER BY h.desde LIMIT 1
) v
JOIN planos pl ON pl.id = v.plano_id
LEFT JOIN LATERAL (
    SELECT min(g.inicio) + interval '{LABEL_DAYS} days' AS desde
    FROM (
        SELECT e.em AS inicio, lead(e.em, 1, cast(:fim AS timestamptz)) OVER (ORDER BY e.em) AS fim
        FROM (
            SELECT a.matriculado_em AS em
            UNION ALL
            SELECT c.entrada FROM checkins c
            WHERE c.aluno_id = a.id AND c.entrada > a.matriculado_em AND c.entrada < :fim
        ) e
    ) g
    WHERE g.fim - g.inicio > interval '{LABEL_DAYS} days'
      AND NOT EXISTS (
        SELECT 1 FROM unnest(cast(:parados AS date[])) AS d (dia)
        WHERE d.dia >= (g.inicio AT TIME ZONE 'UTC')::date
          AND d.dia <= ((g.inicio + interval '{LABEL_DAYS} days') AT TIME ZONE 'UTC')::date)
) ausente ON true
LEFT JOIN LATERAL (
    SELECT min(h.desde) AS desde FROM aluno_vigencias h
    WHERE h.aluno_id = a.id AND NOT h.ativo AND h.desde < :fim
) cancelado ON true
WHERE a.matriculado_em >= :inicio AND a.matriculado_em < :fim AND NOT a.sintetico
"""


def retention(run: JobRun) -> Retencao:
    """The curves of all members, of each plan, of each cohort, and of each plan in each cohort."""
    record = read_record(run)
    if record is None:
        return Retencao(definicao=DEFINITION, desde=None, ate=None, curvas=[])
    spells = read_spells(run, record)
    return Retencao(
        definicao=DEFINITION, desde=record.first, ate=record.end, curvas=_curves(spells)
    )


def read_spells(run: JobRun, record: Record) -> pd.DataFrame:
    """How long each member stayed, as far as it is on record.

    Returns:
        A row per member: `dias` (float), `saiu` (bool, else still there at the end of the record),
        `plano`, and `coorte`, the local month of registration as "2026-03".
    """
    with run.reading() as session:
        rows = session.execute(
            text(SPELLS),
            {"inicio": record.start, "fim": record.end, "parados": record.idle_days},
        ).all()
    frame = pd.DataFrame(rows, columns=["matriculado_em", "plano", "saiu_em"])
    for name in ("matriculado_em", "saiu_em"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    left = frame["saiu_em"].notna()
    stayed = frame["saiu_em"].fillna(record.end) - frame["matriculado_em"]
    zone = settings().local_timezone
    return pd.DataFrame(
        {
            "dias": stayed / pd.Timedelta(days=1),
            "saiu": left,
            "plano": frame["plano"],
            "coorte": frame["matriculado_em"].dt.tz_convert(zone).dt.strftime("%Y-%m"),
        }
    )


def _curves(spells: pd.DataFrame) -> list[CurvaOut]:
    recent = sorted(spells["coorte"].unique())[-MOST_COHORTS:]
    late = spells[spells["coorte"].isin(recent)]
    found = [curve(spells)] if len(spells) else []
    found += [curve(rows, plano=plano) for plano, rows in spells.groupby("plano")]
    found += [curve(rows, coorte=coorte) for coorte, rows in late.groupby("coorte")]
    found += [
        curve(rows, coorte=coorte, plano=plano)
        for (coorte, plano), rows in late.groupby(["coorte", "plano"])
    ]
    return found


def curve(spells: pd.DataFrame, *, coorte: str | None = None, plano: str | None = None) -> CurvaOut:
    """The curve of one group; of a small one only its size.

    Args:
        spells: Rows of `read_spells`.
        coorte: Which month they registered in; None: any.
        plano: Which plan they registered with; None: any.
    """
    days = spells["dias"].to_numpy(np.float64)
    left = spells["saiu"].to_numpy(np.bool_)
    few = len(days) < FEWEST
    points, median = ([], None) if few else _kaplan_meier(days, left)
    return CurvaOut(
        coorte=coorte,
        plano=plano,
        alunos=len(days),
        saidas=int(left.sum()),
        mediana_dias=median,
        pontos=points,
        aviso=f"Menos de {FEWEST} alunos: sem curva." if few else None,
    )


def _kaplan_meier(
    days: NDArray[np.float64], left: NDArray[np.bool_]
) -> tuple[list[PontoOut], float | None]:
    """Points every 30 days for as long as anybody is observed, and the median if it is reached."""
    survival = ecdf(CensoredData.right_censored(days, ~left)).sf
    with warnings.catch_warnings():
        # Log-log has no interval where nobody has left yet, or everybody has.
        warnings.filterwarnings("ignore", "The confidence interval is undefined", RuntimeWarning)
        interval = survival.confidence_interval(0.95, method="log-log")
    grid = np.arange(0, min(days.max(), MOST_DAYS) + 1, STEP_DAYS, dtype=np.float64)
    kept = survival.evaluate(grid)
    low = np.where(np.isnan(interval.low.evaluate(grid)), kept, interval.low.evaluate(grid))
    high = np.where(np.isnan(interval.high.evaluate(grid)), kept, interval.high.evaluate(grid))
    at_risk = len(days) - np.searchsorted(np.sort(days), grid, side="left")
    points = [
        PontoOut(dia=int(day), retencao=k, low=l_, high=h, em_risco=int(n))
        for day, k, l_, h, n in zip(grid, kept, low, high, at_risk, strict=True)
    ]
    halved = np.flatnonzero(survival.probabilities <= 0.5)
    return points, float(survival.quantiles[halved[0]]) if halved.size else None
