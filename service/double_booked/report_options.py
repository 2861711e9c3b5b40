"""What is looked at and how a report is wanted, as people write it at a command line."""

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

import click

_HOURS = re.compile(r"(\d{1,2})-(\d{1,2})", re.ASCII)


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
