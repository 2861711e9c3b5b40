"""`double-booked check`: which events of files conflict."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, EventList
from double_booked.calendars.folders import display_name
from double_booked.calendars.invitation import Invitation
from double_booked.calendars.local_zone import local_zone
from double_booked.calendars.merging import MergedEvents
from double_booked.calendars.parsed_events import RESOURCES
from double_booked.commands import params
from double_booked.commands.check_output import (
    FORMATS,
    OutputOptions,
    annotate_unread,
    write_conflicts,
)
from double_booked.commands.engine import (
    call_service,
    find_conflicts,
    find_overlaps,
    make_options,
)
from double_booked.commands.errors import ERROR, Failure
from double_booked.commands.file_coverage import cover_files
from double_booked.commands.input_options import InputOptions, input_options
from double_booked.commands.notes import write_note
from double_booked.commands.output import writing
from double_booked.commands.progress_bar import Stages
from double_booked.commands.reading import ReadResult, read_events, rejection_of
from double_booked.commands.tls_options import tls_options
from double_booked.conflicts.instants import nanoseconds, to_instant
from double_booked.conflicts.validation import InvalidRequestError
from double_booked.report.involved import keep_involving, to_message
from double_booked.report.suggestions import LAST_BOOKED, Suggester, SuggestionOptions
from double_booked.view.conflict_report import (
    ConflictReport,
    SourceLocation,
    UnknownEventError,
    build_report,
    pluralize,
)
from double_booked.view.progress import scale
from double_booked.view.repeats import find_repeats
from double_booked.view.times import is_midnight

if TYPE_CHECKING:
    from double_booked.client import ClientTls

NO_CONFLICT = 0
CONFLICTS = 1

_WITH_ALL_EVENTS = {"html", "report"}
"""The formats that list events without a conflict too."""

_FOUND = 0.15
"""The part of finding conflicts after which the engine has answered, as measured."""


def run(  # noqa: PLR0917 - the last two are rare
    files: Sequence[str],
    options: ConflictOptions,
    server: str | None,
    output: OutputOptions,
    tls: "ClientTls | None" = None,
    inputs: InputOptions | None = None,
) -> int:
    """Write which events of files conflict.

    Args:
        files: Paths of files and folders, and addresses of calendars; "-" is standard input.
        options: What counts as a conflict; it takes precedence over the options of the files.
        server: HOST:PORT of the service to call; None finds the conflicts in this process.
        output: What to write, and how.
        tls: TLS settings for the service; None for a connection without TLS.
        inputs: What to read, and how.

    Returns:
        The exit code: NO_CONFLICT, CONFLICTS, or ERROR if an entry was skipped
        without --skip-unreadable. `output.fail_on` decides which of the first two.

    Raises:
        Failure: No entry can be read, or the service does not answer.
    """
    inputs = inputs or InputOptions()
    stages = Stages()
    needs_all = output.format in _WITH_ALL_EVENTS or output.suggestions or server or inputs.only
    annotate = annotate_unread if output.format == "github" else None
    zone = output.zone or local_zone()
    events = read_events(
        *(files, inputs, zone, options, stages),
        only_conflicting=not needs_all,
        annotate=annotate,
    )
    find = find_conflicts if server is None else partial(call_service, server=server, tls=tls)
    try:
        conflicts, report = _find(events, find, output, inputs.only, stages)
    except InvalidRequestError as error:
        raise rejection_of(error, events.merged) from error
    except UnknownEventError as error:
        raise Failure(f"{server}: {error}") from error
    with writing():
        request = events.merged.request
        coverage = cover_files(events.merged, events.options)
        write_conflicts(conflicts, report, request, coverage, output, all_overlaps=options.explain)
    if events.fails:
        return ERROR
    return _exit_code(report, output.fail_on)


def _exit_code(report: ConflictReport, fail_on: str) -> int:
    if fail_on == "empty" and not report.event_count:
        write_note("no event was checked, so the exit code is 1 (--fail-on empty)")
        return CONFLICTS
    return CONFLICTS if report.groups and fail_on != "none" else NO_CONFLICT


def _find(
    events: ReadResult,
    find: Callable[[EventList], ConflictList],
    output: OutputOptions,
    only: str | None,
    stages: Stages,
) -> tuple[ConflictList, ConflictReport]:
    merged, request = events.merged, events.merged.request
    # The JSON form of a ConflictList has overlaps only if the request asks for them.
    needs_overlaps = output.format != "json"
    locate = partial(_locate, merged, events.options.calendar.zone)
    with stages.bar("finding conflicts") as show:
        conflicts = find_overlaps(request, find) if needs_overlaps else find(request)
        report = build_report(conflicts, request, locate, scale(show, _FOUND, 1))
    if only:
        report = _keep_only(report, merged, only)
        conflicts = to_message(report, request, explain=request.options.explain)
    scope = _describe_scope(merged, events.options.by)
    report = replace(report, scope=scope, left_out=merged.left_out)
    if needs_overlaps and not output.each:
        with stages.bar("finding repeats") as show:
            report = replace(report, repeats=find_repeats(report, output.zone, show))
    if output.suggestions and needs_overlaps:
        report = _with_suggestions(report, events, output, only, stages)
    return conflicts, report


def _keep_only(report: ConflictReport, merged: MergedEvents, path: str) -> ConflictReport:
    """Return the conflicts with the events of an invitation."""
    own = Invitation(path).positions(merged)
    if not own:
        write_note(
            f"{display_name(path)} has no event in the window that takes time;"
            " --from and --to change the window"
        )
    kept = keep_involving(report, own, merged.request)
    return replace(kept, only=Path(display_name(path)).name or path)


def _with_suggestions(
    report: ConflictReport,
    events: ReadResult,
    output: OutputOptions,
    only: str | None,
    stages: Stages,
) -> ConflictReport:
    merged, options = events.merged, events.options
    booked = [merged.lookup(position)[1].created for position in range(len(report.entries))]
    window = options.calendar.window
    is_all_known = options.window is None and not any(booked)
    known = None if is_all_known else (to_instant(window.start), to_instant(window.end))
    for position in Invitation(only).positions(merged) if only else ():
        booked[position] = LAST_BOOKED
    wishes = SuggestionOptions(output.suggestions, output.hours, known, options.calendar.zone)
    suggester = Suggester(report, merged.request, booked, wishes)
    with stages.bar("suggesting") as show:
        return replace(report, suggestions=suggester.suggest(show))


def _describe_scope(merged: MergedEvents, by: str | None) -> str:
    """Return how many resources the events occupy, like "3 calendars"; "" if they name none.

    Args:
        merged: The events.
        by: What they occupy, as in `ReadOptions`.
    """
    files = [file for file in merged.files if file.has_entries]
    calendars = {file.calendar for file in files if file.calendar}
    names = set(calendars)
    if not all(file.calendar for file in files):
        names |= merged.resources
    if names <= {""}:
        return ""
    others = by if by in RESOURCES else "resource"
    return pluralize(len(names), "calendar" if names == calendars else others)


def _locate(merged: MergedEvents, zone: tzinfo, position: int) -> SourceLocation:
    name, line, field = merged.location(position)
    file, parsed = merged.lookup(position)
    is_all_day = parsed.is_all_day
    if is_all_day is None:  # the format writes whole days as their midnights
        start, end = nanoseconds(parsed.event.start), nanoseconds(parsed.event.end)
        is_all_day = start < end and is_midnight(start, zone) and is_midnight(end, zone)
    is_tentative = parsed.info is not None and parsed.info.is_tentative
    return SourceLocation(name, line, field, file.is_file, parsed.series, is_all_day, is_tentative)


def _at_most_one(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> str | None:
    """Return the only value of an option; click itself would take the last and drop the others."""
    if len(values) > 1:
        raise click.BadParameter("it may be given once; put several files into a folder")
    return values[0] if values else None


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option(
    "--server",
    metavar="HOST:PORT",
    help="Service to call; without it, conflicts are found on this machine.",
)
@tls_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(FORMATS),
    default="text",
    show_default=True,
    help="Output format: text or an HTML page for people, the JSON form of a"
    " Scheduling.ConflictList, a JSON report with files and lines, an iCalendar feed of the"
    " conflicts, or annotations of a GitHub pull request.",
)
@input_options
@click.option(
    "--only",
    metavar="FILE",
    multiple=True,
    callback=_at_most_one,
    help="Report only conflicts with the events of this file, such as an invitation. It is read"
    " too, and its events occupy every calendar of the other FILEs.",
)
@params.conflict_options
@click.option("--explain", is_flag=True, help="List every overlap and the events in it.")
@click.option(
    "--each",
    is_flag=True,
    help="Show each conflict by itself. By default, repeated conflicts are shown once.",
)
@click.option(
    "--all",
    "all_conflicts",
    is_flag=True,
    help="List all conflicts. By default, text sums up more than 50 by resource.",
)
@params.zone_option
@click.option(
    "--suggest",
    "suggestions",
    metavar="NUMBER",
    type=click.IntRange(0, 100),
    default=0,
    help="Suggest up to NUMBER free times for each conflicting event, except the one booked first.",
)
@params.hours_option("Hours of the day for --suggest, like 9-18.")
@params.fail_on_options
def check(  # noqa: PLR0917 - click passes them by name
    files: tuple[str, ...],
    server: str | None,
    tls: "ClientTls | None",
    output_format: str,
    inputs: InputOptions,
    only: str | None,
    min_gap: int,
    capacity: tuple[tuple[str, int], ...],
    explain: bool,  # noqa: FBT001 - as above
    each: bool,  # noqa: FBT001 - as above
    all_conflicts: bool,  # noqa: FBT001 - as above
    zone: ZoneInfo | None,
    suggestions: int,
    hours: tuple[int, int],
    fail_on: str,
) -> None:
    """Report which events of the FILEs conflict.

    A FILE is a calendar (.ics, jCal) or its https:// or webcal:// address, a folder of
    FILEs, CSV whose first line names the columns, a Parquet or Arrow file, an array of
    events in JSON, the JSON form of a Scheduling.EventList, {"events": [...]}, or JSON
    lines, each the JSON form of a Scheduling.Event. Several FILEs are one list. Without
    a FILE, or for the FILE -, standard input is read.

    Entries that cannot be read are listed on standard error, and the others are checked.

    The exit code is 0 without a conflict, 1 with one, and 2 after an error, or if an
    entry cannot be read. --fail-on empty makes it 1 without any event too.
    """
    if tls and server is None:
        raise click.UsageError("TLS needs --server too.")
    options = make_options(min_gap, dict(capacity), explain=explain)
    output = OutputOptions(output_format, zone, fail_on, suggestions, hours, each, all_conflicts)
    sys.exit(run(files or ("-",), options, server, output, tls, replace(inputs, only=only)))
