"""Test how an API server validates our kinds, when it calls the webhook, and what policies deny.

The definitions get an API group of their own, apart from all other definitions, objects and
webhooks. An API server is enough: no pods run.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
import yaml

from chart.programs import CHART, ROOT, render, values
from e2e.conftest import Namespace, run, tool
from waiting import wait_until

SECONDS = 30
EARLY, LATE = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"
RESERVATION = {"id": "0123456789abcdef", "kind": "Booking", "name": "a", "uid": "1-a"}
NOT_A_TIME = (
    "must be a date and time with a zone, like 2026-12-01T09:00:00Z or 2026-12-01T10:00:00+01:00"
)
NO_SUCH_DAY = "must be a day of the calendar, like 2026-02-28 or 2028-02-29"
OUTSIDE = "must be in the years 0001 to 9999, both as written and in UTC, like 2026-12-01T09:00:00Z"
BOOKED = {"calendars": ["a"], "start": EARLY, "end": LATE}
NO_CALENDAR = (
    "must be the name of a Calendar in this namespace, like staging-1:"
    " lower-case letters, digits, '-' and '.'"
)
NO_BOOKING = (
    "must be the name of a Booking in this namespace, like load-test-1:"
    " lower-case letters, digits, '-' and '.'"
)
NO_GAP = (
    "must be a duration like 15m, 1h30m or 2d: whole numbers of at most six digits, with the units"
    " d, h, m and s in this order"
)
LONG_GAP = "must be at most 366 days in total, like 366d"
RAW = ("should match", "evaluating rule", "no such overload", "[0-9]")
"""Text that must never appear in an error for users."""

PENDING = {
    "conditions": [
        {
            "type": "Ready",
            "status": "Unknown",
            "reason": "Pending",
            "message": "No operator has processed this object yet.",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
    ]
}


@pytest.fixture(scope="module")
def group() -> Iterator[str]:
    """Install the definitions in a new API group; return the group."""
    name = f"{uuid4().hex[:8]}.example"
    definitions = [
        renamed(yaml.safe_load(file.read_text()), name)
        for file in sorted(CHART.glob("files/crds/*.yaml"))
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": definitions})
    run(tool("kubectl"), "create", "--filename=-", text=text)
    wait = ("wait", "--for=condition=Established", "--timeout=60s", "--filename=-")
    run(tool("kubectl"), *wait, text=text)
    try:
        yield name
    finally:
        run(tool("kubectl"), "delete", "--wait=false", "--filename=-", text=text)


@pytest.fixture(scope="module")
def team(group: str) -> Iterator[Namespace]:
    """Create a namespace in a cluster with the definitions."""
    namespace = Namespace(f"team-{group.partition('.')[0]}")
    namespace.kubectl("create", "namespace", namespace.name)
    try:
        yield namespace
    finally:
        namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")


def renamed(definition: dict[str, Any], group: str) -> dict[str, Any]:
    """Return a definition in another group, without short names and categories."""
    spec = definition["spec"]
    spec["group"] = group
    spec["names"] |= {"shortNames": [], "categories": []}
    definition["metadata"]["name"] = f"{spec['names']['plural']}.{group}"
    return definition


def manifest(group: str, kind: str, spec: dict[str, Any] | None) -> dict[str, Any]:
    found = {"apiVersion": f"{group}/v1alpha1", "kind": kind, "metadata": {"name": "tried"}}
    return found if spec is None else found | {"spec": spec}


def tried(team: Namespace, candidate: dict[str, Any]) -> Any:
    """Return an object as it would be stored; an error has the API server's message."""
    command = team.command("create", "--dry-run=server", "--output=json", "--filename=-")
    return json.loads(run(*command, text=json.dumps(candidate)))


def refusal(team: Namespace, candidate: dict[str, Any]) -> str:
    """Return the API server's error for an object; it must not contain a regular expression."""
    with pytest.raises(AssertionError) as refused:
        tried(team, candidate)
    found = str(refused.value)
    assert not [raw for raw in RAW if raw in found], found
    return found


