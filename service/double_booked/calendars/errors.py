"""The error that every reader of calendars raises."""

from collections.abc import Sequence

MAX_FAULTS = 100
"""Maximum number of faults that an InvalidCalendarError names."""


class InvalidCalendarError(ValueError):
    """Content that is not a list of events.

    Attributes:
        faults: What is wrong, each with the line and column, or with the path of the field.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(*faults)
