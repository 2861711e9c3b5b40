"""Steps return their result and let other tasks run in between."""

import asyncio

import pytest

from double_booked.operator.calendar_conflicts import Steps
from double_booked.operator.cooperation import run_cooperatively


def count_to(number: int) -> Steps[int]:
    """Return a number after that many steps."""
    for _ in range(number):
        yield
    return number


@pytest.mark.parametrize("steps", [0, 1, 1000])
async def test_the_result_is_returned_after_all_steps(steps: int) -> None:
    assert await run_cooperatively(count_to(steps)) == steps


async def test_an_error_in_a_step_is_raised() -> None:
    def fail() -> Steps[int]:
        yield from count_to(1)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await run_cooperatively(fail())


async def test_nested_steps_return_their_results() -> None:
    def add() -> Steps[int]:
        one = yield from count_to(3)
        other = yield from count_to(4)
        return one + other

    assert await run_cooperatively(add()) == 7


async def turns_of_another_task(seconds: float, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return how many of 12 steps had run at each turn of another task."""
    now = 0.0
    done = 0
    turns = []

    def work() -> Steps[None]:
        nonlocal now, done
        for _ in range(12):
            now += seconds
            done += 1
            yield

    async def watch() -> None:
        while done < 12:
            turns.append(done)
            await asyncio.sleep(0)

    monkeypatch.setattr("double_booked.operator.cooperation.monotonic", lambda: now)
    await asyncio.gather(run_cooperatively(work()), watch())
    return turns


@pytest.mark.parametrize(
    ("seconds", "turns"),
    [(0.02, [*range(1, 12)]), (0.004, [3, 6, 9]), (0.0001, [])],
)
async def test_other_tasks_run_after_every_10_ms_of_work(
    monkeypatch: pytest.MonkeyPatch, seconds: float, turns: list[int]
) -> None:
    assert await turns_of_another_task(seconds, monkeypatch) == turns
