"""Errors that end a command, and their exit codes."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from double_booked.view.printable import printable

ERROR = 2
INTERRUPTED = 130  # as shells report it: 128 and the number of SIGINT

EXPECTED = (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError)
"""Exceptions with which click ends a command."""


class Failure(click.ClickException):
    """Ends the command with exit code ERROR and one line on standard error for each fault."""

    exit_code = ERROR

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the faults to a file; None is standard error."""
        for fault in self.faults:
            click.echo(f"Error: {printable(fault)}", file, err=file is None)


class LimitError(Failure):
    """A request or response is over a limit."""


@contextmanager
def doing(activity: str) -> Iterator[None]:
    """Add an activity, like "reading anna.ics", to an error that leaves the block."""
    try:
        yield
    except Exception as error:
        error.add_note(activity)
        raise


def describe(error: Exception) -> str:
    """Return one line with an unexpected error, its place in the code, and the activity."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    notes = getattr(error, "__notes__", ())
    activity = f" while {notes[0]}" if notes else ""
    name = type(error).__name__
    text = f"{name}: {error}" if str(error) else name
    return f"unexpected error{activity}: {text}{place}; please report it"
