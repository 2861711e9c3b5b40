"""Test admission and statuses of Bookings in a real API server."""

import asyncio
import random
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from double_booked.operator.cluster import ClusterError
from double_booked.operator.objects import API_VERSION
from e2e.conftest import Namespace
from e2e.operator_process import (
    NINE,
    WEBHOOKS,
    Process,
    Team,
    condition,
    configuration_of,
    hour,
    kubectl,
    listening_in,
    manifest,
    operating,
    operating_meanwhile,
    proxied,
    team,
    winners,
)
from waiting import until

ROUNDS = 80
SUCCESSION_SECONDS = 20.0
"""Seconds within which a replica that starts is ready; it waits for no Lease."""


@pytest.fixture
async def bookers(place: Namespace) -> AsyncIterator[Team]:
    async with team(place.name) as found:
        yield found


@pytest.fixture
def process(place: Namespace, tmp_path: Path) -> Iterator[Process]:
    with operating(place.name, tmp_path) as running:
        yield running


@pytest.mark.usefixtures("process")
async def test_one_of_twenty_bookings_for_one_slot_wins(bookers: Team) -> None:
    await bookers.calendar("staging")
    await bookers.calendar("gpu-pool", capacity=3)
    for number in range(ROUNDS):
        calendar, most = ("gpu-pool", 3) if number % 4 == 0 else ("staging", 1)
        assert len(await winners(bookers, number, calendar)) == most


async def test_late_watches_never_let_two_bookings_win(
    place: Namespace, bookers: Team, tmp_path: Path
) -> None:
    async with proxied(tmp_path, watch_delay=2) as proxy:
        slow = {"KUBECONFIG": proxy.kubeconfig}
        async with operating_meanwhile(place.name, tmp_path, **slow) as process:
            await bookers.calendar("staging")
            for number in range(40):
                assert len(await winners(bookers, number, "staging")) == 1
            name = "double_booked_operator_reservations"

            async def is_seen() -> bool:
                return await asyncio.to_thread(process.metric, name) == 0

            await until(is_seen, "the watch brings the winners", 20)
            # No review refreshes this booking, so only the watch can bring it.
            await bookers.book("alone", *NINE, "staging")
            assert await asyncio.to_thread(process.metric, name) == 1
            await until(is_seen, "the watch brings it", 20)


@pytest.mark.usefixtures("process")
async def test_quota_rejections_never_let_two_bookings_win(place: Namespace, bookers: Team) -> None:
    await bookers.calendar("staging")
    place.kubectl("create", "quota", "few", "--hard=count/bookings.double-booked.io=10")
    await asyncio.sleep(1)  # until the quota has been counted
    won = [len(await winners(bookers, number, "staging")) for number in range(20)]
    assert max(won) == 1
    assert sum(won) == 10
    # A slot admitted but then rejected by the quota is free once no write can arrive any more.
    place.kubectl("delete", "quota", "few")
    refused = won.index(0)

    async def is_free() -> bool:
        try:
            await bookers.book(f"late-{uuid4().hex[:6]}", *hour(refused), "staging")
        except ClusterError:
            return False
        return True

    await until(is_free, "the slot is free again", 70)


async def test_successor_of_a_lost_operator_admits_at_once_and_not_too_much(
    place: Namespace, bookers: Team, tmp_path: Path
) -> None:
    """One operator is cut off in the middle of a round, like a pod on a lost node."""
    with operating(place.name, tmp_path) as first:
        await bookers.calendar("staging")
        second = Process(place.name, first.port, first.http, tmp_path / "second.log")
        task = asyncio.create_task(winners(bookers, 0, "staging"))
        await asyncio.sleep(0.02)
        first.send(signal.SIGSTOP)
        won = await task
        assert len(won) <= 1
        first.kill()
        second.start()
        try:
            await asyncio.to_thread(second.until_ready)
            assert time.time() - second.started < SUCCESSION_SECONDS
            bookings = await bookers.get("bookings")
            again = await winners(bookers, 1, "staging")
            assert len(bookings) <= 1
            assert len(again) == 1
            # A booking that the first had admitted may hold its time for a minute.
            late = await bookers.race(["late-a", "late-b"], *hour(0), "staging")
            assert list(late.values()).count("") <= 1 - len(bookings)
        finally:
            second.kill()


