"""Replicas share a Lease, and never admit beside a process of an older release."""

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.objects import NamespacedName
from double_booked.operator.shared_lease import (
    OPENING,
    SHARED,
    UNKNOWN_SECONDS,
    WRITE_SECONDS,
    SharedLease,
)
from double_booked.operator.stored_lease import DURATION_SECONDS, TRUST_SECONDS
from waiting import until

from .factories import Clock
from .fake_api_server import LEASES, FakeApiServer, serving
from .old_lease import Lease

KEY = NamespacedName("team", "operator")
PATH = f"{LEASES}/operator"
LANDING_SECONDS = 34
"""The longest time from a review to its write."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@dataclass
class Replica:
    """A SharedLease, and how often it prepared."""

    cluster: Cluster
    clock: Clock
    is_new: bool = True
    prepared: int = 0
    failures: int = 0
    lease: SharedLease = field(init=False)

    def __post_init__(self) -> None:
        self.lease = SharedLease(self.cluster, KEY, self.prepare, lambda: self.is_new, self.clock)

    async def prepare(self) -> None:
        if self.failures:
            self.failures -= 1
            raise ClusterError(500, "no list")
        self.prepared += 1

    async def look(self) -> bool:
        """Look once; return whether the Lease is shared."""
        await self.lease.look()
        return self.lease.is_shared()


def old(cluster: Cluster, clock: Clock, identity: str = "old") -> Lease:
    return Lease(cluster, KEY, identity, lambda: True, clock)


def spec(api: FakeApiServer) -> tuple[str, int]:
    """Return the holder and the number of transitions."""
    stored = api.objects[PATH]["spec"]
    return stored["holderIdentity"], stored["leaseTransitions"]


async def shared(api: FakeApiServer) -> None:
    """Store a Lease that all replicas share."""
    api.put(PATH, {"spec": {"holderIdentity": SHARED, "leaseTransitions": 3}})


def backdate(api: FakeApiServer, seconds: float = 3600) -> None:
    """Have the holder acquire the Lease so long before it renewed it last."""
    stored = api.objects[PATH]["spec"]
    acquired = dt.datetime.fromisoformat(stored["renewTime"]) - dt.timedelta(seconds=seconds)
    stored["acquireTime"] = acquired.isoformat()


async def pass_time(clock: Clock, seconds: float, *replicas: Replica) -> None:
    """Let time pass in which replicas look every two seconds."""
    end = clock.now + seconds
    while clock.now < end:
        for replica in replicas:
            await replica.look()
        clock.now = min(clock.now + 2, end)


async def test_new_lease_is_shared_at_once_where_nothing_is_booked(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    one, two = Replica(cluster, clock), Replica(cluster, clock)
    assert not one.lease.is_shared()
    assert one.lease.term == 0
    assert await one.look()
    assert await two.look()
    assert [one.prepared, two.prepared] == [1, 0]
    assert [one.lease.term, two.lease.term] == [1, 1]
    assert spec(api) == (SHARED, 0)


async def test_lease_that_was_deleted_is_shared_after_a_wait(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine = Replica(cluster, clock, is_new=False)
    assert not await mine.look()
    await pass_time(clock, UNKNOWN_SECONDS - 1, mine)
    assert not await mine.look()
    assert (mine.prepared, spec(api)) == (0, (OPENING, 0))
    clock.now += 1
    assert await mine.look()
    assert mine.prepared == 1


async def test_released_lease_is_shared_at_once(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    former = old(cluster, clock)
    await former.renew_or_acquire()
    await former.release()
    backdate(api)
    mine = Replica(cluster, clock, is_new=False)
    assert await mine.look()
    assert (mine.prepared, mine.lease.term) == (1, 2)
    assert spec(api) == (SHARED, 1)


async def test_lease_that_was_released_soon_is_shared_after_the_rest_of_the_wait(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    former = old(cluster, clock)
    await former.renew_or_acquire()
    await former.release()
    backdate(api, 30)
    mine = Replica(cluster, clock)
    assert not await mine.look()
    await pass_time(clock, UNKNOWN_SECONDS - 31, mine)
    assert not await mine.look()
    clock.now += 1
    assert await mine.look()


async def test_released_lease_without_times_is_shared_at_once(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    api.put(PATH, {"spec": {"holderIdentity": ""}})
    assert await Replica(cluster, clock).look()


async def test_lease_of_an_older_release_is_waited_for(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    holder, mine = old(cluster, clock), Replica(cluster, clock)
    for _ in range(20):
        await holder.renew_or_acquire()
        assert not await mine.look()
        assert mine.lease.waits_for_old_release()
        clock.now += 4
    assert spec(api) == ("old", 0)


async def test_silent_older_release_is_followed_after_its_last_write(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    holder, mine = old(cluster, clock), Replica(cluster, clock)
    await holder.renew_or_acquire()
    await mine.look()
    clock.now += DURATION_SECONDS + 1
    assert not await mine.look()
    assert not mine.lease.waits_for_old_release()
    assert spec(api) == (OPENING, 1)
    await pass_time(clock, WRITE_SECONDS - 1, mine)
    assert not await mine.look()
    clock.now += 1
    assert await mine.look()
    assert spec(api) == (SHARED, 1)
    await holder.renew_or_acquire()
    assert not holder.is_held()


async def test_replica_that_did_not_take_the_lease_waits_longest(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    holder, taker, other = old(cluster, clock), Replica(cluster, clock), Replica(cluster, clock)
    await holder.renew_or_acquire()
    await taker.look()
    clock.now += DURATION_SECONDS + 1
    await taker.look()
    assert not await other.look()
    await pass_time(clock, UNKNOWN_SECONDS - 1, other)
    assert not await other.look()
    assert spec(api) == (OPENING, 1)
    clock.now += 1
    assert await other.look()
    assert [taker.prepared, other.prepared] == [0, 1]
    assert await taker.look()


async def test_each_replica_that_waits_renews_the_lease(cluster: Cluster, clock: Clock) -> None:
    mine, other = Replica(cluster, clock, is_new=False), old(cluster, clock)
    await mine.look()
    for _ in range(6):
        await other.renew_or_acquire()
        clock.now += 8
        await mine.look()
    assert not other.is_held()


async def test_lease_is_not_shared_before_the_replica_has_prepared(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine = Replica(cluster, clock, failures=2)
    for _ in range(2):
        with pytest.raises(ClusterError):
            await mine.look()
        assert not mine.lease.is_shared()
        assert spec(api) == (OPENING, 0)
    assert await mine.look()


async def test_lease_that_an_older_release_took_meanwhile_is_not_shared(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    other = old(cluster, clock)

    async def prepare() -> None:
        await other.renew_or_acquire()
        clock.now += DURATION_SECONDS + 1
        await other.renew_or_acquire()

    mine = SharedLease(cluster, KEY, prepare, lambda: True, clock)
    await mine.look()
    assert not mine.is_shared()
    assert spec(api) == ("old", 1)


async def test_shared_lease_is_trusted_from_ones_own_look_for_ten_seconds(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    await shared(api)
    one, two = Replica(cluster, clock), Replica(cluster, clock)
    assert await one.look()
    clock.now += TRUST_SECONDS - 1
    assert one.lease.is_shared()
    assert await two.look()
    clock.now += 1
    assert not one.lease.is_shared()
    assert two.lease.is_shared()


async def test_shared_lease_is_shared_again_after_all_replicas_were_down(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    await shared(api)
    clock.now += 3600
    mine = Replica(cluster, clock, is_new=False)
    assert await mine.look()
    assert (mine.prepared, mine.lease.term) == (0, 4)


async def test_replica_that_loses_to_another_renewal_trusts_the_lease(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    await shared(api)
    one, two = Replica(cluster, clock), Replica(cluster, clock)
    api.held_responses["GET", PATH] = both_read = asyncio.Event()
    looks = asyncio.gather(one.look(), two.look())
    await until(lambda: api.count("GET", PATH) == 2, "both have read the Lease")
    both_read.set()
    assert await looks == [True, True]
    assert (api.count("PUT", PATH), api.count("GET", PATH)) == (2, 3)


async def test_write_of_a_label_counts_as_no_renewal(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    await shared(api)
    api.fail("PUT", PATH, 409)
    assert not await Replica(cluster, clock).look()


async def test_failed_look_does_not_prolong_the_trust(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    await shared(api)
    mine = Replica(cluster, clock)
    await mine.look()
    for method in ("GET", "PUT"):
        clock.now += 4
        api.fail(method, PATH, 500)
        with pytest.raises(ClusterError):
            await mine.look()
    assert mine.lease.is_shared()
    clock.now += 2
    assert not mine.lease.is_shared()


async def test_older_release_takes_the_lease_over_after_a_rollback(
    cluster: Cluster, clock: Clock
) -> None:
    mine, other = Replica(cluster, clock), old(cluster, clock)
    assert await mine.look()
    await other.renew_or_acquire()
    clock.now += DURATION_SECONDS + 1
    await other.renew_or_acquire()
    assert other.is_held()
    assert not await mine.look()
    assert mine.lease.waits_for_old_release()
    clock.now += WRITE_SECONDS
    await other.renew_or_acquire()
    assert other.may_admit()


async def test_each_time_the_lease_comes_back_is_a_new_term(
    api: FakeApiServer, cluster: Cluster, clock: Clock
) -> None:
    mine, late = Replica(cluster, clock), Replica(cluster, clock)
    await mine.look()
    await late.look()
    api.delete(PATH)
    between = old(cluster, clock)
    await between.renew_or_acquire()
    await between.release()
    api.delete(PATH)
    await mine.look()
    await late.look()
    assert [mine.lease.term, late.lease.term] == [2, 2]


Step = tuple[str, int]
STEPS = st.one_of(
    st.tuples(st.just("tick"), st.sampled_from([1, 2, 4, 8, 9, 16, 40])),
    st.tuples(st.sampled_from(["old", "new"]), st.integers(0, 1)),
    st.tuples(st.sampled_from(["crash old", "crash new"]), st.integers(0, 1)),
    st.tuples(st.sampled_from(["release", "delete", "race"]), st.just(0)),
    st.tuples(st.sampled_from(["old pass", "new pass"]), st.sampled_from([3, 9, 25])),
)


@dataclass
class Rollout:
    """Two processes of the older release and two replicas, in any order of steps."""

    api: FakeApiServer
    cluster: Cluster
    clock: Clock = field(default_factory=Clock)
    old_wrote: float = -inf
    new_wrote: float = -inf
    crashes: int = 0
    olds: list[Lease] = field(init=False)
    news: list[Replica] = field(init=False)

    def __post_init__(self) -> None:
        self.olds = [old(self.cluster, self.clock, f"old-{number}") for number in range(2)]
        self.news = [Replica(self.cluster, self.clock) for _ in range(2)]

    async def play(self, step: Step) -> None:
        """Do one step; then whoever may admit admits a write, which lands late."""
        name, number = step
        await getattr(self, name.replace(" ", "_"))(number)
        self.admit()

    async def tick(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.now += 1
            self.admit()

    async def old(self, number: int) -> None:
        await self.olds[number].renew_or_acquire()

    async def new(self, number: int) -> None:
        await self.news[number].look()

    async def old_pass(self, looks: int) -> None:
        """Let time pass in which only the older release looks, every two seconds."""
        for _ in range(looks):
            await self.old(0)
            await self.tick(2)

    async def new_pass(self, looks: int) -> None:
        """Let time pass in which only replicas look."""
        for _ in range(looks):
            await self.new(0)
            await self.tick(2)

    async def race(self, _: int) -> None:
        """Let all look at the same time."""
        looks = (new.look() for new in self.news)
        await asyncio.gather(*looks, *(lease.renew_or_acquire() for lease in self.olds))

    async def crash_old(self, number: int) -> None:
        self.crashes += 1
        self.olds[number] = old(self.cluster, self.clock, f"restarted-{self.crashes}")

    async def crash_new(self, number: int) -> None:
        self.news[number] = Replica(self.cluster, self.clock, is_new=False)

    async def release(self, _: int) -> None:
        """Stop the holder of the older release, once it has observed all its writes."""
        for number, lease in enumerate(self.olds):
            if lease.may_admit() and PATH in self.api.objects:
                await lease.release()
                backdate(self.api)
                self.old_wrote = -inf
                await self.crash_old(number)

    async def delete(self, _: int) -> None:
        """Delete the Lease; as there are bookings, nobody admits at once."""
        for process in (*self.olds, *self.news):
            process._is_new = lambda: False  # type: ignore[union-attr] # noqa: SLF001
            if isinstance(process, Replica):
                process.is_new = False
        if PATH in self.api.objects:
            self.api.delete(PATH)

    def admit(self) -> None:
        now = self.clock.now
        old_admits = any(lease.may_admit() for lease in self.olds)
        new_admits = any(new.lease.is_shared() for new in self.news)
        assert not (old_admits and new_admits)
        if old_admits:
            assert now - self.new_wrote > LANDING_SECONDS
            self.old_wrote = now
        if new_admits:
            assert now - self.old_wrote > LANDING_SECONDS
            self.new_wrote = now


async def play(steps: list[Step]) -> None:
    async with serving() as (api, cluster):
        rollout = Rollout(api, cluster)
        for step in steps:
            await rollout.play(step)


@settings(max_examples=30, deadline=None)
@given(st.lists(STEPS, min_size=5, max_size=25))
def test_older_release_and_replicas_never_admit_at_the_same_time(steps: list[Step]) -> None:
    asyncio.run(play(steps))
