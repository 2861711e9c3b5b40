"""`bookings --format ics`: a calendar to subscribe to."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click.testing
import pytest
from icalendar import Calendar, Event
from tests.operator.factories import raw_calendar

from commands.fake_kubectl import FakeKubectl, booked
from double_booked.commands import main


def feed(*arguments: str) -> bytes:
    done = click.testing.CliRunner().invoke(main, ["bookings", "--format=ics", *arguments])
    assert (done.stderr, done.exit_code) == ("", 0)
    return done.stdout_bytes


def events(*arguments: str) -> Sequence[Event]:
    calendar = Calendar.from_ical(feed(*arguments))
    assert not calendar.errors
    assert not any(event.errors for event in calendar.walk("VEVENT"))
    return list(calendar.walk("VEVENT"))


def names(*arguments: str) -> list[str]:
    return [str(event["SUMMARY"]) for event in events(*arguments)]


def test_feed_names_its_source_and_when_to_read_it_again(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar())
    lines = feed().decode().split("\r\n")
    assert "X-WR-CALNAME:Bookings of kind-dev/team" in lines
    assert "REFRESH-INTERVAL;VALUE=DURATION:PT15M" in lines
    assert "X-WR-CALNAME:Bookings of kind-dev/blue" in feed("-n", "blue").decode()
    assert "X-WR-CALNAME:Bookings of kind-dev\r\n" in feed("-A").decode()


def test_feed_without_a_kubeconfig_names_what_is_known(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar())
    (kubectl.folder / "config").write_text(json.dumps({"contexts": None}))
    assert "X-WR-CALNAME:Bookings of the cluster" in feed().decode()
    assert "X-WR-CALNAME:Bookings of blue\r\n" in feed("-n", "blue").decode()


def test_event_identifies_the_booking_and_its_revision(kubectl: FakeKubectl) -> None:
    writes = [
        {"manager": "kubectl", "time": "2025-11-02T10:00:00Z"},
        {"manager": "operator", "time": "2025-11-03T10:00:00Z", "subresource": "status"},
    ]
    kubectl.serves(
        raw_calendar("staging"),
        raw_calendar("gpu"),
        booked(
            "load",
            "13:00",
            "17:30",
            "staging",
            "gpu",
            title="Load; test, part 1",
            generation=3,
            managedFields=writes,
        ),
    )
    [event] = events()
    changed = datetime(2025, 11, 2, 10, tzinfo=UTC)
    assert (event["UID"], event["SEQUENCE"]) == ("uid-load", 3)
    assert event.decoded("DTSTAMP") == event.decoded("LAST-MODIFIED") == changed
    assert event.decoded("CREATED") == datetime(2025, 11, 1, tzinfo=UTC)
    assert event.decoded("DTSTART") == datetime(2026, 12, 7, 13, tzinfo=UTC)
    assert event.decoded("DTEND") == datetime(2026, 12, 7, 17, 30, tzinfo=UTC)
    assert event["SUMMARY"] == "Load; test, part 1"
    assert event["DESCRIPTION"] == "Booking team/load"
    assert event["CATEGORIES"].cats == ["staging", "gpu"]
    assert event["STATUS"] == "CONFIRMED"


def test_double_booked_event_is_marked_and_tentative(kubectl: FakeKubectl) -> None:
    """No operator needs to run: the later booking loses by the same rule."""
    kubectl.serves(
        raw_calendar(),
        booked("first", "09:00", "11:00"),
        booked("second", "10:00", "12:00", creationTimestamp="2025-11-01T00:00:01Z"),
    )
    first, second = events()
    assert (first["SUMMARY"], first["STATUS"]) == ("first", "CONFIRMED")
    assert (second["SUMMARY"], second["STATUS"]) == ("\N{WARNING SIGN} second", "TENTATIVE")
    assert "Over the capacity: " in second["DESCRIPTION"]


def test_feed_has_all_bookings_unless_the_window_is_chosen(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar(),
        raw_calendar("gpu"),
        booked("early", "08:00", "09:00"),
        booked("late", "20:00", "21:00"),
        booked("other", "20:00", "21:00", "gpu"),
    )
    assert names("--calendar=staging") == ["early", "late"]
    assert names("--timezone=UTC", "--from=2026-12-07T12:00") == ["late", "other"]
    assert names("--timezone=UTC", "--from=2026-12-01", "--to=2026-12-06") == []


def test_instant_has_no_end(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar(), booked("now", "08:00", "08:00"))
    [event] = events()
    assert "DTEND" not in event


@pytest.mark.parametrize("text", ["a\r\nEND:VEVENT", "\x1b[2J\x00", "\u202e", "ä" * 200, "\\,;:"])
def test_text_of_a_booking_cannot_end_its_line(kubectl: FakeKubectl, text: str) -> None:
    raw: dict[str, Any] = booked("a", "09:00", "10:00", title=text, spec={"description": text})
    kubectl.serves(raw_calendar(), raw)
    [event] = events()
    assert event["UID"] == "uid-a"
    assert all(len(line) <= 75 for line in feed().split(b"\r\n"))
    assert not {"\x1b", "\x00", "\u202e"} & set(feed().decode())


def test_same_bookings_give_the_same_bytes(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00"))
    assert feed() == feed()


def test_check_finds_the_conflicts_of_a_feed(kubectl: FakeKubectl, tmp_path: Path) -> None:
    kubectl.serves(
        raw_calendar("staging"),
        raw_calendar("gpu"),
        booked("a", "09:00", "11:00", "staging", "gpu"),
        booked("b", "10:00", "12:00", "gpu"),
        booked("c", "11:00", "12:00", "staging"),
    )
    path = tmp_path / "bookings.ics"
    path.write_bytes(feed())
    arguments = ["check", "--by=resource", "--from=2026-12-01", "--format=report", str(path)]
    done = click.testing.CliRunner().invoke(main, arguments)
    [group] = json.loads(done.stdout)["conflicts"]
    assert (group["resource"], group["events"], done.exit_code) == ("gpu", [0, 1], 1)
