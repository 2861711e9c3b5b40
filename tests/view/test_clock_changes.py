"""A view has the offset of each of its instants."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from double_booked.conflicts.instants import LAST_INSTANT, NANOS_PER_SECOND, to_instant
from double_booked.view.clock_changes import list_clock_changes
from view.reports import HOUR

BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str) -> int:
    return to_instant(datetime.fromisoformat(text).replace(tzinfo=UTC))


def second(text: str) -> int:
    return moment(text) // NANOS_PER_SECOND


def test_offset_of_one_instant_is_valid_from_it_on() -> None:
    changes = list_clock_changes([moment("2026-11-16")], BERLIN)
    assert changes == [(second("2026-11-16"), HOUR, "CET")]


def test_change_is_found_to_the_second() -> None:
    instants = [moment("2026-12-01"), moment("2026-10-01")]
    assert list_clock_changes(instants, BERLIN) == [
        (second("2026-10-01"), 2 * HOUR, "CEST"),
        (second("2026-10-25T01:00"), HOUR, "CET"),
    ]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_instants_may_be_the_first_and_behind_the_last(zone: str) -> None:
    changes = list_clock_changes([moment("0001-01-01"), LAST_INSTANT + 1], ZoneInfo(zone))
    assert changes[0][0] == second("0001-01-01")
