"""Types of values on the command line, and options that several commands have."""

import re
from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from typing import Any
from zoneinfo import ZoneInfo

import click

from double_booked.calendars.addresses import normalize_address
from double_booked.calendars.columns import FIELDS, normalize
from double_booked.conflicts.options import MAX_CAPACITY, parse_duration

FAIL_ON = ("any", "none", "empty")
"""What makes the exit code 1: any conflict, nothing, or any conflict and a lack of events."""

_HOURS = re.compile(r"(\d{1,2})-(\d{1,2})", re.ASCII)


class DurationType(click.ParamType[int]):
    """A duration in seconds, as `parse_duration` reads it."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the seconds."""
        try:
            return parse_duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class LengthType(click.ParamType[int]):
    """A duration in seconds that is longer than 0s; a number without a unit is minutes."""

    name = "length"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Return the seconds."""
        text = str(value)
        try:
            seconds = parse_duration(f"{text}m" if text.isdecimal() else text)
        except ValueError:
            seconds = 0
        if not seconds:
            self.fail(f"'{value}' is not a length like 30m, 1h30m, 90 (minutes) or 2d.", param, ctx)
        return seconds


class CapacityType(click.ParamType[tuple[str, int]]):
    """A resource and how many events may overlap on it, like room-a=2."""

    name = "capacity"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Return the resource and its capacity."""
        resource, _, count = str(value).rpartition("=")
        if not (count.isascii() and count.isdecimal() and 1 <= int(count) <= MAX_CAPACITY):
            self.fail(
                f"'{value}' is not RESOURCE=NUMBER with a number from 1, like room-a=2.", param, ctx
            )
        return resource, int(count)


class ZoneType(click.ParamType[ZoneInfo]):
    """A time zone, by its name in the IANA database, like Europe/Berlin."""

    name = "zone"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ZoneInfo:
        """Return the zone."""
        try:
            return ZoneInfo(str(value))
        # KeyError: unknown; ValueError: not a name at all; OSError: a region like Europe
        except (KeyError, ValueError, OSError):
            self.fail(f"'{value}' is no time zone like Europe/Berlin or UTC.", param, ctx)


class MomentType(click.ParamType[date]):
    """A day like 2026-11-23, or a time like 2026-11-23T09:00 with or without an offset."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        """Return a date for a day, and a datetime for a time."""
        try:
            text = str(value)
            is_day = len(text) == len("2026-11-23")
            return date.fromisoformat(text) if is_day else datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"'{value}' is not a time like 2026-11-23 or 2026-11-23T09:00.", param, ctx)


class HoursType(click.ParamType[tuple[int, int]]):
    """The first hour of a day and the hour at which it ends, like 9-18."""

    name = "hours"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return both hours, from 0 to 24."""
        match = _HOURS.fullmatch(str(value))
        first, last = (int(match[1]), int(match[2])) if match else (0, 0)
        if not first < last <= 24:  # noqa: PLR2004 - the hours of a day
            self.fail(f"'{value}' is not two hours of a day like 9-18.", param, ctx)
        return first, last


class MailAddressType(click.ParamType[str]):
    """A mail address."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Return the address as `normalize_address` does."""
        address = normalize_address(str(value))
        if "@" not in address:
            self.fail(f"'{value}' is not an address like anna@example.org.", param, ctx)
        return address


class ColumnsType(click.ParamType[dict[str, str]]):
    """Names of columns by field, like start=Begin,resources=Room."""

    name = "columns"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, str]:
        """Return the names of the columns by field of `FIELDS`."""
        names: dict[str, str] = {}
        for assignment in str(value).split(","):
            field, is_set, name = assignment.partition("=")
            if not is_set or not name.strip():
                self.fail(f"'{assignment}' is not like start=Begin or resources=Room.", param, ctx)
            if normalize(field) not in FIELDS:
                fields = ", ".join(known.replace(" ", "-") for known in FIELDS)
                self.fail(f"'{field}' is no field; the fields are {fields}.", param, ctx)
            names[normalize(field)] = name.strip()
        return names


def deprecated_option(
    flag: str,
    name: str,
    replacement: str,
    **settings: Any,  # noqa: ANN401 - click takes any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a hidden option that names its replacement on standard error when it is used.

    Args:
        flag: The option, like "--format-in".
        name: The argument of the command for its value; None without the option.
        replacement: The option to use instead.
        settings: The other arguments of `click.option`.
    """

    def warn(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
        if value is not None:
            click.echo(f"Warning: {flag} is deprecated; use {replacement}", err=True)
        return value

    return click.option(flag, name, hidden=True, callback=warn, **settings)


gap_option = click.option(
    "--min-gap",
    type=DurationType(),
    default="0s",
    show_default=True,
    help="Duration for which an event occupies its resources after its end, like 15m.",
)


def conflict_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of what a conflict is; the command gets `min_gap` and `capacity`."""
    capacity = click.option(
        "--capacity",
        metavar="RESOURCE=NUMBER",
        type=CapacityType(),
        multiple=True,
        help="How many events may overlap on a resource; =NUMBER is for events that name none.",
    )
    return gap_option(capacity(command))


def fail_on_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the exit code; the command gets `fail_on`, one of FAIL_ON."""

    @wraps(command)
    def with_fail_on(
        *arguments: object, fail_on: str | None, exit_zero: bool, **options: object
    ) -> object:
        if exit_zero and fail_on not in {None, "none"}:
            raise click.UsageError(f"--exit-zero and --fail-on {fail_on} exclude each other.")
        chosen = "none" if exit_zero else fail_on or "any"
        return command(*arguments, fail_on=chosen, **options)

    choice = click.option(
        "--fail-on",
        type=click.Choice(FAIL_ON),
        help="When to exit with 1: with any conflict, the default; never (none); or with any"
        " conflict and also if there is no event to check (empty).",
    )
    never = click.option(
        "--exit-zero", is_flag=True, help="Exit with 0 with conflicts too: --fail-on none."
    )
    return choice(never(with_fail_on))


def hours_option(meaning: str) -> Callable[[Any], Any]:
    """Return the option --hours with a help text."""
    return click.option(
        "--hours",
        metavar="FROM-TO",
        type=HoursType(),
        default="0-24",
        show_default=True,
        help=meaning,
    )


zone_option = click.option(
    "--timezone",
    "zone",
    metavar="ZONE",
    type=ZoneType(),
    help="Time zone of the output, and of times without a zone, like Europe/Berlin; defaults to"
    " that of this machine.",
)
