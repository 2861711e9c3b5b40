"""The data of the page are the events, conflicts and days of a report."""

from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from double_booked.api.scheduling_pb2 import Event
from double_booked.view import page
from view.reports import HOUR, MIDNIGHT, event, report_of


def page_of(*events: Event, zone: tzinfo = UTC) -> Any:
    return page.make_page(report_of(*events), zone)


def test_page_has_events_groups_and_overlaps_in_the_readers_zone() -> None:
    data = page_of(
        event(9, 11, "A", "lab"), event(10, 12, "B", "lab"), zone=ZoneInfo("Europe/Berlin")
    )
    assert data["zone"] == "CET"
    assert data["resources"] == ["lab"]
    assert [entry["time"] for entry in data["events"]] == [
        "Mon 16 Nov 2026, 10:00-12:00",
        "Mon 16 Nov 2026, 11:00-13:00",
    ]
    [group] = data["groups"]
    assert group["members"] == [0, 1]
    [overlap] = group["overlaps"]
    assert overlap == {
        "start": (MIDNIGHT + 10 * HOUR) * 1000,
        "end": (MIDNIGHT + 11 * HOUR) * 1000,
        "time": "Mon 16 Nov 2026, 11:00-12:00",
        "lasts": "1h",
        "depth": 2,
        "members": [0, 1],
    }


def test_page_has_days_without_events() -> None:
    days = page_of(event(1, 2), event(49, 50))["days"]
    assert [day["label"] for day in days] == [
        "Mon 16 Nov 2026",
        "Tue 17 Nov 2026",
        "Wed 18 Nov 2026",
    ]
    assert days[0]["end"] == days[1]["start"]


def test_day_of_a_clock_change_has_its_real_length_and_ticks() -> None:
    [day] = page_of(event(-22 * 24, -22 * 24), zone=ZoneInfo("Europe/Berlin"))["days"]
    assert day["label"] == "Sun 25 Oct 2026"
    assert (day["end"] - day["start"]) / 3_600_000 == 25
    assert [label for _, label in day["ticks"]][:2] == ["00:00", "03:00"]
    assert (day["ticks"][1][0] - day["ticks"][0][0]) / 3_600_000 == 4


def test_page_of_years_has_only_days_with_events() -> None:
    last = 24 * page.MAX_DAYS
    days = page_of(event(0, 1), event(last, last + 1))["days"]
    assert len(days) == 2


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_page_has_the_first_and_the_last_instant(zone: str) -> None:
    first = Event(start=Timestamp(seconds=-62_135_596_800), end=Timestamp(seconds=-62_135_596_800))
    last = Event(start=Timestamp(seconds=253_402_300_799), end=Timestamp(seconds=253_402_300_799))
    assert len(page_of(first, last, zone=ZoneInfo(zone))["days"]) == 2


def test_page_over_the_maximum_has_only_conflicting_events(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(page, "MAX_DRAWN", 2)
    data = page_of(event(0, 1, "A"), event(9, 11, "B"), event(10, 12, "C"))
    assert [entry["name"] for entry in data["events"]] == ["B", "C"]
    assert data["groups"][0]["members"] == [0, 1]
    assert data["left_out"] == 1


def test_page_can_be_empty() -> None:
    assert page_of()["days"] == []