def booking(start: str, end: str) -> dict[str, Any]:
    return BOOKED | {"start": start, "end": end}


@pytest.mark.parametrize(
    "time",
    [
        EARLY,
        LATE,
        "0001-01-01T00:00:00-23:59",
        "0001-01-01T23:59:00+23:59",
        "9999-12-31T23:59:59.999999999+23:59",
        "9999-12-31T00:00:59.999999999-23:59",
        "2026-12-01T09:00:00.1Z",
        "2026-12-01T09:00:00.123456789+05:45",
        "2026-12-01T09:00:00-00:00",
        "2028-02-29T23:59:59Z",
        "2000-02-29T23:59:59+14:00",
        "0004-02-29T00:00:00Z",
        "0001-12-31T00:00:00+23:59",
        "9999-01-01T00:00:00-23:59",
    ],
)
def test_a_valid_time_is_accepted_unchanged(group: str, team: Namespace, time: str) -> None:
    for spec in (booking(time, LATE), booking(EARLY, time), booking(time, time)):
        assert tried(team, manifest(group, "Booking", spec))["spec"] == spec


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("0000-12-31T23:59:59Z", OUTSIDE),
        ("0000-12-31T23:59:59-01:00", OUTSIDE),
        ("12026-12-01T09:00:00Z", NOT_A_TIME),
        ("2026-12-01T09:00:00,5Z", NOT_A_TIME),
        ("2026-12-01T09:00:00.1234567890Z", NOT_A_TIME),
        ("2026-12-01T09:00:00.Z", NOT_A_TIME),
        ("2026-12-01T09:00:00+24:00", NOT_A_TIME),
        ("2026-12-01T09:00:00-24:00", NOT_A_TIME),
        ("2026-12-01T09:00:00+01:60", NOT_A_TIME),
        ("2026-12-01T09:00:00+0100", NOT_A_TIME),
        ("2026-12-01T09:00:00+01", NOT_A_TIME),
        ("2026-12-01t09:00:00Z", NOT_A_TIME),
        ("2026-12-01T09:00:00z", NOT_A_TIME),
        ("2026-12-01 09:00:00Z", NOT_A_TIME),
        ("2026-12-01T09:00:00", NOT_A_TIME),
        ("2026-12-01T09:00Z", NOT_A_TIME),
        ("2026-12-01T24:00:00Z", NOT_A_TIME),
        ("2026-12-01T09:00:60Z", NOT_A_TIME),
        ("2026-12-01", NOT_A_TIME),
        ("\n2026-12-01T09:00:00Z", NOT_A_TIME),
        ("2026-12-01T09:00:00Z\n", NOT_A_TIME),
        ("", NOT_A_TIME),
        ("2026-12-01T09:00:00.123456789+01:00Z", NOT_A_TIME),
        ("2026-12-01T09:00:00.123456789+01:00[America/Argentina/ComodRivadavia]", NOT_A_TIME),
        ("Tuesday, the 1st of December 2026, at 9 o'clock in the morning (CET)", NOT_A_TIME),
        ("tomorrow", NOT_A_TIME),
        ("2026-00-01T09:00:00Z", NO_SUCH_DAY),
        ("2026-13-01T09:00:00Z", NO_SUCH_DAY),
        ("2026-12-00T09:00:00Z", NO_SUCH_DAY),
        ("2026-04-31T09:00:00Z", NO_SUCH_DAY),
        ("2026-02-29T09:00:00Z", NO_SUCH_DAY),
        ("2028-02-30T09:00:00Z", NO_SUCH_DAY),
        ("1900-02-29T09:00:00Z", NO_SUCH_DAY),
        ("9999-12-32T09:00:00Z", NO_SUCH_DAY),
        ("0001-01-01T00:00:00+00:01", OUTSIDE),
        ("0001-01-01T23:58:59.999999999+23:59", OUTSIDE),
        ("9999-12-31T23:59:59.999999999-00:01", OUTSIDE),
        ("9999-12-31T00:01:00-23:59", OUTSIDE),
    ],
)
def test_an_invalid_time_is_rejected(group: str, team: Namespace, time: str, expected: str) -> None:
    for field, spec in (("start", booking(time, LATE)), ("end", booking(EARLY, time))):
        found = refusal(team, manifest(group, "Booking", spec))
        assert f"spec.{field}: " in found
        # The API server shows the type instead of the value, so the message has the value.
        assert "\n" in time or f'"{time}" {expected}' in found
        # Only one message: each rule passes values that other rules reject.
        assert [message for message in (NOT_A_TIME, NO_SUCH_DAY, OUTSIDE) if message in found] == [
            expected
        ]
        assert "before start" not in found


