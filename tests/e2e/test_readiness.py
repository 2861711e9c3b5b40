"""Test how kubectl wait, and kstatus as used by Flux, interpret real objects."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from e2e.conftest import Namespace, run, tool
from e2e.operator_process import NEXT, NINE, Process, Team, kubectl, operating, team
from waiting import until


@pytest.fixture
async def bookers(place: Namespace) -> AsyncIterator[Team]:
    async with team(place.name) as found:
        yield found


@pytest.fixture
def process(place: Namespace, tmp_path: Path) -> Iterator[Process]:
    with operating(place.name, tmp_path) as running:
        yield running


async def kstatus(bookers: Team, kind: str, name: str) -> tuple[str, str]:
    """Return the status and the message of an object according to kstatus."""
    found = json.dumps(await bookers.get(kind, name))
    status, _, message = run(tool("kstatus"), text=found).partition("\t")
    return status, message.strip()


async def becomes(bookers: Team, kind: str, name: str, status: str) -> str:
    """Wait until kstatus gives an object a status; return the message."""

    async def is_so() -> bool:
        return (await kstatus(bookers, kind, name))[0] == status

    await until(is_so, f"{kind}/{name} is {status}", 20)
    return (await kstatus(bookers, kind, name))[1]


async def conditions(bookers: Team, kind: str, name: str) -> dict[str, tuple[str, str]]:
    """Return the status and the reason of each condition of an object."""
    found = (await bookers.get(kind, name))["status"]["conditions"]
    return {condition["type"]: (condition["status"], condition["reason"]) for condition in found}


@pytest.mark.usefixtures("process")
async def test_a_free_booking_and_its_calendar_are_current(place: Namespace, bookers: Team) -> None:
    await bookers.calendar("staging")
    await bookers.book("a", *NINE, "staging")
    for what in ("bookings.double-booked.io/a", "calendars.double-booked.io/staging"):
        waited = await kubectl(place, "wait", "--for=condition=Ready", "--timeout=20s", what)
        assert (waited.returncode, waited.stderr) == (0, "")
    await becomes(bookers, "bookings", "a", "Current")
    await becomes(bookers, "calendars", "staging", "Current")
    found = await conditions(bookers, "bookings", "a")
    assert found["DoubleBooked"] == ("False", "Free")
    assert found["Ready"][0] == "True"
    assert found.get("Stalled", ("False", ""))[0] == "False"
    for kind, name in (("bookings", "a"), ("calendars", "staging")):
        raw = await bookers.get(kind, name)
        generations = {condition["observedGeneration"] for condition in raw["status"]["conditions"]}
        assert generations == {raw["status"]["observedGeneration"]} == {1}


@pytest.mark.usefixtures("process")
async def test_a_double_booked_booking_is_failed_and_its_rival_current(
    place: Namespace, bookers: Team
) -> None:
    await bookers.calendar("window", policy="Report")
    # The operator keeps either of two bookings that were created in the same second.
    await bookers.book("a", *NINE, "window")
    await bookers.book("b", *NINE, "window")

    async def is_settled() -> bool:
        return sorted([await bookers.verdict(name) for name in "ab"]) == ["False", "True"]

    await until(is_settled, "one of two is marked")
    loser, keeper = "ab" if await bookers.verdict("a") == "True" else "ba"
    assert "calendar window takes 1 at a time" in await becomes(
        bookers, "bookings", loser, "Failed"
    )
    await becomes(bookers, "bookings", keeper, "Current")
    await becomes(bookers, "calendars", "window", "Current")
    found = await conditions(bookers, "bookings", loser)
    assert found["Ready"] == ("False", "OverCapacity")
    assert found["Stalled"][0] == "True"
    wait = (
        "wait",
        "--for=condition=Ready=False",
        "--timeout=20s",
        f"bookings.double-booked.io/{loser}",
    )
    assert (await kubectl(place, *wait)).returncode == 0
    # The booking recovers once there is room.
    await bookers.change("bookings", keeper, spec={"start": NEXT[0], "end": NEXT[1]})
    await becomes(bookers, "bookings", loser, "Current")
    assert (await conditions(bookers, "bookings", loser))["Ready"][0] == "True"


@pytest.mark.usefixtures("process")
async def test_a_booking_of_a_missing_calendar_is_failed_until_it_exists(
    bookers: Team,
) -> None:
    await bookers.book("a", *NINE, "later")
    assert "later" in await becomes(bookers, "bookings", "a", "Failed")
    found = await conditions(bookers, "bookings", "a")
    assert found["DoubleBooked"] == ("Unknown", "CalendarNotFound")
    assert found["Ready"] == ("False", "CalendarNotFound")
    await bookers.calendar("later")
    await becomes(bookers, "bookings", "a", "Current")


async def test_an_outdated_status_is_in_progress(
    place: Namespace, bookers: Team, tmp_path: Path
) -> None:
    with operating(place.name, tmp_path, "Ignore") as process:
        await bookers.calendar("staging")
        await bookers.book("a", *NINE, "staging")
        await becomes(bookers, "bookings", "a", "Current")
        await becomes(bookers, "calendars", "staging", "Current")
        process.end()
        await bookers.change("bookings", "a", spec={"start": NEXT[0], "end": NEXT[1]})
        await bookers.change("calendars", "staging", spec={"capacity": 2})
        for kind, name in (("bookings", "a"), ("calendars", "staging")):
            status, message = await kstatus(bookers, kind, name)
            assert status == "InProgress"
            assert "generation is 2, but latest observed generation is 1" in message
        process.start()
        await becomes(bookers, "bookings", "a", "Current")
        await becomes(bookers, "calendars", "staging", "Current")


async def test_an_unprocessed_object_is_in_progress(bookers: Team) -> None:
    await bookers.calendar("staging")
    await bookers.book("a", *NINE, "staging")
    for kind, name in (("bookings", "a"), ("calendars", "staging")):
        status, _ = await kstatus(bookers, kind, name)
        assert status == "InProgress", kind
        conditions = (await bookers.get(kind, name)).get("status", {}).get("conditions", [])
        assert not [condition for condition in conditions if condition["status"] == "True"]
