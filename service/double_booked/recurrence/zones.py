"""Time zones defined by a list of transitions, as a VTIMEZONE defines them."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo


class UnknownZoneError(ValueError):
    """A name that is not a time zone; the message says so."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of a zone's offset from UTC.

    Attributes:
        moment: The time of the change in UTC, without a zone.
        before: The offset before the change.
        after: The offset after the change.
        name: The abbreviation after the change, like "CEST".
    """

    moment: datetime
    before: timedelta
    after: timedelta
    name: str


class FileZone(tzinfo):
    """A zone that a VTIMEZONE defines.

    A local time that a change skips has the offset before the change. A local time that occurs
    twice is the first, unless its `fold` is 1 (RFC 5545, section 3.3.5; PEP 495).
    """

    def __init__(self, name: str, transitions: Sequence[Transition]) -> None:
        self.name = name
        self._transitions = sorted(transitions, key=lambda change: change.moment)
        self._moments = [change.moment for change in self._transitions]

    def known_span(self) -> tuple[datetime, datetime]:
        """Return the times of the first and the last change, in UTC, without a zone."""
        return self._moments[0], self._moments[-1]

    def _at(self, index: int) -> tuple[timedelta, str]:
        if index == 0:
            return self._transitions[0].before, self._transitions[0].name
        return self._transitions[index - 1].after, self._transitions[index - 1].name

    def _index(self, local: datetime) -> int:
        """Return the number of changes before a local time."""
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
        """Return the offset from UTC of a local time."""
        return None if local is None else self._at(self._index(local))[0]

    def dst(self, local: datetime | None) -> None:  # noqa: ARG002 - the signature of tzinfo
        """Return None: a VTIMEZONE does not state the part of the offset that is summer time."""
        return

    def tzname(self, local: datetime | None) -> str:
        """Return the abbreviation at a local time, like "CEST"."""
        return self.name if local is None else self._at(self._index(local))[1] or self.name

    def fromutc(self, moment: datetime) -> datetime:
        """Return the local time of a time in UTC."""
        index = bisect_right(self._moments, moment.replace(tzinfo=None))
        local = moment + self._at(index)[0]
        if index:
            change = self._transitions[index - 1]
            is_second = moment.replace(tzinfo=None) < change.moment + change.before - change.after
            local = local.replace(fold=int(is_second))
        return local
