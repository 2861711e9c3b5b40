"""Groups of conflicting events as lines of text."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from double_booked.conflicts.definition import Group, Overlap
from double_booked.conflicts.instants import merge_spans
from double_booked.report.bars import MAX_BAR_WIDTH, MIN_BAR_WIDTH, bar_drawer
from double_booked.view.conflict_report import (
    ConflictReport,
    Entry,
    describe_gap,
    find_gap,
    pluralize,
)
from double_booked.view.printable import printable
from double_booked.view.repeat import Repeat
from double_booked.view.repeats import find_common_suggestions
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

MAX_REPEAT_LINES = 8
"""The maximum number of lines of a repeated conflict, unless all overlaps are requested."""

INDENT = "    "
GAP = "  "


def place_line(place: str) -> Text:
    """Return the line of a file and line that has no room beside its event; it is never cut."""
    return Text(f"{INDENT}{GAP}{place}", overflow="ignore")


def place_of(entry: Entry) -> str:
    """Return the file and line of an event, like "anna.ics:12"; "" if its name has them."""
    location = entry.location
    text = f"{location.file}:{location.line}" if location.line else str(location)
    return "" if entry.name == printable(str(location)) else printable(text)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes the parts of the text.

    Attributes:
        locate: Returns where an event is written; "" writes nothing.
    """

    console: Console
    width: int
    report: ConflictReport
    zone: tzinfo | None
    max_overlaps: int | None
    locate: Callable[[Entry], str] = place_of

    def write_heading(self, instant: int) -> None:
        """Write the day of an instant, with the abbreviation of the zone."""
        day = format_day(day_of(instant, self.zone))
        self.print_line(Text.assemble((day, "bold"), f" ({name_of_zone(instant, self.zone)})"))

    def write_summary(self, sentence: str) -> None:
        """Write the last line, wrapped at the width of the console."""
        self.console.print(Text(sentence), style="bold")

    def _entries(self, group: Group) -> list[Entry]:
        return [self.report.entries[position] for position in group.members]

    def print_line(self, line: Text, *, cut: bool = True) -> None:
        """Write a line, cut to the width of the console or wrapped by the terminal."""
        line.rstrip()
        if cut and line.overflow != "ignore":
            line.truncate(self.width, overflow="ellipsis")
        if self.console.color_system:
            self.console.print(line, soft_wrap=True)
        else:  # rich would take most of the time of a long report
            self.console.file.write(f"{line.plain}\n")

    def write_group(self, group: Group, day: date, repeat: Repeat | None = None) -> None:
        """Write a group below the heading of a day, with the days on which it recurs."""
        self.print_line(Text(f"{GAP}{_describe_group(group)}"))
        if repeat:
            self.print_line(Text(f"{GAP}{repeat.describe(group, self.zone)}", "bold"))
        parts = _Parts(
            self._rows_with_places(group, day),
            [
                self._overlap_line(overlap, day, find_gap(self.report, group.resource, [overlap]))
                for overlap in group.overlaps[: self.max_overlaps]
            ],
            list(self._suggestion_lines(group, day, repeat)),
            max(len(group.overlaps) - (self.max_overlaps or len(group.overlaps)), 0),
        )
        if repeat and self.max_overlaps:
            parts = parts.within(MAX_REPEAT_LINES - 2)
        for line in parts.lines():
            self.print_line(line, cut=self.max_overlaps is not None)
        self.print_line(Text())

    def _rows_with_places(self, group: Group, day: date) -> list[list[Text]]:
        """Return the lines of each event; its place is on the next line if it has no room."""
        entries = self._entries(group)
        times = [format_span(entry.start, entry.end, day, self.zone) for entry in entries]
        places = [self.locate(entry) for entry in entries]
        room, place_width = self._room(times), max(map(cell_len, places)) + len(GAP)
        longest = max(cell_len(entry.name) for entry in entries)
        if place_width <= room // 2 or longest + place_width <= room:
            return [[row] for row in self._rows(group, times, places)]
        rows = self._rows(group, times, [""] * len(places))
        return [
            [row, place_line(place)] if place else [row]
            for row, place in zip(rows, places, strict=True)
        ]

    def _suggestion_lines(self, group: Group, day: date, repeat: Repeat | None) -> Iterator[Text]:
        common = find_common_suggestions(self.report, repeat, self.zone) if repeat else {}
        for position in group.members:
            if position in self.report.suggestions:
                spans = common.get(position) or self.report.suggestions[position]
                each = f" on all {len(repeat.groups)} days" if repeat and position in common else ""
                name = shorten(self.report.entries[position].name, self.width // 3)
                times = ", ".join(format_span(*span, day, self.zone) for span in spans)
                text = (
                    f"{name} could be {times}{each}" if spans else f"{name}: no free time is near"
                )
                yield Text.assemble((f"{GAP}> ", "bold"), text)

    def _overlap_line(self, overlap: Overlap, day: date, gap: int) -> Text:
        span = format_span(overlap.start, overlap.end, day, self.zone)
        length = overlap.end - overlap.start
        duration = f"{format_duration(length)}, " if length else ""
        line = Text.assemble((f"{GAP}! {span}", "bold"))
        line.append(f"{GAP}{duration}{overlap.depth} at once")
        line.append(describe_gap(gap))
        names = [self.report.entries[position].name for position in overlap.members]
        if names:
            room = self.width - line.cell_len - 2
            line.append(f": {_join_names(names, room) if self.max_overlaps else ', '.join(names)}")
        return line

    def _room(self, times: Sequence[str]) -> int:
        """Return the width that the times leave to names, bars and places."""
        return max(self.width - len(INDENT) - max(map(len, times)) - 2 * len(GAP), 2)

    def _rows(self, group: Group, times: Sequence[str], places: Sequence[str]) -> Iterator[Text]:
        entries = self._entries(group)
        time_width = max(map(len, times))
        room = self._room(times)
        place_width = max(map(cell_len, places))
        room -= place_width + len(GAP) if place_width else 0
        longest = max(cell_len(entry.name) for entry in entries)
        bar_width = min(MAX_BAR_WIDTH, max(room - longest, room // 3))
        bar_width = bar_width if bar_width >= MIN_BAR_WIDTH else 0
        name_width = max(min(longest, room - bar_width), 1)
        conflicts = merge_spans(overlap.span for overlap in group.overlaps)
        draw = bar_drawer(entries, conflicts, bar_width, self.console.encoding)
        for time, entry, place in zip(times, entries, places, strict=True):
            name = Text(entry.name)
            name.truncate(name_width, overflow="ellipsis", pad=True)
            row = Text.assemble(INDENT, (time.ljust(time_width), "bold"), GAP, name, GAP)
            if bar_width:
                bar = draw((entry.start, entry.end))
                row.append_text(bar).append(" " * (bar_width - bar.cell_len) + GAP)
            yield row.append(place)


@dataclass(frozen=True, slots=True)
class _Parts:
    """The lines of a group, and how many are left out."""

    rows: Sequence[Sequence[Text]]
    overlaps: Sequence[Text]
    suggestions: Sequence[Text]
    more_overlaps: int = 0
    more_events: int = 0
    more_suggestions: int = 0

    def lines(self) -> list[Text]:
        """Return the lines; the last one counts what is left out."""
        counts = [
            pluralize(number, noun)
            for number, noun in (
                (self.more_events, "more event"),
                (self.more_overlaps, "more overlap"),
                (self.more_suggestions, "more suggestion"),
            )
            if number
        ]
        more = [Text(f"{GAP}! and {', '.join(counts)}")] if counts else []
        rows = [line for row in self.rows for line in row]
        return [*rows, *self.overlaps, *more, *self.suggestions]

    def within(self, maximum: int) -> "_Parts":
        """Return the parts, or if they are more than `maximum` lines, the first of each kind."""
        parts = self
        for events in (3, 2, 1):
            if len(parts.lines()) > maximum:
                parts = self._first(events)
        return parts

    def _first(self, events: int) -> "_Parts":
        """Return the first events, the first overlap and the first suggestion."""
        rows, overlaps, suggestions = self.rows[:events], self.overlaps[:1], self.suggestions[:1]
        return _Parts(
            rows,
            overlaps,
            suggestions,
            self.more_overlaps + len(self.overlaps) - len(overlaps),
            len(self.rows) - len(rows),
            len(self.suggestions) - len(suggestions),
        )


def _describe_group(group: Group) -> str:
    resource = f"{printable(group.resource)}: " if group.resource else ""
    length = sum(overlap.end - overlap.start for overlap in group.overlaps)
    duration = f"for {format_duration(length)}" if length else "for an instant"
    return f"{resource}{pluralize(len(group.members), 'event')}, double-booked {duration}"


def shorten(name: str, width: int) -> str:
    """Return the name, or its first characters if it has more than `width` cells."""
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
    return ", ".join(shorten(name, share) for name in shown) + more
