"""Time zones that a calendar file defines."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo


class UnknownZoneError(ValueError):
    """A name that is no time zone; the text says so."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a zone's offset from UTC.

    Attributes:
        moment: When, in UTC, without a zone.
        before: The offset up to then.
        after: The offset from then on.
        name: What clocks go by from then on, like "CEST".
    """

    moment: datetime
    before: timedelta
    after: timedelta
    name: str


class FileZone(tzinfo):
    """A zone that a VTIMEZONE defines.

    A local time that a change skips has the offset before the change, and one that comes twice is
    the first, unless its `fold` is 1 (RFC 5545, section 3.3.5; PEP 495).
    """

    def __init__(self, name: str, transitions: Sequence[Transition]) -> None:
        self.name = name
        self._transitions = sorted(transitions, key=lambda each: each.moment)
        self._moments = [each.moment for each in self._transitions]

    def known_span(self) -> tuple[datetime, datetime]:
        """Return the moments of its first and last change, in UTC, without a zone."""
        return self._moments[0], self._moments[-1]

    def _at(self, index: int) -> tuple[timedelta, str]:
        if index == 0:
            return self._transitions[0].before, self._transitions[0].name
        return self._transitions[index - 1].after, self._transitions[index - 1].name

    def _index(self, local: datetime) -> int:
        """How many changes are over at a local time."""
        wall = local.replace(tzinfo=None, fold=0)
        index = bisect_right(self._moments, wall - timedelta(days=1))
        choose = min if local.fold else max
        while index < len(self._transitions):
            change = self._transitions[index]
            if wall - choose(change.before, change.after) < change.moment:
                break
            index += 1
        return index

    def utcoffset(self, local: datetime | None) -> timedelta | None:
        """The offset from UTC of a local time."""
        return None if local is None else self._at(self._index(local))[0]

    def dst(self, local: datetime | None) -> None:  # noqa: ARG002 - as tzinfo has it
        """A VTIMEZONE does not tell."""
        return

    def tzname(self, local: datetime | None) -> str:
        """What clocks go by then."""
        return self.name if local is None else self._at(self._index(local))[1] or self.name

    def fromutc(self, moment: datetime) -> datetime:
        """The local time of a time in UTC."""
        index = bisect_right(self._moments, moment.replace(tzinfo=None))
        local = moment + self._at(index)[0]
        if index:
            change = self._transitions[index - 1]
            again = moment.replace(tzinfo=None) < change.moment + change.before - change.after
            local = local.replace(fold=int(again))
        return local
