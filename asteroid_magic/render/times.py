"""Times as a reader wants them: in the zone of this machine, or how long ago.

Records hold aware times in UTC; only what is shown on screen is converted.
"""

from datetime import UTC, datetime, timedelta

MINUTE, HOUR, DAY = 60, 3_600, 86_400
UNITS = ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "min"), (MINUTE, "min", 1, "s"))


def local(moment: datetime) -> datetime:
    """Return the moment in the time zone of this machine."""
    try:
        return moment.astimezone()
    except (OverflowError, OSError, ValueError):
        # Near the years 1 and 9999, a conversion may leave the calendar.
        return moment


def stamp(moment: datetime) -> str:
    """Return date, time and zone, such as ``2026-10-01 20:02:11 UTC+2``."""
    moment = local(moment)
    return f"{moment:%Y-%m-%d %H:%M:%S} {zone(moment)}"


def clock(moment: datetime) -> str:
    """Return the time of day in the time zone of this machine, such as ``20:02:11``."""
    return f"{local(moment):%H:%M:%S}"


def zone(moment: datetime) -> str:
    """Return the offset of an aware moment, such as ``UTC``, ``UTC+2`` or ``UTC-3:30``.

    The names of zones differ between systems, and some stand for several zones.
    """
    minutes = round((moment.utcoffset() or timedelta()).total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}" + (f":{rest:02}" if rest else "")


def age(moment: datetime, now: datetime | None = None) -> str:
    """Return how long before `now` a moment was, such as ``4 min``; `now` is by default now."""
    seconds = max(((now or datetime.now(UTC)) - moment).total_seconds(), 0)
    if seconds < MINUTE:
        return f"{seconds:.0f} s" if seconds < MINUTE - 1 else "1 min"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min"
    if seconds < DAY:
        return f"{seconds // HOUR:.0f} h"
    days = int(seconds // DAY)
    return "1 day" if days == 1 else f"{days:,} days"


def lasted(seconds: float) -> str:
    """Return a duration in its two largest units, such as ``3 min 5 s`` or ``2 h 5 min``."""
    whole = round(max(seconds, 0))
    for unit, name, smaller, small_name in UNITS:
        if whole >= unit:
            rest = whole % unit // smaller
            return f"{whole // unit:,} {name}" + (f" {rest} {small_name}" if rest else "")
    return f"{whole} s" if whole else "under 1 s"
