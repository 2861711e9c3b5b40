"""`double-booked-spark`: what it refuses before it starts Spark, and its exit codes."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from double_booked.commands.spark import Summary, exit_code, main

REQUIRED = ("--input=in", "--output=out", "--key=id", "--start=start", "--end=end")


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        ("--input=iceberg:events", "'iceberg:events' is not iceberg:CATALOG.DB.TABLE"),
        ("--carry-output=in", "--carry-output names another table of this run"),
        ("--output=in", "--output is the same as --input; name another table"),
        ("--capacity=room-a=none", "is not RESOURCE=NUMBER"),
        ("--capacity=0", "is not RESOURCE=NUMBER"),
        ("--max-events-per-range=0", "--max-events-per-range"),
        ("--min-gap=soon", "'soon' is not a duration"),
        ("--zone=Mars", "'Mars' is no time zone"),
        ("--unit=weeks", "--unit"),
        ("--errors=ignore", "--errors"),
    ],
)
def test_a_mistake_is_named(mistake: str, sentence: str) -> None:
    refused = CliRunner().invoke(main, [*REQUIRED, mistake])
    assert refused.exit_code == 2
    assert sentence in " ".join(refused.stderr.split())


@pytest.mark.parametrize(
    ("first", "second"),
    [("--exit-zero", "--fail-on=any"), ("--capacity=2", "--capacity-table=capacities")],
)
def test_options_that_contradict_each_other_are_refused(first: str, second: str) -> None:
    refused = CliRunner().invoke(main, [*REQUIRED, first, second])
    assert refused.exit_code == 2
    assert "exclude each other" in refused.stderr


@pytest.mark.parametrize(
    ("summary", "fail_on", "code"),
    [
        (Summary(events=2, members=0, groups=0), "any", 0),
        (Summary(events=2, members=2, groups=1), "any", 1),
        (Summary(events=2, members=2, groups=0), "any", 1),
        (Summary(events=2, members=2, groups=1), "none", 0),
        (Summary(events=0, members=0, groups=0), "any", 0),
        (Summary(events=0, members=0, groups=0), "empty", 1),
        (Summary(events=2, members=2, groups=1), "empty", 1),
    ],
)
def test_the_exit_code_is_that_of_check(summary: Summary, fail_on: str, code: int) -> None:
    assert exit_code(summary, fail_on) == code


def test_the_module_runs_as_a_script() -> None:
    command = [sys.executable, "-m", "double_booked.commands.spark", "--help"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert "--max-events-per-range" in done.stdout
