"""`bookings`, with a kubectl that prints a file."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import click.testing
import pytest
from tests.operator.factories import raw_booking, raw_calendar

from commands.fake_kubectl import MONDAY, FakeKubectl, booked, in_namespace
from double_booked.commands import main
from double_booked.commands.bookings_report import monday_of

DECEMBER = ("--from", "2026-12-07", "--timezone", "UTC")


def run(*arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(main, ["bookings", *arguments])


def show(*arguments: str, note: str = "") -> list[str]:
    """Return the lines of a command that must succeed."""
    done = run(*arguments)
    assert (done.stderr, done.exit_code) == (note, 0)
    return done.stdout.splitlines()


def shown_json(*arguments: str) -> Any:
    return json.loads("\n".join(show(*DECEMBER, "--format=json", *arguments)))


def error(*arguments: str) -> str:
    """Return the one line on standard error of a command that must fail."""
    done = run(*arguments)
    assert (done.stdout, done.exit_code) == ("", 2)
    [line] = done.stderr.splitlines()
    return line


def conflicts(*arguments: str) -> list[tuple[str, list[str]]]:
    """Return the calendar and the bookings of each conflict."""
    groups = shown_json(*arguments)["conflicts"]
    return [(group["calendar"], group["bookings"]) for group in groups]


def overlaps(*arguments: str) -> list[tuple[str, str]]:
    groups = shown_json(*arguments)["conflicts"]
    return [(overlap["start"], overlap["end"]) for group in groups for overlap in group["overlaps"]]


# Calls of kubectl


def test_kubectl_gets_both_kinds_in_the_namespace_of_the_kubeconfig(
    kubectl: FakeKubectl,
) -> None:
    kubectl.serves()
    show(*DECEMBER)
    both = "calendars.double-booked.io,bookings.double-booked.io"
    assert kubectl.arguments() == ["get", both, "--output=json", "--show-managed-fields"]


@pytest.mark.parametrize(
    ("arguments", "argument"),
    [
        (("-n", "team"), "--namespace=team"),
        (("--namespace", "--kubeconfig=/etc/x"), "--namespace=--kubeconfig=/etc/x"),
        (("-n", "a b; $(c)"), "--namespace=a b; $(c)"),
        (("-A",), "--all-namespaces"),
    ],
)
def test_namespace_reaches_kubectl_as_one_argument(
    kubectl: FakeKubectl, arguments: Sequence[str], argument: str
) -> None:
    kubectl.serves()
    show(*DECEMBER, *arguments)
    assert kubectl.arguments()[4:] == [argument]


def test_namespace_and_all_namespaces_exclude_each_other(kubectl: FakeKubectl) -> None:
    kubectl.serves()
    done = run("-A", "-n", "team")
    assert done.exit_code == 2
    assert "exclude each other" in done.stderr


# Text


def test_week_without_conflicts_lists_bookings_by_day_and_calendar(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar("staging"),
        booked("load", "13:00", "17:30", title="Load test"),
        booked("release", "09:00", "12:00"),
    )
    assert show(*DECEMBER) == [
        "Mon 7 Dec 2026 (UTC)",
        "  staging",
        "    09:00-12:00  release",
        "    13:00-17:30  Load test  load",
        "",
        "No conflicts among 2 events.",
    ]


def test_conflict_is_shown_and_the_exit_code_is_0(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar("staging"),
        booked("load", "13:00", "17:30", title="Load test"),
        booked("fix", "16:00", "18:00"),
    )
    lines = show(*DECEMBER)
    assert "  ! 13:00-17:30  Load test  load" in lines
    assert "  staging: 2 events, double-booked for 1h30m" in lines
    assert "  ! 16:00-17:30  1h30m, 2 at once: Load test, fix" in lines
    assert lines[-1] == "1 conflict among 2 of 2 events."


def test_times_are_shown_in_the_chosen_zone(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar(), booked("late", "23:30", "23:45"))
    lines = show("--from", "2026-12-08", "--timezone", "Europe/Berlin")
    assert lines[0] == "Tue 8 Dec 2026 (CET)"
    assert lines[2] == "    00:30-00:45  late"


def test_window_defaults_to_the_current_week(kubectl: FakeKubectl) -> None:
    now = datetime.now(UTC)

    def around(name: str, moment: datetime) -> dict[str, Any]:
        ends = (moment + timedelta(minutes=minutes) for minutes in (-2, 2))
        return raw_booking(name, *(f"{end:%Y-%m-%dT%H:%M:%SZ}" for end in ends))

    week = timedelta(days=7)
    kubectl.serves(
        raw_calendar(),
        around("before", now - week),
        around("today", now),
        around("after", now + week),
    )
    shown = json.loads("\n".join(show("--format=json", "--timezone=UTC")))
    assert [booking["name"] for booking in shown["bookings"]] == ["today"]
    start, end = (datetime.fromisoformat(shown["window"][name]) for name in ("start", "end"))
    assert (start.weekday(), end - start) == (0, week)
    assert start <= now + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("day", "monday"),
    [
        (date(2026, 12, 7), date(2026, 12, 7)),
        (date(2026, 12, 13), date(2026, 12, 7)),
        (date(2027, 1, 1), date(2026, 12, 28)),
        (date(1, 1, 3), date(1, 1, 1)),
    ],
)
def test_week_starts_on_monday(day: date, monday: date) -> None:
    assert monday_of(day) == monday


def test_week_of_a_clock_change_ends_at_midnight(kubectl: FakeKubectl) -> None:
    kubectl.serves()
    zone = ("--from", "2026-03-23", "--timezone", "Europe/Berlin")
    shown = json.loads("\n".join(show(*zone, "--format=json")))
    assert shown["window"] == {"start": "2026-03-22T23:00:00Z", "end": "2026-03-29T22:00:00Z"}


def test_from_and_to_choose_the_window(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar(), booked("early", "08:00", "09:00"), booked("late", "20:00", "21:00")
    )
    assert "early" in "".join(show("--timezone=UTC", "--from=2026-12-01", "--to=2026-12-07"))
    lines = show("--timezone=UTC", "--from=2026-12-07T09:00", "--to=2026-12-07T20:30")
    assert "early" not in "".join(lines)
    assert "late" in "".join(lines)


def test_empty_window_names_how_many_bookings_are_outside(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00"))
    march = ("--from", "2026-03-02", "--timezone", "UTC")
    nothing = "Nothing is booked from Mon 2026-03-02 00:00 to Mon 2026-03-09 00:00"
    assert show(*march) == [f"{nothing}; 1 booking at other times, --from and --to choose."]
    kubectl.serves(raw_calendar())
    assert show(*march) == [f"{nothing}."]


# Conflicts


def test_calendar_admits_bookings_up_to_its_capacity(kubectl: FakeKubectl) -> None:
    three = [booked(name, "09:00", "10:00", "gpu") for name in "abc"]
    kubectl.serves(raw_calendar("gpu", capacity=2), *three[:2])
    assert conflicts() == []
    kubectl.serves(raw_calendar("gpu", capacity=2), *three)
    assert conflicts() == [("gpu", ["a", "b", "c"])]


def test_calendars_have_gaps_of_their_own(kubectl: FakeKubectl) -> None:
    both = ("window", "staging")
    kubectl.serves(
        raw_calendar("window", minGap="30m"),
        raw_calendar("staging"),
        raw_calendar("other", minGap="1h"),
        booked("a", "09:00", "10:00", *both),
        booked("b", "10:15", "11:00", *both),
        booked("c", "10:50", "11:30", "staging"),
        booked("d", "12:00", "13:00", "other"),
        booked("e", "13:30", "14:00", "other"),
    )
    assert conflicts() == [
        ("window", ["a", "b"]),
        ("staging", ["b", "c"]),
        ("other", ["d", "e"]),
    ]


def test_conflict_because_of_a_gap_has_the_gap(kubectl: FakeKubectl) -> None:
    both = ("window", "staging")
    kubectl.serves(
        raw_calendar("window", minGap="30m"),
        raw_calendar("staging"),
        booked("a", "09:00", "10:00", *both),
        booked("b", "09:45", "10:00", *both),
    )
    assert [line for line in show(*DECEMBER) if "at once" in line] == [
        "  ! 09:45-10:00  15m, 2 at once: a, b",
        "  ! 09:45-10:30  45m, 2 at once, with a gap of 30m: a, b",
    ]


def test_gap_of_a_booking_before_the_window_counts(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar("window", minGap="30m"),
        booked("a", "08:00", "08:50", "window"),
        booked("b", "09:10", "10:00", "window"),
        booked("gone", "07:00", "08:30", "window"),
    )
    begins_at_nine = ("--from", "2026-12-07T09:00")
    assert conflicts(*begins_at_nine) == [("window", ["a", "b"])]
    assert [booking["name"] for booking in shown_json(*begins_at_nine)["bookings"]] == ["a", "b"]


def test_overlaps_are_clipped_to_the_window(kubectl: FakeKubectl) -> None:
    """Events outside of the window may overlap too, but not all of them are read."""
    kubectl.serves(
        raw_calendar(),
        booked("a", "08:00", "11:00"),
        booked("b", "08:30", "12:00"),
        booked("before", "08:40", "08:50"),
        booked("c", "10:30", "14:00"),
    )
    window = ("--from", "2026-12-07T09:00", "--to", "2026-12-07T11:30")
    assert overlaps(*window) == [
        ("2026-12-07T09:00:00Z", "2026-12-07T10:30:00Z"),
        ("2026-12-07T10:30:00Z", "2026-12-07T11:00:00Z"),
        ("2026-12-07T11:00:00Z", "2026-12-07T11:30:00Z"),
    ]


def test_calendar_option_shows_only_the_chosen_calendars(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar("staging"),
        raw_calendar("gpu"),
        raw_calendar("beamer"),
        booked("both", "09:00", "11:00", "staging", "gpu"),
        booked("gpu-only", "10:00", "12:00", "gpu"),
        booked("beamer-only", "10:00", "12:00", "beamer"),
    )
    assert show(*DECEMBER, "--calendar", "staging") == [
        "Mon 7 Dec 2026 (UTC)",
        "  staging",
        "    09:00-11:00  both",
        "",
        "No conflicts among 1 event.",
    ]
    chosen = shown_json("--calendar", "gpu", "--calendar", "beamer")
    assert [calendar["name"] for calendar in chosen["calendars"]] == ["beamer", "gpu"]
    assert [booking["name"] for booking in chosen["bookings"]] == [
        "both",
        "beamer-only",
        "gpu-only",
    ]
    assert [group["calendar"] for group in chosen["conflicts"]] == ["gpu"]


def test_calendars_of_two_namespaces_are_separate(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        *(in_namespace(name, raw_calendar()) for name in ("blue", "red")),
        *(in_namespace(name, booked("a", "09:00", "10:00")) for name in ("blue", "red", "red")),
    )
    lines = show(*DECEMBER, "-A")
    assert lines[1:6] == [
        "  blue/staging",
        "    09:00-10:00  a",
        "  red/staging",
        "  ! 09:00-10:00  a",
        "  ! 09:00-10:00  a",
    ]
    [group] = shown_json("-A")["conflicts"]
    assert (group["namespace"], group["calendar"]) == ("red", "staging")


def test_nothing_conflicts_on_a_calendar_that_does_not_exist(kubectl: FakeKubectl) -> None:
    kubectl.serves(booked("a", "09:00", "10:00", "ghost"), booked("b", "09:00", "10:00", "ghost"))
    note = "Note: there is no calendar ghost: nothing conflicts on it\n"
    lines = show(*DECEMBER, note=note)
    assert "    09:00-10:00  b" in lines
    assert lines[-1] == "No conflicts among 2 events."


def test_invalid_objects_are_noted_and_the_others_shown(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar(minGap="1y"),
        booked("wrong", "10:00", "09:00"),
        booked("right", "10:00", "11:00"),
    )
    done = run(*DECEMBER)
    calendar, booking = done.stderr.splitlines()
    assert calendar.startswith("Note: calendar staging has the default rules: spec.minGap: '1y' is")
    assert booking.startswith("Note: booking wrong is left out: spec.end is before spec.start: ")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "No conflicts among 1 event.")


# Formats


def test_json_has_the_documented_form(kubectl: FakeKubectl) -> None:
    status = {
        "conflictsWith": ["b"],
        "observedGeneration": 1,
        "conditions": [{"type": "DoubleBooked", "status": "True", "reason": "OverCapacity"}],
    }
    one = booked("a", "09:00", "11:00", "gpu", title="Train") | {"status": status}
    one["spec"]["description"] = "For a day"
    kubectl.serves(
        raw_calendar("gpu", policy="Report", minGap="90m", capacity=1),
        one,
        raw_booking("b", "2026-12-07T11:00:00+01:00", "2026-12-07T12:00:00+01:00", "gpu"),
    )
    assert shown_json() == {
        "window": {"start": "2026-12-07T00:00:00Z", "end": "2026-12-14T00:00:00Z"},
        "calendars": [
            {
                "namespace": "team",
                "name": "gpu",
                "capacity": 1,
                "policy": "Report",
                "minGap": "1h30m",
            }
        ],
        "bookings": [
            {
                "namespace": "team",
                "name": "a",
                "title": "Train",
                "description": "For a day",
                "start": "2026-12-07T09:00:00Z",
                "end": "2026-12-07T11:00:00Z",
                "calendars": ["gpu"],
                "doubleBooked": "True",
                "conflictsWith": ["b"],
            },
            {
                "namespace": "team",
                "name": "b",
                "title": "b",
                "description": "",
                "start": "2026-12-07T10:00:00Z",
                "end": "2026-12-07T11:00:00Z",
                "calendars": ["gpu"],
                "doubleBooked": "Unknown",
                "conflictsWith": [],
            },
        ],
        "conflicts": [
            {
                "namespace": "team",
                "calendar": "gpu",
                "bookings": ["a", "b"],
                "overlaps": [
                    {
                        "start": "2026-12-07T10:00:00Z",
                        "end": "2026-12-07T12:30:00Z",
                        "depth": 2,
                        "bookings": ["a", "b"],
                    }
                ],
            }
        ],
    }


def test_status_of_an_older_generation_is_ignored(kubectl: FakeKubectl) -> None:
    status = {
        "conflictsWith": ["b"],
        "observedGeneration": 1,
        "conditions": [{"type": "DoubleBooked", "status": "True"}],
    }
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00", generation=2) | {"status": status})
    [booking] = shown_json()["bookings"]
    assert (booking["doubleBooked"], booking["conflictsWith"]) == ("Unknown", [])


def test_page_notes_calendars_that_do_not_exist_and_invalid_objects(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar(),
        booked("a", "09:00", "10:00", "ghost"),
        booked("wrong", "10:00", "09:00"),
    )
    page = run(*DECEMBER, "--format=html").stdout
    [data] = re.findall(r'<script id="data"[^>]*>(.*?)</script>', page, re.DOTALL)
    view = json.loads(data)
    invalid, missing = view["notes"]
    assert invalid.startswith("Booking wrong is left out: spec.end is before spec.start: ")
    assert missing == "There is no calendar ghost: nothing conflicts on it."
    assert view["calendars"][1] == {"name": "ghost", "free": "does not exist"}
    assert "1 event, 1 calendar" in view["facts"]


def test_html_is_the_page_of_the_report(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00", title="</script>Load"))
    page = "\n".join(show(*DECEMBER, "--format=html"))
    [data] = re.findall(r'type="application/json">(.*?)</script>', page)
    view = json.loads(data)
    assert (view["kind"], view["names"]) == ("bookings", ["</script>Load"])
    assert view["sources"] == ["kind-dev/team"]
    view["calendars"][0].pop("free", None)  # the text depends on when the test runs
    assert view["calendars"] == [{"name": "staging", "policy": "Reject"}]
    assert "live" not in view


def test_text_of_a_booking_reaches_the_terminal_escaped(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar(), booked("a", "09:00", "10:00", title="\x1b[2J\u202eb"))
    text = "".join(show(*DECEMBER))
    assert not {"\x1b", "\u202e"} & set(text)


# Errors


def test_missing_kubectl_is_a_one_line_error(kubectl: FakeKubectl) -> None:
    assert not list(kubectl.folder.iterdir())
    assert error() == "Error: kubectl is not on PATH; it is needed to read the cluster"


def test_kubectl_that_cannot_run_is_a_one_line_error(kubectl: FakeKubectl) -> None:
    kubectl.install()
    (kubectl.folder / "kubectl").write_bytes(b"\x7fELF")
    assert error() == "Error: kubectl: Exec format error"


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        (
            'E1125 02:00:00.1 1 memcache.go:265] "Unhandled"\nThe connection was refused\n',
            "The connection was refused",
        ),
        ("error: one\nerror: two\n", "error: one; error: two"),
        ("E1125 02:00:00.1 1 only the log\n", "E1125 02:00:00.1 1 only the log"),
        ("\x1b[31mred\x1b[0m \u202e\n", "\\x1b[31mred\\x1b[0m \\u202e"),
        ("", "it ends with exit code 3"),
    ],
)
def test_error_has_the_messages_of_kubectl(
    kubectl: FakeKubectl, messages: str, message: str
) -> None:
    kubectl.install(3, messages, answer='{"items": []}')
    assert error() == f"Error: kubectl: {message}"


@pytest.mark.parametrize("answer", ["", "no JSON", "[]", "{}", "null", '{"items": 1}', "\udcff"])
def test_invalid_output_of_kubectl_is_a_one_line_error(kubectl: FakeKubectl, answer: str) -> None:
    kubectl.install()
    (kubectl.folder / "answer").write_bytes(answer.encode(errors="surrogateescape"))
    assert error() == "Error: kubectl: its output is not a JSON list of objects"


def test_unknown_calendar_is_reported_with_the_existing_ones(kubectl: FakeKubectl) -> None:
    kubectl.serves(raw_calendar("staging"), raw_calendar("gpu"))
    assert error("--calendar", "stagign") == (
        "Error: there is no calendar stagign, only gpu, staging"
    )
    kubectl.serves()
    assert error("--calendar", "gpu") == "Error: there is no calendar gpu, nor any other"


def test_empty_window_is_rejected_before_kubectl_runs(
    kubectl: FakeKubectl,
) -> None:
    kubectl.serves()
    assert (
        error("--from=2026-12-07", "--to=2026-12-06")
        == "Error: --to is not after --from; give --to a later time"
    )
    assert not (kubectl.folder / "arguments").exists()


# Bookings that replace one another


def test_booking_does_not_conflict_with_the_one_it_replaces(kubectl: FakeKubectl) -> None:
    new = booked("b", "09:00", "11:00", "gpu", spec={"replaces": ["a"]})
    kubectl.serves(raw_calendar("gpu"), booked("a", "09:00", "11:00", "gpu"), new)
    assert conflicts() == []


def test_third_booking_conflicts_with_a_replacing_pair_that_counts_once(
    kubectl: FakeKubectl,
) -> None:
    new = booked("b", "09:00", "11:00", "gpu", spec={"replaces": ["a"]})
    third = booked("c", "10:00", "12:00", "gpu")
    kubectl.serves(raw_calendar("gpu"), booked("a", "09:00", "11:00", "gpu"), new, third)
    assert conflicts() == [("gpu", ["a", "b", "c"])]
    [overlap] = shown_json()["conflicts"][0]["overlaps"]
    assert (overlap["start"], overlap["depth"]) == (MONDAY.format("10:00"), 2)


def test_group_splits_where_only_a_replacing_pair_connects_it(kubectl: FakeKubectl) -> None:
    kubectl.serves(
        raw_calendar("gpu"),
        booked("a", "09:00", "11:00", "gpu"),
        booked("b", "10:00", "13:00", "gpu"),
        booked("c", "12:00", "15:00", "gpu", spec={"replaces": ["b"]}),
        booked("d", "14:00", "16:00", "gpu"),
    )
    assert conflicts() == [("gpu", ["a", "b"]), ("gpu", ["c", "d"])]
