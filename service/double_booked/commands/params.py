"""Types of values on the command line, and the options that commands share."""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click

from double_booked.conflicts.options import MAX_CAPACITY, parse_duration

_HOURS = re.compile(r"(\d{1,2})-(\d{1,2})", re.ASCII)


class DurationType(click.ParamType[int]):
    """A duration in seconds, as `parse_duration` reads it."""

    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Answers the seconds, or says what a duration looks like."""
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
        """Return the seconds, or say what a length looks like."""
        text = str(value)
        try:
            seconds = parse_duration(f"{text}m" if text.isdecimal() else text)
        except ValueError:
            seconds = 0
        if not seconds:
            self.fail(f"'{value}' is not a length like 30m, 1h30m, 90 (minutes) or 2d.", param, ctx)
        return seconds


class CapacityType(click.ParamType[tuple[str, int]]):
    """A resource and how many events may overlap on it, written like room-a=2."""

    name = "capacity"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Answers both, or says what a capacity looks like."""
        resource, _, count = str(value).rpartition("=")
        if not (count.isascii() and count.isdecimal() and 1 <= int(count) <= MAX_CAPACITY):
            self.fail(
                f"'{value}' is not RESOURCE=NUMBER with a number from 1, like room-a=2.", param, ctx
            )
        return resource, int(count)


def conflict_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command the options of what a conflict is, as `min_gap` and `capacity`."""
    gap = click.option(
        "--min-gap",
        type=DurationType(),
        default="0s",
        show_default=True,
        help="How long an event occupies its resources after its end, like 15m.",
    )
    capacity = click.option(
        "--capacity",
        metavar="RESOURCE=NUMBER",
        type=CapacityType(),
        multiple=True,
        help="How many events may overlap on a resource; =NUMBER is for events that name none.",
    )
    return gap(capacity(command))


class ZoneType(click.ParamType[ZoneInfo]):
    """A time zone by its name in IANA's database, like Europe/Berlin."""

    name = "zone"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> ZoneInfo:
        """Answers the zone, or says what its name looks like."""
        try:
            return ZoneInfo(str(value))
        except (KeyError, ValueError, OSError):  # unknown, no name at all, or a region like Europe
            self.fail(f"'{value}' is no time zone like Europe/Berlin or UTC.", param, ctx)


class MomentType(click.ParamType[date]):
    """A day like 2026-11-23, or a time like 2026-11-23T09:00 with or without an offset."""

    name = "time"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> date:
        """Answers a date or a datetime, or says what they look like."""
        try:
            text = str(value)
            is_day = len(text) == len("2026-11-23")
            return date.fromisoformat(text) if is_day else datetime.fromisoformat(text)
        except ValueError:
            self.fail(f"'{value}' is no time like 2026-11-23 or 2026-11-23T09:00.", param, ctx)


class HoursType(click.ParamType[tuple[int, int]]):
    """Hours of a day, from and up to, like 9-18."""

    name = "hours"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Answers both, or says what they look like."""
        match = _HOURS.fullmatch(str(value))
        first, last = (int(match[1]), int(match[2])) if match else (0, 0)
        if not first < last <= 24:  # noqa: PLR2004 - the hours of a day
            self.fail(f"'{value}' is not two hours of a day like 9-18.", param, ctx)
        return first, last


zone_option = click.option(
    "--timezone",
    "zone",
    type=ZoneType(),
    help="The zone to tell times in, and of times that name none, like Europe/Berlin; by default"
    " that of this machine.",
)
