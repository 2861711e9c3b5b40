"""A queue gives each key to one worker at a time, in the order of addition."""

import asyncio

import pytest

from double_booked.operator.work_queue import WorkQueue

from .factories import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> WorkQueue[str]:
    return WorkQueue(clock=clock)


def add(queue: WorkQueue[str], *keys: str) -> None:
    for key in keys:
        queue.add(key)


async def take(queue: WorkQueue[str], count: int = 1) -> list[str]:
    return [await queue.get() for _ in range(count)]


async def ready(task: asyncio.Task[str]) -> bool:
    """Return whether a task is done after all others have run."""
    for _ in range(5):
        await asyncio.sleep(0)
    return task.done()


async def test_keys_are_returned_in_the_order_of_addition(
    queue: WorkQueue[str],
) -> None:
    add(queue, "b", "a", "c")
    assert await take(queue, 3) == ["b", "a", "c"]


async def test_a_key_that_is_added_twice_keeps_its_first_place(queue: WorkQueue[str]) -> None:
    add(queue, "a", "b", "a")
    assert await take(queue, 2) == ["a", "b"]
    assert not await ready(asyncio.create_task(queue.get()))


async def test_a_worker_waits_for_a_key(queue: WorkQueue[str]) -> None:
    waiting = asyncio.create_task(queue.get())
    assert not await ready(waiting)
    queue.add("a")
    assert await waiting == "a"


async def test_every_worker_gets_a_key(queue: WorkQueue[str]) -> None:
    waiting = [asyncio.create_task(queue.get()) for _ in range(3)]
    assert not await ready(waiting[0])
    add(queue, "a", "b", "c")
    assert sorted(await asyncio.gather(*waiting)) == ["a", "b", "c"]


async def test_a_key_in_progress_waits_until_it_is_done(
    queue: WorkQueue[str],
) -> None:
    add(queue, "a", "b")
    assert await queue.get() == "a"
    queue.add("a")
    assert await queue.get() == "b"
    waiting = asyncio.create_task(queue.get())
    assert not await ready(waiting)
    queue.done("b")
    assert not await ready(waiting)
    queue.done("a")
    assert await waiting == "a"


async def test_a_key_that_is_done_can_be_added_again(queue: WorkQueue[str]) -> None:
    queue.add("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert queue.oldest() == 0
    queue.add("a")
    assert await queue.get() == "a"


@pytest.mark.parametrize("patience", [0.0, 60.0])
async def test_a_cancelled_worker_takes_no_key(patience: float) -> None:
    queue = WorkQueue[str](patience)
    waiting = asyncio.create_task(queue.get())
    assert not await ready(waiting)
    queue.add("a")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await queue.get() == "a"


async def test_the_oldest_key_is_waiting_or_in_progress(
    queue: WorkQueue[str], clock: Clock
) -> None:
    assert queue.oldest() == 0
    for clock.now, name in ((10.0, "a"), (20.0, "b"), (30.0, "a")):
        queue.add(name)
    assert queue.oldest() == 10
    assert await queue.get() == "a"
    assert queue.oldest() == 10
    clock.now = 40.0
    queue.add("a")
    queue.done("a")
    assert queue.oldest() == 20
    assert await take(queue, 2) == ["b", "a"]
    queue.done("b")
    assert queue.oldest() == 40
    queue.done("a")
    assert queue.oldest() == 0


@pytest.fixture
def patient_queue(clock: Clock) -> WorkQueue[str]:
    """Make a queue that holds back keys that can wait for 10 ms of its clock."""
    return WorkQueue(0.01, clock)


async def test_a_key_that_can_wait_comes_after_all_others(
    patient_queue: WorkQueue[str], clock: Clock
) -> None:
    patient_queue.add("a", can_wait=True)
    add(patient_queue, "b", "c")
    clock.now += 1
    assert await take(patient_queue, 3) == ["b", "c", "a"]


async def test_a_key_that_can_wait_is_held_back(
    patient_queue: WorkQueue[str], clock: Clock
) -> None:
    patient_queue.add("a", can_wait=True)
    clock.now += 0.009
    patient_queue.add("a", can_wait=True)
    waiting = asyncio.create_task(patient_queue.get())
    assert not await ready(waiting)
    assert patient_queue.held_back() == 1
    clock.now += 0.002
    assert await waiting == "a"
    assert patient_queue.held_back() == 0


async def test_a_key_that_can_no_longer_wait_is_returned_at_once(
    patient_queue: WorkQueue[str],
) -> None:
    patient_queue.add("a", can_wait=True)
    patient_queue.add("a")
    patient_queue.add("a", can_wait=True)
    assert patient_queue.held_back() == 0
    assert await patient_queue.get() == "a"
    assert not await ready(asyncio.create_task(patient_queue.get()))


async def test_a_key_that_can_wait_is_not_counted_as_the_oldest(
    patient_queue: WorkQueue[str], clock: Clock
) -> None:
    patient_queue.add("a", can_wait=True)
    assert patient_queue.oldest() == 0
    clock.now += 1
    assert await patient_queue.get() == "a"
    assert patient_queue.oldest() == 0
    patient_queue.add("b")
    assert patient_queue.oldest() == clock.now
