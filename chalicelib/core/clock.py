"""Time: aware UTC inside, local days only where a report or a score says "day"."""

from datetime import UTC, date, datetime
from functools import cache
from zoneinfo import ZoneInfo


def utc_now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC)


@cache
def zone(name: str) -> ZoneInfo:
    """The time zone by its IANA name."""
    return ZoneInfo(name)


def local_day(instant: datetime, zone_name: str) -> date:
    """The calendar day on which people in the zone live at this instant."""
    return instant.astimezone(zone(zone_name)).date()