def test_a_rejection_names_both_invalid_times(group: str, team: Namespace) -> None:
    found = refusal(team, manifest(group, "Booking", booking("2026-12-01", "2026-02-30T09:00:00Z")))
    assert re.search(f"spec\\.start: .*{re.escape(NOT_A_TIME)}", found)
    assert re.search(f"spec\\.end: .*{re.escape(NO_SUCH_DAY)}", found)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-12-01T10:00:00.000000001Z", "2026-12-01T10:00:00.000000002Z"),
        ("2026-12-01T10:00:00.09Z", "2026-12-01T10:00:00.1Z"),
        ("2026-12-01T10:00:00+01:00", "2026-12-01T09:00:00.000000001Z"),
        ("2026-12-02T00:30:00+02:00", "2026-12-01T23:00:00Z"),
        ("2026-12-01T23:00:00-05:00", "2026-12-02T04:00:01Z"),
    ],
)
def test_an_end_before_the_start_is_rejected_with_any_offsets(
    group: str, team: Namespace, start: str, end: str
) -> None:
    tried(team, manifest(group, "Booking", booking(start, end)))
    found = refusal(team, manifest(group, "Booking", booking(end, start)))
    assert re.search(rf"spec\.end: .* must not be before start: give {re.escape(end)}", found)


def test_one_instant_in_two_zones_is_accepted(group: str, team: Namespace) -> None:
    spec = booking("2026-12-01T10:00:00.5+01:00", "2026-12-01T09:00:00.500000000Z")
    assert tried(team, manifest(group, "Booking", spec))["spec"] == spec


