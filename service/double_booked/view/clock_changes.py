"""The offsets of a zone from UTC, so that whoever draws a view needs no database of zones."""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import timedelta, tzinfo
from itertools import pairwise

from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND
from double_booked.conflicts.validation import MIN_SECONDS
from double_booked.view.times import moment_of, name_of_zone


def list_clock_changes(instants: Iterable[int], zone: tzinfo) -> list[tuple[int, int, str]]:
    """Return from when on which offset is valid: at the first instant, and after each change.

    Each is the start in seconds since 1970, how many seconds local time is ahead of UTC from then
    on, and the abbreviation of the zone. Of several changes between two of the instants, which
    nobody asks for, only one is listed.

    Args:
        instants: The instants whose offset is needed, in nanoseconds since 1970; at least one.
        zone: The time zone.
    """
    first, *others = sorted({_within_years(instant) // NANOS_PER_SECOND for instant in instants})
    changes = [(first, *_offset(first, zone))]
    for before, after in pairwise([first, *others]):
        offset = _offset(after, zone)
        if offset != changes[-1][1:]:
            changes.append((_find_change(before, after, zone), *offset))
    return changes


def _find_change(before: int, after: int, zone: tzinfo) -> int:
    old = _offset(before, zone)
    seconds = range(before, after)
    return seconds.start + bisect_left(seconds, 1, key=lambda second: _offset(second, zone) != old)


def _within_years(instant: int) -> int:
    """Return an instant, or the nearest in the years 1 to 9999 in UTC."""
    return max(MIN_SECONDS * NANOS_PER_SECOND, min(instant, LAST_INSTANT))


def _offset(second: int, zone: tzinfo) -> tuple[int, str]:
    instant = second * NANOS_PER_SECOND
    offset = moment_of(instant, zone).utcoffset() or timedelta(0)
    return int(offset.total_seconds()), name_of_zone(instant, zone)
