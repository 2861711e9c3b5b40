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
"""How many overlaps of a group are told where not all are asked for."""

MAX_NAMES = 3
"""How many names an overlap tells before it counts the others."""

MAX_BAR_WIDTH = 28
MIN_BAR_WIDTH = 12
"""Where a terminal has no room for so much, no bars are drawn."""

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
    """Writes which events conflict, group by group, day by day, and a summary.

    Args:
        console: Where to; no line is wider than it is. It should not highlight.
        report: What to tell.
        zone: Where the reader is; None is where this machine is.
        all_overlaps: Whether to tell more than MAX_OVERLAPS of a group.
        repeats: Groups that come again; of each, only the first is written, with when it does.
    """
    most = None if all_overlaps else MAX_OVERLAPS
    Writer(console, console.width, report, zone, most, repeats).write()


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes what `write` does, in parts."""

    console: Console
    width: int
    report: ConflictReport
    zone: tzinfo | None
    max_overlaps: int | None
    repeats: Sequence[Repeat] = ()

    def write(self) -> None:
        """Writes all of it."""
        first = {repeat.groups[0]: repeat for repeat in self.repeats}
        later = {number for repeat in self.repeats for number in repeat.groups[1:]}
        told = [each for each in enumerate(self.report.groups) if each[0] not in later]
        for day, groups in groupby(told, lambda each: self._day(each[1])):
            several = list(groups)
            self.write_heading(self._entries(several[0][1])[0].start)
            for number, group in several:
                self.write_group(group, day, first.get(number))
        self.write_summary()

    def write_heading(self, instant: int) -> None:
        """Writes the day of an instant, and what clocks go by then."""
        day = format_day(day_of(instant, self.zone))
        self.print_line(Text.assemble((day, "bold"), f" ({name_of_zone(instant, self.zone)})"))

    def write_summary(self) -> None:
        """Writes how many conflict."""
        self.console.print(summarize(self.report), style="bold")

    def _day(self, group: Group) -> date:
        return day_of(self._entries(group)[0].start, self.zone)

    def _entries(self, group: Group) -> list[Entry]:
        return [self.report.entries[position] for position in group.members]

    def print_line(self, line: Text) -> None:
        """Writes a line, as much of it as the console is wide."""
        line.rstrip()
        line.truncate(self.width, overflow="ellipsis")
        if self.console.color_system:
            self.console.print(line, no_wrap=True)
        else:  # rich would take most of the time of a long report
            self.console.file.write(f"{line.plain}\n")

    def write_group(self, group: Group, day: date, repeat: Repeat | None = None) -> None:
        """Writes a group below the heading of a day, and when it comes again."""
        self.print_line(Text(f"{GAP}{_describe_group(group)}"))
        if repeat:
            span = group.overlaps[0].start, group.overlaps[-1].end
            self.print_line(Text(f"{GAP}{repeat.describe(span, self.zone)}", "bold"))
        for row in self._rows(group, day):
            self.print_line(row)
        for overlap in group.overlaps[: self.max_overlaps]:
            self.print_line(self._overlap_line(overlap, day))
        untold = len(group.overlaps[self.max_overlaps :]) if self.max_overlaps else 0
        if untold:
            self.print_line(Text(f"{GAP}! and {pluralize(untold, 'more overlap')}"))
        for position in group.members:
            self._write_suggestions(position, day)
        self.print_line(Text())

    def _write_suggestions(self, position: int, day: date) -> None:
        if position in self.report.suggestions:
            suggestions = self.report.suggestions[position]
            name = _shorten(self.report.entries[position].name, self.width // 3)
            times = ", ".join(format_span(*slot, day, self.zone) for slot in suggestions)
            told = f"{name} could be {times}" if suggestions else f"{name}: no free time is near"
            self.print_line(Text.assemble((f"{GAP}> ", "green"), told))

    def _overlap_line(self, overlap: Overlap, day: date) -> Text:
        span = format_span(overlap.start, overlap.end, day, self.zone)
        lasts = format_duration(overlap.end - overlap.start)
        told = f"{lasts}, {overlap.depth} at once" if lasts != "0s" else f"{overlap.depth} at once"
        line = Text.assemble((f"{GAP}! ", "red"), (span, "cyan"), f"{GAP}{told}")
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
        clashes = merge_spans(overlap.span for overlap in group.overlaps)
        draw = _bar_drawer(entries, clashes, bar_width, self.console.encoding)
        for time, entry in zip(times, entries, strict=True):
            name = Text(entry.name)
            name.truncate(name_width, overflow="ellipsis", pad=True)
            bar = draw((entry.start, entry.end)) if bar_width else ""
            yield Text.assemble(INDENT, (time.ljust(time_width), "cyan"), GAP, name, GAP, bar)


def _describe_group(group: Group) -> str:
    where = f"{printable(group.resource)}: " if group.resource else ""
    lasts = sum(overlap.end - overlap.start for overlap in group.overlaps)
    told = f"for {format_duration(lasts)}" if lasts else "for an instant"
    return f"{where}{pluralize(len(group.members), 'event')}, double-booked {told}"


def _shorten(name: str, width: int) -> str:
    text = Text(name)
    text.truncate(max(width, 1), overflow="ellipsis")
    return text.plain


def _join_names(names: Sequence[str], room: int) -> str:
    """As many names as are told, each shortened to its share of the room where that must be."""
    told, untold = names[:MAX_NAMES], len(names[MAX_NAMES:])
    more = f" and {untold} more" if untold else ""
    joined = ", ".join(told) + more
    if cell_len(joined) <= room:
        return joined
    share = (room - len(more) + 2) // len(told) - 2
    return ", ".join(_shorten(name, share) for name in told) + more


def _bar_drawer(
    entries: Sequence[Entry], clashes: Iterable[Span], width: int, encoding: str
) -> Callable[[Span], Text]:
    """Makes a function that draws a span within the group, and where it clashes."""
    start = entries[0].start
    length = max(max(entry.end for entry in entries) - start, 1)
    alone_mark, clash_mark = "━█" if encoding.startswith("utf") else "-#"

    def cells(span: Span) -> range:
        first = min((span[0] - start) * width // length, width - 1)
        last = -((start - max(span[1], span[0] + 1)) * width // length)  # rounded up
        return range(first, min(max(last, first + 1), width))

    clashing = {cell for clash in clashes for cell in cells(clash)}

    def draw(span: Span) -> Text:
        bar = Text(" " * cells(span).start)
        for clashes_here, run in groupby(cells(span), clashing.__contains__):
            mark, style = (clash_mark, "red") if clashes_here else (alone_mark, "dim")
            bar.append(mark * len(list(run)), style)
        return bar

    return draw
