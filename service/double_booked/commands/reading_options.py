"""Which files are read, and how, as people write it at a command line."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import click

from double_booked.calendars.addresses import normalize_address
from double_booked.calendars.allowance import MAX_BYTES
from double_booked.calendars.columns import FIELDS, normalize
from double_booked.commands import params


@dataclass(frozen=True, slots=True)
class Input:
    """What to read, and how.

    Attributes:
        format: "ics", "json" or "csv"; None to tell by the content.
        by: What events take, as `sources.ReadOptions` has it.
        start: From when; with an end alone it is today. Without both, calendars are read from today
            on, and other files are read whole.
        end: Up to when, a day included; without, DEFAULT_DAYS after the start.
        count_tentative: Whether tentative events take time.
        max_bytes: How many bytes all files together may have.
        count_all_day: Whether events of whole days take time.
        me: The addresses of whose calendars these are, as `normalize_address` returns them.
        skip_unreadable: Whether what cannot be used leaves the exit code as it is.
        strict: Whether nothing is checked if something cannot be used.
        verbose: Whether to note what is read differently from what a file says.
        only: The file whose events are compared with all others; None for all events.
        merge: Whether all files are one calendar.
        day_first: Whether dates like 3/4/2026 begin with the day.
        columns: The names of the columns to read as fields of `columns.FIELDS`.
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


class AddressType(click.ParamType[str]):
    """An address of mail, as `normalize_address` returns it."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the address, or say what one looks like."""
        address = normalize_address(str(value))
        if "@" not in address:
            self.fail(f"'{value}' is no address like anna@example.org.", param, ctx)
        return address


class ColumnsType(click.ParamType[dict[str, str]]):
    """Names of columns by field, such as start=Begin,resources=Room."""

    name = "columns"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str]:
        """Return the names by field, or say what they look like."""
        found: dict[str, str] = {}
        for each in str(value).split(","):
            field_name, is_set, name = each.partition("=")
            if not is_set or not name.strip():
                self.fail(f"'{each}' is not like start=Begin or resources=Room.", param, ctx)
            if normalize(field_name) not in FIELDS:
                known = ", ".join(each.replace(" ", "-") for each in FIELDS)
                self.fail(f"'{field_name}' is no field; the fields are {known}.", param, ctx)
            found[normalize(field_name)] = name.strip()
        return found


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "--format-in",
        "input_format",
        type=click.Choice(["ics", "json", "csv"]),
        help="What the FILEs are; by default their content tells.",
    ),
    click.option(
        "--by",
        type=click.Choice(["file", "calendar", "attendee", "location", "resource"]),
        help="What events take: one thing for each file or calendar, or what they name. By default"
        " a calendar's events take the file, and those of JSON and CSV what they name.",
    ),
    click.option("--merge", is_flag=True, help="All FILEs are one calendar."),
    click.option(
        "--from",
        "start",
        type=params.MomentType(),
        help="Look at what is from then on, a day or a time; of calendars by default from today"
        " on.",
    ),
    click.option(
        "--to",
        "end",
        type=params.MomentType(),
        help="Look at what is up to then, that day included; by default 90 days.",
    ),
    click.option(
        "--count-tentative",
        type=click.Choice(["yes", "no"]),
        default="yes",
        show_default=True,
        help="Whether tentative events take time, and those of who answered so.",
    ),
    click.option("--ignore-tentative", is_flag=True, help="The same as --count-tentative no."),
    click.option("--ignore-all-day", is_flag=True, help="Events of whole days take no time."),
    click.option(
        "--me",
        metavar="ADDRESS",
        type=AddressType(),
        multiple=True,
        help="Whose calendars the FILEs are, like anna@example.org: what you declined takes no"
        " time. Give it once for each of your addresses.",
    ),
    click.option(
        "--max-bytes",
        metavar="BYTES",
        type=click.IntRange(min=1),
        default=MAX_BYTES,
        show_default=True,
        help="Limit of the size of all FILEs together, in bytes.",
    ),
    click.option(
        "--skip-unreadable",
        is_flag=True,
        help="Do not exit with 2 because of entries that cannot be read. They are still named on"
        " standard error.",
    ),
    click.option("--strict", is_flag=True, help="Check nothing if an entry cannot be read."),
    click.option(
        "--verbose",
        is_flag=True,
        help="Note on standard error what is read differently from what a file says.",
    ),
    click.option(
        "--day-first",
        is_flag=True,
        help="Read dates like 3/4/2026 of tables as day/month/year.",
    ),
    click.option(
        "--columns",
        metavar="FIELD=NAME,...",
        type=ColumnsType(),
        help="The columns of tables to read, like start=Begin,resources=Room; by default those"
        " with the names that common programs give them.",
    ),
)
"""The options of reading, in the order of the help."""

_NAMES = (
    *("input_format", "by", "merge", "start", "end", "count_tentative", "ignore_tentative"),
    *("ignore_all_day", "me", "max_bytes", "skip_unreadable", "strict", "verbose", "day_first"),
    "columns",
)
"""What click calls their values."""


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command the options of reading, and pass them to it as `wanted`, an Input."""

    @functools.wraps(command)
    def with_input(**values: Any) -> Any:  # noqa: ANN401 - click passes any
        wanted = _input_of(**{name: values.pop(name) for name in _NAMES})
        return command(wanted=wanted, **values)

    decorated: Callable[..., Any] = with_input
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def _input_of(
    *,
    input_format: str | None,
    by: str | None,
    merge: bool,
    start: date | None,
    end: date | None,
    count_tentative: str,
    ignore_tentative: bool,
    ignore_all_day: bool,
    me: tuple[str, ...],
    max_bytes: int,
    skip_unreadable: bool,
    strict: bool,
    verbose: bool,
    day_first: bool,
    columns: dict[str, str] | None,
) -> Input:
    if skip_unreadable and strict:
        raise click.UsageError("--skip-unreadable and --strict exclude each other.")
    if merge and by:
        raise click.UsageError("--merge and --by exclude each other.")
    return Input(
        input_format,
        by,
        start,
        end,
        count_tentative == "yes" and not ignore_tentative,
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
