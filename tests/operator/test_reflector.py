"""The cache follows the cluster, whatever happens to lists and watches."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.reflector import Reflector
from double_booked.operator.schedule import Schedule
from double_booked.operator.store import BOOKINGS as KIND
from double_booked.operator.store import CachedObject, Store
from waiting import until

from .factories import key, raw_booking
from .fake_api_server import BOOKINGS, FakeApiServer

ALL = "/apis/double-booked.io/v1alpha1/bookings"


class Cache:
    """What a reflector has cached, reported and counted."""

    def __init__(self, cluster: Cluster) -> None:
        self.schedule = Schedule()
        self.changes: list[tuple[str, str]] = []
        self.errors = 0
        self.store = Store(self.schedule)
        self.store.subscribe(self.on_change)
        self.reflector = Reflector(cluster, KIND, "", self.store, self.count)

    def on_change(self, old: CachedObject | None, new: CachedObject | None) -> None:
        for cached, when in ((old, "was"), (new, "is")):
            if cached:
                self.changes.append((when, cached.metadata.key.name))

    def count(self) -> None:
        self.errors += 1

    def names(self) -> set[str]:
        return {booking.name for booking in self.schedule.bookings}


@pytest.fixture
async def cache(cluster: Cluster) -> AsyncIterator[Cache]:
    cache = Cache(cluster)
    task = asyncio.create_task(cache.reflector.run())
    yield cache
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def write(api: FakeApiServer, name: str, hour: int = 9) -> None:
    raw = raw_booking(name, f"2026-12-01T{hour:02}:00:00Z", f"2026-12-01T{hour + 1:02}:00:00Z")
    api.put(f"{BOOKINGS}/{name}", raw)


async def test_list_reads_all_pages(api: FakeApiServer, cluster: Cluster) -> None:
    for number in range(1100):
        write(api, f"b{number}")
    cache = Cache(cluster)
    await cache.reflector.list()
    assert len(cache.names()) == 1100
    assert api.count("GET", ALL) == 3


async def test_watch_reports_added_changed_and_deleted_objects(
    api: FakeApiServer, cache: Cache
) -> None:
    await until(lambda: api.watches, "a watch")
    write(api, "a")
    await until(lambda: cache.names() == {"a"}, "a is cached")
    write(api, "a", hour=11)
    write(api, "b")
    api.delete(f"{BOOKINGS}/a")
    await until(lambda: cache.names() == {"b"}, "only b is cached")
    assert cache.changes == [("is", "a"), ("was", "a"), ("is", "a"), ("is", "b"), ("was", "a")]


async def test_watch_that_ends_resumes_at_its_version(api: FakeApiServer, cache: Cache) -> None:
    await until(lambda: api.watches, "a watch")
    write(api, "a")
    await until(lambda: cache.names() == {"a"}, "a is cached")
    api.end_watches()
    write(api, "b")
    await until(lambda: cache.names() == {"a", "b"}, "b is cached")
    assert cache.errors == 0


async def test_expired_watch_lists_again_and_drops_deleted_objects(
    api: FakeApiServer, cache: Cache
) -> None:
    await until(lambda: api.watches, "a watch")
    write(api, "a")
    write(api, "b")
    await until(lambda: cache.names() == {"a", "b"}, "both are cached")
    api.is_silent = True
    api.delete(f"{BOOKINGS}/a")
    write(api, "c")
    api.is_silent = False
    expired = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
    api.end_watches(json.dumps(expired))
    await until(lambda: cache.names() == {"b", "c"}, "the deletion is observed")


@pytest.mark.usefixtures("cache")
async def test_bookmark_advances_the_version_of_the_next_watch(api: FakeApiServer) -> None:
    await until(lambda: api.watches, "a watch")
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "77"}}}
    api.end_watches(json.dumps(bookmark))
    await until(lambda: "77" in api.watched_from, "the next watch")


@pytest.mark.parametrize("line", ["no json", '{"type": "ERROR", "object": {"code": 500}}'])
async def test_broken_watch_is_opened_again(api: FakeApiServer, cache: Cache, line: str) -> None:
    await until(lambda: api.watches, "a watch")
    api.end_watches(line)
    await until(lambda: cache.errors == 1, "the fault is counted")
    write(api, "a")
    await until(lambda: cache.names() == {"a"}, "a is cached")


async def test_list_waits_for_retry_after(api: FakeApiServer, cluster: Cluster) -> None:
    write(api, "a")
    api.fail("GET", ALL, 429, **{"Retry-After": "1"})
    cache = Cache(cluster)
    started = asyncio.get_running_loop().time()
    await cache.reflector.list()
    assert asyncio.get_running_loop().time() - started >= 1
    assert cache.names() == {"a"}


async def test_failed_list_replaces_nothing(api: FakeApiServer, cluster: Cluster) -> None:
    cache = Cache(cluster)
    write(api, "a")
    await cache.reflector.list()
    api.fail("GET", ALL, 403)
    with pytest.raises(ClusterError, match="configured to fail with 403"):
        await cache.reflector.list()
    assert cache.names() == {"a"}


async def test_late_watch_event_does_not_undo_a_newer_state(
    api: FakeApiServer, cache: Cache
) -> None:
    await until(lambda: api.watches, "a watch")
    write(api, "a")
    await until(lambda: cache.names() == {"a"}, "a is cached")
    old = {"type": "MODIFIED", "object": dict(api.objects[f"{BOOKINGS}/a"])}
    api.is_silent = True
    write(api, "a", hour=15)
    newest = api.objects[f"{BOOKINGS}/a"]
    cache.store.upsert(KIND, newest)  # as a GET would
    api.end_watches(json.dumps(old))
    await until(lambda: not api.watches or api.count("GET", ALL) > 2, "the old event arrived")
    cached = cache.schedule.bookings[key("a")]
    assert str(cached.metadata.version) == newest["metadata"]["resourceVersion"]
