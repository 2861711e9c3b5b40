"""Reads events, asks which of them conflict, and tells."""

import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import click
from rich.console import Console
from rich.progress import track

from double_booked.api.scheduling_pb2 import ConflictList, ConflictOptions, EventList
from double_booked.calendars.allowance import Allowance, TooLargeError
from double_booked.calendars.attendance import CountingRules
from double_booked.calendars.errors import MAX_FAULTS, InvalidCalendarError
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.folders import describe_vdirs, display_name, find_files, resource_names
from double_booked.calendars.invitation import Invitation
from double_booked.calendars.local_zone import local_zone
from double_booked.calendars.merging import MergedEvents, locate_field, merge_files
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_events import RESOURCES
from double_booked.calendars.parsed_files import ParsedFile, ReadOptions
from double_booked.calendars.rooms import unify_spelling
from double_booked.calendars.skipped import Skipped, summarize
from double_booked.calendars.vdir import find_vdirs
from double_booked.commands.reading_options import Input
from double_booked.commands.unexpected import doing
from double_booked.conflicts import kernel
from double_booked.conflicts.instants import nanoseconds, to_instant
from double_booked.conflicts.limits import LimitExceededError, Limits
from double_booked.conflicts.validation import InvalidRequestError
from double_booked.recurrence.series import Window
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
    from double_booked.client import CallerTls

NO_CONFLICT = 0
CONFLICTS = 1
ERROR = 2

FORMATS = ("text", "json", "report", "ics", "html", "github")
MERGED = "all files"
"""What the one calendar is called that --merge makes."""

DEFAULT_DAYS = 90
"""How far calendars are looked at if nobody says."""

UNLIMITED = Limits(
    max_answer_bytes=sys.maxsize,
    max_options_bytes=sys.maxsize,
    max_events_per_list=sys.maxsize,
    max_resources_per_event=2**31,
)
"""What a person asks of their own machine; overlaps are bounded all the same, or they explode."""


class Failure(click.ClickException):
    """Ends the command with one line on standard error for each fault."""

    exit_code = ERROR

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults

    def show(self, file: IO[Any] | None = None) -> None:
        """Writes the faults."""
        for fault in self.faults:
            click.echo(f"Error: {printable(fault)}", file, err=file is None)


class LimitError(Failure):
    """What was asked for is over a limit."""


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
    tls: "CallerTls | None" = None,
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
    ask = ask_engine if server is None else partial(_ask_server, server=server, tls=tls)
    explained = output.format != "json"
    try:
        conflicts = ask_explained(merged.request, ask) if explained else ask(merged.request)
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


def exit_code(code: int, wanted: Input, *, is_whole: bool) -> int:
    """Return ERROR if something was skipped that must not be, else `code`."""
    return code if is_whole or wanted.skip_unreadable else ERROR


def _keep_invited(report: ConflictReport, merged: MergedEvents, path: str) -> ConflictReport:
    own = Invitation(path).positions(merged)
    if not own:
        said = f"{display_name(path)} has no event in the window that takes time"
        click.echo(f"Note: {printable(said)}; --from and --to change the window.", err=True)
    kept = keep_involving(report, own, merged.request)
    return replace(kept, only=Path(display_name(path)).name or path)


def read_events(
    files: Sequence[str], wanted: Input, zone: tzinfo, options: ConflictOptions
) -> tuple[MergedEvents, ReadOptions, bool]:
    """Return the events of the files in one list, how they were read, and whether all were.

    What cannot be used is told on standard error.

    Args:
        files: Their paths, or those of folders; "-" is standard input.
        wanted: What to read.
        zone: Where days, and times without an offset, are.
        options: What goes before what the files say of that.

    Raises:
        Failure: Nothing can be read; if `wanted` is strict, something cannot.
    """
    reading = _reading(wanted, zone)
    paths = [wanted.only, *files] if wanted.only else files
    sources, is_whole = _read_all(paths, reading, wanted)
    if wanted.only:
        sources = _address(wanted.only, sources)
    merged = merge_files(sources, options)
    if merged.older:
        told = pluralize(merged.older, "event is", "events are")
        _note_file(f"{told} not checked: a newer copy counts")
    if wanted.by in RESOURCES or any(each.names_resources for each in sources):
        unify_spelling(merged.request)
    return merged, reading, is_whole


def _address(path: str, sources: Sequence[ParsedFile]) -> list[ParsedFile]:
    invitation = Invitation(path)
    if not invitation.is_read(sources):
        raise Failure(f"{display_name(path)}: nothing of it can be read, so nothing is checked")
    return invitation.address(sources)


