"""What all commands share: lazy imports, and exit codes of interrupts and lack of memory."""

import fcntl
import signal
import subprocess
import sys
import termios
from array import array
from pathlib import Path
from typing import IO

import click
import pytest

from commands.programs import COMMAND, WEEK, run
from double_booked.commands import SUMMARIES, main
from double_booked.commands.errors import INTERRUPTED
from waiting import wait_until


def test_out_of_memory_is_a_one_line_error() -> None:
    check = f"{sys.executable} -m double_booked check --max-bytes 9999999999"
    endless = f"ulimit -v 400000; {check} < /dev/zero"
    checked = subprocess.run(
        ["/bin/bash", "-c", endless], capture_output=True, check=False, text=True
    )
    assert checked.returncode == 2
    assert checked.stderr == "Error: out of memory; pass fewer events, or allow more memory\n"


def unread(pipe: IO[bytes]) -> int:
    """Return how many bytes of a pipe are not read yet."""
    count = array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, count)
    return count[0]


def test_interrupt_has_exit_code_130() -> None:
    with subprocess.Popen(
        [*COMMAND, "check"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin
        process.stdin.write(b"{\n")
        process.stdin.flush()
        # With the pipe empty, the command waits for the rest of the JSON.
        stdin = process.stdin
        wait_until(lambda: not unread(stdin), "the command reads its input")
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == INTERRUPTED


def test_installed_command_is_the_same() -> None:
    installed = Path(sys.executable).with_name("double-booked")
    help_text = subprocess.check_output([installed, "--help"], text=True)
    assert help_text == run("--help").stdout


@pytest.mark.parametrize(
    ("arguments", "unloaded"),
    [
        (("check", str(WEEK)), {"grpc", "aiohttp", "structlog", "prometheus_client"}),
        (("version",), {"grpc", "ssl", "aiohttp", "google.protobuf", "rich.console"}),
        (("--help",), {"grpc", "ssl", "aiohttp", "google.protobuf", "rich.console"}),
        (("healthcheck", "--server=no"), {"kopf", "aiohttp", "icalendar", "double_booked.server"}),
    ],
)
def test_command_imports_only_what_it_needs(arguments: tuple[str, ...], unloaded: set[str]) -> None:
    program = f"""
import sys
from double_booked.commands import main
try:
    main({list(arguments)})
finally:
    print(*sys.modules, sep="\\n", file=sys.stderr)
"""
    finished = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert not unloaded & set(finished.stderr.splitlines())


@pytest.mark.parametrize("name", SUMMARIES)
def test_summary_of_a_command_is_the_first_sentence_of_its_help(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command
    assert (command.help or "").partition("\n")[0] == SUMMARIES[name]
