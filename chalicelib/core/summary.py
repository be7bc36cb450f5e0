"""How the API is doing: requests, errors and durations by route and over time."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import text
from sqlalchemy.orm import Session

from chalicelib.core.route_counts import BOUNDS, FORMAT
from chalicelib.core.types import WrittenAs

MOST_MINUTES = 7 * 24 * 60
MOST_POINTS = 120
UNITS = {"": 1, "m": 1, "h": 60, "d": 24 * 60}
WINDOW = r"^[1-9][0-9]{0,4}[mhd]?$"


class SummaryQuery(BaseModel):
    """Since when, and of what."""

    model_config = ConfigDict(extra="forbid")

    window: Annotated[
        str,
        StringConstraints(max_length=6),
        WrittenAs(WINDOW, "use minutes such as 90, or 15m, 24h, 7d"),
    ] = Field(
        "60m",
        validation_alias=AliasChoices("window", "janela", "minutes"),
        description="How far back: minutes, or 15m, 24h, 7d; seven days at the most.",
        examples=["24h"],
    )
    route: str | None = Field(
        None, max_length=300, description="Only this one.", examples=["/api/v1/books/{book_id}"]
    )
    method: Annotated[str, StringConstraints(to_upper=True, max_length=10)] | None = None

    @property
    def minutes(self) -> int:
        """The window, no longer than seven days."""
        number = self.window.rstrip("mhd")
        return min(int(number) * UNITS[self.window[len(number) :]], MOST_MINUTES)


class FiguresOut(BaseModel):
    """Some requests in numbers; durations are read off a histogram, to within its buckets."""

    requests: int
    errors: int = Field(description="Answered with a 5xx.")
    refused: int = Field(description="Answered with a 4xx.")
    error_rate: float = Field(description="Share of errors, 0 to 1.")
    mean_ms: float | None = Field(description="Null where nothing was asked.")
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class RouteFiguresOut(FiguresOut):
    """A route in numbers."""

    method: str
    route: str


class PointOut(FiguresOut):
    """A span of time in numbers."""

    at: datetime = Field(description="When it begins.")


class SummaryOut(BaseModel):
    """How the API is doing."""

    since: datetime
    until: datetime
    step_minutes: int = Field(description="Length of a point's span.")
    total: FiguresOut
    routes: list[RouteFiguresOut] = Field(description="Those asked, most asked first.")
    series: list[PointOut] = Field(description="Spans in which something was asked, in order.")


# One pass over the minutes, summed by route, by span and over all.
SUMS = """
WITH picked AS (
    SELECT method, route, requests, refused, failed, seconds, buckets,
           date_bin(make_interval(mins => :step), minute, :since) AS at
    FROM route_minutes
    WHERE minute >= :since AND minute < :until AND format = :format
      AND (cast(:route AS text) IS NULL OR route = :route)
      AND (cast(:method AS text) IS NULL OR method = :method)
), counted AS (
    SELECT method, route, at, 0 AS n, sum(requests)::bigint AS v, sum(refused)::bigint AS refused,
           sum(failed)::bigint AS failed, sum(seconds) AS seconds
    FROM picked GROUP BY GROUPING SETS ((method, route), (at), ())
), spread AS (
    SELECT p.method, p.route, p.at, u.n, sum(u.v)::bigint AS v
    FROM picked p, unnest(p.buckets) WITH ORDINALITY AS u (v, n)
    GROUP BY GROUPING SETS ((p.method, p.route, u.n), (p.at, u.n), (u.n))
)
SELECT method, route, at, n, v, refused, failed, seconds FROM counted WHERE v IS NOT NULL
UNION ALL SELECT method, route, at, n, v, NULL, NULL, NULL FROM spread
"""


@dataclass
class _Sums:
    """What was asked by one route, or in one span."""

    requests: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    def take(self, row: Any) -> None:
        if row.n:
            self.buckets[row.n - 1] = row.v
        else:
            self.requests, self.refused, self.failed = row.v, row.refused, row.failed
            self.seconds = row.seconds

    def figures(self) -> dict[str, Any]:
        asked = self.requests
        return {
            "requests": asked,
            "errors": self.failed,
            "refused": self.refused,
            "error_rate": round(self.failed / asked, 6) if asked else 0.0,
            "mean_ms": round(self.seconds / asked * 1000, 3) if asked else None,
            "p50_ms": _ms(percentile(self.buckets, 0.5)),
            "p95_ms": _ms(percentile(self.buckets, 0.95)),
            "p99_ms": _ms(percentile(self.buckets, 0.99)),
        }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def percentile(buckets: Sequence[int], share: float) -> float | None:
    """The duration that a share of the requests stayed within.

    Args:
        buckets: How many took at most so long, by `BOUNDS`; each counted once.
        share: Between 0 and 1.

    Returns:
        Seconds, between the bounds of the bucket it falls into as if that were filled evenly;
        the last bound for what took longer; None of no requests.
    """
    total = sum(buckets)
    if not total:
        return None
    wanted, below = share * total, 0
    for place, count in enumerate(buckets[:-1]):
        if count and below + count >= wanted:
            low = BOUNDS[place - 1] if place else 0.0
            return low + (BOUNDS[place] - low) * (wanted - below) / count
        below += count
    return BOUNDS[-1]


def summarise(session: Session, query: SummaryQuery, now: datetime) -> SummaryOut:
    """Requests, errors and durations, by route and over time.

    Args:
        session: The session.
        query: Since when, and of what.
        now: Until when; the minute that is under way counts.
    """
    until = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    since, step = until - timedelta(minutes=query.minutes), -(-query.minutes // MOST_POINTS)
    asked = {
        "since": since,
        "until": until,
        "step": step,
        "format": FORMAT,
        "route": query.route,
        "method": query.method,
    }
    total, routes, spans = _Sums(), dict[tuple[str, str], _Sums](), dict[datetime, _Sums]()
    for row in session.execute(text(SUMS), asked):
        if row.route is not None:
            routes.setdefault((row.method, row.route), _Sums()).take(row)
        elif row.at is not None:
            spans.setdefault(row.at, _Sums()).take(row)
        else:
            total.take(row)
    by_use = sorted(routes.items(), key=lambda item: (-item[1].requests, item[0]))
    return SummaryOut(
        since=since,
        until=until,
        step_minutes=step,
        total=FiguresOut(**total.figures()),
        routes=[RouteFiguresOut(method=m, route=r, **s.figures()) for (m, r), s in by_use],
        series=[PointOut(at=at, **sums.figures()) for at, sums in sorted(spans.items())],
    )
