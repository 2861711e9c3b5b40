"""The parts of a file that are skipped, and sentences about them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

MAX_OF_A_KIND = 5
"""Maximum number of faults of one kind that are listed; more are counted."""

SHOWN_OF_A_KIND = 3
"""Number of faults listed of a kind that is counted."""

MAX_KINDS = 20
"""Maximum number of kinds of faults that are listed."""

_DIFFERS = re.compile(r"'[^']*'|\d+")


@dataclass(frozen=True, slots=True)
class Skipped:
    """A part of a file that cannot be used, while the rest of the file is read.

    Attributes:
        line: The line, from 1; None where the format has no lines.
        reason: What is wrong, with the property or the path of the field.
        title: The title of the skipped event; None if the part is not an event.
        date: The date of that event as it is written; "" if unknown.
    """

    line: int | None
    reason: str
    title: str | None = None
    date: str = ""

    @property
    def fault(self) -> str:
        """The line and the reason, as in the faults of an InvalidCalendarError."""
        return f"line {self.line}: {self.reason}" if self.line else self.reason

    def __str__(self) -> str:
        """Return the fault with the event that is skipped."""
        if self.title is None:
            return self.fault
        title = f'event "{self.title}"' if self.title else "an event without a title"
        return f"{self.fault} ({', '.join(filter(None, (title, self.date)))})"

    @property
    def kind(self) -> str:
        """The reason without the numbers and the quoted text, which differ between events."""
        return _DIFFERS.sub("", self.reason)


def summarize(skipped: Iterable[Skipped]) -> Iterator[str]:
    """Yield a sentence about each skipped part of a file.

    If there are more than MAX_OF_A_KIND of one kind, the first few are listed, and the others are
    counted.
    """
    kinds: dict[str, list[Skipped]] = {}
    for part in skipped:
        kinds.setdefault(part.kind, []).append(part)
    for alike in islice(kinds.values(), MAX_KINDS):
        shown = alike if len(alike) <= MAX_OF_A_KIND else alike[:SHOWN_OF_A_KIND]
        for part in shown:
            yield str(part) if part.title is None else f"{part}; skipped"
        if len(shown) < len(alike):
            yield f"and {len(alike) - len(shown)} more like it"
    others = sum(map(len, islice(kinds.values(), MAX_KINDS, None)))
    if others:
        yield f"and {others} more faults of other kinds"
