"""The events and conflicts of a report by day."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, tzinfo

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import NANOS_PER_SECOND, Span
from double_booked.view.conflict_report import ConflictReport, Entry
from double_booked.view.times import day_of

_STEP = 12 * 3_600 * NANOS_PER_SECOND
"""Shorter than any day, also when clocks change."""


@dataclass(frozen=True, slots=True)
class Day:
    """The events and conflicts of a day.

    Attributes:
        date: The day.
        instant: An instant of the day, in nanoseconds since 1970.
        events: The positions of the events that occupy some of the day.
        groups: The groups that start on the day.
    """

    date: date
    instant: int
    events: list[int] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)


def group_by_day(report: ConflictReport, zone: tzinfo | None, window: Span) -> list[Day]:
    """Return the days on which an event occupies some time, in order.

    Args:
        report: The events and conflicts; all of them touch the window.
        zone: The reader's time zone; None is that of this machine.
        window: The span that the days lie in. An event that starts before it is listed from the
            first day on.
    """
    days: dict[date, Day] = {}
    for position, entry in enumerate(report.entries):
        for instant in _instants(entry, window):
            day = day_of(instant, zone)
            events = days.setdefault(day, Day(day, instant)).events
            if position not in events[-1:]:
                events.append(position)
    for group in report.groups:
        first = next(_instants(report.entries[group.members[0]], window))
        days[day_of(first, zone)].groups.append(group)
    return [day for _, day in sorted(days.items())]


def _instants(entry: Entry, window: Span) -> Iterator[int]:
    """Yield at least one instant of each day that an event occupies in the window, in order."""
    first = max(entry.start, window[0])
    last = max(min(entry.end, window[1]) - 1, first)
    yield from range(first, last, _STEP)
    yield last
