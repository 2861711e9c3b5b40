"""Parse the start and the end of a row."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta, tzinfo

from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.calendars.local_times import (
    EXAMPLES,
    DateOrder,
    DateTimeParts,
    parse_duration_text,
    parse_parts,
)

_A_DAY = timedelta(days=1)
_NANOS_PER_MICROSECOND = 1000
_NANOS = re.compile(r"[.,]\d{6}(\d{1,3})$")
"""The digits of a time that a datetime lacks."""

_TRUE = {"true", "yes", "1", "-1", "x", "y", "on", "wahr", "ja", "oui"}


@dataclass(frozen=True, slots=True)
class TimeStyle:
    """How the times of a table are written.

    Attributes:
        zone: The zone of times without an offset.
        order: The order of day and month in numeric dates.
        dates_end_before: Whether a date as an end is not part of the event.
        without_end: The duration of an event without an end; None if that is a fault.
    """

    zone: tzinfo
    order: DateOrder = DateOrder()  # noqa: RUF009 - it is frozen
    dates_end_before: bool = False
    without_end: timedelta | None = None


@dataclass(frozen=True, slots=True)
class EventTimes:
    """The start and the end of an event, and whether it consists of whole days."""

    start: Timestamp
    end: Timestamp
    is_of_dates: bool


def parse_times(texts: Mapping[str, str], names: Mapping[str, str], style: TimeStyle) -> EventTimes:
    """Return the start and the end of a row.

    Args:
        texts: The texts of the row, by field of `columns.NAMES`.
        names: The names that the table has for these fields.
        style: How its times are written.

    Raises:
        ValueError: A time is missing or cannot be used; the message names the column.
    """
    return _RowTimes(texts, names, style).read()


class _RowTimes:
    """The texts of a row, from which its start and end are parsed."""

    def __init__(
        self, texts: Mapping[str, str], names: Mapping[str, str], style: TimeStyle
    ) -> None:
        self._texts = texts
        self._names = names
        self._style = style

    def read(self) -> EventTimes:
        """Return the start and the end; raise ValueError if one cannot be used."""
        begin = self._parts("start")
        if begin.day is None:
            raise self._no_time("start")
        if self._text("all day").lower() in _TRUE:
            return self._whole_days(begin)
        self._check_clock(begin)
        start = self._stated("start") or self._moment("start", begin)
        return EventTimes(
            start, self._stated("end") or self._end(begin, start), begin.clock is None
        )

    def _check_clock(self, begin: DateTimeParts) -> None:
        """Reject a date whose cell for the time is empty; without such a column it is a whole day.

        Raises:
            ValueError: The cell is empty.
        """
        if begin.clock is not None or "start date" not in self._names:
            return
        clocks = [field for field in ("start", "start time") if field in self._names]
        if clocks and not any(map(self._text, clocks)):
            raise ValueError(f"{self._names[clocks[0]]}: the cell is empty")

    def _text(self, field: str) -> str:
        return self._texts.get(field, "").strip()

    def _parts(self, side: str) -> DateTimeParts:
        """Return the parts of all columns of a start or an end together."""
        parts = DateTimeParts()
        for field in (side, f"{side} date", f"{side} time"):
            if self._text(field):
                try:
                    parts = parts.filled(parse_parts(self._text(field), self._style.order))
                except (ValueError, OverflowError):
                    raise self._no_time(field) from None
        return parts

    def _end(self, begin: DateTimeParts, start: Timestamp) -> Timestamp:
        until = self._parts("end")
        if until == DateTimeParts():
            return self._end_without_text(begin, start)
        if until.day is None:
            until = self._on_day_of(begin, until)
        is_included = not self._style.dates_end_before or until.day == begin.day
        if until.clock is None and is_included:
            until = self._day_after(until)
        return self._moment("end", until)

    def _end_without_text(self, begin: DateTimeParts, start: Timestamp) -> Timestamp:
        if self._text("duration"):
            return self._after(start)
        is_date = begin.clock is None
        if is_date and ("start date" in self._names or self._style.without_end is not None):
            return self._moment("end", self._day_after(begin))
        if self._style.without_end is None:
            raise self._no_time("end")
        return _later(start, self._style.without_end)

    def _on_day_of(self, begin: DateTimeParts, until: DateTimeParts) -> DateTimeParts:
        """Return the next point in time after the start that has this time of day."""
        clock = until.clock or timedelta(0)
        if begin.clock is not None and clock < begin.clock:
            clock += _A_DAY
        return DateTimeParts(begin.day, clock, until.zone or begin.zone)

    def _whole_days(self, begin: DateTimeParts) -> EventTimes:
        """Return the midnights at which the first day begins and the last day ends.

        Outlook writes the end of whole days as midnight of the next day. A date alone is included.
        """
        until = self._parts("end")
        last = DateTimeParts(until.day or begin.day)
        is_after = self._style.dates_end_before or until.clock == timedelta(0)
        if not is_after or last.day == begin.day:
            last = self._day_after(last)
        first = DateTimeParts(begin.day)
        return EventTimes(self._moment("start", first), self._moment("end", last), is_of_dates=True)

    def _day_after(self, parts: DateTimeParts) -> DateTimeParts:
        try:
            return DateTimeParts(parts.day + _A_DAY if parts.day else None, None, parts.zone)
        except OverflowError:
            raise self._no_time("end") from None

    def _after(self, start: Timestamp) -> Timestamp:
        try:
            return _later(start, parse_duration_text(self._text("duration")))
        except ValueError:
            text, name = self._text("duration"), self._names.get("duration", "duration")
            raise ValueError(
                f"{name}: '{text}' is not a duration like 1:30 or 90 minutes"
            ) from None

    def _stated(self, side: str) -> Timestamp | None:
        """Return a time in RFC 3339 with its nanoseconds, which a datetime lacks."""
        stated = Timestamp()
        try:
            stated.FromJsonString(self._text(side))
        except ValueError:
            return None
        return stated

    def _moment(self, side: str, parts: DateTimeParts) -> Timestamp:
        moment = Timestamp()
        try:
            moment.FromDatetime(parts.to_utc(self._style.zone))
        except (ValueError, OverflowError):
            raise self._no_time(side) from None
        if parts.clock is not None and (digits := _NANOS.search(self._text(side))):
            moment.nanos += int(digits[1].ljust(3, "0"))
        return moment

    def _no_time(self, field: str) -> ValueError:
        side = field.partition(" ")[0]
        fields = (field, side, f"{side} date", f"{side} time")
        field = next((name for name in fields if name in self._names), side)
        name, text = self._names.get(field, field), self._text(field)
        return ValueError(f"{name}: '{text}' is not a time like {EXAMPLES}")


def _later(start: Timestamp, duration: timedelta) -> Timestamp:
    end = Timestamp()
    microseconds = duration // timedelta(microseconds=1)
    end.FromNanoseconds(start.ToNanoseconds() + microseconds * _NANOS_PER_MICROSECOND)
    return end
