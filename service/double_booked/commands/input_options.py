"""Options for which files to read, and how."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import click

from double_booked.calendars.allowance import MAX_BYTES
from double_booked.calendars.formats import FORMATS
from double_booked.commands import params


@dataclass(frozen=True, slots=True)
class InputOptions:
    """What to read, and how.

    Attributes:
        format: One of FORMATS; None detects it from the content.
        by: What an event occupies, as in `ReadOptions`.
        start: The first day or time to read. Without it, but with an end, it is today. Without
            both, calendars are read from today on, and other files as a whole.
        end: The last day, or the end of the time to read; None for `DEFAULT_DAYS` from the start.
        count_tentative: Whether tentative events occupy time.
        max_bytes: How many bytes all files together may have.
        count_all_day: Whether events of whole days occupy time.
        me: The addresses of the owner of the calendars, as `normalize_address` returns them.
        skip_unreadable: Whether skipped entries leave the exit code as it is.
        strict: Whether one skipped entry ends the command.
        verbose: Whether to note what is read differently from what a file says.
        only: The file whose events are compared with all others; None for all events.
        merge: Whether all files are one calendar.
        day_first: Whether dates like 3/4/2026 begin with the day.
        columns: The names of the columns to read, by field of `columns.FIELDS`.
    """

    format: str | None = None
    by: str | None = None
    start: date | None = None
    end: date | None = None
    count_tentative: bool = True
    max_bytes: int = MAX_BYTES
    count_all_day: bool = True
    me: frozenset[str] = frozenset()
    skip_unreadable: bool = False
    strict: bool = False
    verbose: bool = False
    only: str | None = None
    merge: bool = False
    day_first: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--input-format",
        type=click.Choice(FORMATS),
        help="Input format; detected from the content by default.",
    ),
    params.deprecated_option(
        "--format-in", "format_in", "--input-format", type=click.Choice(FORMATS)
    ),
    click.option(
        "--by",
        type=click.Choice(["file", "calendar", "attendee", "location", "resource"]),
        help="What counts as a resource: the file, the calendar, or a property of the event. By"
        " default the file for calendars, and what events name for JSON and tables.",
    ),
    click.option("--merge", is_flag=True, help="Treat all FILEs as one calendar."),
    click.option(
        "--from",
        "start",
        type=params.MomentType(),
        help="First day or time to read; defaults to today for calendars.",
    ),
    click.option(
        "--to",
        "end",
        type=params.MomentType(),
        help="Last day to read, or a time to stop at; defaults to 90 days from the start.",
    ),
    click.option(
        "--ignore-tentative",
        is_flag=True,
        help="Ignore tentative events, and those that their owner accepted tentatively.",
    ),
    params.deprecated_option(
        "--count-tentative",
        "count_tentative",
        "--ignore-tentative",
        type=click.Choice(["yes", "no"]),
    ),
    click.option("--ignore-all-day", is_flag=True, help="Ignore events of whole days."),
    click.option(
        "--me",
        metavar="ADDRESS",
        type=params.MailAddressType(),
        multiple=True,
        help="Mail address of the owner of the calendars, whose declined events are ignored; may"
        " be given more than once.",
    ),
    click.option(
        "--max-bytes",
        metavar="BYTES",
        type=click.IntRange(min=1),
        default=MAX_BYTES,
        show_default=True,
        help="Maximum size of all FILEs together, in bytes.",
    ),
    click.option(
        "--skip-unreadable",
        is_flag=True,
        help="Do not exit with 2 because of entries that cannot be read. Standard error still"
        " lists them.",
    ),
    click.option("--strict", is_flag=True, help="Check nothing if an entry cannot be read."),
    click.option(
        "--verbose",
        is_flag=True,
        help="List on standard error what is read differently from what a file says.",
    ),
    click.option(
        "--day-first",
        is_flag=True,
        help="Read dates like 3/4/2026 in tables as day/month/year.",
    ),
    click.option(
        "--columns",
        metavar="FIELD=NAME,...",
        type=params.ColumnsType(),
        help="Columns of tables to read, like start=Begin,resources=Room; by default those with"
        " the names that common programs give them.",
    ),
)
"""The options, in the order of the help."""

_NAMES = (
    *("input_format", "format_in", "by", "merge", "start", "end", "ignore_tentative"),
    *("count_tentative", "ignore_all_day", "me", "max_bytes", "skip_unreadable", "strict"),
    *("verbose", "day_first", "columns"),
)
"""The names under which click passes their values."""


def input_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of reading; the command gets an InputOptions as `inputs`."""

    @functools.wraps(command)
    def with_inputs(**values: Any) -> Any:  # noqa: ANN401 - click passes any
        inputs = _make_inputs(**{name: values.pop(name) for name in _NAMES})
        return command(inputs=inputs, **values)

    decorated: Callable[..., Any] = with_inputs
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _make_inputs(
    *,
    input_format: str | None,
    format_in: str | None,
    by: str | None,
    merge: bool,
    start: date | None,
    end: date | None,
    ignore_tentative: bool,
    count_tentative: str | None,
    ignore_all_day: bool,
    me: tuple[str, ...],
    max_bytes: int,
    skip_unreadable: bool,
    strict: bool,
    verbose: bool,
    day_first: bool,
    columns: dict[str, str] | None,
) -> InputOptions:
    if skip_unreadable and strict:
        raise click.UsageError("--skip-unreadable and --strict exclude each other.")
    if merge and by:
        raise click.UsageError("--merge and --by exclude each other.")
    return InputOptions(
        input_format or format_in,
        by,
        start,
        end,
        not ignore_tentative and count_tentative != "no",
        max_bytes,
        count_all_day=not ignore_all_day,
        me=frozenset(me),
        skip_unreadable=skip_unreadable,
        strict=strict,
        merge=merge,
        verbose=verbose,
        day_first=day_first,
        columns=columns or {},
    )
