"""Random recurrence rules, as RFC 5545 allows them."""

from collections.abc import Mapping
from datetime import datetime

from hypothesis import strategies as st

from double_booked.recurrence.rules import WEEKDAYS

FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
SHORT = FREQUENCIES[4:]


def numbers(low: int, high: int, size: int = 3) -> st.SearchStrategy[list[int]]:
    number = st.integers(low, high).filter(bool) if low < 0 else st.integers(low, high)
    return st.lists(number, unique=True, max_size=size).map(sorted)


@st.composite
def weekdays(draw: st.DrawFn, parts: Mapping[str, str]) -> list[str]:
    """Return a strategy for BYDAY that fits the other parts."""
    days = draw(st.lists(st.sampled_from(WEEKDAYS), unique=True, min_size=1, max_size=3))
    freq = parts["FREQ"]
    if (freq != "MONTHLY" and (freq != "YEARLY" or "BYWEEKNO" in parts)) or draw(st.booleans()):
        return days
    limit = 5 if freq == "MONTHLY" or "BYMONTH" in parts else 53
    return [f"{draw(st.integers(-limit, limit).filter(bool))}{day}" for day in days]


@st.composite
def rules(draw: st.DrawFn) -> tuple[str, datetime]:
    """Draw the text of a rule that RFC 5545 allows, and the start of its series."""
    freq = draw(st.sampled_from(FREQUENCIES))
    parts = {"FREQ": freq, "INTERVAL": str(draw(st.integers(1, 5)))}

    def add(name: str, numbers: list[int]) -> None:
        if numbers and draw(st.booleans()):
            parts[name] = ",".join(map(str, numbers))

    # dateutil would follow a rule that fires seldom, and often then, for hours.
    if freq not in SHORT:
        add("BYMONTH", draw(numbers(1, 12)))
        if freq != "WEEKLY":
            add("BYMONTHDAY", draw(numbers(-31, 31)))
    if freq == "YEARLY":
        add("BYWEEKNO", draw(numbers(-53, 53)))
        add("BYYEARDAY", draw(numbers(-366, 366)))
    add("BYHOUR", draw(numbers(0, 23, 2)))
    add("BYMINUTE", draw(numbers(0, 59, 2)))
    if freq == "SECONDLY" or draw(st.booleans()):
        add("BYSECOND", draw(numbers(0, 59, 2)))
    if draw(st.booleans()):
        parts["BYDAY"] = ",".join(draw(weekdays(parts)))
    if freq not in SHORT and any(name.startswith("BY") for name in parts):
        add("BYSETPOS", draw(numbers(-4, 4, 2)))
    parts["WKST"] = draw(st.sampled_from(WEEKDAYS))
    if draw(st.booleans()):
        parts["COUNT"] = str(draw(st.integers(1, 20)))
    start = draw(
        st.datetimes(datetime(1995, 1, 1), datetime(2030, 1, 1)).map(  # noqa: DTZ001 - as above
            lambda moment: moment.replace(microsecond=0)
        )
    )
    return ";".join(f"{name}={value}" for name, value in parts.items()), start
