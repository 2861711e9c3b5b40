"""Conflicts as text, for people."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from double_booked.api.scheduling_pb2 import ConflictGroup, ConflictList, Event, EventList
from double_booked.conflicts.definition import nanoseconds
from double_booked.report.printable import printable
from double_booked.report.times import day_of, format_day, format_span

MAX_SPANS = 3
"""How many spans of overlap the heading of a group tells."""

MAX_BAR_WIDTH = 28

_GAP = "  "

Span = tuple[int, int]
"""From the first up to the second, in nanoseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event of a group, in words."""

    time: str
    name: str
    occupied: Span


def write(
    console: Console, conflicts: ConflictList, asked: EventList, place: Callable[[int], str]
) -> None:
    """Writes which of the events that were asked about conflict, and a summary.

    Args:
        console: Where to; no line is wider than it is. It should not highlight.
        conflicts: The answer.
        asked: The request, to find an event that has neither title nor id.
        place: What to call such an event, by its position in the request.
    """
    name = _namer(asked, place)
    for group in conflicts.conflicts:
        _write_group(console, group, name)
    console.print(summarize(conflicts, asked), style="bold")


def summarize(conflicts: ConflictList, asked: EventList) -> str:
    """One sentence: how many groups and events conflict."""
    total = len(asked.events)
    groups = len(conflicts.conflicts)
    if not groups:
        return f"No conflicts among {_count(total, 'event')}."
    members = sum(len(group.conflict_group) for group in conflicts.conflicts)
    return f"{_count(groups, 'group')} of conflicting events, {members} of {total} events."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _namer(asked: EventList, place: Callable[[int], str]) -> Callable[[Event], str]:
    """Makes a function that names an event by its title, its id, or its position."""
    positions: dict[bytes, deque[int]] = {}
    for position, event in enumerate(asked.events):
        if not _own_name(event):
            positions.setdefault(event.SerializeToString(), deque()).append(position)

    def name(event: Event) -> str:
        own_name = _own_name(event)
        if own_name:
            return own_name
        # Equal events come back in the order in which they were sent.
        same = positions[event.SerializeToString()]
        same.rotate(-1)
        return printable(place(same[-1]))

    return name


def _own_name(event: Event) -> str:
    return printable(event.title) or printable(event.id)


def _write_group(console: Console, group: ConflictGroup, name: Callable[[Event], str]) -> None:
    events = group.conflict_group
    day = day_of(nanoseconds(events[0].start))
    rows = [
        Row(
            format_span(nanoseconds(event.start), nanoseconds(event.end), day),
            name(event),
            _span(event),
        )
        for event in events
    ]
    clashes = _overlap_spans(group) or find_clashes([row.occupied for row in rows])
    where = f", {printable(group.resource)}" if group.resource else ""
    told = f" (UTC){where}: {len(events)} events, double-booked {_format_clashes(clashes, day)}"
    heading = Text.assemble((format_day(day), "bold"), told)
    console.print(heading)
    for line in _render_rows(rows, clashes, console):
        line.truncate(console.width, overflow="ellipsis")
        console.print(line, no_wrap=True)
    for overlap in group.overlaps:
        present = ", ".join(rows[member].name for member in overlap.members)
        span = format_span(nanoseconds(overlap.start), nanoseconds(overlap.end), day)
        line = Text.assemble(_GAP, (span, "cyan"), f"{_GAP}{overlap.depth} at once: {present}")
        line.truncate(console.width, overflow="ellipsis")
        console.print(line, no_wrap=True)
    console.print()


def _overlap_spans(group: ConflictGroup) -> list[Span]:
    """When too many are present, as the answer tells it, adjacent times put together."""
    spans: list[Span] = []
    for overlap in group.overlaps:
        start, end = nanoseconds(overlap.start), nanoseconds(overlap.end)
        end = max(end, start + 1)
        if spans and start <= spans[-1][1]:
            spans[-1] = spans[-1][0], max(end, spans[-1][1])
        else:
            spans.append((start, end))
    return spans


def _span(event: Event) -> Span:
    """The time of an event; that of an instant is a nanosecond, as in conflicts/definition.py."""
    start, end = nanoseconds(event.start), nanoseconds(event.end)
    return start, max(end, start + 1)


def find_clashes(occupied: Sequence[Span]) -> list[Span]:
    """Finds when more than one of the spans, which are by start, is present."""
    clashes: list[Span] = []
    reach = occupied[0][0]
    for start, end in occupied:
        overlap = start, min(end, reach)
        if clashes and start <= clashes[-1][1]:
            clashes[-1] = clashes[-1][0], max(clashes[-1][1], overlap[1])
        elif start < reach:
            clashes.append(overlap)
        reach = max(reach, end)
    return clashes


def _format_clashes(clashes: Sequence[Span], day: date) -> str:
    # A clash with an instant lasts a nanosecond, for people an instant too.
    told = [
        format_span(start, start if end == start + 1 else end, day)
        for start, end in clashes[:MAX_SPANS]
    ]
    more = f" and {len(clashes) - MAX_SPANS} more" if len(clashes) > MAX_SPANS else ""
    return ", ".join(told) + more


def _render_rows(rows: Sequence[Row], clashes: Sequence[Span], console: Console) -> Iterator[Text]:
    time_width = max(len(row.time) for row in rows)
    room = max(console.width - time_width - 3 * len(_GAP), 2)
    bar_width = min(MAX_BAR_WIDTH, room // 2)
    name_width = min(max(cell_len(row.name) for row in rows), room - bar_width)
    draw = _bar_drawer(rows, clashes, bar_width, console.encoding)
    for row in rows:
        name = Text(row.name)
        name.truncate(name_width, overflow="ellipsis", pad=True)
        time = row.time.ljust(time_width)
        yield Text.assemble(_GAP, (time, "cyan"), _GAP, name, _GAP, draw(row.occupied))


def _bar_drawer(
    rows: Sequence[Row], clashes: Sequence[Span], width: int, encoding: str
) -> Callable[[Span], Text]:
    """Makes a function that draws a span within the group, and where it clashes."""
    start = rows[0].occupied[0]
    length = max(row.occupied[1] for row in rows) - start
    alone_mark, clash_mark = "━█" if encoding.startswith("utf") else "-#"

    def cells(span: Span) -> range:
        first = (span[0] - start) * width // length
        last = -((start - span[1]) * width // length)  # rounded up
        return range(first, max(last, first + 1))

    clashing = {cell for clash in clashes for cell in cells(clash)}

    def draw(span: Span) -> Text:
        bar = Text(" " * cells(span).start)
        for clashes_here, run in groupby(cells(span), clashing.__contains__):
            mark, style = (clash_mark, "red") if clashes_here else (alone_mark, "dim")
            bar.append(mark * len(list(run)), style)
        return bar

    return draw
