"""What is known follows the cluster, whatever happens to lists and watches."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from double_booked.operator.cluster import Cluster, ClusterError
from double_booked.operator.reflector import Reflector
from double_booked.operator.reservations import Reservations
from double_booked.operator.schedule import Schedule
from double_booked.operator.store import BOOKINGS as KIND
from double_booked.operator.store import CachedObject, Store
from waiting import until

from .factories import key, raw_booking
from .fake_api_server import BOOKINGS, FakeApiServer

ALL = "/apis/double-booked.io/v1alpha1/bookings"


class Known:
    """What a reflector found out."""

    def __init__(self, cluster: Cluster) -> None:
        self.schedule = Schedule()
        self.changes: list[tuple[str, str]] = []
        self.errors = 0
        self.reservations = Reservations(lambda: 0.0)
        store = Store(self.schedule, self.reservations)
        store.subscribe(self.note)
        self.reflector = Reflector(cluster, KIND, "", store, self.count)

    def note(self, old: CachedObject | None, new: CachedObject | None) -> None:
        for each, what in ((old, "was"), (new, "is")):
            if each:
                self.changes.append((what, each.metadata.key.name))

    def count(self) -> None:
        self.errors += 1

    def names(self) -> set[str]:
        return {each.name for each in self.schedule.bookings}


@pytest.fixture
async def known(cluster: Cluster) -> AsyncIterator[Known]:
    found = Known(cluster)
    task = asyncio.create_task(found.reflector.run())
    yield found
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def write(api: FakeApiServer, name: str, hour: int = 9) -> None:
    raw = raw_booking(name, f"2026-12-01T{hour:02}:00:00Z", f"2026-12-01T{hour + 1:02}:00:00Z")
    api.put(f"{BOOKINGS}/{name}", raw)


async def test_it_lists_in_pages_and_then_watches(api: FakeApiServer, cluster: Cluster) -> None:
    for number in range(1100):
        write(api, f"b{number}")
    known = Known(cluster)
    await known.reflector.list()
    assert len(known.names()) == 1100
    assert api.count("GET", ALL) == 3


async def test_it_follows_what_comes_changes_and_goes(api: FakeApiServer, known: Known) -> None:
    await until(lambda: api.watches, "a watch")
    write(api, "a")
    await until(lambda: known.names() == {"a"}, "a is known")
    write(api, "a", hour=11)
    write(api, "b")
    api.delete(f"{BOOKINGS}/a")
    await until(lambda: known.names() == {"b"}, "b alone is known")
    assert known.changes == [("is", "a"), ("was", "a"), ("is", "a"), ("is", "b"), ("was", "a")]


async def test_a_watch_that_ends_goes_on_where_it_was(api: FakeApiServer, known: Known) -> None:
    await until(lambda: api.watches, "a watch")
    write(api, "a")
    await until(lambda: known.names() == {"a"}, "a is known")
    api.end_watches()
    write(api, "b")
    await until(lambda: known.names() == {"a", "b"}, "b is known")
    assert known.errors == 0


async def test_after_410_gone_it_learns_what_vanished_meanwhile(
    api: FakeApiServer, known: Known
) -> None:
    await until(lambda: api.watches, "a watch")
    write(api, "a")
    write(api, "b")
    await until(lambda: known.names() == {"a", "b"}, "both are known")
    api.is_silent = True
    api.delete(f"{BOOKINGS}/a")
    write(api, "c")
    api.is_silent = False
    gone = {"type": "ERROR", "object": {"code": 410, "message": "too old resource version"}}
    api.end_watches(json.dumps(gone))
    await until(lambda: known.names() == {"b", "c"}, "what vanished is known")


async def test_bookmarks_move_on_what_a_watch_begins_with(api: FakeApiServer, known: Known) -> None:
    await until(lambda: api.watches, "a watch")
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "77"}}}
    api.end_watches(json.dumps(bookmark))
    await until(lambda: known.reflector._version == "77", "the version is known")  # noqa: SLF001


@pytest.mark.parametrize("line", ["no json", '{"type": "ERROR", "object": {"code": 500}}'])
async def test_a_broken_watch_is_begun_anew_after_a_pause(
    api: FakeApiServer, known: Known, line: str
) -> None:
    await until(lambda: api.watches, "a watch")
    api.end_watches(line)
    await until(lambda: known.errors == 1, "the fault is counted")
    write(api, "a")
    await until(lambda: known.names() == {"a"}, "a is known")


async def test_a_server_that_is_busy_is_asked_when_it_says(
    api: FakeApiServer, cluster: Cluster
) -> None:
    write(api, "a")
    api.fail("GET", ALL, 429, **{"Retry-After": "1"})
    known = Known(cluster)
    started = asyncio.get_running_loop().time()
    await known.reflector.list()
    assert asyncio.get_running_loop().time() - started >= 1
    assert known.names() == {"a"}


async def test_a_list_that_fails_half_way_takes_nothing_in(
    api: FakeApiServer, cluster: Cluster
) -> None:
    known = Known(cluster)
    write(api, "a")
    await known.reflector.list()
    api.fail("GET", ALL, 403)
    with pytest.raises(ClusterError, match="told to say 403"):
        await known.reflector.list()
    assert known.names() == {"a"}


async def test_an_old_watch_does_not_undo_what_a_look_found(
    api: FakeApiServer, known: Known
) -> None:
    await until(lambda: api.watches, "a watch")
    write(api, "a")
    await until(lambda: known.names() == {"a"}, "a is known")
    old = {"type": "MODIFIED", "object": dict(api.objects[f"{BOOKINGS}/a"])}
    api.is_silent = True
    write(api, "a", hour=15)
    newest = api.objects[f"{BOOKINGS}/a"]
    known.reflector._store.upsert(KIND, newest)  # noqa: SLF001 - as a look would
    api.end_watches(json.dumps(old))
    await until(lambda: not api.watches or api.count("GET", ALL) > 2, "the old news came")
    held = known.schedule.bookings[key("a")]
    assert str(held.metadata.version) == newest["metadata"]["resourceVersion"]