@pytest.mark.parametrize(
    ("kind", "spec", "expected"),
    [
        ("Booking", None, "spec: Required value"),
        ("Booking", {"calendars": ["a"], "start": EARLY}, "spec.end: Required value"),
        ("Booking", {"start": EARLY, "end": LATE}, "spec.calendars: Required value"),
        (
            "Booking",
            BOOKED | {"calendars": []},
            "spec.calendars in body should have at least 1 items",
        ),
        (
            "Booking",
            BOOKED | {"calendars": [f"c{n}" for n in range(17)]},
            "must have at most 16 items",
        ),
        ("Booking", BOOKED | {"calendars": ["a", "b", "a"]}, 'Duplicate value: "a"'),
        ("Booking", BOOKED | {"calendars": [""]}, NO_CALENDAR),
        ("Booking", BOOKED | {"calendars": ["A"]}, NO_CALENDAR),
        ("Booking", BOOKED | {"calendars": ["a..b"]}, NO_CALENDAR),
        ("Booking", BOOKED | {"calendars": ["a-"]}, NO_CALENDAR),
        (
            "Booking",
            BOOKED | {"calendars": ["a", "b/c"]},
            NO_CALENDAR,
        ),
        ("Booking", BOOKED | {"calendars": ["a" * 254]}, "Too long: may not be more than 253"),
        ("Booking", BOOKED | {"replaces": ["A"]}, NO_BOOKING),
        ("Booking", BOOKED | {"replaces": ["b", "b"]}, 'Duplicate value: "b"'),
        (
            "Booking",
            BOOKED | {"replaces": [f"b{n}" for n in range(17)]},
            "must have at most 16 items",
        ),
        ("Booking", BOOKED | {"replaces": ["b", "tried"]}, "must not name the Booking itself"),
        ("Booking", BOOKED | {"ttlSecondsAfterFinished": -1}, "greater than or equal to 0"),
        ("Booking", BOOKED | {"ttlSecondsAfterFinished": 315360001}, "less than or equal to 3"),
        ("Booking", BOOKED | {"ttlSecondsAfterFinished": "1h"}, "spec.ttlSecondsAfterFinished"),
        ("Booking", BOOKED | {"title": "t" * 257}, "Too long: may not be more than 256"),
        ("Booking", BOOKED | {"description": "t" * 4097}, "Too long: may not be more than 4096"),
        ("Booking", BOOKED | {"calendar": "a"}, 'unknown field "spec.calendar"'),
        ("Calendar", {"capacity": 0}, "greater than or equal to 1"),
        ("Calendar", {"capacity": 4294967296}, "less than or equal to 4294967295"),
        ("Calendar", {"capacity": 1.5}, "spec.capacity"),
        ("Calendar", {"policy": "reject"}, 'supported values: "Reject", "Report"'),
        ("Calendar", {"minGap": ""}, NO_GAP),
        ("Calendar", {"minGap": "15"}, NO_GAP),
        ("Calendar", {"minGap": "30m1h"}, NO_GAP),
        ("Calendar", {"minGap": "1h 30m"}, NO_GAP),
        ("Calendar", {"minGap": "-15m"}, NO_GAP),
        ("Calendar", {"minGap": "1.5h"}, NO_GAP),
        ("Calendar", {"minGap": "1000000s"}, NO_GAP),
        ("Calendar", {"minGap": "99999999999999999999d"}, NO_GAP),
        ("Calendar", {"minGap": "half an hour, for cleaning"}, NO_GAP),
        ("Calendar", {"minGap": "367d"}, LONG_GAP),
        ("Calendar", {"minGap": "366d1s"}, LONG_GAP),
        ("Calendar", {"minGap": "365d24h0m1s"}, LONG_GAP),
        ("Calendar", {"ttlSecondsAfterFinished": -1}, "greater than or equal to 0"),
    ],
)
def test_a_mistake_is_rejected_with_its_field(
    group: str, team: Namespace, kind: str, spec: dict[str, Any] | None, expected: str
) -> None:
    assert expected in refusal(team, manifest(group, kind, spec))


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (
            "Booking",
            BOOKED
            | {
                "calendars": ["a" * 253, "a.b-c.0", *(f"c{n}" for n in range(14))],
                "title": "\N{SNOWMAN}" * 256,
                "description": "\N{SNOWMAN}" * 4096,
                "replaces": ["b" * 253, "c.d-e.0", *(f"b{n}" for n in range(14))],
                "ttlSecondsAfterFinished": 315360000,
            },
        ),
        ("Booking", BOOKED | {"replaces": [], "ttlSecondsAfterFinished": 0}),
        ("Calendar", {"capacity": 4294967295, "policy": "Report", "minGap": "1d2h30m999999s"}),
        ("Calendar", {"capacity": 1, "policy": "Reject", "minGap": "90s"}),
        ("Calendar", {"capacity": 1, "policy": "Reject", "minGap": "366d"}),
        ("Calendar", {"capacity": 1, "policy": "Reject", "minGap": "365d23h59m000060s"}),
        (
            "Calendar",
            {
                "capacity": 1,
                "policy": "Reject",
                "minGap": "0s",
                "ttlSecondsAfterFinished": 315360000,
            },
        ),
    ],
)
def test_maximum_values_are_accepted(
    group: str, team: Namespace, kind: str, spec: dict[str, Any]
) -> None:
    assert tried(team, manifest(group, kind, spec))["spec"] == spec


