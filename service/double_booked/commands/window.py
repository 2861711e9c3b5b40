"""The window of time that a command shows or checks."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from double_booked.commands.errors import Failure
from double_booked.recurrence.calendar_times import Window

DEFAULT_DAYS = 90
"""How many days of calendars to check without --to."""


def make_window(start: date, end: date | None, days: int, zone: tzinfo) -> Window:
    """Return the window from a start to an end.

    Args:
        start: A day, which counts from its first moment on, or a time.
        end: A day, which counts to its last moment, or a time; None for `days`.
        days: How many days the window has without an end, that of the start included.
        zone: The zone of days, and of times without an offset.

    Raises:
        Failure: The window is empty, or not within the years 1 to 9999.
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
    """Return a time in UTC; for a day its first moment, or as an end that of the next day."""
    try:
        if not isinstance(day, datetime):
            day = datetime.combine(day + timedelta(is_end), time())
        return (day if day.tzinfo else day.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as error:
        raise Failure("--from and --to must be in the years 1 to 9999") from error
