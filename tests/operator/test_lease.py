"""At most one process admits at a time, whatever happens to its requests."""

import pytest

from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.lease import DURATION_SECONDS, Lease
from double_booked.operator.objects import NamespacedName
from double_booked.operator.reservations import WRITE_SECONDS

from .factories import Clock
from .fake_api_server import LEASES, FakeApiServer

KEY = NamespacedName("team", "operator")
PATH = f"{LEASES}/operator"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def lease(cluster: Cluster, clock: Clock, identity: str = "mine", *, is_new: bool = True) -> Lease:
    return Lease(cluster, KEY, identity, lambda: is_new, clock)


async def test_first_holder_of_a_new_lease_admits_at_once(cluster: Cluster, clock: Clock) -> None:
    mine = lease(cluster, clock)
    assert not mine.may_admit()
    await mine.renew_or_acquire()
    assert mine.may_admit()
    assert mine.term == 1


async def test_holder_waits_after_a_lease_was_deleted_if_there_are_bookings(
    cluster: Cluster, clock: Clock
) -> None:
    mine = lease(cluster, clock, is_new=False)
    await mine.renew_or_acquire()
    clock.now += DURATION_SECONDS + WRITE_SECONDS - 1
    await mine.renew_or_acquire()
    assert mine.is_held()
    assert not mine.may_admit()
    clock.now += 1
    assert mine.may_admit()


async def test_holder_stops_admitting_before_others_take_the_lease(
    cluster: Cluster, clock: Clock
) -> None:
    mine, other = lease(cluster, clock), lease(cluster, clock, "other")
    await mine.renew_or_acquire()
    await other.renew_or_acquire()
    clock.now += DURATION_SECONDS - 4
    assert not mine.may_admit()
    await other.renew_or_acquire()
    assert not other.is_held()
    clock.now += 5
    await other.renew_or_acquire()
    assert other.is_held()
    assert not other.may_admit()
    clock.now += WRITE_SECONDS - 1
    await other.renew_or_acquire()
    assert other.is_held()
    assert not other.may_admit()
    clock.now += 1
    assert other.may_admit()


async def test_renewed_lease_is_never_taken(cluster: Cluster, clock: Clock) -> None:
    mine, other = lease(cluster, clock), lease(cluster, clock, "other")
    for _ in range(20):
        await mine.renew_or_acquire()
        await other.renew_or_acquire()
        clock.now += 4
        assert mine.may_admit()
        assert not other.is_held()
    assert mine.term == 1


async def test_clocks_of_two_processes_are_never_compared(cluster: Cluster) -> None:
    mine = lease(cluster, Clock())
    ahead = Clock()
    ahead.now += 10**9
    other = lease(cluster, ahead, "other")
    await mine.renew_or_acquire()
    await other.renew_or_acquire()
    await other.renew_or_acquire()
    assert not other.is_held()


async def test_former_holder_of_a_taken_lease_may_not_admit(cluster: Cluster, clock: Clock) -> None:
    mine, other = lease(cluster, clock), lease(cluster, clock, "other")
    await mine.renew_or_acquire()
    await other.renew_or_acquire()
    clock.now += DURATION_SECONDS + 1
    await other.renew_or_acquire()
    await mine.renew_or_acquire()
    assert other.is_held()
    assert not mine.is_held()
    await mine.renew_or_acquire()
    assert not mine.is_held()


async def test_only_one_of_two_processes_takes_an_expired_lease(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    await lease(cluster, clock, "former").renew_or_acquire()
    one, two = lease(cluster, clock, "one"), lease(cluster, clock, "two")
    for candidate in (one, two):
        await candidate.renew_or_acquire()
    clock.now += DURATION_SECONDS + 1
    stale = await cluster.get(PATH)
    await one.renew_or_acquire()
    with pytest.raises(ClusterError, match="another resourceVersion"):
        await cluster.replace(PATH, stale)
    await two.renew_or_acquire()
    assert [one.is_held(), two.is_held()] == [True, False]
    assert api.objects[PATH]["spec"]["holderIdentity"] == "one"
    assert api.objects[PATH]["spec"]["leaseTransitions"] == 1


async def test_write_conflict_is_resolved_by_the_next_request(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine = lease(cluster, clock)
    api.fail("POST", LEASES, 409)
    await mine.renew_or_acquire()
    assert not mine.is_held()
    await mine.renew_or_acquire()
    api.fail("PUT", PATH, 409)
    await mine.renew_or_acquire()
    assert mine.is_held()


async def test_released_lease_is_taken_without_a_wait(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine, other = lease(cluster, clock), lease(cluster, clock, "other", is_new=False)
    await mine.renew_or_acquire()
    await mine.release()
    assert not mine.is_held()
    assert api.objects[PATH]["spec"]["holderIdentity"] == ""
    await other.renew_or_acquire()
    assert other.may_admit()


async def test_successor_with_the_same_identity_waits_only_for_pending_writes(
    cluster: Cluster, clock: Clock
) -> None:
    await lease(cluster, clock).renew_or_acquire()
    again = lease(cluster, clock)
    await again.renew_or_acquire()
    assert again.is_held()
    assert not again.may_admit()
    clock.now += WRITE_SECONDS
    await again.renew_or_acquire()
    assert again.may_admit()


async def test_holder_without_an_api_server_stops_admitting_in_time(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine = lease(cluster, clock)
    await mine.renew_or_acquire()
    api.fail("GET", PATH, 500)
    with pytest.raises(ClusterError):
        await mine.renew_or_acquire()
    assert mine.is_held()
    clock.now += DURATION_SECONDS
    assert not mine.is_held()
