"""Calendar and Booking as an API server takes them, and when it asks the operator.

The kinds get a group of their own, so that nobody else's definitions, objects or webhooks are
met. The API server is enough: no pod runs.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
import yaml

from chart.programs import CHART, ROOT, render, values
from e2e.conftest import Namespace, run, tool, until

SECONDS = 30
EARLY, LATE = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"
NOT_A_TIME = "should match '^(000[1-9]"
NO_SUCH_DAY = "must be of type date-time"
OUTSIDE = "the time is not in the years 0001 to 9999 of UTC"
BOOKED = {"calendars": ["a"], "start": EARLY, "end": LATE}
NO_NAME = "should match '^[a-z0-9]"


@pytest.fixture(scope="module")
def group() -> Iterator[str]:
    """The group of the kinds, in a cluster that has just learned of them."""
    name = f"{uuid4().hex[:8]}.example"
    made = [
        renamed(yaml.safe_load(file.read_text()), name)
        for file in sorted(CHART.glob("files/crds/*.yaml"))
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    run(tool("kubectl"), "create", "--filename=-", text=text)
    wait = ("wait", "--for=condition=Established", "--timeout=60s", "--filename=-")
    run(tool("kubectl"), *wait, text=text)
    try:
        yield name
    finally:
        run(tool("kubectl"), "delete", "--wait=false", "--filename=-", text=text)


@pytest.fixture(scope="module")
def team(group: str) -> Iterator[Namespace]:
    """A namespace, in a cluster that knows the kinds."""
    made = Namespace(f"team-{group.partition('.')[0]}")
    made.kubectl("create", "namespace", made.name)
    try:
        yield made
    finally:
        made.kubectl("delete", "namespace", made.name, "--wait=false")


def renamed(definition: dict[str, Any], group: str) -> dict[str, Any]:
    """A definition in another group, and without what would make its names ambiguous."""
    spec = definition["spec"]
    spec["group"] = group
    spec["names"] |= {"shortNames": [], "categories": []}
    definition["metadata"]["name"] = f"{spec['names']['plural']}.{group}"
    return definition


def made(group: str, kind: str, spec: dict[str, Any] | None) -> dict[str, Any]:
    found = {"apiVersion": f"{group}/v1alpha1", "kind": kind, "metadata": {"name": "tried"}}
    return found if spec is None else found | {"spec": spec}


def tried(team: Namespace, each: dict[str, Any]) -> Any:
    """The object as it would be kept; what the API server says against it is the error."""
    command = team.command("create", "--dry-run=server", "--output=json", "--filename=-")
    return json.loads(run(*command, text=json.dumps(each)))


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
    ],
)
def test_a_time_is_taken_as_it_is_written(group: str, team: Namespace, time: str) -> None:
    for spec in (booking(time, LATE), booking(EARLY, time), booking(time, time)):
        assert tried(team, made(group, "Booking", spec))["spec"] == spec


@pytest.mark.parametrize(
    ("time", "told"),
    [
        ("0000-12-31T23:59:59Z", NOT_A_TIME),
        ("0000-12-31T23:59:59-01:00", NOT_A_TIME),
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
        ("2026-12-01T09:00:00.123456789+01:00Z", "Too long: may not be more than 35"),
        ("2026-00-01T09:00:00Z", NO_SUCH_DAY),
        ("2026-13-01T09:00:00Z", NO_SUCH_DAY),
        ("2026-12-00T09:00:00Z", NO_SUCH_DAY),
        ("2026-04-31T09:00:00Z", NO_SUCH_DAY),
        ("2026-02-29T09:00:00Z", NO_SUCH_DAY),
        ("0001-01-01T00:00:00+00:01", OUTSIDE),
        ("0001-01-01T23:58:59.999999999+23:59", OUTSIDE),
        ("9999-12-31T23:59:59.999999999-00:01", OUTSIDE),
        ("9999-12-31T00:01:00-23:59", OUTSIDE),
    ],
)
def test_what_is_no_time_is_refused(group: str, team: Namespace, time: str, told: str) -> None:
    for field, spec in (("start", booking(time, LATE)), ("end", booking(EARLY, time))):
        with pytest.raises(AssertionError) as refused:
            tried(team, made(group, "Booking", spec))
        lines = str(refused.value).splitlines()
        assert any(f"spec.{field}" in line and told in line for line in lines), lines


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
def test_an_end_before_the_start_is_refused_whatever_the_offsets(
    group: str, team: Namespace, start: str, end: str
) -> None:
    tried(team, made(group, "Booking", booking(start, end)))
    with pytest.raises(AssertionError, match=r"spec\.end: .* end is before start"):
        tried(team, made(group, "Booking", booking(end, start)))


def test_one_instant_in_two_zones_is_an_instant(group: str, team: Namespace) -> None:
    spec = booking("2026-12-01T10:00:00.5+01:00", "2026-12-01T09:00:00.500000000Z")
    assert tried(team, made(group, "Booking", spec))["spec"] == spec


@pytest.mark.parametrize(
    ("kind", "spec", "told"),
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
        ("Booking", BOOKED | {"calendars": [""]}, "should be at least 1 chars long"),
        ("Booking", BOOKED | {"calendars": ["A"]}, NO_NAME),
        ("Booking", BOOKED | {"calendars": ["a..b"]}, NO_NAME),
        ("Booking", BOOKED | {"calendars": ["a-"]}, NO_NAME),
        ("Booking", BOOKED | {"calendars": ["a" * 254]}, "Too long: may not be more than 253"),
        ("Booking", BOOKED | {"title": "t" * 257}, "Too long: may not be more than 256"),
        ("Booking", BOOKED | {"description": "t" * 4097}, "Too long: may not be more than 4096"),
        ("Booking", BOOKED | {"calendar": "a"}, 'unknown field "spec.calendar"'),
        ("Calendar", {"capacity": 0}, "greater than or equal to 1"),
        ("Calendar", {"capacity": 4294967296}, "less than or equal to 4294967295"),
        ("Calendar", {"capacity": 1.5}, "spec.capacity"),
        ("Calendar", {"policy": "reject"}, 'supported values: "Reject", "Report"'),
        ("Calendar", {"minGap": ""}, "spec.minGap"),
        ("Calendar", {"minGap": "15"}, "spec.minGap"),
        ("Calendar", {"minGap": "30m1h"}, "spec.minGap"),
        ("Calendar", {"minGap": "1h 30m"}, "spec.minGap"),
        ("Calendar", {"minGap": "-15m"}, "spec.minGap"),
        ("Calendar", {"minGap": "1.5h"}, "spec.minGap"),
        ("Calendar", {"minGap": "1000000s"}, "spec.minGap"),
    ],
)
def test_a_mistake_is_refused_with_its_field(
    group: str, team: Namespace, kind: str, spec: dict[str, Any] | None, told: str
) -> None:
    with pytest.raises(AssertionError) as refused:
        tried(team, made(group, kind, spec))
    assert told in str(refused.value)


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
            },
        ),
        ("Calendar", {"capacity": 4294967295, "policy": "Report", "minGap": "1d2h30m999999s"}),
        ("Calendar", {"capacity": 1, "policy": "Reject", "minGap": "90s"}),
    ],
)
def test_the_most_that_is_allowed_is_taken(
    group: str, team: Namespace, kind: str, spec: dict[str, Any]
) -> None:
    assert tried(team, made(group, kind, spec))["spec"] == spec


@pytest.mark.parametrize("file", ["calendars", "bookings", "double-booking"])
def test_the_examples_are_taken(group: str, team: Namespace, file: str) -> None:
    text = (ROOT / f"examples/bookings/{file}.yaml").read_text()
    for each in yaml.safe_load_all(text):
        assert tried(team, made(group, each["kind"], each["spec"]))["spec"].items() >= (
            each["spec"].items()
        )


@pytest.mark.parametrize("spec", [None, {}])
def test_a_calendar_that_says_nothing_is_one_of_capacity_1(
    group: str, team: Namespace, spec: dict[str, Any] | None
) -> None:
    kept = tried(team, made(group, "Calendar", spec))["spec"]
    assert kept == {"capacity": 1, "policy": "Reject", "minGap": "0s"}


def test_a_list_says_when_where_and_with_whom(group: str, team: Namespace) -> None:
    spec = booking("2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z") | {"title": "Rehearsal"}
    team.apply(made(group, "Booking", spec))
    since = {"lastTransitionTime": "2026-12-01T08:00:00Z", "message": "It clashes."}
    clash = since | {"type": "DoubleBooked", "status": "True", "reason": "Overlaps"}
    status = {"conflictsWith": ["other"], "conflicts": 1, "conditions": [clash]}
    patch = json.dumps({"status": status, "spec": {"title": "Overwritten"}})
    merge = ("patch", f"bookings.{group}", "tried", "--type=merge", f"--patch={patch}")
    team.kubectl(*merge, "--subresource=status")
    header, line = team.kubectl("get", f"bookings.{group}", "--output=wide").splitlines()
    heads = "NAME START END CALENDARS DOUBLE-BOOKED WITH REASON TITLE AGE"
    told = [spec["start"], spec["end"], '["a"]', "True", '["other"]', "Overlaps", "Rehearsal"]
    assert " ".join(header.split()) == heads
    assert line.split()[1:-1] == told


def test_explain_teaches(group: str) -> None:
    options = ("booking.spec.end", f"--api-version={group}/v1alpha1")
    told = run(tool("kubectl"), "explain", *options)
    assert "The end itself is free" in " ".join(told.split())


def test_what_changes_no_spec_passes_while_the_operator_is_away(
    group: str, team: Namespace
) -> None:
    """A finalizer that could not be removed would keep a namespace from ever going."""
    name = "kept"
    each = made(group, "Booking", BOOKED)
    each["metadata"] = {"name": name, "finalizers": ["example.com/keep"]}
    team.apply(each)
    with asked_in_vain(group):
        target = (f"bookings.{group}", name)
        until(lambda: refuses(team, group), "the webhook is asked", SECONDS)
        team.kubectl("label", *target, "checked=no")
        with pytest.raises(AssertionError, match="failed calling webhook"):
            team.kubectl("patch", *target, "--type=merge", '--patch={"spec":{"title":"t"}}')
        team.kubectl("delete", *target, "--wait=false")
        gone = '--patch={"metadata":{"finalizers":null}}'
        team.kubectl("patch", *target, "--type=merge", gone)
        assert team.kubectl("get", f"bookings.{group}", name, "--ignore-not-found") == ""


@contextmanager
def asked_in_vain(group: str) -> Iterator[None]:
    """The chart's webhooks for the group, which lead to nobody."""
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
    """Whether a calendar cannot be made, even on trial."""
    try:
        tried(team, made(group, "Calendar", {}))
    except AssertionError as refused:
        return "failed calling webhook" in str(refused)
    return False
