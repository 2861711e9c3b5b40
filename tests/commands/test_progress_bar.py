"""The progress bar appears only if a task takes long, on a terminal."""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress

import pytest

from double_booked.commands.progress_bar import Show, progress_bar


class Terminal(io.StringIO):
    """A file that is a terminal."""

    def isatty(self) -> bool:
        return True


class Clock:
    """A clock that tests set."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    monkeypatch.setenv("TERM", "xterm")
    return clock


@contextmanager
def bar_on(file: io.StringIO, total: float = 1) -> Iterator[Show]:
    with redirect_stderr(file), progress_bar("reading", total) as show:
        yield show


def test_bar_shows_the_part_that_is_done_and_vanishes(clock: Clock) -> None:
    terminal = Terminal()
    with bar_on(terminal, 200) as show:
        clock.seconds = 1
        show(50)
        assert "reading" in terminal.getvalue()
        assert " 25%" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")


def test_short_task_has_no_bar(clock: Clock) -> None:
    terminal = Terminal()
    with bar_on(terminal) as show:
        clock.seconds = 0.49
        show(0.1)
    assert not terminal.getvalue()


def test_task_that_is_almost_done_gets_no_bar(clock: Clock) -> None:
    terminal = Terminal()
    with bar_on(terminal) as show:
        clock.seconds = 0.9
        show(0.7)
    assert not terminal.getvalue()


def test_bar_is_drawn_at_most_ten_times_a_second(clock: Clock) -> None:
    terminal = Terminal()
    with bar_on(terminal) as show:
        clock.seconds = 1
        for _ in range(100):
            clock.seconds += 0.01
            show(0.25)
        drawn = terminal.getvalue().count("25%")
    assert 9 <= drawn <= 11


def test_error_within_a_task_removes_the_bar(clock: Clock) -> None:
    terminal = Terminal()
    with suppress(RuntimeError), bar_on(terminal) as show:
        clock.seconds = 1
        show(0.25)
        raise RuntimeError
    assert terminal.getvalue().endswith("\x1b[2K")


@pytest.mark.parametrize("forced_colours", ["", "1"])  # runners of GitHub force them
def test_file_or_pipe_gets_no_bar(
    monkeypatch: pytest.MonkeyPatch, clock: Clock, forced_colours: str
) -> None:
    log = io.StringIO()
    monkeypatch.setenv("FORCE_COLOR", forced_colours)
    with bar_on(log) as show:
        clock.seconds = 1
        show(0.25)
    assert not log.getvalue()
