"""Conflicts as text, for people."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import Span, merge_spans
from double_booked.view.conflict_report import ConflictReport, Entry, pluralize, summarize
from double_booked.view.printable import printable
from double_booked.view.repeats import Repeat
from double_booked.view.times import (
    day_of,
    format_day,
    format_duration,
    format_span,
    name_of_zone,
)

MAX_OVERLAPS = 10
"""The maximum number of overlaps of a group that are written, unless all are requested."""

MAX_NAMES = 3
"""The maximum number of names in the line of an overlap; the other events are counted."""

MAX_BAR_WIDTH = 28
MIN_BAR_WIDTH = 12
"""On a terminal with less room, no bars are drawn."""

INDENT = "    "
GAP = "  "


def write(
    console: Console,
    report: ConflictReport,
    zone: tzinfo | None,
    *,
    all_overlaps: bool,
    repeats: Sequence[Repeat] = (),
) -> None:
    """Write the conflicting events, by day and group, and a summary.

    Args:
        console: The output; lines are cut to its width. It should not highlight.
        report: The events and conflicts.
        zone: The reader's time zone; None is that of this machine.
        all_overlaps: Whether to write more than MAX_OVERLAPS overlaps of a group.
        repeats: Groups that recur; only the first of each is written, with the days of all.
    """
    max_overlaps = None if all_overlaps else MAX_OVERLAPS
    Writer(console, console.width, report, zone, max_overlaps, repeats).write()


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the parts of the text."""

    console: Console
    width: int
    report: ConflictReport
    zone: tzinfo | None
    max_overlaps: int | None
    repeats: Sequence[Repeat] = ()

    def write(self) -> None:
        """Write all days, and the summary."""
        first = {repeat.groups[0]: repeat for repeat in self.repeats}
        later = {number for repeat in self.repeats for number in repeat.groups[1:]}
        shown = [item for item in enumerate(self.report.groups) if item[0] not in later]
        for day, items in groupby(shown, lambda item: self._day(item[1])):
            numbered = list(items)
            self.write_heading(self._entries(numbered[0][1])[0].start)
            for number, group in numbered:
                self.write_group(group, day, first.get(number))
        self.write_summary()

    def write_heading(self, instant: int) -> None:
        """Write the day of an instant, with the abbreviation of the zone."""
        day = format_day(day_of(instant, self.zone))
        self.print_line(Text.assemble((day, "bold"), f" ({name_of_zone(instant, self.zone)})"))

    def write_summary(self) -> None:
        """Write how many events conflict."""
        self.console.print(summarize(self.report), style="bold")

    def _day(self, group: Group) -> date:
        return day_of(self._entries(group)[0].start, self.zone)

    def _entries(self, group: Group) -> list[Entry]:
        return [self.report.entries[position] for position in group.members]

    def print_line(self, line: Text) -> None:
        """Write a line, cut to the width of the console."""
        line.rstrip()
        line.truncate(self.width, overflow="ellipsis")
        if self.console.color_system:
            self.console.print(line, no_wrap=True)
        else:  # rich would take most of the time of a long report
            self.console.file.write(f"{line.plain}\n")

    def write_group(self, group: Group, day: date, repeat: Repeat | None = None) -> None:
        """Write a group below the heading of a day, with the days on which it recurs."""
        self.print_line(Text(f"{GAP}{_describe_group(group)}"))
        if repeat:
            span = group.overlaps[0].start, group.overlaps[-1].end
            self.print_line(Text(f"{GAP}{repeat.describe(span, self.zone)}", "bold"))
        for row in self._rows(group, day):
            self.print_line(row)
        for overlap in group.overlaps[: self.max_overlaps]:
            self.print_line(self._overlap_line(overlap, day))
        left_out = len(group.overlaps[self.max_overlaps :]) if self.max_overlaps else 0
        if left_out:
            self.print_line(Text(f"{GAP}! and {pluralize(left_out, 'more overlap')}"))
        for position in group.members:
            self._write_suggestions(position, day)
        self.print_line(Text())

    def _write_suggestions(self, position: int, day: date) -> None:
        if position not in self.report.suggestions:
            return
        spans = self.report.suggestions[position]
        name = _shorten(self.report.entries[position].name, self.width // 3)
        times = ", ".join(format_span(*span, day, self.zone) for span in spans)
        text = f"{name} could be {times}" if spans else f"{name}: no free time is near"
        self.print_line(Text.assemble((f"{GAP}> ", "green"), text))

    def _overlap_line(self, overlap: Overlap, day: date) -> Text:
        span = format_span(overlap.start, overlap.end, day, self.zone)
        length = overlap.end - overlap.start
        duration = f"{format_duration(length)}, " if length else ""
        line = Text.assemble((f"{GAP}! ", "red"), (span, "cyan"))
        line.append(f"{GAP}{duration}{overlap.depth} at once")
        if overlap.members:
            names = [self.report.entries[position].name for position in overlap.members]
            line.append(f": {_join_names(names, self.width - line.cell_len - 2)}")
        return line

    def _rows(self, group: Group, day: date) -> Iterator[Text]:
        entries = self._entries(group)
        times = [format_span(entry.start, entry.end, day, self.zone) for entry in entries]
        time_width = max(map(len, times))
        room = max(self.width - len(INDENT) - time_width - 2 * len(GAP), 2)
        bar_width = min(MAX_BAR_WIDTH, room // 2) if room // 2 >= MIN_BAR_WIDTH else 0
        name_width = min(max(cell_len(entry.name) for entry in entries), room - bar_width)
        conflicts = merge_spans(overlap.span for overlap in group.overlaps)
        draw = _bar_drawer(entries, conflicts, bar_width, self.console.encoding)
        for time, entry in zip(times, entries, strict=True):
            name = Text(entry.name)
            name.truncate(name_width, overflow="ellipsis", pad=True)
            bar = draw((entry.start, entry.end)) if bar_width else ""
            yield Text.assemble(INDENT, (time.ljust(time_width), "cyan"), GAP, name, GAP, bar)


def _describe_group(group: Group) -> str:
    resource = f"{printable(group.resource)}: " if group.resource else ""
    length = sum(overlap.end - overlap.start for overlap in group.overlaps)
    duration = f"for {format_duration(length)}" if length else "for an instant"
    return f"{resource}{pluralize(len(group.members), 'event')}, double-booked {duration}"


def _shorten(name: str, width: int) -> str:
    text = Text(name)
    text.truncate(max(width, 1), overflow="ellipsis")
    return text.plain


def _join_names(names: Sequence[str], room: int) -> str:
    """Join up to MAX_NAMES names, shortened to equal shares if they do not fit the room."""
    shown, left_out = names[:MAX_NAMES], len(names[MAX_NAMES:])
    more = f" and {left_out} more" if left_out else ""
    joined = ", ".join(shown) + more
    if cell_len(joined) <= room:
        return joined
    share = (room - len(more) + 2) // len(shown) - 2
    return ", ".join(_shorten(name, share) for name in shown) + more


def _bar_drawer(
    entries: Sequence[Entry], conflicts: Iterable[Span], width: int, encoding: str
) -> Callable[[Span], Text]:
    """Return a function that draws a span of the group as a bar, with its conflicts marked.

    Args:
        entries: The events of the group, by start; together they are as long as a whole bar.
        conflicts: The spans to mark.
        width: The width of the whole bar, in cells.
        encoding: The encoding of the output; if it is not a UTF, the bars are ASCII.
    """
    start = entries[0].start
    length = max(max(entry.end for entry in entries) - start, 1)
    alone_mark, conflict_mark = "━█" if encoding.startswith("utf") else "-#"

    def cells(span: Span) -> range:
        first = min((span[0] - start) * width // length, width - 1)
        last = -((start - max(span[1], span[0] + 1)) * width // length)  # rounded up
        return range(first, min(max(last, first + 1), width))

    conflicting = {cell for conflict in conflicts for cell in cells(conflict)}

    def draw(span: Span) -> Text:
        bar = Text(" " * cells(span).start)
        for is_conflict, run in groupby(cells(span), conflicting.__contains__):
            mark, style = (conflict_mark, "red") if is_conflict else (alone_mark, "dim")
            bar.append(mark * len(list(run)), style)
        return bar

    return draw
