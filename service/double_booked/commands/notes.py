"""Notes on standard error, about files that were read."""

from collections.abc import Sequence

import click

from double_booked.calendars.merging import count_without_resource, find_outside
from double_booked.calendars.parsed_files import ParsedFile, ReadOptions
from double_booked.view.conflict_report import pluralize
from double_booked.view.printable import printable


def write_note(sentence: str) -> None:
    """Write a sentence, given without its full stop, on standard error."""
    click.echo(f"Note: {printable(sentence)}.", err=True)


def note_assumptions(files: Sequence[ParsedFile]) -> None:
    """Write how what the files leave open was read."""
    for file in files:
        for sentence in file.assumptions:
            write_note(f"{file.name}: {sentence}")


def note_unchecked(files: Sequence[ParsedFile], options: ReadOptions) -> None:
    """Write how many events are not checked, and which options change that."""
    outside, without = find_outside(files), count_without_resource(files)
    window, zone = options.calendar.window, options.calendar.zone
    if outside:
        span = " to ".join(
            f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in (window.start, window.end)
        )
        events = pluralize(outside.events, "event or series is", "events or series are")
        write_note(f"{events} outside of {span} and not checked; --from and --to change that")
    if without:
        lack = f"no {options.by}"
        events = pluralize(without, f"event has {lack} and is", f"events have {lack} and are")
        write_note(f"{events} not checked; --by file checks all events")


def note_oddities(files: Sequence[ParsedFile]) -> None:
    """Write what was read differently from what the files say."""
    for file in files:
        for sentence in file.notes:
            write_note(f"{file.name}: {sentence}")
