"""Errors that no command foresees: one line, with what was being done."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

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
