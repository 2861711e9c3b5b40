"""One replica at a time leads, and another follows it within seconds."""

import pytest

from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.leader import Leader
from double_booked.operator.objects import NamespacedName
from double_booked.operator.stored_lease import DURATION_SECONDS, TRUST_SECONDS

from .factories import Clock
from .fake_api_server import LEASES, FakeApiServer

KEY = NamespacedName("team", "operator-leader")
PATH = f"{LEASES}/operator-leader"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def candidate(cluster: Cluster, clock: Clock, identity: str = "mine") -> Leader:
    return Leader(cluster, KEY, identity, clock)


async def test_first_replica_leads_at_once(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine = candidate(cluster, clock)
    assert not mine.is_leading()
    await mine.renew_or_acquire()
    assert mine.is_leading()
    assert api.objects[PATH]["spec"]["holderIdentity"] == "mine"
    assert api.objects[PATH]["spec"]["leaseDurationSeconds"] == DURATION_SECONDS


async def test_another_replica_waits_while_the_leader_renews(
    cluster: Cluster, clock: Clock
) -> None:
    mine, other = candidate(cluster, clock), candidate(cluster, clock, "other")
    for _ in range(20):
        await mine.renew_or_acquire()
        await other.renew_or_acquire()
        clock.now += TRUST_SECONDS - 1
        assert mine.is_leading()
        assert not other.is_leading()


async def test_leader_that_is_silent_is_followed_after_it_stopped_leading(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine, other = candidate(cluster, clock), candidate(cluster, clock, "other")
    await mine.renew_or_acquire()
    await other.renew_or_acquire()
    clock.now += TRUST_SECONDS
    assert not mine.is_leading()
    await other.renew_or_acquire()
    assert not other.is_leading()
    clock.now += DURATION_SECONDS - TRUST_SECONDS + 1
    await other.renew_or_acquire()
    assert other.is_leading()
    assert api.objects[PATH]["spec"]["leaseTransitions"] == 1
    await mine.renew_or_acquire()
    assert not mine.is_leading()


async def test_released_lease_is_taken_at_once(cluster: Cluster, clock: Clock) -> None:
    mine, other = candidate(cluster, clock), candidate(cluster, clock, "other")
    await mine.renew_or_acquire()
    await mine.release()
    assert not mine.is_leading()
    await other.renew_or_acquire()
    assert other.is_leading()


async def test_replica_releases_only_its_own_lease(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine, other = candidate(cluster, clock), candidate(cluster, clock, "other")
    await mine.renew_or_acquire()
    await other.release()
    assert api.objects[PATH]["spec"]["holderIdentity"] == "mine"
    api.put(PATH, {"spec": {"holderIdentity": "third"}})
    await mine.release()
    assert api.objects[PATH]["spec"]["holderIdentity"] == "third"


async def test_process_with_the_identity_of_the_leader_leads_at_once(
    cluster: Cluster, clock: Clock
) -> None:
    await candidate(cluster, clock).renew_or_acquire()
    again = candidate(cluster, clock)
    await again.renew_or_acquire()
    assert again.is_leading()


async def test_replica_that_was_slower_does_not_lead(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine = candidate(cluster, clock)
    api.fail("POST", LEASES, 409)
    await mine.renew_or_acquire()
    assert not mine.is_leading()
    api.put(PATH, {"spec": {"holderIdentity": ""}})
    api.fail("PUT", PATH, 409)
    await mine.renew_or_acquire()
    assert not mine.is_leading()
    await mine.renew_or_acquire()
    assert mine.is_leading()


async def test_failed_request_does_not_end_leadership_before_its_time(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine = candidate(cluster, clock)
    await mine.renew_or_acquire()
    for method in ("GET", "PUT"):
        api.fail(method, PATH, 500)
        with pytest.raises(ClusterError):
            await mine.renew_or_acquire()
    assert mine.is_leading()
    clock.now += TRUST_SECONDS
    assert not mine.is_leading()
