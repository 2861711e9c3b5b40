"""Overlaps as a calendar to subscribe to (RFC 5545)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo

from icalendar import Calendar
from icalendar import Event as Vevent

from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import NANOS_PER_SECOND, Span
from double_booked.view.conflict_report import ConflictReport, describe_gap, find_gap, pluralize
from double_booked.view.keys import ConflictKeys
from double_booked.view.printable import printable
from double_booked.view.repeat import DAYS_OF_WEEK, Repeat
from double_booked.view.repeats import list_groups
from double_booked.view.times import day_of, moment_of


def render(report: ConflictReport, now: datetime, zone: tzinfo | None) -> bytes:
    """Return a calendar with a VEVENT for each overlap.

    The events are transparent, so they make nobody busy. An overlap has the same UID in every
    report, as `ConflictKeys` describes. Times are cut to whole seconds. An overlap that recurs is a
    series for each of its days of the week, with its times in words. Another series begins where a
    time is missing and where the clocks change, since the times are in UTC.

    Args:
        report: The events and conflicts.
        now: The time at which the calendar is written.
        zone: The reader's time zone, for times in words; None is that of this machine.
    """
    calendar = make_calendar("check", "Double bookings")
    keys = ConflictKeys(report.entries)
    for group, repeat in list_groups(report):
        times = [repeat.describe(group, zone)] if repeat else []
        for part in _split_weekdays(repeat, report, zone) if repeat else [None]:
            for run in _runs(group, part, report):
                key = keys.make(group.resource, run[0], part)
                event = make_event(key, run[0].span, _summary(group, run[0], report), now)
                event.add("DESCRIPTION", "\n".join([*_details(group, run[0], report), *times]))
                if part and len(run) > 1:
                    event.add("RRULE", _rule(part.days, len(run)))
                calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content


def make_calendar(command: str, name: str) -> Calendar:
    """Return an empty calendar.

    Args:
        command: The command that writes it.
        name: The name that calendar programs show.
    """
    calendar = Calendar()
    calendar.add("PRODID", f"-//double-booked//{command}//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("X-WR-CALNAME", name)
    return calendar


def make_event(key: str, span: Span, summary: str, now: datetime) -> Vevent:
    """Return a transparent event.

    Args:
        key: What identifies the event, as `make_key` returns it.
        span: Start and end, in nanoseconds since 1970; equal for an instant.
        summary: The title.
        now: The time at which the calendar is written.
    """
    start, end = span
    event = Vevent()
    event.add("UID", f"{key}@double-booked")
    event.add("DTSTAMP", now)
    event.add("DTSTART", moment_of(start, UTC))
    if end > start:
        event.add("DTEND", moment_of(end, UTC))
    event.add("SUMMARY", summary)
    event.add("TRANSP", "TRANSPARENT")
    return event


def _runs(group: Group, repeat: Repeat | None, report: ConflictReport) -> Iterator[list[Overlap]]:
    """Yield the overlaps of a group, each with those that a rule can add to it."""
    if not repeat:
        yield from ([overlap] for overlap in group.overlaps)
        return
    groups = (report.groups[number].overlaps for number in repeat.groups)
    for overlaps in zip(*groups, strict=True):
        yield from _equally_spaced(overlaps, repeat.days)


def _split_weekdays(
    repeat: Repeat, report: ConflictReport, zone: tzinfo | None
) -> Iterator[Repeat]:
    """Yield a weekly repeat for each day of the week of a repeat on several of them."""
    if not repeat.weekdays:
        yield repeat
        return
    by_weekday: dict[int, list[int]] = defaultdict(list)
    for number in repeat.groups:
        day = day_of(report.groups[number].overlaps[0].start, zone)
        by_weekday[day.weekday()].append(number)
    for numbers in by_weekday.values():
        yield replace(repeat, groups=tuple(numbers), days=DAYS_OF_WEEK, weekdays=())


def _rule(days: int, count: int) -> dict[str, object]:
    is_weekly = days % DAYS_OF_WEEK == 0
    frequency = "WEEKLY" if is_weekly else "DAILY"
    interval = days // DAYS_OF_WEEK if is_weekly else days
    return {"FREQ": frequency, "INTERVAL": interval, "COUNT": count}


def _equally_spaced(overlaps: Sequence[Overlap], days: int) -> Iterator[list[Overlap]]:
    """Yield runs of overlaps that follow one another after exactly a number of days."""
    step = days * 86_400 * NANOS_PER_SECOND
    run: list[Overlap] = []
    for overlap in overlaps:
        if run and overlap.start - run[-1].start != step:
            yield run
            run = []
        run.append(overlap)
    yield run


def _summary(group: Group, overlap: Overlap, report: ConflictReport) -> str:
    names = " / ".join(report.entries[position].name for position in overlap.members)
    resource = f"{printable(group.resource)}: " if group.resource else ""
    return f"{resource}{names or pluralize(overlap.depth, 'event')}"


def _details(group: Group, overlap: Overlap, report: ConflictReport) -> Iterator[str]:
    gap = find_gap(report, group.resource, [overlap])
    yield f"{overlap.depth} at once{describe_gap(gap)}"
    for position in overlap.members:
        entry = report.entries[position]
        yield f"{entry.name} ({printable(str(entry.location))})"
