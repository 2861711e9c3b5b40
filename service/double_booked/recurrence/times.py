"""DATE and DATE-TIME of iCalendar (RFC 5545, sections 3.3.4 and 3.3.5)."""

import re
from datetime import date, datetime, time, timedelta

# Google wrote dates like 20261123Z.
_TIME = re.compile(r"(\d{8})(?:Z|T(\d\d)(\d\d)(\d\d)(Z?))?", re.ASCII | re.IGNORECASE)
_MAX_HOUR, _MAX_SECOND = 23, 59


def parse_date_or_time(text: str) -> tuple[date, bool]:
    """Parse a DATE or DATE-TIME; return it without a zone, and whether it is in UTC.

    Second 60 is read as the first of the next minute, and hour 24 as midnight of the next day.

    Raises:
        ValueError: The text is neither; the message says so.
    """
    match = _TIME.fullmatch(text.strip())
    if not match:
        raise ValueError(f"'{text}' is not a time like 20261123T090000 or 20261123")
    day, hour, minute, second = match[1], *(int(match[group] or 0) for group in (2, 3, 4))
    try:
        parsed = date(int(day[:4]), int(day[4:6]), int(day[6:]))
        if match[2] is None:
            return parsed, False
        return _with_time(parsed, hour, minute, second), bool(match[5])
    except (ValueError, OverflowError):
        raise ValueError(f"'{text}' is not in the calendar") from None


def _with_time(day: date, hour: int, minute: int, second: int) -> datetime:
    if second == _MAX_SECOND + 1:
        before = datetime.combine(day, time(hour, minute, _MAX_SECOND))
        return before + timedelta(seconds=1)
    if (hour, minute, second) == (_MAX_HOUR + 1, 0, 0):
        return datetime.combine(day, time()) + timedelta(days=1)
    return datetime.combine(day, time(hour, minute, second))


def is_unusual(text: str) -> bool:
    """Return whether a time has second 60 or hour 24."""
    clock = text.strip()[9:15]
    return clock[4:] == "60" or clock[:2] == "24"
