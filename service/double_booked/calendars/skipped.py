"""What a reader of calendars skips, and how it is told."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

MAX_OF_A_KIND = 5
"""How many faults of one kind a file may have until they are counted."""

SHOWN_OF_A_KIND = 3
"""How many of them are told nevertheless."""

MAX_KINDS = 20
"""How many kinds of faults of a file are told."""

_DIFFERS = re.compile(r"'[^']*'|\d+")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part of a file that cannot be used, while the rest of the file is read.

    Attributes:
        line: Where it is, from 1; None where the format has no lines.
        reason: What is wrong, with the property or the path of the field.
        title: That of the event that is skipped; None if it is no event.
        date: When that event is, as the file has it; "" if the file does not say.
    """

    line: int | None
    reason: str
    title: str | None = None
    date: str = ""

    @property
    def fault(self) -> str:
        """Where it is and what is wrong, as an InvalidCalendarError names a fault."""
        return f"line {self.line}: {self.reason}" if self.line else self.reason

    def __str__(self) -> str:
        """The fault, and the event that it costs."""
        if self.title is None:
            return self.fault
        title = f'event "{self.title}"' if self.title else "an event without a title"
        return f"{self.fault} ({', '.join(filter(None, (title, self.date)))})"

    @property
    def kind(self) -> str:
        """The reason without what differs between events: numbers and the quoted text."""
        return _DIFFERS.sub("", self.reason)


def summarize(skipped: Iterable[Skipped]) -> Iterator[str]:
    """Yield a sentence about each thing that is skipped in a file.

    Of more than MAX_OF_A_KIND of one kind, the first few are told, and how many more there are.
    """
    kinds: dict[str, list[Skipped]] = {}
    for each in skipped:
        kinds.setdefault(each.kind, []).append(each)
    for alike in islice(kinds.values(), MAX_KINDS):
        shown = alike if len(alike) <= MAX_OF_A_KIND else alike[:SHOWN_OF_A_KIND]
        for each in shown:
            yield str(each) if each.title is None else f"{each}; skipped"
        if len(shown) < len(alike):
            yield f"and {len(alike) - len(shown)} more like it"
    others = sum(map(len, islice(kinds.values(), MAX_KINDS, None)))
    if others:
        yield f"and {others} more faults of other kinds"
