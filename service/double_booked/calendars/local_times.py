"""Parse dates and times as people and spreadsheets write them."""

import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_CLOCK = re.compile(
    r"(?<![\d:.])(?P<hour>\d{1,2})"
    r"(?:(?::(?P<minute>\d\d))(?::(?P<second>\d\d)(?:[.,]\d+)?)?|(?=\s*[ap]\.?m\b))"
    r"(?:\s*(?P<half>[ap])\.?m\b\.?)?(?![\d:])",
    re.IGNORECASE,
)
_OFFSET = re.compile(r"\s*(?:(?:Z|UTC|GMT)|(?P<sign>[+-])(?P<hours>\d\d):?(?P<minutes>\d\d))$")
_WEEKDAY = re.compile(r"\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(\d{4})([-/.])(\d{1,2})\2(\d{1,2})")
_NUMBERS = re.compile(r"(?<![\d/.-])(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d\d)(?![\d/-])")
_DAY_MONTH = re.compile(
    r"(?P<day>\d{1,2})(?:st|nd|rd|th)?[. -]+(?P<month>[a-z]{3,9})\.?[, -]+(?P<year>\d{4})",
    re.IGNORECASE,
)
_MONTH_DAY = re.compile(
    r"(?P<month>[a-z]{3,9})\.? +(?P<day>\d{1,2})(?:st|nd|rd|th)?,? +(?P<year>\d{4})",
    re.IGNORECASE,
)
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([dhm])[a-z]*[\s,]*", re.IGNORECASE)
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_CENTURY = 2000
_MONTHS_OF_YEAR = 12
_NOON = 12
_LONGEST_TEXT = 100
"""Maximum number of characters of a time."""

EXAMPLES = "2026-11-23T09:00:00+01:00, 2026-11-23 09:00, 11/23/2026 9:00 AM or 23.11.2026 9:00"


@dataclass(frozen=True, slots=True)
class DateOrder:
    """The order of day and month in numeric dates.

    Attributes:
        day_first: The separators of dates whose first number is the day.
        is_strict: Whether a month over 12 is rejected, rather than exchanged with the day.
    """

    day_first: frozenset[str] = frozenset(".")
    is_strict: bool = False


@dataclass(frozen=True, slots=True)
class DateTimeParts:
    """The parts of a point in time that a text states.

    Attributes:
        day: The date; None if the text has none.
        clock: The time since midnight; None if the text has no time of day.
        zone: The offset from UTC; None if the text has none.
    """

    day: date | None = None
    clock: timedelta | None = None
    zone: tzinfo | None = None

    def filled(self, other: "DateTimeParts") -> "DateTimeParts":
        """Return these parts, with the missing ones taken from another text."""
        return DateTimeParts(
            self.day or other.day,
            other.clock if self.clock is None else self.clock,
            self.zone or other.zone,
        )

    def to_utc(self, zone: tzinfo) -> datetime:
        """Return the point in time in UTC; for a date, its midnight.

        Args:
            zone: The zone of a text that has no offset.

        Raises:
            ValueError: The date is missing.
            OverflowError: The time is not in the years 1 to 9999.
        """
        if self.day is None:
            raise ValueError("it is a time without a date")
        local = datetime.combine(self.day, time()) + (self.clock or timedelta(0))
        return local.replace(tzinfo=self.zone or zone).astimezone(UTC)


def parse_parts(text: str, order: DateOrder) -> DateTimeParts:
    """Parse a date, a time of day, or both.

    The text is in ISO 8601, or a date like 12/31/2026, 31.12.2026, 31 December 2026 or Dec 31,
    2026, with or without a time like 9:00, 09:00:00 or 9:00 PM before or after it. Weekdays are
    ignored.

    Args:
        text: The text.
        order: The order of day and month in numeric dates.

    Raises:
        ValueError: The text is not a date or time.
    """
    text = text.strip()
    if len(text) > _LONGEST_TEXT:
        raise ValueError("it is too long")
    parts = _parse_iso(text)
    if parts:
        return parts
    clock = _CLOCK.search(text)
    if not clock:
        return DateTimeParts(_parse_date(text, order))
    after = text[clock.end() :]
    offset = _OFFSET.fullmatch(after.rstrip())
    rest = text[: clock.start()] + ("" if offset else after)
    day = _parse_date(rest, order) if rest.strip(" ,-T\t") else None
    return DateTimeParts(day, _since_midnight(clock), _zone(offset))


def _parse_iso(text: str) -> DateTimeParts | None:
    try:
        return DateTimeParts(date.fromisoformat(text))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    clock = timedelta(
        hours=moment.hour,
        minutes=moment.minute,
        seconds=moment.second,
        microseconds=moment.microsecond,
    )
    return DateTimeParts(moment.date(), clock, moment.tzinfo)


