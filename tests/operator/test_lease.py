"""One process admits, and knows when it may not any more."""

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


def lease(cluster: Cluster, clock: Clock, me: str = "me", *, is_new: bool = True) -> Lease:
    return Lease(cluster, KEY, me, lambda: is_new, clock)


async def test_the_first_of_all_admits_at_once(cluster: Cluster, clock: Clock) -> None:
    mine = lease(cluster, clock)
    assert not mine.may_admit()
    await mine.renew_or_acquire()
    assert mine.may_admit()
    assert mine.term == 1


async def test_where_bookings_are_a_lease_that_was_deleted_is_waited_out(
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


async def test_without_renewal_it_is_trusted_for_less_long_than_others_wait(
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


async def test_one_that_is_renewed_is_never_taken(cluster: Cluster, clock: Clock) -> None:
    mine, other = lease(cluster, clock), lease(cluster, clock, "other")
    for _ in range(20):
        await mine.renew_or_acquire()
        await other.renew_or_acquire()
        clock.now += 4
        assert mine.may_admit()
        assert not other.is_held()
    assert mine.term == 1


async def test_a_clock_is_never_compared_with_anothers(cluster: Cluster) -> None:
    mine = lease(cluster, Clock())
    ahead = Clock()
    ahead.now += 10**9
    other = lease(cluster, ahead, "other")
    await mine.renew_or_acquire()
    await other.renew_or_acquire()
    await other.renew_or_acquire()
    assert not other.is_held()


async def test_who_comes_back_and_finds_it_taken_may_not_admit(
    cluster: Cluster, clock: Clock
) -> None:
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


async def test_of_two_that_take_it_at_once_one_wins(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    await lease(cluster, clock, "former").renew_or_acquire()
    one, two = lease(cluster, clock, "one"), lease(cluster, clock, "two")
    for each in (one, two):
        await each.renew_or_acquire()
    clock.now += DURATION_SECONDS + 1
    stale = await cluster.get(PATH)
    await one.renew_or_acquire()
    with pytest.raises(ClusterError, match="another resourceVersion"):
        await cluster.replace(PATH, stale)
    await two.renew_or_acquire()
    assert [one.is_held(), two.is_held()] == [True, False]
    assert api.objects[PATH]["spec"]["holderIdentity"] == "one"
    assert api.objects[PATH]["spec"]["leaseTransitions"] == 1


async def test_a_conflict_is_left_to_the_next_look(
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


async def test_one_that_was_given_up_is_taken_without_a_wait(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine, other = lease(cluster, clock), lease(cluster, clock, "other", is_new=False)
    await mine.renew_or_acquire()
    await mine.release()
    assert not mine.is_held()
    assert api.objects[PATH]["spec"]["holderIdentity"] == ""
    await other.renew_or_acquire()
    assert other.may_admit()


async def test_a_process_that_follows_in_the_same_place_waits_for_writes_alone(
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


async def test_who_cannot_reach_the_api_server_lets_it_run_out(
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
