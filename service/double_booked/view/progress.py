"""How much of a task is done, for a progress bar."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")

Progress = Callable[[float], None]
"""Receives the part of a task that is done, from 0 to 1."""

_STEP = 64
"""Items from one report to the next; the costliest take some milliseconds each."""


def ignore_progress(_: float) -> None:
    """Receive progress that nobody watches."""


def scale(progress: Progress, first: float, last: float) -> Progress:
    """Return what receives the part of a task that is itself a part of a larger task.

    Args:
        progress: Receives how much of the larger task is done.
        first: How much of the larger task is done before the smaller one.
        last: How much of it is done after the smaller one.
    """

    def receive(part: float) -> None:
        progress(first + (last - first) * part)

    return receive


def track_sizes(lines: Iterable[bytes], size: int, progress: Progress) -> Iterator[bytes]:
    """Yield the lines of a file, and report the part of its bytes that was processed.

    Args:
        lines: The lines.
        size: The bytes of all lines; 0 if that is not known, and nothing is reported.
        progress: Receives the part of the file that is done.
    """
    read = 0
    for number, line in enumerate(lines):
        if size and not number % _STEP:
            progress(min(read / size, 1.0))
        yield line
        read += len(line)


def track(
    items: Sequence[Item], progress: Progress, first: float = 0.0, last: float = 1.0
) -> Iterator[Item]:
    """Yield the items, and report how many were processed.

    Args:
        items: What is processed, one after the other.
        progress: Receives the part of the task that is done.
        first: The part that is done before the first item.
        last: The part that is done after the last item.
    """
    for number, item in enumerate(items):
        if not number % _STEP:
            scale(progress, first, last)(number / len(items))
        yield item
