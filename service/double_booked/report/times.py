"""Times as people write them, compactly. All are in UTC."""

from datetime import UTC, date, datetime, timedelta

from double_booked.conflicts.definition import NANOS_PER_SECOND

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def day_of(instant: int) -> date:
    """The day in which an instant lies, given in nanoseconds since 1970."""
    return (_EPOCH + timedelta(seconds=instant // NANOS_PER_SECOND)).date()


def format_day(day: date) -> str:
    """Like "Mon 2 Nov 2026"."""
    return f"{day:%a} {day.day} {day:%b} {day.year:04}"


def format_span(start: int, end: int, day: date) -> str:
    """Like "09:00-10:30", with the days that are not `day`; an instant is like "09:00".

    Args:
        start: In nanoseconds since 1970.
        end: The same; not before start. Midnight after a day is that day's 24:00.
        day: The day that the reader knows of.
    """
    begin = _format_point(day_of(start), _clock(start), day)
    if start == end:
        return begin
    last = day_of(end - 1)
    clock = _clock(end) if day_of(end) == last else "24:00"
    return f"{begin}-{_format_point(last, clock, day_of(start))}"


def _format_point(day: date, clock: str, known: date) -> str:
    if day == known:
        return clock
    year = "" if day.year == known.year else f" {day.year:04}"
    return f"{day:%a} {day.day} {day:%b}{year} {clock}"


def _clock(instant: int) -> str:
    seconds, nanos = divmod(instant, NANOS_PER_SECOND)
    moment = _EPOCH + timedelta(seconds=seconds)
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{moment:%H:%M}" + (f":{moment:%S}{fraction}" if moment.second or nanos else "")
