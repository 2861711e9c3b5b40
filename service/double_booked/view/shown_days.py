"""The days of a view: their spans and clock changes, and how much is on each."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND, Span, to_instant
from double_booked.conflicts.validation import MIN_SECONDS
from double_booked.view.times import day_of, format_day, moment_of, name_of_zone

MAX_DAYS = 1_000
"""A span of more days is not listed whole."""

Json = dict[str, object]


def make_days(
    dates: Sequence[date], events: Sequence[Span], conflicts: Sequence[Span], zone: tzinfo
) -> list[Json]:
    """Return the days of a view, in order, as docs/view.schema.json describes them.

    Args:
        dates: The days, in order.
        events: The spans of the events.
        conflicts: The spans of the overlaps.
        zone: The reader's time zone.
    """
    days = [span_of_day(day, zone) for day in dates]
    event_counts, conflict_counts = _counts(days, events), _counts(days, conflicts)
    return [
        _day(*parts, zone) for parts in zip(dates, days, event_counts, conflict_counts, strict=True)
    ]


def choose_dates(events: Sequence[Span], zone: tzinfo, spans: Iterable[Span]) -> list[date]:
    """Return the days that a view lists, in order.

    Args:
        events: The spans of the events.
        zone: The reader's time zone.
        spans: The days of the first of them that has at most MAX_DAYS days are listed. If none
            has, these are the days on which an event starts or ends.
    """
    for span in spans:
        first, last = day_of(span[0], zone), day_of(_last_instant(span), zone)
        number = (last - first).days + 1
        if number <= MAX_DAYS:
            return [first + timedelta(index) for index in range(number)]
    ends = (day_of(end, zone) for event in events for end in (event[0], _last_instant(event)))
    return sorted(set(ends))


def span_of_day(day: date, zone: tzinfo) -> Span:
    """Return a day's first instant and that of the next day, in nanoseconds since 1970."""
    return _instant(day, 0, zone), _instant(day, 24, zone)


def bounds(events: Sequence[Span]) -> Span:
    """Return the span from the first start to the last end of at least one event."""
    return min(start for start, _ in events), max(map(_last_instant, events)) + 1


def seconds(nanoseconds: int) -> int | float:
    """Return nanoseconds as seconds, whole if possible."""
    whole, rest = divmod(nanoseconds, NANOS_PER_SECOND)
    return whole if not rest else nanoseconds / NANOS_PER_SECOND


def _last_instant(span: Span) -> int:
    return max(span[1] - 1, span[0])


def _counts(days: Sequence[Span], spans: Iterable[Span]) -> list[int]:
    """Return how many of the spans touch each day, in time that does not depend on their length."""
    starts, ends = [start for start, _ in days], [end for _, end in days]
    changes = [0] * (len(days) + 1)
    for span in spans:
        first, behind = bisect_right(ends, span[0]), bisect_right(starts, _last_instant(span))
        if first < behind:
            changes[first] += 1
            changes[behind] -= 1
    count, counts = 0, []
    for change in changes[:-1]:
        count += change
        counts.append(count)
    return counts


def _day(day: date, span: Span, events: int, conflicts: int, zone: tzinfo) -> Json:
    known = _within_years(span)
    names = dict.fromkeys((name_of_zone(known[0], zone), name_of_zone(known[1] - 1, zone)))
    return {
        "label": format_day(day),
        "start": seconds(span[0]),
        "end": seconds(span[1]),
        "zone": "/".join(names),
        "offsets": list(_offsets(known, zone)),
        "events": events,
        "conflicts": conflicts,
    }


def _instant(day: date, hour: int, zone: tzinfo) -> int:
    midnight = datetime.combine(day, time())
    # The calendar's last day has no next midnight; in the zone, a time can be past the end too.
    try:
        return to_instant((midnight + timedelta(hours=hour)).replace(tzinfo=zone))
    except (OverflowError, ValueError):
        return to_instant(midnight.replace(tzinfo=UTC)) + hour * 3_600 * NANOS_PER_SECOND


def _within_years(span: Span) -> Span:
    """Return the part of a day that lies in the years 1 to 9999 in UTC."""
    return max(span[0], MIN_SECONDS * NANOS_PER_SECOND), min(span[1], LAST_INSTANT)


def _offsets(span: Span, zone: tzinfo) -> Iterator[tuple[float, int]]:
    """Yield the offset at the start of a day and, if the clocks change on it, the one after."""
    first, last = _offset(span[0], zone), _offset(span[1] - 1, zone)
    yield seconds(span[0]), first
    if first != last:
        instants = range(span[0], span[1], NANOS_PER_SECOND)
        index = bisect_left(instants, 1, key=lambda instant: _offset(instant, zone) != first)
        yield seconds(instants[index]), last


def _offset(instant: int, zone: tzinfo) -> int:
    """Return how many seconds local time is ahead of UTC."""
    offset = moment_of(instant, zone).utcoffset() or timedelta(0)
    return int(offset.total_seconds())
