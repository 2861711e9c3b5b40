"""All events day by day as text, with a mark on those that conflict."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import tzinfo

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from double_booked.conflicts.instants import Span
from double_booked.report.group_text import GAP, INDENT, MAX_OVERLAPS, Writer
from double_booked.view.conflict_report import ConflictReport, Entry, summarize
from double_booked.view.days import Day, group_by_day
from double_booked.view.printable import printable
from double_booked.view.times import format_span

_CONFLICT_MARK = "  ! "


def write(console: Console, report: ConflictReport, zone: tzinfo | None, window: Span) -> None:
    """Write the events by day and resource, the conflicts of the day, and a summary.

    An event is listed on each day that it touches, marked "!" if it conflicts. A group is written
    on its first day, as `text.write` writes it.

    Args:
        console: The output; lines are cut to its width. It should not highlight.
        report: The events and conflicts.
        zone: The reader's time zone; None is that of this machine.
        window: The days to show, in nanoseconds since 1970. Events that start before it are listed
            from the first day on.
    """
    writer = Writer(console, console.width, report, zone, MAX_OVERLAPS, _location)
    _Agenda(writer, report, zone).write(window)


@dataclass(frozen=True, slots=True)
class _Agenda:
    writer: Writer
    report: ConflictReport
    zone: tzinfo | None

    def write(self, window: Span) -> None:
        groups = self.report.groups
        conflicting = {(group.resource, member) for group in groups for member in group.members}
        for day in group_by_day(self.report, self.zone, window):
            self.writer.write_heading(day.instant)
            self._write_events(day, conflicting)
            for group in day.groups:
                self.writer.write_group(group, day.date)
        self.writer.write_summary(summarize(self.report))

    def _write_events(self, day: Day, conflicting: AbstractSet[tuple[str, int]]) -> None:
        by_resource: dict[str, list[int]] = {}
        for position in day.events:
            for name in self.report.entries[position].resources:
                by_resource.setdefault(name, []).append(position)
        for name, positions in sorted(by_resource.items()):
            self.writer.print_line(Text(f"{GAP}{printable(name) or 'no resource'}"))
            for position, row in zip(positions, self._rows(positions, day), strict=True):
                mark = (_CONFLICT_MARK, "bold") if (name, position) in conflicting else INDENT
                self.writer.print_line(Text.assemble(mark, row))
        self.writer.print_line(Text())

    def _rows(self, positions: Sequence[int], day: Day) -> list[Text]:
        """Return the aligned rows: time, name, and location if it differs from the name."""
        entries = [self.report.entries[position] for position in positions]
        times = [format_span(entry.start, entry.end, day.date, self.zone) for entry in entries]
        locations = [_location(entry) for entry in entries]
        time_width = max(map(len, times))
        room = max(self.writer.width - len(INDENT) - time_width - 2 * len(GAP), 2)
        room -= min(max(map(cell_len, locations)), room // 2)
        name_width = min(max(cell_len(entry.name) for entry in entries), room)
        rows = []
        for time, entry, location in zip(times, entries, locations, strict=True):
            name = Text(entry.name)
            name.truncate(name_width, overflow="ellipsis", pad=True)
            time_cell = (time.ljust(time_width), "bold")
            rows.append(Text.assemble(time_cell, GAP, name, GAP, location))
        return rows


def _location(entry: Entry) -> str:
    field = printable(entry.location.field)
    return "" if field == entry.name else field
