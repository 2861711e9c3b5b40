"""Times in a compact form for people, in a time zone; None is that of this machine."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo

from double_booked.conflicts.instants import EPOCH, NANOS_PER_SECOND, to_instant

_DAYS_OF_WEEK = 7
_UNITS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def moment_of(instant: int, zone: tzinfo | None) -> datetime:
    """Return the whole second of an instant as a datetime in the zone.

    If that is outside the years 1 to 9999 in the zone, the datetime is in UTC.

    Args:
        instant: Nanoseconds since 1970.
        zone: The time zone.
    """
    moment = EPOCH + timedelta(seconds=instant // NANOS_PER_SECOND)
    try:
        return moment.astimezone(zone)
    except (OverflowError, ValueError):
        return moment


def instant_of(local: datetime, zone: tzinfo) -> int:
    """Return the instant of a naive local time in the zone, in nanoseconds since 1970."""
    return to_instant(local.replace(tzinfo=zone))


def day_of(instant: int, zone: tzinfo | None) -> date:
    """Return the day of an instant, which is in nanoseconds since 1970, in the zone."""
    return moment_of(instant, zone).date()


def is_midnight(instant: int, zone: tzinfo | None) -> bool:
    """Return whether an instant is exactly 00:00 in the zone."""
    return not instant % NANOS_PER_SECOND and moment_of(instant, zone).time() == time()


def name_of_zone(instant: int, zone: tzinfo | None) -> str:
    """Return the zone's abbreviation at an instant, like "CET", "+03" or "UTC"."""
    return f"{moment_of(instant, zone):%Z}"


def label_zone(zone: tzinfo, instant: int) -> str:
    """Return the IANA name of a zone, or its offset at an instant, like "UTC+01:00"."""
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    offset = moment_of(instant, zone).isoformat()[-6:]
    return "UTC" if offset == "+00:00" else f"UTC{offset}"


def format_rfc3339(instant: int) -> str:
    """Return an instant as RFC 3339 in UTC, with only the decimals that it needs."""
    nanos = instant % NANOS_PER_SECOND
    fraction = f".{nanos:09}".rstrip("0") if nanos else ""
    moment = moment_of(instant, UTC)
    return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}{fraction}Z"


def format_day(day: date) -> str:
    """Return a day like "Mon 2 Nov 2026"."""
    return f"{day:%a} {day.day} {day:%b} {day.year:04}"


def format_weekday_time(instant: int, now: int, zone: tzinfo | None) -> str:
    """Return a time like "Thu 10:00", or "Thu 3 Dec 10:00" if it is a week or more after now.

    Args:
        instant: Nanoseconds since 1970.
        now: The instant from which a reader counts, in nanoseconds since 1970.
        zone: The reader's time zone.
    """
    day, today = day_of(instant, zone), day_of(now, zone)
    date_text = f" {day.day} {day:%b}" if (day - today).days >= _DAYS_OF_WEEK else ""
    return f"{day:%a}{date_text} {_clock(instant, zone)}"


def format_day_span(first: date, last: date) -> str:
    """Return days like "16-21 Nov 2026", "16 Nov-3 Dec 2026" or "27 Nov 2026-24 Feb 2027"."""
    if first == last:
        return f"{last.day} {last:%b} {last.year:04}"
    year = "" if first.year == last.year else f" {first.year:04}"
    month = "" if (first.year, first.month) == (last.year, last.month) else f" {first:%b}{year}"
    return f"{first.day}{month}-{last.day} {last:%b} {last.year:04}"


def format_duration(nanoseconds: int) -> str:
    """Return a duration like "1h30m", "15m", "2d" or "0.25s"; zero is "0s"."""
    seconds, nanos = divmod(nanoseconds, NANOS_PER_SECOND)
    text = ""
    for unit, length in _UNITS:
        count, seconds = divmod(seconds, length)
        fraction = f".{nanos:09}".rstrip("0") if nanos and unit == "s" else ""
        if count or fraction:
            text += f"{count}{fraction}{unit}"
    return text or "0s"


def format_span(start: int, end: int, day: date, zone: tzinfo | None) -> str:
    """Return a span like "09:00-10:30", or an instant like "09:00".

    The start has its day unless it is `day`; the end has its day unless it is that of the start.
    Both have the zone's abbreviation if its offset changes within the span: "01:30 CEST-02:30 CET".

    Args:
        start: Nanoseconds since 1970.
        end: Nanoseconds since 1970, not before the start; midnight is 24:00 of the day before.
        day: The day that is shown elsewhere, for example in a heading.
        zone: The reader's time zone.
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