async def test_a_stopped_operator_answers_on_and_its_successor_knows_what_it_admitted(
    place: Namespace, bookers: Team, tmp_path: Path
) -> None:
    with operating(place.name, tmp_path) as first:
        await bookers.calendar("staging")
        await bookers.book("a", *NINE, "staging")
        first.send(signal.SIGTERM)
        await asyncio.sleep(1)
        assert not first.is_ready()
        await bookers.book("b", *hour(1), "staging")
        assert await asyncio.to_thread(first.end) == 0
        second = Process(place.name, first.port, first.http, tmp_path / "second.log")
        second.start()
        try:
            await asyncio.to_thread(second.until_ready)
            assert time.time() - second.started < SUCCESSION_SECONDS
            with pytest.raises(ClusterError, match="a has it"):
                await bookers.book("c", *NINE, "staging")
            assert await winners(bookers, 0, "staging")
        finally:
            second.kill()


async def test_double_bookings_are_marked_after_every_kill(
    place: Namespace, bookers: Team, tmp_path: Path
) -> None:
    """With failurePolicy Ignore, everything is admitted while no operator answers."""
    environment = {"LEASE_HOLDER": "the-same-pod"}
    with operating(place.name, tmp_path, "Ignore", **environment) as process:
        await bookers.calendar("staging")
        for number in range(25):
            assert process.popen
            rivals, when = [f"k{number}-a", f"k{number}-b"], hour(number)
            racing = asyncio.create_task(bookers.race(rivals, *when, "staging"))
            await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311 - no secret
            process.popen.kill()
            process.popen.wait()
            answers = await racing
            answers |= await bookers.race([f"k{number}-c"], *when, "staging")
            admitted = [name for name, answer in answers.items() if not answer]
            process.start()
            raws = [await bookers.get("bookings", name) for name in admitted]
            order = sorted(
                raws,
                key=lambda raw: (raw["metadata"]["creationTimestamp"], raw["metadata"]["uid"]),
            )
            expected = {
                raw["metadata"]["name"]: str(position > 0) for position, raw in enumerate(order)
            }

            async def is_marked(expected: dict[str, str] = expected) -> bool:
                return {name: await bookers.verdict(name) for name in expected} == expected

            await until(is_marked, f"{expected} is reported", 10)


async def test_a_review_has_the_final_name_uid_and_generation(
    place: Namespace, bookers: Team
) -> None:
    """Reservations depend on these fields, also if the API server generates the name."""
    async with listening_in(place.name) as reviews:
        nameless = manifest("", *NINE, "staging")
        nameless["metadata"] = {"generateName": "made-"}

        async def is_heard() -> bool:
            await kubectl(place, "create", "--filename=-", content=nameless)
            return bool(reviews)

        await until(is_heard, "the webhook is called")
        review = reviews[-1]
        [nameless_booking] = [
            raw
            for raw in await bookers.get("bookings")
            if raw["metadata"]["name"] == review["object"]["metadata"]["name"]
        ]
        assert review["object"]["metadata"]["uid"] == nameless_booking["metadata"]["uid"]
        assert review["object"]["metadata"]["generation"] == 1
        reviews.clear()
        name = nameless_booking["metadata"]["name"]
        await bookers.change("bookings", name, spec={"start": "2026-12-01T08:00:00Z"})
        await bookers.change("bookings", name, metadata={"labels": {"team": "red"}})
        [review] = reviews
        assert review["object"]["metadata"]["uid"] == nameless_booking["metadata"]["uid"]
        assert review["object"]["metadata"]["generation"] == 2
        assert review["oldObject"]["metadata"]["generation"] == 1


