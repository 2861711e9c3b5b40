"""What counts as a conflict, as people write it."""

import re
from collections.abc import Callable
from typing import Any

import click

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?", re.ASCII)
_SECONDS = (86_400, 3_600, 60, 1)
_MAX_CAPACITY = 2**32 - 1


def parse_duration(text: str) -> int:
    """The seconds of a duration written like 1d, 1h30m, 15m or 90s; zero is 0s.

    Raises:
        ValueError: It is written otherwise; the message says how it should be.
    """
    match = _DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValueError(f"'{text}' is not a duration like 1h30m, 15m or 90s.")
    return sum(int(count or 0) * unit for count, unit in zip(match.groups(), _SECONDS, strict=True))


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
        if not (count.isascii() and count.isdecimal() and 1 <= int(count) <= _MAX_CAPACITY):
            self.fail(
                f"'{value}' is not RESOURCE=NUMBER with a number from 1, like room-a=2.", param, ctx
            )
        return resource, int(count)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
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
