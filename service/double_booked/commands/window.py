"""The span of time that a command looks at."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from double_booked.commands.errors import Failure
from double_booked.recurrence.series import Window

DEFAULT_DAYS = 90
"""How far calendars are looked at if nobody says."""


def make_window(start: date, end: date | None, days: int, zone: tzinfo) -> Window:
    """What is looked at.

    Args:
        start: From when; of a day from its first moment on.
        end: Up to when, a day included.
        days: How many, that of the start included, without an end.
        zone: Where days, and times without an offset, are.

    Raises:
        Failure: There is no such time.
    """
    first = _moment(start, zone)
    try:
        last = end or first.astimezone(zone).date() + timedelta(days - 1)
    except OverflowError as error:
        raise Failure("--from must be in the years 1 to 9999") from error
    window = Window(first, _moment(last, zone, is_end=True))
    if window.end <= window.start:
        raise Failure("--to is not after --from; give --to a later time")
    return window


def _moment(day: date, zone: tzinfo, *, is_end: bool = False) -> datetime:
    """A time in UTC; of a day its first moment, or as an end that of the next."""
    try:
        if not isinstance(day, datetime):
            day = datetime.combine(day + timedelta(is_end), time())
        return (day if day.tzinfo else day.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as error:
        raise Failure("--from and --to must be in the years 1 to 9999") from error
