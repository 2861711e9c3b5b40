"""Find the time zones that a calendar names: IANA's, its own definitions, and Windows names."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta, tzinfo
from functools import lru_cache

from double_booked.calendars.ics_lines import Component
from double_booked.calendars.ics_values import text_value
from double_booked.calendars.notes import Notes
from double_booked.calendars.vtimezone import read_zone
from double_booked.recurrence.calendar_times import Window
from double_booked.recurrence.zone_names import iana_zone, non_iana_zone
from double_booked.recurrence.zones import FileZone, UnknownZoneError

_FIRST, _LAST = datetime(2, 1, 1), datetime(9998, 1, 1)  # noqa: DTZ001 - local times
_A_YEAR = timedelta(days=366)
_MAX_DAYS = 10 * 366


class FileZones:
    """Finds the zones of a VCALENDAR; reads only the VTIMEZONEs that a time names."""

    def __init__(self, calendar: Component, window: Window, notes: Notes) -> None:
        self._window = window
        self._notes = notes
        self._zones: dict[str, tzinfo | ValueError] = {}
        self._defined: dict[str, Component] = {}
        for component in calendar.components:
            if component.name == "VTIMEZONE":
                self._defined[_plain(text_value(component.first("TZID")))] = component

    def find(self, name: str, line: int) -> tzinfo:
        """Return the zone of a TZID.

        IANA's zone takes precedence over the file's VTIMEZONE of that name, because programs cut
        the history in what they write. If the two have different offsets in the window, the file's
        zone is used. Windows names are tried last.

        Args:
            name: The TZID.
            line: The line that names it, for notes.

        Raises:
            UnknownZoneError: There is no such zone.
            ValueError: The VTIMEZONE cannot be used, and no other zone has that name.
        """
        if name not in self._zones:
            try:
                self._zones[name] = self._look_up(name, line)
            except ValueError as error:
                self._zones[name] = error
        zone = self._zones[name]
        if isinstance(zone, ValueError):
            raise zone
        return zone

    def only_defined(self) -> tzinfo | None:
        """Return the zone of the only VTIMEZONE; None unless there is exactly one."""
        if len(self._defined) != 1:
            return None
        [component] = self._defined.values()
        try:
            return self.find(text_value(component.first("TZID")), component.line)
        except ValueError:
            return None

    def _look_up(self, name: str, line: int) -> tzinfo:
        component = self._defined.get(_plain(name))
        iana = iana_zone(name)
        if component is None:
            return iana or self._by_other_name(name, line)
        try:
            own = read_zone(component, self._end())
        except ValueError as error:
            other = iana or non_iana_zone(name)
            if other is None:
                raise ValueError(f"the time zone '{name}' cannot be used: {error}") from error
            self._notes.add(component.line, f"a VTIMEZONE is not used: {error}")
            return other
        if iana is None:
            return own
        if contradicts(own, iana, self._window):
            self._notes.add(component.line, f"the file's own time zone '{name}' is not IANA's")
            return own
        return iana

    def _by_other_name(self, name: str, line: int) -> tzinfo:
        other = non_iana_zone(name)
        if other is None:
            raise UnknownZoneError(
                f"the time zone '{name}' is unknown: it is not a name of IANA or Windows,"
                " and the file does not define it"
            )
        self._notes.add(line, f"the time zone '{name}' is read as {other}")
        return other

    def _end(self) -> datetime:
        """Return the local time up to which a VTIMEZONE must be expanded."""
        return min(self._window.end.replace(tzinfo=None), _LAST) + _A_YEAR


@lru_cache(maxsize=64)  # files of one program define the same zone, which is read once
def contradicts(own: FileZone, iana: tzinfo, window: Window) -> bool:
    """Return whether a file's zone and IANA's zone have different offsets in the window.

    A shorter window is extended to a year. If the file's zone has only one offset, its history may
    have been cut: it contradicts IANA's zone only if that has another offset on every day of the
    year.
    """
    start = min(max(window.start.replace(tzinfo=None), _FIRST), _LAST)
    year = start + _A_YEAR
    first, last = own.known_span()
    end = min(max(window.end.replace(tzinfo=None), year), last)
    days = list(_noons(max(start, first), end))
    if len({own.utcoffset(day) for day in days}) > 1:
        return any(_differ(own, iana, day) for day in days)
    return all(_differ(own, iana, day) for day in _noons(start, year))


def _noons(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield the noon of each day, for at most ten years."""
    noon = datetime.combine(start, time(12))
    for number in range(min((end - noon).days + 1, _MAX_DAYS)):
        yield noon + timedelta(number)


def _differ(own: FileZone, iana: tzinfo, local: datetime) -> bool:
    return own.utcoffset(local) != iana.utcoffset(local)


def _plain(name: str) -> str:
    return name.replace("\\", "").strip().casefold()
