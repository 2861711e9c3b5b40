"""Conflicts as one HTML page that needs nothing else: no network, no server."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from html import escape
from importlib.resources import files
from string import Template

from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import EPOCH, NANOS_PER_SECOND
from double_booked.report.findings import Entry, Findings, summarize
from double_booked.report.printable import printable
from double_booked.report.repeats import Repeat
from double_booked.report.times import (
    day_of,
    format_day,
    format_duration,
    format_span,
    name_of_zone,
)

MAX_DRAWN = 20_000
"""Of more events, only those that conflict are on the page."""

MAX_DAYS = 1_000
"""Of more days, only those on which an event starts can be looked at."""

HOURS_BETWEEN_TICKS = 3

_NANOS_PER_MILLISECOND = NANOS_PER_SECOND // 1_000

Json = dict[str, object]


def render(findings: Findings, zone: tzinfo | None, repeats: Sequence[Repeat] = ()) -> str:
    """The page, whose data are JSON that its script reads; nothing of an event is markup.

    Args:
        findings: What to tell.
        zone: Where the reader is; None is where this machine is.
        repeats: Groups that come again; the table has the first of each.
    """
    style, script = _asset("page.css"), _asset("page.js")
    # In JSON, "<" is only ever within texts; so none of them ends the script element.
    data = json.dumps(_page(findings, zone, repeats), separators=(",", ":")).replace("<", "\\u003c")
    return Template(_asset("page.html")).substitute(
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
        style=style,
        script=script,
        data=data,
        summary=escape(summarize(findings)),
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text("utf-8")


def _hash(content: str) -> str:
    """What lets a browser run just this (Content Security Policy 3, section 2.3.1)."""
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def _page(findings: Findings, zone: tzinfo | None, repeats: Sequence[Repeat]) -> Json:
    drawn = _drawn(findings)
    index = {position: number for number, position in enumerate(drawn)}
    entries = [findings.entries[position] for position in drawn]
    names = sorted({name for entry in entries for name in entry.resources})
    number = {name: count for count, name in enumerate(names)}
    groups = [_group(group, index, number, zone) for group in findings.groups]
    _mark_repeats(groups, findings, zone, repeats)
    return {
        "zone": name_of_zone(min((entry.start for entry in entries), default=0), zone),
        "left_out": len(findings.entries) - len(drawn),
        "resources": [printable(name) for name in names],
        "events": [_event(findings, position, number, zone) for position in drawn],
        "groups": groups,
        "days": [_day(day, zone) for day in _days(entries, zone)],
    }


def _drawn(findings: Findings) -> list[int]:
    if len(findings.entries) <= MAX_DRAWN:
        return list(range(len(findings.entries)))
    return sorted({position for group in findings.groups for position in group.members})


def _event(
    findings: Findings, position: int, resources: Mapping[str, int], zone: tzinfo | None
) -> Json:
    entry = findings.entries[position]
    slots = findings.slots.get(position)
    return {
        "name": entry.name,
        "place": printable(str(entry.place)),
        "start": _milliseconds(entry.start),
        "end": _milliseconds(entry.end),
        "time": _told(entry.start, entry.end, zone),
        "resources": [resources[name] for name in entry.resources],
        "slots": None if slots is None else [_told(*slot, zone) for slot in slots],
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
    groups: Sequence[Json], findings: Findings, zone: tzinfo | None, repeats: Sequence[Repeat]
) -> None:
    for repeat in repeats:
        first = repeat.groups[0]
        spans = [each.span for each in findings.groups[first].overlaps]
        groups[first]["every"] = [repeat.describe(span, zone) for span in spans]
        for number in repeat.groups[1:]:
            groups[number]["repeated"] = True


def _overlap(overlap: Overlap, index: Mapping[int, int], zone: tzinfo | None) -> Json:
    return {
        "start": _milliseconds(overlap.start),
        "end": _milliseconds(overlap.end),
        "time": _told(overlap.start, overlap.end, zone),
        "lasts": format_duration(overlap.end - overlap.start),
        "depth": overlap.depth,
        "members": [index[position] for position in overlap.members],
    }


def _told(start: int, end: int, zone: tzinfo | None) -> str:
    day = day_of(start, zone)
    return f"{format_day(day)}, {format_span(start, end, day, zone)}"


def _milliseconds(instant: int) -> float:
    return instant / _NANOS_PER_MILLISECOND


def _days(entries: Sequence[Entry], zone: tzinfo | None) -> list[date]:
    days = sorted({day_of(entry.start, zone) for entry in entries})
    if not days or (days[-1] - days[0]).days >= MAX_DAYS:
        return days
    return [days[0] + timedelta(count) for count in range((days[-1] - days[0]).days + 1)]


def _day(day: date, zone: tzinfo | None) -> Json:
    ticks = list(_ticks(day, zone))
    return {"label": format_day(day), "start": ticks[0][0], "end": ticks[-1][0], "ticks": ticks}


def _ticks(day: date, zone: tzinfo | None) -> Iterator[tuple[float, str]]:
    """The times of a day that the picture names, midnight to midnight, and their labels."""
    for hour in range(0, 25, HOURS_BETWEEN_TICKS):
        # Past the last day there is no midnight; the time in the zone may lie past it too.
        try:
            wall = datetime.combine(day, time()) + timedelta(hours=hour)
            moment = wall.replace(tzinfo=zone) if zone else wall.astimezone()
            instant = (moment - EPOCH).total_seconds()
        except (OverflowError, ValueError):
            wall = datetime.combine(day, time())
            instant = (wall.replace(tzinfo=UTC) - EPOCH).total_seconds() + hour * 3_600
        yield instant * 1_000, f"{hour:02}:00"
