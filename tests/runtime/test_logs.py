"""Logs go to standard error, one line per event, in the chosen level and format."""

import json
import subprocess
import sys

import pytest

from double_booked.settings import Settings

PROGRAM = """
import logging, structlog
from pathlib import Path
from double_booked.runtime import logs
from double_booked.settings import Settings
logs.configure({level!r}, {form!r})
structlog.get_logger().debug("detail")
structlog.get_logger().info("hello", answer=42)
structlog.get_logger().info("odd", name="\\udcff", number=2**70, path=Path("/a"))
logging.getLogger("some.library").warning("from %s", "afar")
try:
    1 / 0
except ZeroDivisionError:
    structlog.get_logger().exception("failed")
"""


def lines(settings: Settings, program: str = PROGRAM) -> list[str]:
    """Return the lines that a process logs to a pipe, and check that it prints nothing else."""
    program = program.format(level=settings.log_level, form=settings.log_format)
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == ""
    return run.stderr.splitlines()


def test_log_is_json_without_a_terminal_also_from_the_standard_library() -> None:
    hello, odd, afar, failed = map(json.loads, lines(Settings()))
    assert hello["event"] == "hello"
    assert hello["answer"] == 42
    assert hello["level"] == "info"
    assert hello["timestamp"].endswith("Z")
    assert (odd["name"], odd["number"], odd["path"]) == ("\udcff", 2**70, "PosixPath('/a')")
    assert odd["timestamp"].endswith("Z")
    assert (afar["event"], afar["level"], afar["logger"]) == (
        "from afar",
        "warning",
        "some.library",
    )
    assert "ZeroDivisionError" in failed["exception"]


@pytest.mark.parametrize(("level", "count"), [("debug", 5), ("info", 4), ("warning", 2)])
def test_log_level_drops_less_severe_events(level: str, count: int) -> None:
    assert len(lines(Settings(log_level=level))) == count


def test_console_format_without_a_terminal_has_no_colours() -> None:
    text = "\n".join(lines(Settings(log_format="console")))
    assert "answer=42" in text
    assert "\x1b" not in text


HOSTILE = """
import structlog
from double_booked.runtime import logs
from double_booked.settings import Settings
logs.configure("info", {form!r})
for name in ("/a\\x1b]0;pwned\\x07", "/a\\nlevel=error \\u202e"):
    structlog.get_logger().info("rpc", method=name)
"""


def test_log_escapes_control_characters_of_clients() -> None:
    [coloured, turned] = lines(Settings(log_format="console"), HOSTILE)
    assert r"method='/a\x1b]0;pwned\x07'" in coloured
    assert r"method='/a\nlevel=error \u202e'" in turned
    for line in lines(Settings(log_format="json"), HOSTILE):
        assert json.loads(line)["method"].startswith("/a")
        assert "\x1b" not in line
