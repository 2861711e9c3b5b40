"""Reading events from files, with notes on standard error."""

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from datetime import datetime, tzinfo
from functools import partial
from typing import cast

import click
from rich.console import Console
from rich.progress import track

from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.calendars.allowance import Allowance, TooLargeError
from double_booked.calendars.attendance import CountingRules
from double_booked.calendars.errors import MAX_FAULTS, InvalidCalendarError
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.folders import describe_vdirs, display_name, find_files, resource_names
from double_booked.calendars.invitation import Invitation
from double_booked.calendars.merging import MergedEvents, locate_field, merge_files
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_events import RESOURCES
from double_booked.calendars.parsed_files import ParsedFile, ReadOptions
from double_booked.calendars.rooms import unify_spelling
from double_booked.calendars.skipped import Skipped, summarize
from double_booked.calendars.vdir import find_vdirs
from double_booked.commands.errors import ERROR, Failure, doing
from double_booked.commands.reading_options import Input
from double_booked.commands.window import DEFAULT_DAYS, make_window
from double_booked.conflicts.validation import InvalidRequestError
from double_booked.view.conflict_report import (
    pluralize,
)
from double_booked.view.printable import printable

MERGED = "all files"
"""What the one calendar is called that --merge makes."""


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


def exit_code(code: int, wanted: Input, *, is_whole: bool) -> int:
    """Return ERROR if something was skipped that must not be, else `code`."""
    return code if is_whole or wanted.skip_unreadable else ERROR


def refused(error: InvalidRequestError, merged: MergedEvents) -> Failure:
    """Return the failure that names what of the files cannot be used."""
    faults = [
        f"{locate_field(each.field, merged)}: {each.description}" for each in error.violations
    ]
    if error.count > len(faults):
        faults.append(f"these are the first {len(faults)} of {error.count} faults")
    return Failure(*faults)


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