@pytest.mark.parametrize("file", ["calendars", "bookings", "double-booking"])
def test_the_examples_are_accepted(group: str, team: Namespace, file: str) -> None:
    text = (ROOT / f"examples/bookings/{file}.yaml").read_text()
    for example in yaml.safe_load_all(text):
        candidate = manifest(group, example["kind"], example["spec"])
        assert tried(team, candidate)["spec"].items() >= example["spec"].items()


@pytest.mark.parametrize("spec", [None, {}])
def test_an_empty_calendar_has_capacity_1(
    group: str, team: Namespace, spec: dict[str, Any] | None
) -> None:
    kept = tried(team, manifest(group, "Calendar", spec))["spec"]
    assert kept == {"capacity": 1, "policy": "Reject", "minGap": "0s"}


def test_a_list_shows_times_calendars_and_conflicts(group: str, team: Namespace) -> None:
    spec = booking("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z") | {"title": "Rehearsal"}
    team.apply(manifest(group, "Booking", spec))
    since = {"lastTransitionTime": "2026-12-01T08:00:00Z", "message": "It clashes."}
    clash = since | {"type": "DoubleBooked", "status": "True", "reason": "Overlaps"}
    status = {"conflictsWith": ["other"], "conflicts": 1, "conditions": [clash]}
    patch = json.dumps({"status": status, "spec": {"title": "Overwritten"}})
    merge = ("patch", f"bookings.{group}", "tried", "--type=merge", f"--patch={patch}")
    team.kubectl(*merge, "--subresource=status")
    header, line = team.kubectl("get", f"bookings.{group}", "--output=wide").splitlines()
    heads = "NAME START END CALENDARS DOUBLE-BOOKED WITH REASON TITLE AGE"
    expected = [spec["start"], spec["end"], '["a"]', "True", '["other"]', "Overlaps", "Rehearsal"]
    assert " ".join(header.split()) == heads
    assert line.split()[1:-1] == expected


@pytest.mark.parametrize(("kind", "spec"), [("Booking", BOOKED), ("Calendar", {})])
def test_a_new_object_has_unknown_conditions(
    group: str, team: Namespace, kind: str, spec: dict[str, Any]
) -> None:
    name = f"new-{kind.lower()}"
    claiming = manifest(group, kind, spec) | {"metadata": {"name": name}}
    # A status in the author's manifest is dropped.
    claim = {"conditions": [PENDING["conditions"][0] | {"status": "True"}]}
    target = (f"{kind.lower()}s.{group}", name)
    try:
        team.apply(claiming | {"status": claim})
        assert team.get(*target)["status"] == PENDING
        listed = team.get(target[0])["items"]
        assert [raw["status"] for raw in listed if raw["metadata"]["name"] == name] == [PENDING]
        # A change of the spec keeps the status, and the default is not applied again.
        team.kubectl("label", *target, "checked=no")
        assert team.get(*target)["status"] == PENDING
        ready = PENDING["conditions"][0] | {"status": "True", "reason": "Free"}
        ready["lastTransitionTime"] = "2026-12-01T08:00:00Z"
        status = {"observedGeneration": 1, "conditions": [ready]}
        patch = f"--patch={json.dumps({'status': status})}"
        team.kubectl("patch", *target, "--type=merge", "--subresource=status", patch)
        assert team.get(*target)["status"] == status
    finally:
        team.kubectl("delete", *target, "--ignore-not-found")


