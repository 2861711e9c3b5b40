"""Work in steps returns its result and lets other tasks run in between."""

import asyncio

import pytest

from double_booked.operator.steps import Steps, in_turns


def count_to(number: int) -> Steps[int]:
    """Return a number after so many steps."""
    for _ in range(number):
        yield
    return number


@pytest.mark.parametrize("steps", [0, 1, 1000])
async def test_the_result_is_returned_after_all_steps(steps: int) -> None:
    assert await in_turns(count_to(steps)) == steps


async def test_an_error_in_a_step_is_raised() -> None:
    def fail() -> Steps[int]:
        yield from count_to(1)
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await in_turns(fail())


async def test_steps_of_steps_return_their_results() -> None:
    def add() -> Steps[int]:
        one = yield from count_to(3)
        other = yield from count_to(4)
        return one + other

    assert await in_turns(add()) == 7


async def steps_before_another_task_runs(seconds: float, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return how many of 100 steps are done when another task gets its turn."""
    now = 0.0

    def monotonic() -> float:
        return now

    def work() -> Steps[None]:
        nonlocal now
        for _ in range(100):
            now += seconds
            done.append(None)
            yield

    async def look() -> int:
        return len(done)

    done: list[None] = []
    monkeypatch.setattr("double_booked.operator.steps.monotonic", monotonic)
    working, looking = asyncio.create_task(in_turns(work())), asyncio.create_task(look())
    await working
    return await looking


@pytest.mark.parametrize(("seconds", "steps"), [(0.02, 1), (0.004, 3), (0.0001, 100)])
async def test_other_tasks_run_after_10_ms_of_work(
    monkeypatch: pytest.MonkeyPatch, seconds: float, steps: int
) -> None:
    assert await steps_before_another_task_runs(seconds, monkeypatch) == steps
