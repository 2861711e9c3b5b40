"""How a report is wanted, as people write it at a command line."""

from zoneinfo import ZoneInfo

import click


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