def test_a_list_of_calendars_shows_whether_new_bookings_are_reviewed(
    group: str, team: Namespace
) -> None:
    team.apply(manifest(group, "Calendar", {"capacity": 2}))
    since = {"lastTransitionTime": "2026-12-01T08:00:00Z", "message": "", "reason": "Is"}
    conditions = [since | {"type": "Ready", "status": "True"}]
    conditions.append(since | {"type": "Enforced", "status": "False"})
    status = {"bookings": 3, "conflicts": 1, "conditions": conditions}
    target = (f"calendars.{group}", "tried")
    patch = f"--patch={json.dumps({'status': status})}"
    team.kubectl("patch", *target, "--type=merge", "--subresource=status", patch)
    header, line = team.kubectl("get", *target).splitlines()
    team.kubectl("delete", *target)
    assert header.split() == (
        ["NAME", "CAPACITY", "POLICY", "BOOKINGS", "CONFLICTS", "READY", "ENFORCED", "AGE"]
    )
    assert line.split()[:-1] == ["tried", "2", "Reject", "3", "1", "True", "False"]


@pytest.mark.parametrize("name", ["tried", "tried-too"])
def test_a_booking_may_replace_others_but_not_itself(
    group: str, team: Namespace, name: str
) -> None:
    candidate = manifest(group, "Booking", BOOKED | {"replaces": ["tried"]})
    candidate["metadata"] = {"name": name}
    if name == "tried":
        found = refusal(team, candidate)
        assert "spec.replaces: Invalid value" in found
        assert "name another Booking of this namespace, like load-test-1" in found
    else:
        assert tried(team, candidate)["spec"]["replaces"] == ["tried"]


def test_kubectl_explain_describes_the_fields(group: str) -> None:
    options = ("booking.spec.end", f"--api-version={group}/v1alpha1")
    expected = run(tool("kubectl"), "explain", *options)
    assert "The end itself is free" in " ".join(expected.split())


def ledger(group: str, **fields: Any) -> dict[str, Any]:
    """Return a Ledger with these root fields."""
    return manifest(group, "Ledger", None) | {"metadata": {"name": "bookings"}} | fields


def test_a_ledger_is_stored_as_it_was_written(group: str, team: Namespace) -> None:
    times = {"start": EARLY, "end": LATE}
    names = {"calendars": [f"c{n}" for n in range(16)], "replaces": ["b" * 253]}
    rules = {"capacity": 4294967295, "policy": "Report", "minGap": "1h30m"}
    calendar = RESERVATION | {"kind": "Calendar", "oldVersion": "9" * 20, "rules": rules}
    written = {
        "closed": "",
        "openedAs": "a67ab3b7-8fdc-4bc5-a3b9-23f1b1b3c0de",
        "bookingsVersion": "18446744073709551615",
        "calendarsVersion": "0",
        "reservations": [RESERVATION | {"oldVersion": ""} | times | names, calendar],
    }
    found = tried(team, ledger(group, **written))
    assert {key: found[key] for key in written} == written


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"metadata": {"name": "tried"}}, "metadata.name must be bookings"),
        ({"bookingsVersion": "x1"}, "bookingsVersion in body should match"),
        ({"reservations": [RESERVATION] * 257}, "must have at most 256 items"),
        ({"reservations": [RESERVATION | {"id": "1"}]}, "id in body should match"),
        ({"reservations": [RESERVATION | {"kind": "Ledger"}]}, "Unsupported value"),
        ({"reservations": [RESERVATION | {"calendars": ["a"] * 17}]}, "at most 16 items"),
        ({"reservations": [{"name": "a"}]}, "reservations[0].id: Required value"),
    ],
)
def test_an_invalid_ledger_is_rejected(
    group: str, team: Namespace, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AssertionError, match=re.escape(reason)):
        tried(team, ledger(group) | fields)


def test_a_list_of_ledgers_shows_whether_they_are_closed(group: str, team: Namespace) -> None:
    team.apply(ledger(group, closed="0123", bookingsVersion="17"))
    header, line = team.kubectl("get", f"ledgers.{group}").splitlines()
    team.kubectl("delete", f"ledgers.{group}", "bookings")
    assert header.split() == ["NAME", "CLOSED", "BOOKINGS", "VERSION", "AGE"]
    assert line.split()[:-1] == ["bookings", "0123", "17"]


