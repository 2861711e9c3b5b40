"""Spans as bars of characters."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

from rich.text import Text

from double_booked.conflicts.instants import Span
from double_booked.view.conflict_report import Entry

MAX_BAR_WIDTH = 28
MIN_BAR_WIDTH = 12
"""On a terminal with less room, no bars are drawn."""


def bar_drawer(
    entries: Sequence[Entry], conflicts: Iterable[Span], width: int, encoding: str
) -> Callable[[Span], Text]:
    """Return a function that draws a span of the group as a bar, with its conflicts marked.

    Args:
        entries: The events of the group, by start; together they are as long as a whole bar.
        conflicts: The spans to mark.
        width: The width of the whole bar, in cells.
        encoding: The encoding of the output; if it is not a UTF, the bars are ASCII.
    """
    start = entries[0].start
    length = max(max(entry.end for entry in entries) - start, 1)
    alone_mark, conflict_mark = "━█" if encoding.startswith("utf") else "-#"

    def cells(span: Span) -> range:
        first = min((span[0] - start) * width // length, width - 1)
        last = -((start - max(span[1], span[0] + 1)) * width // length)  # rounded up
        return range(first, min(max(last, first + 1), width))

    conflicting = {cell for conflict in conflicts for cell in cells(conflict)}

    def draw(span: Span) -> Text:
        bar = Text(" " * cells(span).start)
        for is_conflict, run in groupby(cells(span), conflicting.__contains__):
            mark, style = (conflict_mark, "red") if is_conflict else (alone_mark, "dim")
            bar.append(mark * len(list(run)), style)
        return bar

    return draw
