"""Events of files on the command line; faults and notes go to standard error."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import partial

from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.calendars.allowance import Allowance, TooLargeError
from double_booked.calendars.attendance import CountingRules
from double_booked.calendars.errors import MAX_FAULTS, InvalidCalendarError
from double_booked.calendars.file_reader import TableFile, open_file, parse_table
from double_booked.calendars.folders import describe_vdirs, display_name, find_files, resource_names
from double_booked.calendars.invitation import Invitation
from double_booked.calendars.merging import MergedEvents, locate_field, merge_files
from double_booked.calendars.opening import has_path, size_of
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_events import RESOURCES
from double_booked.calendars.parsed_files import ParsedFile, ReadOptions
from double_booked.calendars.rooms import unify_spelling
from double_booked.calendars.skipped import Skipped, summarize
from double_booked.calendars.vdir import find_vdirs
from double_booked.commands.errors import Failure, doing
from double_booked.commands.input_options import InputOptions
from double_booked.commands.notes import (
    note_assumptions,
    note_oddities,
    note_unchecked,
    write_note,
)
from double_booked.commands.progress_bar import Stages
from double_booked.commands.window import DEFAULT_DAYS, make_window
from double_booked.conflicts.validation import InvalidRequestError
from double_booked.view.conflict_report import SourceLocation, pluralize
from double_booked.view.progress import Progress, scale

MERGED = "all files"
"""The name of the one calendar that --merge makes."""

Annotate = Callable[[SourceLocation, str, bool], None]
"""Receives where a file or an entry is, why it cannot be read, and whether that is an error."""


class _UnreadableFile(Failure):
    """A file or a folder that cannot be read, with the reasons."""

    def __init__(self, path: str, *reasons: str) -> None:
        super().__init__(*(f"{display_name(path)}: {reason}" for reason in reasons))
        self.path = path
        self.reasons = reasons


@dataclass(frozen=True, slots=True)
class ReadResult:
    """The events of all files.

    Attributes:
        merged: The events in one list.
        options: How the files were read.
        fails: Whether the exit code is ERROR, because an entry was skipped.
    """

    merged: MergedEvents
    options: ReadOptions
    fails: bool


def read_events(
    files: Sequence[str],
    inputs: InputOptions,
    zone: tzinfo,
    conflict_options: ConflictOptions,
    stages: Stages,
    *,
    only_conflicting: bool = False,
    annotate: Annotate | None = None,
) -> ReadResult:
    """Read the events of files into one list, and report skipped entries on standard error.

    Args:
        files: Paths of files and folders, and addresses of calendars; "-" is standard input.
        inputs: What to read, and how.
        zone: The zone of days, and of times without an offset.
        conflict_options: Options that take precedence over those of the files.
        stages: The stages of the command, to which this adds two.
        only_conflicting: Whether events of tables that have no conflict need only be counted.
        annotate: Receives each file and entry that cannot be read, before this returns or raises.

    Raises:
        Failure: No entry can be read; or, if `inputs` is strict, one cannot.
    """
    options = _read_options(inputs, zone)
    paths = [inputs.only, *files] if inputs.only else files
    screened = conflict_options if only_conflicting else None
    parsed, is_complete = _read_all(paths, options, inputs, stages, screened, annotate)
    if inputs.only:
        parsed = _address(inputs.only, parsed)
    with stages.bar("merging") as show:
        merged = merge_files(parsed, conflict_options, show)
    if merged.older:
        copies = pluralize(merged.older, "older copy of an event is", "older copies of events are")
        write_note(f"{copies} not checked: a newer one counts")
    if inputs.by in RESOURCES or any(file.names_resources for file in parsed):
        unify_spelling(merged.request)
    return ReadResult(merged, options, not (is_complete or inputs.skip_unreadable))


def rejection_of(error: InvalidRequestError, merged: MergedEvents) -> Failure:
    """Return the failure that names each rejected field by its place in the files."""
    faults = [
        f"{locate_field(violation.field, merged)}: {violation.description}"
        for violation in error.violations
    ]
    if error.count > len(faults):
        faults.append(f"these are the first {len(faults)} of {error.count} faults")
    return Failure(*faults)


def _read_options(inputs: InputOptions, zone: tzinfo) -> ReadOptions:
    start = inputs.start or datetime.now(zone).date()
    window = make_window(start, inputs.end, DEFAULT_DAYS, zone)
    counting = CountingRules(inputs.count_tentative, inputs.count_all_day)
    return ReadOptions(
        CalendarOptions(window, zone, counting),
        window if inputs.start or inputs.end else None,
        inputs.format,
        "file" if inputs.merge else inputs.by,
        inputs.me,
        inputs.merge,
        inputs.day_first,
        inputs.columns,
    )


def _address(path: str, files: Sequence[ParsedFile]) -> list[ParsedFile]:
    invitation = Invitation(path)
    if not invitation.is_read(files):
        raise Failure(f"{display_name(path)}: nothing of it can be read, so nothing is checked")
    return invitation.apply_to(files)


def _read_all(  # noqa: PLR0917 - the last two are for check
    paths: Sequence[str],
    options: ReadOptions,
    inputs: InputOptions,
    stages: Stages,
    screened: ConflictOptions | None,
    annotate: Annotate | None,
) -> tuple[list[ParsedFile], bool]:
    """Return the parsed files, and whether all entries of all files were read."""
    listings = [(path, _find_files(path)) for path in paths]
    files = [
        (path, file)
        for path, listing in listings
        if not isinstance(listing, _UnreadableFile)
        for file in listing
    ]
    missing = [listing for _, listing in listings if isinstance(listing, _UnreadableFile)]
    outcomes = _read_each(files, options, Allowance(inputs.max_bytes), stages, screened)
    if annotate:
        is_error = not inputs.skip_unreadable or not any(map(_has_entries, outcomes))
        for location, reason in _locate_unread([*missing, *outcomes]):
            annotate(location, reason, is_error)
    is_complete = _report_skipped([*missing, *outcomes], inputs)
    parsed = [outcome for outcome in outcomes if isinstance(outcome, ParsedFile)]
    note_assumptions(parsed)
    note_unchecked(parsed, options)
    if inputs.verbose:
        note_oddities(parsed)
    return parsed, is_complete


def _find_files(path: str) -> list[str] | _UnreadableFile:
    try:
        return find_files(path, write_note)
    except InvalidCalendarError as error:
        return _UnreadableFile(path, *error.faults)


def _read_each(
    files: Sequence[tuple[str, str]],
    options: ReadOptions,
    allowance: Allowance,
    stages: Stages,
    screened: ConflictOptions | None,
) -> list[ParsedFile | _UnreadableFile]:
    """Read files, with a progress bar on a terminal.

    Args:
        files: Each file, after the argument that named it or its folder.
        options: How to read them.
        allowance: The bytes that all files together may have.
        stages: The stages of the command.
        screened: What counts as a conflict, if events of tables without one are only counted.
    """
    names = _name_resources(files, options)
    sizes = [size_of(file) or 1 for _, file in files]
    outcomes: list[ParsedFile | TableFile | _UnreadableFile] = []
    done = 0
    with stages.bar("reading", sum(sizes)) as show:
        for (_, file), size in zip(files, sizes, strict=True):
            tracked = _with_progress(options, scale(show, done, done + size))
            outcomes.append(_try_to_read(file, names[file], tracked, allowance))
            done += size
            show(done)
        return _parse_tables(outcomes, screened)


def _parse_tables(
    outcomes: Sequence[ParsedFile | TableFile | _UnreadableFile], screened: ConflictOptions | None
) -> list[ParsedFile | _UnreadableFile]:
    """Return the outcomes with the events of tables.

    Args:
        outcomes: What was read of each file.
        screened: What counts as a conflict, if events without one are only counted. That needs
            tables alone, since events of other files may conflict with theirs.
    """
    tables = [outcome for outcome in outcomes if isinstance(outcome, TableFile)]
    has_others = any(isinstance(outcome, ParsedFile) for outcome in outcomes)
    if screened is None or has_others or not tables:
        return [_try_to_parse(outcome) for outcome in outcomes]
    from double_booked.calendars.screening import read_conflicting  # noqa: PLC0415 - an extra

    found = read_conflicting(tables, screened)
    if found is None:
        return [_try_to_parse(outcome) for outcome in outcomes]
    parsed = iter(found)
    return [
        outcome if isinstance(outcome, _UnreadableFile) else next(parsed) for outcome in outcomes
    ]


def _try_to_parse(
    outcome: ParsedFile | TableFile | _UnreadableFile,
) -> ParsedFile | _UnreadableFile:
    if not isinstance(outcome, TableFile):
        return outcome
    try:
        with doing(f"reading {display_name(outcome.path)}"):
            return parse_table(outcome)
    except InvalidCalendarError as error:
        return _UnreadableFile(outcome.path, *error.faults)


def _with_progress(options: ReadOptions, progress: Progress) -> ReadOptions:
    return replace(options, calendar=replace(options.calendar, progress=progress))


def _name_resources(files: Sequence[tuple[str, str]], options: ReadOptions) -> dict[str, str]:
    """Return the name of each file as a resource.

    Args:
        files: Each file, after the argument that named it or its folder.
        options: How they are read.
    """
    if options.merge:
        return dict.fromkeys((file for _, file in files), MERGED)
    vdirs = {}
    if options.by in {None, "calendar"}:
        vdirs = find_vdirs(file for path, file in files if path != file)
    if vdirs:
        write_note(describe_vdirs(vdirs))
    return resource_names([file for _, file in files], vdirs)


def _try_to_read(
    path: str, resource: str, options: ReadOptions, allowance: Allowance
) -> ParsedFile | TableFile | _UnreadableFile:
    """Return the file, or why it cannot be read, to be reported with other faults."""
    try:
        with doing(f"reading {display_name(path)}"):
            return open_file(path, resource, options, allowance)
    except TooLargeError as error:  # the allowance is spent, so every further file would fail
        raise Failure(f"{display_name(path)}: {error}") from error
    except InvalidCalendarError as error:
        return _UnreadableFile(path, *error.faults)
    except OSError as error:
        return _UnreadableFile(path, str(error.strerror))


def _report_skipped(outcomes: Sequence[ParsedFile | _UnreadableFile], inputs: InputOptions) -> bool:
    """Write what was skipped on standard error, and return whether nothing was.

    Raises:
        Failure: No entry was read; or, if `inputs` is strict, one was skipped.
    """
    if all(isinstance(outcome, ParsedFile) and not outcome.skipped for outcome in outcomes):
        return True
    if inputs.strict or not any(map(_has_entries, outcomes)):
        faults = _faults(outcomes, partial(map, str))
        if len(faults) > MAX_FAULTS:
            faults[MAX_FAULTS:] = [f"these are the first {MAX_FAULTS} of {len(faults)} faults"]
        if inputs.skip_unreadable:
            faults.append("nothing is left to check: --skip-unreadable skips only a part")
        raise Failure(*faults)
    Failure(*_faults(outcomes, summarize)).show()
    return False


def _has_entries(outcome: ParsedFile | _UnreadableFile) -> bool:
    return isinstance(outcome, ParsedFile) and outcome.has_entries


def _locate_unread(
    outcomes: Sequence[ParsedFile | _UnreadableFile],
) -> Iterator[tuple[SourceLocation, str]]:
    """Yield where each file or entry is that cannot be read, and why it cannot."""
    for outcome in outcomes:
        if isinstance(outcome, ParsedFile):
            for part in outcome.skipped:
                location = SourceLocation(outcome.name, part.line, is_file=outcome.is_file)
                yield location, f"{part.reason}; skipped"
        else:
            path = outcome.path
            location = SourceLocation(display_name(path), is_file=has_path(path))
            yield from ((location, reason) for reason in outcome.reasons)


def _faults(
    outcomes: Sequence[ParsedFile | _UnreadableFile],
    describe: Callable[[Sequence[Skipped]], Iterable[str]],
) -> list[str]:
    faults: list[str] = []
    for outcome in outcomes:
        if isinstance(outcome, _UnreadableFile):
            faults += outcome.faults
        else:
            faults += (f"{outcome.name}: {text}" for text in describe(outcome.skipped))
    return faults
