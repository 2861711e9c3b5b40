"""Conflicts as text, for people."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from double_booked.conflicts.definition import Group
from double_booked.report.group_text import GAP, MAX_OVERLAPS, Writer, place_line, shorten
from double_booked.view.conflict_report import ConflictReport, pluralize, summarize
from double_booked.view.coverage import Coverage
from double_booked.view.no_conflicts import describe_no_conflicts
from double_booked.view.printable import printable
from double_booked.view.repeat import Repeat
from double_booked.view.repeats import list_groups
from double_booked.view.times import day_of, format_day, format_duration, format_span, label_zone

MAX_CONFLICTS = 50
"""If more conflicts are to be listed, they are summed up, unless all are requested."""

MAX_REPEATS = 8
"""The maximum number of repeated conflicts in a summary."""

MAX_RESOURCES = 50
"""The maximum number of resources in a summary; half of them if each takes two lines."""


def write(
    console: Console,
    report: ConflictReport,
    coverage: Coverage,
    *,
    all_overlaps: bool,
    all_conflicts: bool = False,
) -> None:
    """Write the conflicting events, by day and group, and a summary.

    Args:
        console: The output; lines are cut to its width. It should not highlight.
        report: The events and conflicts; of groups that recur, the first is written.
        coverage: What the report covers.
        all_overlaps: Whether to write every overlap of a group, with every event in it.
        all_conflicts: Whether to list more than MAX_CONFLICTS conflicts.
    """
    writer = Writer(
        console, console.width, report, coverage.zone, None if all_overlaps else MAX_OVERLAPS
    )
    if not report.groups:
        writer.write_summary(describe_no_conflicts(report, coverage))
        return
    shown = list(list_groups(report))
    if all_conflicts or len(shown) <= MAX_CONFLICTS:
        _write_groups(writer, shown)
    else:
        _write_repeats(writer, [(group, repeat) for group, repeat in shown if repeat])
        _write_resources(writer, coverage)
    writer.write_summary(summarize(report))


def _write_groups(writer: Writer, shown: Iterable[tuple[Group, Repeat | None]]) -> None:
    """Write groups by day, each with the days on which it recurs, if it does."""
    for day, of_day in groupby(shown, lambda item: day_of(_start(writer, item[0]), writer.zone)):
        for index, (group, repeat) in enumerate(of_day):
            if not index:
                writer.write_heading(_start(writer, group))
            writer.write_group(group, day, repeat)


def _write_repeats(writer: Writer, repeats: Sequence[tuple[Group, Repeat]]) -> None:
    """Write the groups that recur most often."""
    often = sorted(repeats, key=lambda item: -len(item[1].groups))
    shown = sorted(often[:MAX_REPEATS], key=lambda item: item[1].groups)
    _write_groups(writer, shown)
    if often[MAX_REPEATS:]:
        more = pluralize(
            len(often[MAX_REPEATS:]), "more conflict that recurs", "more conflicts that recur"
        )
        writer.print_line(Text(f"{GAP}and {more}"))
        writer.print_line(Text())


def _start(writer: Writer, group: Group) -> int:
    return writer.report.entries[group.members[0]].start


def _write_resources(writer: Writer, coverage: Coverage) -> None:
    """Write a line for each resource: its number of conflicts, their time, and the first one."""
    by_resource: dict[str, list[Group]] = defaultdict(list)
    for group in writer.report.groups:
        by_resource[group.resource].append(group)
    ordered = sorted(by_resource, key=lambda name: (-len(by_resource[name]), name))
    rows = [_resource_cells(writer, by_resource[name]) for name in ordered[:MAX_RESOURCES]]
    zone = label_zone(coverage.zone, coverage.made)
    header = ("resource", "conflicts", "double-booked", f"first ({zone})", "")
    widths = [max(map(cell_len, column)) for column in zip(header, *rows, strict=True)]
    has_room = sum(widths) + len(GAP) * len(widths) <= writer.width
    writer.print_line(Text(_pad_cells(header, widths), "bold"))
    shown = rows if has_room else rows[: MAX_RESOURCES // 2]
    for *cells, place in shown:
        writer.print_line(Text(_pad_cells([*cells, place if has_room else ""], widths)))
        if place and not has_room:
            writer.print_line(place_line(place))
    if len(ordered) > len(shown):
        more = pluralize(len(ordered) - len(shown), "more resource")
        writer.print_line(Text(f"{GAP}and {more}"))
    writer.print_line(Text())
    suggestions = " with its suggestions" if writer.report.suggestions else ""
    writer.print_line(Text(f"--all lists every conflict{suggestions}."))


def _pad_cells(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [set_cell_size(cell, width) for cell, width in zip(cells, widths, strict=True)]
    return GAP + GAP.join([*padded[:-1], cells[-1]])


def _resource_cells(writer: Writer, groups: Sequence[Group]) -> tuple[str, ...]:
    start = groups[0].overlaps[0].start
    day = day_of(start, writer.zone)
    lasts = sum(overlap.end - overlap.start for group in groups for overlap in group.overlaps)
    return (
        shorten(printable(groups[0].resource) or "no resource", writer.width // 3),
        str(len(groups)),
        format_duration(lasts),
        f"{format_day(day)} {format_span(start, start, day, writer.zone)}",
        writer.locate(writer.report.entries[groups[0].members[0]]),
    )