def test_a_ledger_with_reservations_stays_until_its_namespace_is_deleted(
    group: str, team: Namespace
) -> None:
    other = Namespace(f"{team.name}-too")
    other.kubectl("create", "namespace", other.name)
    for space in (team, other):
        space.apply(ledger(group, reservations=[RESERVATION]))
    with policy_for_ledgers(group):
        denied = "reservations of bookings that are being written are in this Ledger"
        wait_until(lambda: denied in deletion(team, group), "the policy is applied", SECONDS)
        team.apply(ledger(group, closed="0123"))
        assert "this Ledger is closed until the operator" in deletion(team, group)
        team.apply(ledger(group, closed="", openedAs="another-uid"))
        assert "this Ledger was restored from a backup" in deletion(team, group)
        team.apply(ledger(group, closed="", openedAs=""))
        assert deletion(team, group) == ""
        other.kubectl("delete", "namespace", other.name, "--timeout=60s")
    team.kubectl("delete", f"ledgers.{group}", "bookings")


def deletion(team: Namespace, group: str) -> str:
    """Return the API server's error for the deletion of the Ledger in a dry run."""
    try:
        team.kubectl("delete", f"ledgers.{group}", "bookings", "--dry-run=server")
    except AssertionError as refused:
        return str(refused)
    return ""


@contextmanager
def policy_for_ledgers(group: str) -> Iterator[None]:
    """Install the chart's policy for Ledgers of the group."""
    objects = render(values("operator"))
    name = "double-booked-operator-ledgers"
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    text = json.dumps(
        {"apiVersion": "v1", "kind": "List", "items": [objects[kind, name] for kind in kinds]}
    )
    own = text.replace("double-booked.io", group).replace(name, group)
    run(tool("kubectl"), "create", "--filename=-", text=own)
    try:
        yield
    finally:
        run(tool("kubectl"), "delete", "--filename=-", text=own)


def test_updates_without_a_spec_change_pass_without_an_operator(
    group: str, team: Namespace
) -> None:
    """A finalizer that cannot be removed would block the deletion of the namespace."""
    name = "kept"
    kept = manifest(group, "Booking", BOOKED)
    kept["metadata"] = {"name": name, "finalizers": ["example.com/keep"]}
    team.apply(kept)
    with unanswered_webhooks(group):
        target = (f"bookings.{group}", name)
        wait_until(lambda: refuses(team, group), "the webhook is called", SECONDS)
        team.kubectl("label", *target, "checked=no")
        with pytest.raises(AssertionError, match="failed calling webhook"):
            team.kubectl("patch", *target, "--type=merge", '--patch={"spec":{"title":"t"}}')
        team.kubectl("delete", *target, "--wait=false")
        gone = '--patch={"metadata":{"finalizers":null}}'
        team.kubectl("patch", *target, "--type=merge", gone)
        assert team.kubectl("get", f"bookings.{group}", name, "--ignore-not-found") == ""


@contextmanager
def unanswered_webhooks(group: str) -> Iterator[None]:
    """Install the chart's webhooks for the group, without an operator behind them."""
    key = ("ValidatingWebhookConfiguration", "double-booked-operator")
    text = json.dumps(render(values("operator"))[key])
    configuration = json.loads(text.replace("double-booked.io", group))
    configuration["metadata"]["name"] = group
    command = (tool("kubectl"), "create", "--filename=-")
    run(*command, text=json.dumps(configuration))
    try:
        yield
    finally:
        run(tool("kubectl"), "delete", "validatingwebhookconfiguration", group)


def refuses(team: Namespace, group: str) -> bool:
    """Return whether creating a calendar is rejected, even in a dry run."""
    try:
        tried(team, manifest(group, "Calendar", {}))
    except AssertionError as refused:
        return "failed calling webhook" in str(refused)
    return False