@pytest.mark.usefixtures("process")
async def test_kubectl_shows_a_rejection_in_one_line(place: Namespace, bookers: Team) -> None:
    await bookers.calendar("staging")
    await bookers.book("load-test", *NINE, "staging")
    demo = manifest("demo", "2026-12-01T09:30:00Z", "2026-12-01T11:00:00Z", "staging")
    refused = await kubectl(place, "apply", "--filename=-", content=demo)
    assert refused.returncode == 1
    assert refused.stderr.strip() == (
        'Error from server (Forbidden): error when creating "STDIN": admission webhook'
        ' "bookings.double-booked.io" denied the request: demo would be double-booked: calendar'
        " staging takes 1 at a time, and load-test has it from 2026-12-01T09:30:00Z to"
        " 2026-12-01T10:00:00Z. Free from 2026-12-01T10:00:00Z."
    )


@pytest.mark.usefixtures("process")
async def test_a_dry_run_reserves_nothing(bookers: Team) -> None:
    await bookers.calendar("staging")
    for number in range(5):
        await bookers.book(f"dry-{number}", *NINE, "staging", dry_run=True)
    await bookers.book("wet", *NINE, "staging")
    with pytest.raises(ClusterError, match="wet has it"):
        await bookers.book("dry", *NINE, "staging", dry_run=True)


@pytest.mark.usefixtures("process")
async def test_an_update_is_rejected_only_for_added_time(bookers: Team) -> None:
    await bookers.calendar("staging")
    await bookers.book("a", *NINE, "staging")
    await bookers.book("b", "2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z", "staging")
    with pytest.raises(ClusterError, match="b has it from 2026-12-01T10:00:00Z to 2026-12-01T10:"):
        await bookers.change("bookings", "a", spec={"end": "2026-12-01T10:30:00Z"})
    await bookers.change("bookings", "a", spec={"end": "2026-12-01T09:30:00Z"})
    await bookers.change("bookings", "a", metadata={"labels": {"team": "red"}})
    await bookers.change("bookings", "b", spec={"start": "2026-12-01T09:30:00Z"})
    with pytest.raises(ClusterError, match="b has it"):
        await bookers.change("bookings", "a", spec={"end": "2026-12-01T10:00:00Z"})
    await bookers.change("bookings", "a", spec={"start": "2026-12-01T08:00:00Z"})


@pytest.mark.usefixtures("process")
async def test_a_deleted_booking_frees_its_slot_at_once(place: Namespace, bookers: Team) -> None:
    await bookers.calendar("staging")
    for number in range(20):
        await bookers.book(f"a{number}", *NINE, "staging")
        place.kubectl("delete", "booking", f"a{number}", "--wait=true")


@pytest.mark.usefixtures("process")
async def test_a_booking_being_deleted_can_be_updated_and_keeps_its_time(
    place: Namespace, bookers: Team
) -> None:
    await bookers.calendar("staging")
    await bookers.book("a", *NINE, "staging")
    await bookers.change("bookings", "a", metadata={"finalizers": ["example.com/wait"]})
    place.kubectl("delete", "booking", "a", "--wait=false")
    with pytest.raises(ClusterError, match="a has it"):
        await bookers.book("b", *NINE, "staging")
    await bookers.change("bookings", "a", metadata={"finalizers": []})
    await bookers.book("b", *NINE, "staging")


@pytest.mark.usefixtures("process")
async def test_report_warns_and_both_sides_name_each_other(place: Namespace, bookers: Team) -> None:
    await bookers.calendar("window", policy="Report")
    await bookers.book("first", *NINE, "window")
    await asyncio.sleep(1.1)  # a creationTimestamp has whole seconds
    second = manifest("second", *NINE, "window")
    result = await kubectl(place, "create", "--filename=-", content=second)
    assert result.stderr.strip() == (
        "Warning: double-booked: calendar window takes 1 at a time, and first has it from"
        " 2026-12-01T09:00:00Z to 2026-12-01T10:00:00Z"
    )

    async def is_marked() -> bool:
        return [await bookers.verdict(name) for name in ("first", "second")] == ["False", "True"]

    await until(is_marked, "second is marked")
    for one, other in (("first", "second"), ("second", "first")):
        status = (await bookers.get("bookings", one))["status"]
        assert status["conflictsWith"] == [other]
        assert status["observedGeneration"] == 1
    lines = place.kubectl("get", "bk").splitlines()
    assert lines[0].split() == ["NAME", "START", "END", "CALENDARS", "DOUBLE-BOOKED", "WITH"]
    assert 'True            ["first"]' in lines[2]

    async def is_recorded() -> bool:
        return "Warning" in place.kubectl("get", "events", "--field-selector=reason=DoubleBooked")

    await until(is_recorded, "an Event")
    await bookers.change(
        "bookings", "first", spec={"end": "2026-12-01T09:00:00Z", "start": "2026-12-01T08:00:00Z"}
    )

    async def is_free() -> bool:
        second = await bookers.get("bookings", "second")
        reason = condition(second, "DoubleBooked").get("reason")
        return bool(reason == "Free" and second["status"]["conflictsWith"] == [])

    await until(is_free, "second is free again")


