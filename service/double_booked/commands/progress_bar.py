"""Progress bars on standard error, if that is a terminal."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from double_booked.view.progress import ignore_progress

DELAY = 0.5
"""Seconds that a command takes, and that its stage still takes by its pace, for a bar to appear.

Otherwise a bar flashes by."""

REDRAW = 0.1
"""Seconds from one picture of the bar to the next."""

Show = Callable[[float], None]


class Stages:
    """The stages of a command; each has a progress bar if it takes long.

    The bars have no thread of their own, so an error leaves nothing behind.
    """

    def __init__(self) -> None:
        """Begin to count the time after which bars appear."""
        self._begin = time.monotonic()

    @contextmanager
    def bar(self, stage: str, total: float = 1.0) -> Iterator[Show]:
        """Yield a function that shows how much of the total is done; the bar vanishes at the end.

        Args:
            stage: What is done, like "reading".
            total: The amount of all that is to do.
        """
        bar = _make_bar()
        begin = drawn = time.monotonic()
        number = bar.add_task(stage, total=total)

        def show(done: float) -> None:
            nonlocal drawn
            now = time.monotonic()
            if now < drawn + REDRAW:
                return
            drawn = now
            if not bar.live.is_started:
                if now < self._begin + DELAY or not _lasts(now - begin, done / total):
                    return
                bar.start()
            bar.update(number, completed=done, refresh=True)

        try:
            yield show if sys.stderr.isatty() else ignore_progress
        finally:
            if bar.live.is_started:  # otherwise rich would write an empty line
                bar.stop()


def _make_bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
    )
    return Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True)


def _lasts(seconds: float, part: float) -> bool:
    """Return whether a stage will take DELAY longer by its pace.

    Args:
        seconds: How long it has taken.
        part: The part of it that is done.
    """
    return seconds * (1 - part) >= DELAY * part
