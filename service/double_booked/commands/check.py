"""`double-booked check`: which events of the files conflict."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click
from rich.console import Console

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, EventList
from double_booked.calendars.folders import display_name
from double_booked.calendars.invitation import Invitation
from double_booked.calendars.local_zone import local_zone
from double_booked.calendars.merging import MergedEvents
from double_booked.calendars.parsed_events import RESOURCES
from double_booked.calendars.parsed_files import ParsedFile, ReadOptions
from double_booked.commands import params, reading_options
from double_booked.commands.engine import (
    call_service,
    find_conflicts,
    find_overlaps,
    make_options,
)
from double_booked.commands.errors import Failure
from double_booked.commands.output import replace_unwritable, writing
from double_booked.commands.reading import exit_code, read_events, refused
from double_booked.commands.reading_options import Input
from double_booked.commands.tls_options import tls_options
from double_booked.conflicts.instants import nanoseconds, to_instant
from double_booked.conflicts.validation import InvalidRequestError
from double_booked.report import github, html, ics_feed, json_conflicts, json_report, text
from double_booked.report.involved import keep_involving, to_message
from double_booked.report.suggestions import LAST_BOOKED, Suggester, SuggestionOptions
from double_booked.view.conflict_report import (
    ConflictReport,
    SourceLocation,
    UnknownEventError,
    build_report,
    pluralize,
)
from double_booked.view.printable import printable
from double_booked.view.repeats import find_repeats
from double_booked.view.report_document import make_document
from double_booked.view.times import is_midnight

if TYPE_CHECKING:
    from double_booked.client import ClientTls

NO_CONFLICT = 0
CONFLICTS = 1

FORMATS = ("text", "json", "report", "ics", "html", "github")


@dataclass(frozen=True, slots=True)
class Output:
    """What to tell, and how.

    Attributes:
        format: One of FORMATS.
        zone: Where the reader is, and floating times are; None is where this machine is.
        fails: Whether a conflict makes the exit code CONFLICTS.
        suggestions: How many free times to propose for an event.
        hours: From and up to what hour of the day.
        each: Whether to tell conflicts that come again one by one.
    """

    format: str = "text"
    zone: tzinfo | None = None
    fails: bool = True
    suggestions: int = 0
    hours: tuple[int, int] = (0, 24)
    each: bool = False


def run(  # noqa: PLR0917 - the last two are rare
    files: Sequence[str],
    options: ConflictOptions,
    server: str | None,
    output: Output,
    tls: "ClientTls | None" = None,
    wanted: Input | None = None,
) -> int:
    """Tells which events of the files conflict.

    Args:
        files: Their paths, or those of folders; "-" is standard input.
        options: What counts as a conflict; it goes before what the files say of that.
        server: HOST:PORT of the service to ask; without it, this process finds out.
        output: What to tell, and how.
        tls: What to ask the service with; without that, it is asked in plain text.
        wanted: What to read, and how.

    Returns:
        The exit code: NO_CONFLICT or CONFLICTS; ERROR if something was skipped that must not be.

    Raises:
        Failure: No file can be read or used, or the service does not answer.
    """
    zone = output.zone or local_zone()
    wanted = wanted or Input()
    merged, reading, is_whole = read_events(files, wanted, zone, options)
    ask = find_conflicts if server is None else partial(call_service, server=server, tls=tls)
    explained = output.format != "json"
    try:
        conflicts = find_overlaps(merged.request, ask) if explained else ask(merged.request)
        report = build_report(conflicts, merged.request, partial(_locate, merged, zone))
        if wanted.only:
            report = _keep_invited(report, merged, wanted.only)
            conflicts = to_message(report, merged.request, explain=merged.request.options.explain)
        report = replace(report, scope=_describe_scope(merged, reading.by))
        if output.suggestions and explained:
            report = _with_suggestions(report, merged, reading, output, wanted.only)
    except InvalidRequestError as error:
        raise refused(error, merged) from error
    except UnknownEventError as error:
        raise Failure(f"{server}: {error}") from error
    with writing():
        if output.format == "github":
            _annotate_unread(merged.files, is_error=not wanted.skip_unreadable)
        _write(conflicts, report, merged.request, output, all_overlaps=options.explain)
    code = CONFLICTS if conflicts.conflicts and output.fails else NO_CONFLICT
    return exit_code(code, wanted, is_whole=is_whole)


def _keep_invited(report: ConflictReport, merged: MergedEvents, path: str) -> ConflictReport:
    own = Invitation(path).positions(merged)
    if not own:
        said = f"{display_name(path)} has no event in the window that takes time"
        click.echo(f"Note: {printable(said)}; --from and --to change the window.", err=True)
    kept = keep_involving(report, own, merged.request)
    return replace(kept, only=Path(display_name(path)).name or path)


def _with_suggestions(
    report: ConflictReport,
    merged: MergedEvents,
    reading: ReadOptions,
    output: Output,
    only: str | None,
) -> ConflictReport:
    booked = [merged.lookup(position)[1].created for position in range(len(report.entries))]
    window = reading.calendar.window
    is_all_known = reading.window is None and not any(booked)
    known = None if is_all_known else (to_instant(window.start), to_instant(window.end))
    for position in Invitation(only).positions(merged) if only else ():
        booked[position] = LAST_BOOKED
    wish = SuggestionOptions(output.suggestions, output.hours, known, reading.calendar.zone)
    return replace(report, suggestions=Suggester(report, merged.request, booked, wish).suggest())


def _describe_scope(merged: MergedEvents, by: str | None) -> str:
    """Return how many resources the events take, like "3 calendars"; "" if they name none.

    Args:
        merged: The events.
        by: What they take, as `ReadOptions` has it.
    """
    calendars = {source.calendar for source in merged.files if source.calendar}
    names = set(calendars)
    if not all(source.calendar for source in merged.files):
        names.update(name for event in merged.request.events for name in event.resources or [""])
    if names <= {""}:
        return ""
    others = by if by in RESOURCES else "resource"
    return pluralize(len(names), "calendar" if names == calendars else others)


def _annotate_unread(sources: Sequence[ParsedFile], *, is_error: bool) -> None:
    for source in sources:
        for each in source.skipped:
            location = SourceLocation(source.name, each.line, is_file=source.is_file)
            click.echo(github.render_unread(location, f"{each.reason}; skipped", is_error=is_error))


def _locate(merged: MergedEvents, zone: tzinfo, position: int) -> SourceLocation:
    file, line, field = merged.location(position)
    source, found = merged.lookup(position)
    is_all_day = found.is_all_day
    if is_all_day is None:  # the format writes whole days as their midnights
        start, end = nanoseconds(found.event.start), nanoseconds(found.event.end)
        is_all_day = start < end and is_midnight(start, zone) and is_midnight(end, zone)
    return SourceLocation(file, line, field, source.is_file, found.series, is_all_day)


def _write(
    conflicts: ConflictList,
    report: ConflictReport,
    asked: EventList,
    output: Output,
    *,
    all_overlaps: bool,
) -> None:
    if output.format == "json":
        click.echo(json_conflicts.render(conflicts))
        return
    if output.format == "ics":
        click.echo(ics_feed.render(report, datetime.now(UTC)), nl=False)
        return
    repeats = [] if output.each else find_repeats(report, output.zone)
    if output.format == "report":
        document = make_document(report, asked, output.zone, repeats)
        click.echo(json_report.render(document))
        return
    replace_unwritable()
    if output.format == "html":
        click.echo(html.render(report, output.zone, repeats), nl=False)
        return
    if output.format == "github":
        for line in github.render(report, output.zone, is_error=output.fails):
            click.echo(line)
        return
    console = Console(highlight=False)
    text.write(console, report, output.zone, all_overlaps=all_overlaps, repeats=repeats)


def _at_most_one(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> str | None:
    """Return the only value of an option; click itself would take the last and drop the others."""
    if len(given) > 1:
        raise click.BadParameter("it may be given once; put several files into a folder")
    return given[0] if given else None


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option(
    "--server", metavar="HOST:PORT", help="Ask this service; without it, the answer is found here."
)
@tls_options
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "report", "ics", "html", "github"]),
    default="text",
    show_default=True,
    help="Text or a page for people, the JSON form of a Scheduling.ConflictList, a report in JSON"
    " with files and lines for programs, a calendar of the clashes, or annotations for a pull"
    " request.",
)
@reading_options.options
@click.option(
    "--only",
    metavar="FILE",
    multiple=True,
    callback=_at_most_one,
    help="Report only conflicts with the events of this file, such as an invitation. It is read"
    " too, and its events take every calendar of the other FILEs.",
)
@params.conflict_options
@click.option("--explain", is_flag=True, help="Show when each overlap is, and its events.")
@click.option(
    "--each",
    is_flag=True,
    help="Show each conflict by itself. By default, text and page show repeated conflicts once.",
)
@params.zone_option
@click.option(
    "--suggest",
    "suggestions",
    metavar="NUMBER",
    type=click.IntRange(0, 100),
    default=0,
    help="Propose so many free times for each event of a clash but the first booked.",
)
@click.option(
    "--hours",
    metavar="FROM-TO",
    type=params.HoursType(),
    default="0-24",
    show_default=True,
    help="The hours of the day for --suggest, like 9-18.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["any", "none"]),
    default="any",
    show_default=True,
    help="Which conflicts make the exit code 1.",
)
def check(  # noqa: PLR0917 - click passes them by name
    files: tuple[str, ...],
    server: str | None,
    tls: "ClientTls | None",
    output_format: str,
    wanted: reading_options.Input,
    only: str | None,
    min_gap: int,
    capacity: tuple[tuple[str, int], ...],
    explain: bool,  # noqa: FBT001 - as above
    each: bool,  # noqa: FBT001 - as above
    zone: ZoneInfo | None,
    suggestions: int,
    hours: tuple[int, int],
    fail_on: str,
) -> None:
    """Tell which events of the FILEs conflict.

    A FILE is a calendar (.ics, jCal) or its https:// or webcal:// address, a folder of
    FILEs, CSV whose first line names the columns, an array of events in JSON, the JSON
    form of a Scheduling.EventList, {"events": [...]}, or JSON lines: that of a
    Scheduling.Event on each. Several FILEs are one list. Without a FILE, or where it
    is -, standard input is read.

    What cannot be used is named on standard error, and the rest is checked.

    The exit code is 0 without a conflict, 1 with one, and 2 after an error, or if
    something cannot be used.
    """
    if tls and server is None:
        raise click.UsageError("TLS needs --server too.")
    options = make_options(min_gap, dict(capacity), explain=explain)
    fails = fail_on == "any"
    output = Output(output_format, zone, fails, suggestions, hours, each)
    sys.exit(run(files or ("-",), options, server, output, tls, replace(wanted, only=only)))