@pytest.mark.usefixtures("process")
async def test_a_late_calendar_settles_the_bookings_waiting_for_it(
    place: Namespace, bookers: Team
) -> None:
    await bookers.book("a", *NINE, "later")

    async def is_unknown() -> bool:
        return await bookers.verdict("a") == "Unknown"

    await until(is_unknown, "the booking waits for its calendar")
    await bookers.calendar("later")

    async def is_free() -> bool:
        return await bookers.verdict("a") == "False"

    await until(is_free, "the booking is settled")
    assert place.kubectl("get", "cal", "later").splitlines()[1].split()[1:6] == [
        "1", "Reject", "1", "0", "True",
    ]  # fmt: skip


@pytest.mark.usefixtures("process")
async def test_a_calendar_counts_for_bookings_in_the_same_apply(
    place: Namespace,
) -> None:
    for number in range(10):
        calendar = {"kind": "Calendar", "metadata": {"name": f"c{number}"}}
        bookings = [manifest(f"b{number}-{copy}", *NINE, f"c{number}") for copy in range(2)]
        items = [{"apiVersion": API_VERSION} | calendar, *bookings]
        everything = {"apiVersion": "v1", "kind": "List", "items": items}
        applied = await kubectl(place, "apply", "--filename=-", content=everything)
        assert f"b{number}-1 would be double-booked" in applied.stderr


@pytest.mark.usefixtures("process")
async def test_a_capacity_below_what_is_booked_is_warned_about(
    place: Namespace, bookers: Team
) -> None:
    await bookers.calendar("pool", capacity=2)
    await bookers.book("a", *NINE, "pool")
    await asyncio.sleep(1.1)
    await bookers.book("b", *NINE, "pool")
    less = '--patch={"spec":{"capacity":1}}'
    result = await kubectl(place, "patch", "calendar", "pool", "--type=merge", less)
    assert result.stderr.startswith("Warning: calendar pool takes 1 at a time, but up to 2 overlap")

    async def is_marked() -> bool:
        return [await bookers.verdict(name) for name in "ab"] == ["False", "True"]

    await until(is_marked, "the later booking is marked")


async def test_a_lost_certificate_is_recreated_while_calls_continue(
    place: Namespace, bookers: Team, process: Process
) -> None:
    await bookers.calendar("staging")
    place.kubectl("delete", "secret", "double-booked-operator-webhook")

    async def is_kept() -> bool:
        await bookers.book(f"b-{uuid4().hex[:8]}", *hour(0), "staging", dry_run=True)
        return process.metric_of("double_booked_operator_tls_reloads_total", "success") == 1

    await until(is_kept, "another certificate is served", 40)
    webhooks = place.get(WEBHOOKS, configuration_of(place.name))["webhooks"]
    assert all(webhook["clientConfig"]["caBundle"] for webhook in webhooks)
    await bookers.book("a", *NINE, "staging")


async def test_titles_are_in_no_log(place: Namespace, bookers: Team, process: Process) -> None:
    await bookers.calendar("staging")
    for name in ("a", "b"):
        booking = manifest(
            name, *NINE, "staging", title="secret plan", description="keep this private"
        )
        await kubectl(place, "create", "--filename=-", content=booking)
    log = process.log.read_text()
    assert f"{place.name}/b" in log
    assert "secret plan" not in log
    assert "keep this private" not in log
