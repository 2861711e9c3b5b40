"""`double-booked free`: the next times at which everybody is free."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

import click

from double_booked.api.scheduling_pb2 import ConflictOptions, EventList
from double_booked.calendars.local_zone import local_zone
from double_booked.commands import params, reading_options
from double_booked.commands.engine import make_options
from double_booked.commands.errors import Failure
from double_booked.commands.output import replace_unwritable, writing
from double_booked.commands.reading import exit_code, read_events, refused
from double_booked.commands.reading_options import Input
from double_booked.commands.window import DEFAULT_DAYS, make_window
from double_booked.conflicts import validation
from double_booked.conflicts.instants import NANOS_PER_SECOND, to_instant
from double_booked.conflicts.options import gap_of
from double_booked.recurrence.series import Window
from double_booked.report.free_formats import FreeTimes, render_ics, render_json, render_text
from double_booked.report.free_times import FreeTimeOptions, find_free_times, find_full_spans

FOUND = 0
NONE_FOUND = 1

_EARLIEST, _LATEST = (datetime(year, 1, 2, tzinfo=UTC) for year in (1, 9999))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to find, and how to write it.

    Attributes:
        length: How long a free time is, in seconds; more than 0.
        count: How many to find.
        hours: From and up to what hour of the day a free time may last.
        format: "text", "json" or "ics".
        zone: Where the reader is, and floating times are; None is where this machine is.
    """

    length: int
    count: int = 5
    hours: tuple[int, int] = (0, 24)
    format: str = "text"
    zone: tzinfo | None = None


def run(files: Sequence[str], options: ConflictOptions, wanted: Wanted, reading: Input) -> int:
    """Write the next times at which every resource of the files is free.

    Args:
        files: Their paths, or those of folders; "-" is standard input.
        options: How much room resources have, and the gap between events.
        wanted: What to find.
        reading: What to read, and how; without a start, from now on.

    Returns:
        The exit code: FOUND or NONE_FOUND; ERROR if something was skipped that must not be.

    Raises:
        Failure: A file cannot be read or used, or the wish cannot be fulfilled on any day.
    """
    _check_length(wanted)
    zone = wanted.zone or local_zone()
    window = make_window(reading.start or datetime.now(zone), reading.end, DEFAULT_DAYS, zone)
    around = _with_gap(window, options.min_gap.seconds)
    merged, _, is_whole = read_events(
        files, replace(reading, start=around.start, end=around.end), zone, options
    )
    try:
        validation.check(merged.request)
    except validation.InvalidRequestError as error:
        raise refused(error, merged) from error
    free = _find(merged.request, wanted, window, zone)
    with writing():
        _write(free, wanted.format, zone)
    return exit_code(FOUND if free.spans else NONE_FOUND, reading, is_whole=is_whole)


def _check_length(wanted: Wanted) -> None:
    first, last = wanted.hours
    if wanted.hours != (0, 24) and wanted.length > (last - first) * 3_600:
        raise Failure(f"--length is more than the {last - first} hours of --hours {first}-{last}")


def _with_gap(window: Window, gap: int) -> Window:
    """Return the window and as many seconds on both sides: a gap reaches into it from there."""
    before = min(gap, int((window.start - _EARLIEST).total_seconds()))
    after = min(gap, int((_LATEST - window.end).total_seconds()))
    return Window(
        window.start - timedelta(seconds=max(before, 0)),
        window.end + timedelta(seconds=max(after, 0)),
    )


def _find(asked: EventList, wanted: Wanted, window: Window, zone: tzinfo) -> FreeTimes:
    length = wanted.length * NANOS_PER_SECOND
    within = to_instant(window.start), to_instant(window.end)
    wish = FreeTimeOptions(length, gap_of(asked.options), wanted.hours, within, zone)
    spans = list(islice(find_free_times(find_full_spans(asked), wish), wanted.count))
    resources = sorted({name for event in asked.events for name in event.resources or [""]})
    return FreeTimes(spans, resources, length, within)


def _write(free: FreeTimes, output_format: str, zone: tzinfo) -> None:
    if output_format == "json":
        click.echo(render_json(free))
    elif output_format == "ics":
        click.echo(render_ics(free, datetime.now(UTC)), nl=False)
    else:
        replace_unwritable()
        for line in render_text(free, zone):
            click.echo(line)


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option(
    "--length",
    metavar="DURATION",
    type=params.LengthType(),
    required=True,
    help="How long the time must be, like 30m, 1h30m or 2d; a number alone is minutes.",
)
@click.option(
    "--hours",
    metavar="FROM-TO",
    type=params.HoursType(),
    default="0-24",
    show_default=True,
    help="The hours of the day in which the time must lie, like 9-18.",
)
@click.option(
    "--count",
    metavar="NUMBER",
    type=click.IntRange(1, 1_000),
    default=5,
    show_default=True,
    help="How many times to find.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "ics"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for programs, or a calendar of the free times.",
)
@reading_options.options
@params.conflict_options
@params.zone_option
def free(  # noqa: PLR0917 - click passes them by name
    files: tuple[str, ...],
    length: int,
    hours: tuple[int, int],
    count: int,
    output_format: str,
    wanted: reading_options.Input,
    min_gap: int,
    capacity: tuple[tuple[str, int], ...],
    zone: ZoneInfo | None,
) -> None:
    """Find the next times at which everybody is free.

    FILEs are read as check reads them. At a time that is found, each calendar, or
    what --by chooses, has room for one more event. Without --from, times are looked
    for from now on.

    The exit code is 0 with at least one time, 1 without, and 2 after an error.
    """
    options = make_options(min_gap, dict(capacity), explain=False)
    chosen = Wanted(length, count, hours, output_format, zone)
    sys.exit(run(files or ("-",), options, chosen, wanted))
