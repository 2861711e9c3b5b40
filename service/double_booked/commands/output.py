"""Standard output that may be closed, full, or in an encoding that lacks characters."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from rich.console import Console

from double_booked.commands.errors import Failure


@contextmanager
def writing() -> Iterator[None]:
    """Raise a Failure for an error of standard output within the block."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader, such as head, has read enough; click then exits without a message
    except OSError as error:
        _discard_buffered_output()
        raise Failure(f"standard output: {error.strerror}") from error


def _discard_buffered_output() -> None:
    """Send buffered output to the null device; Python would fail to flush it at exit."""
    null_device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, sys.stdout.fileno())
    os.close(null_device)


def make_console() -> Console:
    """Return a console for standard output, in which only a terminal has a width."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else sys.maxsize)


def replace_unwritable() -> None:
    """Write "?" for characters that the encoding of standard output lacks."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
