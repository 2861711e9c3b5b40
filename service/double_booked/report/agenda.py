"""All events day by day, as text for people, and what conflicts of them."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, tzinfo

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from double_booked.conflicts.definition import Group
from double_booked.conflicts.instants import NANOS_PER_SECOND, Span
from double_booked.report.findings import Entry, Findings
from double_booked.report.printable import printable
from double_booked.report.text import GAP, INDENT, MAX_OVERLAPS, Writer
from double_booked.report.times import day_of, format_span

_STEP = 12 * 3_600 * NANOS_PER_SECOND
"""No day is shorter, whatever clocks do."""

_CLASHING = "  ! "


def write(console: Console, findings: Findings, zone: tzinfo | None, window: Span) -> None:
    """Writes who has what, day by day and resource by resource, what conflicts, and a summary.

    An event is told on each day of which it takes some, with a "!" where it conflicts; a group,
    as `text.write` has it, on its first day.

    Args:
        console: Where to; no line is wider than it is. It should not highlight.
        findings: What to tell.
        zone: Where the reader is; None is where this machine is.
        window: The days to tell, in nanoseconds since 1970; what was before is told on the first.
    """
    writer = Writer(console, console.width, findings, zone, MAX_OVERLAPS)
    _Agenda(writer, findings, zone, window).write()


@dataclass(frozen=True, slots=True)
class _Day:
    """What is told of a day.

    Attributes:
        instant: One of it, the first that is told.
        events: Their positions.
        groups: Those that start on it.
    """

    instant: int
    events: list[int] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Agenda:
    writer: Writer
    findings: Findings
    zone: tzinfo | None
    window: Span

    def write(self) -> None:
        groups = self.findings.groups
        clashing = {(group.resource, each) for group in groups for each in group.members}
        for day, told in sorted(self._days().items()):
            self.writer.write_heading(told.instant)
            self._write_events(told.events, day, clashing)
            for group in told.groups:
                self.writer.write_group(group, day)
        self.writer.write_summary()

    def _days(self) -> dict[date, _Day]:
        days: dict[date, _Day] = {}
        for position, entry in enumerate(self.findings.entries):
            for instant in self._instants(entry):
                events = days.setdefault(day_of(instant, self.zone), _Day(instant)).events
                if position not in events[-1:]:
                    events.append(position)
        for group in self.findings.groups:
            first = next(self._instants(self.findings.entries[group.members[0]]))
            days[day_of(first, self.zone)].groups.append(group)
        return days

    def _instants(self, entry: Entry) -> Iterator[int]:
        """At least one of each day that an event takes some of, in order."""
        first = max(entry.start, self.window[0])
        last = max(min(entry.end, self.window[1]) - 1, first)
        yield from range(first, last, _STEP)
        yield last

    def _write_events(
        self, positions: Sequence[int], day: date, clashing: AbstractSet[tuple[str, int]]
    ) -> None:
        by_resource: dict[str, list[int]] = {}
        for position in positions:
            for name in self.findings.entries[position].resources:
                by_resource.setdefault(name, []).append(position)
        for name, several in sorted(by_resource.items()):
            self.writer.print_line(Text(f"{GAP}{printable(name) or 'no resource'}"))
            for position, row in zip(several, self._rows(several, day), strict=True):
                mark = (_CLASHING, "red") if (name, position) in clashing else INDENT
                self.writer.print_line(Text.assemble(mark, row))
        self.writer.print_line(Text())

    def _rows(self, positions: Sequence[int], day: date) -> list[Text]:
        """When, what, and where that is written if that says more; aligned."""
        entries = [self.findings.entries[position] for position in positions]
        times = [format_span(entry.start, entry.end, day, self.zone) for entry in entries]
        places = [_place(entry) for entry in entries]
        time_width = max(map(len, times))
        room = max(self.writer.width - len(INDENT) - time_width - 2 * len(GAP), 2)
        room -= min(max(map(cell_len, places)), room // 2)
        name_width = min(max(cell_len(entry.name) for entry in entries), room)
        rows = []
        for time, entry, place in zip(times, entries, places, strict=True):
            name = Text(entry.name)
            name.truncate(name_width, overflow="ellipsis", pad=True)
            time_told = (time.ljust(time_width), "cyan")
            rows.append(Text.assemble(time_told, GAP, name, GAP, (place, "dim")))
        return rows


def _place(entry: Entry) -> str:
    told = printable(entry.place.field)
    return "" if told == entry.name else told
