"""Writing to standard output."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper

from double_booked.commands.errors import Failure


@contextmanager
def writing() -> Iterator[None]:
    """Makes a Failure of what goes wrong in writing to standard output."""
    try:
        yield
    except BrokenPipeError:
        raise  # who reads has seen enough; click ends the command quietly
    except OSError as error:
        _drop_standard_output()
        raise Failure(f"standard output: {error.strerror}") from error


def _drop_standard_output() -> None:
    """Sends what is still to be written nowhere; else Python complains of it at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def replace_unwritable() -> None:
    """Lets titles hold what the encoding of standard output does not."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
