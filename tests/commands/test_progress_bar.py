"""A progress bar appears only if a stage takes long, on a terminal."""

import io
import os
import pty
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from datetime import UTC
from functools import partial
from itertools import count, groupby
from pathlib import Path

import pytest

from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.commands import check
from double_booked.commands.check_output import OutputOptions
from double_booked.commands.progress_bar import Show, Stages


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
    with redirect_stderr(file), Stages().bar("reading", total) as show:
        yield show


def test_bar_shows_the_part_that_is_done_and_vanishes(clock: Clock) -> None:
    terminal = Terminal()
    with bar_on(terminal, 200) as show:
        clock.seconds = 1
        show(50)
        assert "reading" in terminal.getvalue()
        assert " 25%" in terminal.getvalue()
    assert terminal.getvalue().endswith("\x1b[2K")


def test_short_command_has_no_bar(clock: Clock) -> None:
    terminal = Terminal()
    with bar_on(terminal) as show:
        clock.seconds = 0.49
        show(0.1)
    assert not terminal.getvalue()


def test_stage_that_is_almost_done_gets_no_bar(clock: Clock) -> None:
    terminal = Terminal()
    with bar_on(terminal) as show:
        clock.seconds = 0.9
        show(0.7)
    assert not terminal.getvalue()


def test_bar_of_a_later_stage_appears_at_once(clock: Clock) -> None:
    terminal, stages = Terminal(), Stages()
    with redirect_stderr(terminal):
        with stages.bar("reading"):
            clock.seconds = 0.6
        with stages.bar("merging") as show:
            clock.seconds = 0.7
            show(0.1)
            assert "merging" in terminal.getvalue()
            assert "reading" not in terminal.getvalue()


def test_short_stage_of_a_long_command_has_no_bar(clock: Clock) -> None:
    terminal, stages = Terminal(), Stages()
    with redirect_stderr(terminal):
        clock.seconds = 5
        with stages.bar("merging") as show:
            clock.seconds = 5.2
            show(0.5)
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


def test_error_within_a_stage_removes_the_bar(clock: Clock) -> None:
    terminal = Terminal()
    with suppress(RuntimeError), bar_on(terminal) as show:
        clock.seconds = 1
        show(0.25)
        raise RuntimeError
    assert terminal.getvalue().endswith("\x1b[2K")


def test_every_stage_of_check_has_a_bar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = (f"A,2026-11-{day} 09:00,2026-11-{day} 10:00\n" * 2 for day in range(10, 20))
    (tmp_path / "a.csv").write_text("title,start,end\n" + "".join(rows))
    monkeypatch.setattr(time, "monotonic", partial(next, count()))  # each call is a second later
    monkeypatch.setenv("TERM", "xterm")
    ours, theirs = pty.openpty()
    with open(theirs, "w") as terminal, redirect_stderr(terminal):  # noqa: PTH123 - not a path
        output = OutputOptions(zone=UTC, suggestions=1)
        check.run((str(tmp_path / "a.csv"),), ConflictOptions(), None, output)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown)
    stages = re.findall(r"([a-z]+(?: [a-z]+)?) [^a-z]* \d+%", plain)
    assert [stage for stage, _ in groupby(stages)] == [
        "reading",
        "merging",
        "finding conflicts",
        "finding repeats",
        "suggesting",
    ]


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
