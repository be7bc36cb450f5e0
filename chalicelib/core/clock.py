"""Time: aware UTC inside, local days only where a report or a score says "day"."""

from datetime import UTC, date, datetime, time, timedelta
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


def day_bounds(day: date, zone_name: str) -> tuple[datetime, datetime]:
    """The instants, in UTC, between which people in the zone live a calendar day.

    The second one is the first of the next day. A day on which clocks change lasts 23 or 25
    hours; where they change at midnight it begins when they do.
    """
    days = (day, day + timedelta(days=1))
    first, end = (datetime.combine(each, time(), zone(zone_name)).astimezone(UTC) for each in days)
    return first, end
