"""Times as people write them, compactly, in a zone; None is the zone of this machine."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from double_booked.conflicts.instants import EPOCH, NANOS_PER_SECOND, to_instant

_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def moment_of(instant: int, zone: tzinfo | None) -> datetime:
    """The whole second of an instant, which is in nanoseconds since 1970, in the zone.

    Where the zone's calendar would leave the years 1 to 9999, it is in UTC.
    """
    moment = EPOCH + timedelta(seconds=instant // NANOS_PER_SECOND)
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        return moment


def instant_of(local: datetime, zone: tzinfo) -> int:
    """Return a time that clocks of the zone show, in nanoseconds since 1970."""
    return to_instant(local.replace(tzinfo=zone))


def day_of(instant: int, zone: tzinfo | None) -> date:
    """The day in which an instant lies, given in nanoseconds since 1970."""
    return moment_of(instant, zone).date()


def is_midnight(instant: int, zone: tzinfo | None) -> bool:
    """Return whether clocks of the zone show 00:00 at an instant."""
    return not instant % NANOS_PER_SECOND and moment_of(instant, zone).time() == time()


def name_of_zone(instant: int, zone: tzinfo | None) -> str:
    """What clocks go by at an instant, like "CET", "+03" or "UTC"."""
    return f"{moment_of(instant, zone):%Z}"


def format_rfc3339(instant: int) -> str:
    """Return an instant like "2026-11-02T09:00:00Z", with as many decimals as it needs."""
    nanos = instant % NANOS_PER_SECOND
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    moment = moment_of(instant, UTC)
    return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}{fraction}Z"


def format_day(day: date) -> str:
    """Like "Mon 2 Nov 2026"."""
    return f"{day:%a} {day.day} {day:%b} {day.year:04}"


def format_duration(nanoseconds: int) -> str:
    """Like "1h30m", "15m", "2d" or "0.25s"; nothing is "0s"."""
    seconds, nanos = divmod(nanoseconds, NANOS_PER_SECOND)
    told = ""
    for unit, length in _UNITS:
        count, seconds = divmod(seconds, length)
        fraction = f".{nanos:09}".rstrip("0") if nanos and unit == "s" else ""
        if count or fraction:
            told += f"{count}{fraction}{unit}"
    return told or "0s"


def format_span(start: int, end: int, day: date, zone: tzinfo | None) -> str:
    """Like "09:00-10:30", with the days that are not `day`; an instant is like "09:00".

    Where the clocks change within, both times name theirs: "01:30 CEST-02:30 CET".

    Args:
        start: In nanoseconds since 1970.
        end: The same; not before start. Midnight after a day is that day's 24:00.
        day: The day that the reader knows of.
        zone: Where the reader is.
    """
    first, last = day_of(start, zone), day_of(max(start, end - 1), zone)
    clock = _clock(end, zone) if day_of(end, zone) == last else "24:00"
    if moment_of(start, zone).utcoffset() != moment_of(end, zone).utcoffset():
        clock += f" {name_of_zone(end, zone)}"
        begin = _format_point(first, f"{_clock(start, zone)} {name_of_zone(start, zone)}", day)
    else:
        begin = _format_point(first, _clock(start, zone), day)
    return begin if start == end else f"{begin}-{_format_point(last, clock, first)}"


def _format_point(day: date, clock: str, known: date) -> str:
    if day == known:
        return clock
    year = "" if day.year == known.year else f" {day.year:04}"
    return f"{day:%a} {day.day} {day:%b}{year} {clock}"


def _clock(instant: int, zone: tzinfo | None) -> str:
    moment, nanos = moment_of(instant, zone), instant % NANOS_PER_SECOND
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    return f"{moment:%H:%M}" + (f":{moment:%S}{fraction}" if moment.second or nanos else "")