def _reading(wanted: Input, zone: tzinfo) -> ReadOptions:
    start = wanted.start or datetime.now(zone).date()
    window = make_window(start, wanted.end, DEFAULT_DAYS, zone)
    return ReadOptions(
        CalendarOptions(window, zone, CountingRules(wanted.count_tentative, wanted.count_all_day)),
        window if wanted.start or wanted.end else None,
        wanted.format,
        "file" if wanted.merge else wanted.by,
        wanted.me,
        wanted.merge,
        wanted.day_first,
        wanted.columns,
    )


def make_window(start: date, end: date | None, days: int, zone: tzinfo) -> Window:
    """What is looked at.

    Args:
        start: From when; of a day from its first moment on.
        end: Up to when, a day included.
        days: How many, that of the start included, without an end.
        zone: Where days, and times without an offset, are.

    Raises:
        Failure: There is no such time.
    """
    first = _moment(start, zone)
    try:
        last = end or first.astimezone(zone).date() + timedelta(days - 1)
    except OverflowError as error:
        raise Failure("--from must be in the years 1 to 9999") from error
    window = Window(first, _moment(last, zone, is_end=True))
    if window.end <= window.start:
        raise Failure("--to is not after --from; give --to a later time")
    return window


def _moment(day: date, zone: tzinfo, *, is_end: bool = False) -> datetime:
    """A time in UTC; of a day its first moment, or as an end that of the next."""
    try:
        if not isinstance(day, datetime):
            day = datetime.combine(day + timedelta(is_end), time())
        return (day if day.tzinfo else day.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError as error:
        raise Failure("--from and --to must be in the years 1 to 9999") from error


def _read_all(
    paths: Sequence[str], reading: ReadOptions, wanted: Input
) -> tuple[list[ParsedFile], bool]:
    """The sources, and whether all of them was read; what was not is told on standard error."""
    found_or_not = [_find_files(path) for path in paths]
    files = [
        (path, file)
        for path, found in zip(paths, found_or_not, strict=True)
        if isinstance(found, list)
        for file in found
    ]
    names = _name_resources(files, reading)
    allowance = Allowance(wanted.max_bytes)
    console = Console(stderr=True)
    paths_of_files = [file for _, file in files]
    is_quiet = not console.is_terminal
    shown = track(paths_of_files, "reading", console=console, transient=True, disable=is_quiet)
    # Left open by a fault, it would keep its thread, and the process with that.
    with closing(cast("Generator[str]", shown)):
        read_or_not = [_try_to_read(file, names[file], reading, allowance) for file in shown]
    missing = [each for each in found_or_not if isinstance(each, Failure)]
    is_whole = _tell_skipped([*missing, *read_or_not], strict=wanted.strict)
    sources = [each for each in read_or_not if isinstance(each, ParsedFile)]
    _note(sources, reading)
    if wanted.verbose:
        _note_oddities(sources)
    return sources, is_whole


def _tell_skipped(outcomes: Sequence[ParsedFile | Failure], *, strict: bool) -> bool:
    """Tells what cannot be used, and returns whether that is nothing.

    Raises:
        Failure: Nothing can be used, or nothing may be skipped.
    """
    if all(isinstance(each, ParsedFile) and not each.skipped for each in outcomes):
        return True
    if strict or not any(map(_is_read, outcomes)):
        faults = [fault for each in outcomes for fault in _faults(each, partial(map, str))]
        if len(faults) > MAX_FAULTS:
            faults[MAX_FAULTS:] = [f"these are the first {MAX_FAULTS} of {len(faults)} faults"]
        raise Failure(*faults)
    Failure(*(fault for each in outcomes for fault in _faults(each, summarize))).show()
    return False


def _is_read(outcome: ParsedFile | Failure) -> bool:
    if isinstance(outcome, Failure):
        return False
    is_something = outcome.events or outcome.outside or outcome.without_resource
    return bool(is_something) or not outcome.skipped


def _faults(
    outcome: ParsedFile | Failure, words: Callable[[Sequence[Skipped]], Iterable[str]]
) -> Iterable[str]:
    if isinstance(outcome, Failure):
        return outcome.faults
    return (f"{outcome.name}: {each}" for each in words(outcome.skipped))


def _name_resources(files: Sequence[tuple[str, str]], reading: ReadOptions) -> dict[str, str]:
    """Return what each file is called among the resources.

    Args:
        files: As what each was named, itself or its folder, and its path.
        reading: How they are read.
    """
    if reading.merge:
        return dict.fromkeys((file for _, file in files), MERGED)
    vdirs = {}
    if reading.by in {None, "calendar"}:
        vdirs = find_vdirs(file for path, file in files if path != file)
    if vdirs:
        _note_file(describe_vdirs(vdirs))
    return resource_names([file for _, file in files], vdirs)


def _find_files(path: str) -> list[str] | Failure:
    try:
        return find_files(path, _note_file)
    except InvalidCalendarError as error:
        return Failure(*(f"{display_name(path)}: {fault}" for fault in error.faults))


def _note_file(sentence: str) -> None:
    click.echo(f"Note: {printable(sentence)}.", err=True)


def _note(sources: Sequence[ParsedFile], reading: ReadOptions) -> None:
    """Write on standard error what was assumed, and what was read but is not checked."""
    for source in sources:
        for sentence in source.assumptions:
            _note_file(f"{source.name}: {sentence}")
    outside = sum(source.outside for source in sources)
    without = sum(source.without_resource for source in sources)
    window, zone = reading.calendar.window, reading.calendar.zone
    if outside:
        span = " to ".join(
            f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in (window.start, window.end)
        )
        told = pluralize(outside, "event or series is", "events or series are")
        _note_file(f"{told} outside of {span} and not checked; --from and --to change that")
    if without:
        none = f"no {reading.by}"
        told = pluralize(without, f"event has {none} and is", f"events have {none} and are")
        _note_file(f"{told} not checked; --by file checks all events")


def _note_oddities(sources: Sequence[ParsedFile]) -> None:
    """Write on standard error what was read differently from what a file says."""
    for source in sources:
        for sentence in source.notes:
            click.echo(f"Note: {printable(f'{source.name}: {sentence}')}.", err=True)


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


def make_options(min_gap: int, capacity: dict[str, int], *, explain: bool) -> ConflictOptions:
    """The message of what was asked for; what was left out is not set.

    Args:
        min_gap: In seconds.
        capacity: How many events may overlap, by resource.
        explain: Whether to tell who overlaps when.
    """
    options = ConflictOptions(capacity=capacity, explain=explain)
    if min_gap:
        options.min_gap.seconds = min_gap
    return options


def _try_to_read(
    path: str, resource: str, reading: ReadOptions, allowance: Allowance
) -> ParsedFile | Failure:
    """What was read, or why it was not: all files' faults are told at once."""
    try:
        with doing(f"reading {display_name(path)}"):
            return read_file(path, resource, reading, allowance)
    except TooLargeError as error:
        raise Failure(f"{display_name(path)}: {error}") from error  # so would be all that follow
    except InvalidCalendarError as error:
        return Failure(*(f"{display_name(path)}: {fault}" for fault in error.faults))
    except OSError as error:
        return Failure(f"{display_name(path)}: {error.strerror}")


def ask_explained(asked: EventList, ask: Callable[[EventList], ConflictList]) -> ConflictList:
    """The answer with who overlaps when; without, if nobody asked for that and it is too much.

    Args:
        asked: What to ask; its `explain` becomes what was answered.
        ask: Whom, as `ask_engine`.
    """
    if asked.options.explain:
        return ask(asked)
    asked.options.explain = True
    try:
        return ask(asked)
    except LimitError:
        asked.options.explain = False
        return ask(asked)


def ask_engine(asked: EventList) -> ConflictList:
    """The answer of the engine in this process.

    Raises:
        InvalidRequestError: The events or options cannot be used.
        LimitError: The overlaps are too many to be told.
    """
    try:
        answer = kernel.get_conflicts(asked.SerializeToString(), UNLIMITED)
    except LimitExceededError as error:
        raise LimitError(str(error)) from error
    return ConflictList.FromString(answer.content)


def _ask_server(asked: EventList, server: str, tls: "CallerTls | None") -> ConflictList:
    from double_booked import client  # which takes long

    try:
        return client.get_conflicts(server, asked, tls)
    except client.LimitError as error:
        raise LimitError(str(error)) from error
    except client.ServerError as error:
        raise Failure(str(error)) from error


@contextmanager
def writing() -> Iterator[None]:
    """Makes a Failure of what goes wrong in writing to standard output."""
    try:
        yield
    except BrokenPipeError:
        raise  # who reads has seen enough; click ends the command quietly
    except OSError as error:
        _drop_standard_output()
        raise Failure(f"standard output: {error.strerror}") from error


def _drop_standard_output() -> None:
    """Sends what is still to be written nowhere; else Python complains of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def refused(error: InvalidRequestError, merged: MergedEvents) -> Failure:
    """Return the failure that names what of the files cannot be used."""
    faults = [
        f"{locate_field(each.field, merged)}: {each.description}" for each in error.violations
    ]
    if error.count > len(faults):
        faults.append(f"these are the first {len(faults)} of {error.count} faults")
    return Failure(*faults)


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


def replace_unwritable() -> None:
    """Lets titles hold what the encoding of standard output does not."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


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
