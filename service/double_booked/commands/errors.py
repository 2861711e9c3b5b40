"""Errors that no command foresees: one line, with what was being done."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import click

from double_booked.view.printable import printable

ERROR = 2
INTERRUPTED = 130  # as shells have it: 128 and the number of SIGINT

EXPECTED = (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError)
"""What click itself makes an end of the command of."""


@contextmanager
def doing(what: str) -> Iterator[None]:
    """Note what is done, like "reading anna.ics", on an error that leaves the block."""
    try:
        yield
    except Exception as error:
        error.add_note(what)
        raise


def describe(error: Exception) -> str:
    """Return what happened, where in the code, and while what was done."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    noted = getattr(error, "__notes__", ())
    while_what = f" while {noted[0]}" if noted else ""
    name = type(error).__name__
    told = f"{name}: {error}" if str(error) else name
    return f"unexpected error{while_what}: {told}{place}; please report it"


class Failure(click.ClickException):
    """Ends the command with one line on standard error for each fault."""

    exit_code = ERROR

    def __init__(self, *faults: str) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults

    def show(self, file: IO[Any] | None = None) -> None:
        """Writes the faults."""
        for fault in self.faults:
            click.echo(f"Error: {printable(fault)}", file, err=file is None)


class LimitError(Failure):
    """What was asked for is over a limit."""
