"""A progress bar on standard error, if that is a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from double_booked.view.progress import ignore_progress

DELAY = 0.5
"""Seconds that a task takes, and those that it still takes by its pace, for a bar to appear.

Otherwise a bar flashes by."""

REDRAW = 0.1
"""Seconds from one picture of the bar to the next."""

Show = Callable[[float], None]


@contextmanager
def progress_bar(task: str, total: float = 1.0) -> Iterator[Show]:
    """Yield a function that shows how much of the total is done; the bar vanishes at the end.

    The bar has no thread of its own, so an error leaves nothing behind.

    Args:
        task: What is done, like "reading".
        total: The amount of all that is to do.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
    )
    bar = Progress(*columns, console=console, auto_refresh=False, transient=True)
    begin = drawn = time.monotonic()
    number = bar.add_task(task, total=total)

    def show(done: float) -> None:
        nonlocal drawn
        now = time.monotonic()
        if now < drawn + REDRAW:
            return
        drawn = now
        if not bar.live.is_started:
            if not _lasts(now - begin, done / total):
                return
            bar.start()
        bar.update(number, completed=done, refresh=True)

    try:
        yield show if sys.stderr.isatty() else ignore_progress
    finally:
        if bar.live.is_started:  # otherwise rich would write an empty line
            bar.stop()


def _lasts(seconds: float, part: float) -> bool:
    """Return whether a task took at least DELAY, and will take as long again by its pace."""
    return seconds >= DELAY and seconds * (1 - part) >= DELAY * part
