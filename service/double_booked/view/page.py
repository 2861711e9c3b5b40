"""The data of the HTML page: JSON that the page's script draws."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import EPOCH, NANOS_PER_SECOND
from double_booked.view.conflict_report import ConflictReport, Entry
from double_booked.view.printable import printable
from double_booked.view.repeat import Repeat
from double_booked.view.times import day_of, format_day, format_duration, format_span, name_of_zone

MAX_DRAWN = 20_000
"""If there are more events, the page shows only those that conflict."""

MAX_DAYS = 1_000
"""If the events span more days, the page offers only the days on which an event starts."""

HOURS_BETWEEN_TICKS = 3

_NANOS_PER_MILLISECOND = NANOS_PER_SECOND // 1_000

Json = dict[str, object]


def make_page(report: ConflictReport, zone: tzinfo | None, repeats: Sequence[Repeat] = ()) -> Json:
    """Return what the page shows; instants are in milliseconds since 1970, as JavaScript has them.

    Args:
        report: The events and conflicts.
        zone: The reader's time zone; None is that of this machine.
        repeats: Groups that recur; the table lists the first of each.
    """
    drawn = _drawn(report)
    index = {position: number for number, position in enumerate(drawn)}
    entries = [report.entries[position] for position in drawn]
    names = sorted({name for entry in entries for name in entry.resources})
    number_of = {name: number for number, name in enumerate(names)}
    groups = [_group(group, index, number_of, zone) for group in report.groups]
    _mark_repeats(groups, report, zone, repeats)
    return {
        "zone": name_of_zone(min((entry.start for entry in entries), default=0), zone),
        "left_out": len(report.entries) - len(drawn),
        "resources": [printable(name) for name in names],
        "events": [_event(report, position, number_of, zone) for position in drawn],
        "groups": groups,
        "days": [_day(day, zone) for day in _days(entries, zone)],
    }


def _drawn(report: ConflictReport) -> list[int]:
    if len(report.entries) <= MAX_DRAWN:
        return list(range(len(report.entries)))
    return sorted({position for group in report.groups for position in group.members})


def _event(
    report: ConflictReport, position: int, resources: Mapping[str, int], zone: tzinfo | None
) -> Json:
    entry = report.entries[position]
    suggestions = report.suggestions.get(position)
    return {
        "name": entry.name,
        "location": printable(str(entry.location)),
        "start": _milliseconds(entry.start),
        "end": _milliseconds(entry.end),
        "time": _format_time(entry.start, entry.end, zone),
        "resources": [resources[name] for name in entry.resources],
        "suggestions": None
        if suggestions is None
        else [_format_time(*span, zone) for span in suggestions],
    }


def _group(
    group: Group, index: Mapping[int, int], resources: Mapping[str, int], zone: tzinfo | None
) -> Json:
    return {
        "resource": resources[group.resource],
        "members": [index[position] for position in group.members],
        "overlaps": [_overlap(overlap, index, zone) for overlap in group.overlaps],
    }


def _mark_repeats(
    groups: Sequence[Json], report: ConflictReport, zone: tzinfo | None, repeats: Sequence[Repeat]
) -> None:
    for repeat in repeats:
        first = repeat.groups[0]
        group = report.groups[first]
        groups[first]["every"] = [repeat.describe(group, zone) for _ in group.overlaps]
        for number in repeat.groups[1:]:
            groups[number]["repeated"] = True


def _overlap(overlap: Overlap, index: Mapping[int, int], zone: tzinfo | None) -> Json:
    return {
        "start": _milliseconds(overlap.start),
        "end": _milliseconds(overlap.end),
        "time": _format_time(overlap.start, overlap.end, zone),
        "lasts": format_duration(overlap.end - overlap.start),
        "depth": overlap.depth,
        "members": [index[position] for position in overlap.members],
    }


def _format_time(start: int, end: int, zone: tzinfo | None) -> str:
    day = day_of(start, zone)
    return f"{format_day(day)}, {format_span(start, end, day, zone)}"


def _milliseconds(instant: int) -> float:
    return instant / _NANOS_PER_MILLISECOND


def _days(entries: Sequence[Entry], zone: tzinfo | None) -> list[date]:
    days = sorted({day_of(entry.start, zone) for entry in entries})
    if not days or (days[-1] - days[0]).days >= MAX_DAYS:
        return days
    return [days[0] + timedelta(number) for number in range((days[-1] - days[0]).days + 1)]


def _day(day: date, zone: tzinfo | None) -> Json:
    ticks = list(_ticks(day, zone))
    return {"label": format_day(day), "start": ticks[0][0], "end": ticks[-1][0], "ticks": ticks}


def _ticks(day: date, zone: tzinfo | None) -> Iterator[tuple[float, str]]:
    """Yield the labelled times of a day, from midnight to midnight, and their labels."""
    for hour in range(0, 25, HOURS_BETWEEN_TICKS):
        # The calendar's last day has no next midnight; in the zone, a time can be past the end too.
        try:
            wall = datetime.combine(day, time()) + timedelta(hours=hour)
            moment = wall.replace(tzinfo=zone) if zone else wall.astimezone()
            instant = (moment - EPOCH).total_seconds()
        except (OverflowError, ValueError):
            wall = datetime.combine(day, time())
            instant = (wall.replace(tzinfo=UTC) - EPOCH).total_seconds() + hour * 3_600
        yield instant * 1_000, f"{hour:02}:00"