def _since_midnight(clock: re.Match[str]) -> timedelta:
    hour, minute, second = (int(clock[part] or 0) for part in ("hour", "minute", "second"))
    if clock["half"]:
        if not 1 <= hour <= _NOON:
            raise ValueError("the hour is not in 1 to 12")
        hour = hour % _NOON + (_NOON if clock["half"].lower() == "p" else 0)
    since = timedelta(hours=hour, minutes=minute, seconds=second)
    if minute > 59 or second > 59 or since > timedelta(days=1):  # noqa: PLR2004 - minutes and seconds
        raise ValueError("there is no such time of day")
    return since


def _zone(offset: re.Match[str] | None) -> tzinfo | None:
    if not offset:
        return None
    if not offset["sign"]:
        return UTC
    length = timedelta(hours=int(offset["hours"]), minutes=int(offset["minutes"]))
    return timezone(-length if offset["sign"] == "-" else length)


def _parse_date(text: str, order: DateOrder) -> date:
    text = _WEEKDAY.sub("", text).strip(" ,-T\t")
    if match := _YEAR_FIRST.fullmatch(text):
        return date(int(match[1]), int(match[3]), int(match[4]))
    if match := _NUMBERS.fullmatch(text.removesuffix(".")):
        return _numeric_date(match, order)
    if match := _DAY_MONTH.fullmatch(text) or _MONTH_DAY.fullmatch(text):
        month = match["month"][:3].lower()
        if month in _MONTHS:
            return date(int(match["year"]), _MONTHS.index(month) + 1, int(match["day"]))
    raise ValueError("it is not a date")


def _year_of(match: re.Match[str]) -> int:
    return int(match[4]) + (_CENTURY if len(match[4]) < len("2026") else 0)


def _numeric_date(match: re.Match[str], order: DateOrder) -> date:
    first, second, year = int(match[1]), int(match[3]), _year_of(match)
    day, month = (first, second) if match[2] in order.day_first else (second, first)
    if month > _MONTHS_OF_YEAR and not order.is_strict:
        day, month = month, day
    return date(year, month, day)


def choose_order(texts: Iterable[str], *, day_first: bool) -> tuple[DateOrder, list[str]]:
    """Return the order of day and month in a table, and a sentence about each assumption.

    A date like 25/12/2026 shows the order of all dates with the same separator. If no date shows
    it, the month is first, except with dots, where the day is first.

    Args:
        texts: The dates of the table; other texts are ignored.
        day_first: Whether the caller says that the day is first.
    """
    if day_first:
        return DateOrder(frozenset("./-"), is_strict=True), []
    shown: dict[str, dict[bool, str]] = {"/": {}, "-": {}}
    doubtful: dict[str, str] = {}
    for text in texts:
        match = _NUMBERS.search(text)
        if match and match[2] in shown:
            orders = _orders_of(match)
            if len(orders) == 1:
                shown[match[2]].setdefault(orders.pop(), match[0])
            elif orders and int(match[1]) != int(match[3]):
                doubtful.setdefault(match[2], match[0])
    return _order_of(shown), [_sentence(text, shown[mark]) for mark, text in doubtful.items()]


def _orders_of(match: re.Match[str]) -> set[bool]:
    """Return the possible orders of a numeric date: True for day first, False for month first.

    A text like 12/45/2026 has neither.
    """
    first, second, year = int(match[1]), int(match[3]), _year_of(match)
    orders = set()
    for is_day_first, day, month in ((True, first, second), (False, second, first)):
        with suppress(ValueError):
            date(year, month, day)
            orders.add(is_day_first)
    return orders


def _order_of(shown: dict[str, dict[bool, str]]) -> DateOrder:
    return DateOrder(frozenset({".", *(mark for mark in shown if {*shown[mark]} == {True})}))


def _sentence(example: str, shown: dict[bool, str]) -> str:
    if len(shown) == 1:
        [(is_day_first, proof)] = shown.items()
        order = "day" if is_day_first else "month"
        return f"dates like {example} are read {order} first, as {proof} shows"
    if shown:
        both = f"dates of both orders are in this file ({shown[True]}, {shown[False]})"
        return f"{both}: {example} may be read wrongly; --day-first chooses"
    return f"dates like {example} are read month first; --day-first reads them day first"


def parse_duration_text(text: str) -> timedelta:
    """Parse a duration like 1:30 (hours and minutes), "90 minutes", "1 hour 30 min" or "2 days".

    Raises:
        ValueError: The text is not a duration, or the duration is too long.
    """
    clock = _CLOCK.fullmatch(text.strip())
    if clock and not clock["half"]:
        return timedelta(hours=int(clock["hour"]), minutes=int(clock["minute"]))
    amounts = _DURATION.findall(text)
    if not amounts or _DURATION.sub("", text).strip():
        raise ValueError("it is not a duration")
    try:
        return sum(
            (timedelta(**{_UNITS[unit.lower()]: float(number)}) for number, unit in amounts),
            timedelta(0),
        )
    except OverflowError as error:
        raise ValueError("it is too long") from error
