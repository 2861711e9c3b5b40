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
from double_booked.commands import params
from double_booked.commands.engine import make_options
from double_booked.commands.errors import ERROR, Failure
from double_booked.commands.input_options import InputOptions, input_options
from double_booked.commands.output import replace_unwritable, writing
from double_booked.commands.progress_bar import Stages
from double_booked.commands.reading import read_events, rejection_of
from double_booked.commands.window import DEFAULT_DAYS, make_window
from double_booked.conflicts import validation
from double_booked.conflicts.instants import NANOS_PER_SECOND, to_instant
from double_booked.conflicts.options import gap_of
from double_booked.recurrence.calendar_times import Window
from double_booked.report.free_formats import FreeTimes, render_ics, render_json, render_text
from double_booked.report.free_times import FreeTimeOptions, find_free_times, find_full_spans

FOUND = 0
NONE_FOUND = 1

# Within what datetime can hold by a day, since zones shift times by up to a day.
_EARLIEST, _LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FreeQuery:
    """Which free times to find, and how to write them.

    Attributes:
        length: The length of a free time in seconds; more than 0.
        count: How many free times to find.
        hours: The first hour of a day for a free time, and the hour at which it ends.
        format: "text", "json" or "ics".
        zone: The zone of the output, and of times without a zone; None for that of this machine.
    """

    length: int
    count: int = 5
    hours: tuple[int, int] = (0, 24)
    format: str = "text"
    zone: tzinfo | None = None


def run(
    files: Sequence[str], options: ConflictOptions, query: FreeQuery, inputs: InputOptions
) -> int:
    """Write the next times at which every resource of the files is free.

    Args:
        files: Paths of files and folders, and addresses of calendars; "-" is standard input.
        options: The capacity of resources, and the gap between events.
        query: Which free times to find, and how to write them.
        inputs: What to read, and how; without a start, from now on.

    Returns:
        The exit code: FOUND, NONE_FOUND, or ERROR if an entry was skipped
        without --skip-unreadable.

    Raises:
        Failure: No entry can be read, or no day has room for such a free time.
    """
    _check_length(query)
    zone = query.zone or local_zone()
    window = make_window(inputs.start or datetime.now(zone), inputs.end, DEFAULT_DAYS, zone)
    around = _widen(window, options.min_gap.seconds)
    inputs = replace(inputs, start=around.start, end=around.end)
    events = read_events(files, inputs, zone, options, Stages())
    try:
        validation.check(events.merged.request)
    except validation.InvalidRequestError as error:
        raise rejection_of(error, events.merged) from error
    free_times = _find(events.merged.request, query, window, zone)
    with writing():
        _write(free_times, query.format, zone)
    if events.fails:
        return ERROR
    return FOUND if free_times.spans else NONE_FOUND


def _check_length(query: FreeQuery) -> None:
    first, last = query.hours
    if query.hours != (0, 24) and query.length > (last - first) * 3_600:
        raise Failure(f"--length is more than the {last - first} hours of --hours {first}-{last}")


def _widen(window: Window, gap: int) -> Window:
    """Return the window with a gap, in seconds, on both sides.

    An event occupies its resources for the gap too, so one outside of the window may reach into it.
    """
    before = min(gap, int((window.start - _EARLIEST).total_seconds()))
    after = min(gap, int((_LATEST - window.end).total_seconds()))
    return Window(
        window.start - timedelta(seconds=max(before, 0)),
        window.end + timedelta(seconds=max(after, 0)),
    )


def _find(request: EventList, query: FreeQuery, window: Window, zone: tzinfo) -> FreeTimes:
    length = query.length * NANOS_PER_SECOND
    within = to_instant(window.start), to_instant(window.end)
    options = FreeTimeOptions(length, gap_of(request.options), query.hours, within, zone)
    spans = list(islice(find_free_times(find_full_spans(request), options), query.count))
    resources = sorted({name for event in request.events for name in event.resources or [""]})
    return FreeTimes(spans, resources, length, within)


def _write(free_times: FreeTimes, output_format: str, zone: tzinfo) -> None:
    if output_format == "json":
        click.echo(render_json(free_times))
    elif output_format == "ics":
        click.echo(render_ics(free_times, datetime.now(UTC)), nl=False)
    else:
        replace_unwritable()
        for line in render_text(free_times, zone):
            click.echo(line)


@click.command()
@click.argument("files", metavar="[FILE]...", nargs=-1)
@click.option(
    "--length",
    metavar="DURATION",
    type=params.LengthType(),
    required=True,
    help="Length of a free time, like 30m, 1h30m or 2d; a number alone is minutes.",
)
@params.hours_option("Hours of the day within which a free time lies, like 9-18.")
@click.option(
    "--count",
    metavar="NUMBER",
    type=click.IntRange(1, 1_000),
    default=5,
    show_default=True,
    help="How many free times to find.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(["text", "json", "ics"]),
    default="text",
    show_default=True,
    help="Output format: text for people, JSON for programs, or an iCalendar feed of the free"
    " times.",
)
@input_options
@params.conflict_options
@params.zone_option
def free(  # noqa: PLR0917 - click passes them by name
    files: tuple[str, ...],
    length: int,
    hours: tuple[int, int],
    count: int,
    output_format: str,
    inputs: InputOptions,
    min_gap: int,
    capacity: tuple[tuple[str, int], ...],
    zone: ZoneInfo | None,
) -> None:
    """Find the next times at which everybody is free.

    FILEs are read as check reads them. At a free time, each calendar, or each resource
    that --by chooses, has room for another event. Without --from, the search starts
    now.

    The exit code is 0 with at least one free time, 1 without, and 2 after an error.
    """
    options = make_options(min_gap, dict(capacity), explain=False)
    query = FreeQuery(length, count, hours, output_format, zone)
    sys.exit(run(files or ("-",), options, query, inputs))
