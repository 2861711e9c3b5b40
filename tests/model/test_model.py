"""The protocol of the ledger holds in the model, and needs each of its guards."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from . import rollout

SOURCES = Path(__file__).parent
DOCS = SOURCES.parents[1] / "docs/admission.md"
COMPILE = ["g++", "-std=c++20", "-O2", "-Wall", "-Wextra", "-Werror"]

CAUGHT_IN = {
    "cas": ("race", 10),
    "wait-for-watermark": ("race", 12),
    "raise-watermark": ("race", 12),
    "reserve-before-answer": ("race", 6),
    "expire-after-late-writes": ("race", 12),
    "new-id-on-renewal": ("update-retry", 17),
    "look-before-expiry": ("race", 13),
    "calendars-on-ledger": ("capacity-lowered", 13),
    "strictest-rules": ("capacity-lowered", 15),
    "later-version-settles": ("move", 11),
    "uid-settles": ("remade-name", 12),
    "new-ledger-closed": ("restored", 12),
    "ledger-cannot-be-deleted": ("deleted", 13),
    "list-before-opening": ("restored", 15),
    "list-before-answering": ("move", 7),
    "dropped-links-on-ledger": ("name-dropped", 8),
    "links-of-all-states": ("name-added", 8),
    "added-links-on-ledger": ("linked-by-two", 8),
    "limit-links-of-creates": ("linked-by-name", 10),
}
"""A scenario that goes wrong without a guard, and the steps of a shortest way to that."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of the compiled model."""
    if not shutil.which("g++"):
        pytest.skip("the model needs g++")
    path = tmp_path_factory.mktemp("model") / "ledger"
    subprocess.run([*COMPILE, "-o", path, SOURCES / "ledger.cpp"], check=True)
    return path


def run(model: Path, *arguments: str) -> list[list[str]]:
    """Return the words of each line that the model prints."""
    done = subprocess.run([model, *arguments], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return [line.split() for line in done.stdout.splitlines()]


def test_no_small_scenario_goes_over_capacity(model: Path) -> None:
    results = {scenario: result for _, scenario, result, *_ in run(model, "small")}
    assert {scenario for scenario, _ in CAUGHT_IN.values()} < set(results)
    assert set(results.values()) == {"holds"}


def test_finer_clock_changes_nothing(model: Path) -> None:
    for scenario in ("race", "restored", "first-use"):
        [[_, _, result, *_]] = run(model, "small", "--fine", f"--scenario={scenario}")
        assert result == "holds"


def test_every_guard_has_a_scenario(model: Path) -> None:
    assert [name for _, name in run(model, "guards")] == list(CAUGHT_IN)


@pytest.mark.parametrize("guard", CAUGHT_IN)
def test_guard_is_needed(model: Path, guard: str) -> None:
    scenario, steps = CAUGHT_IN[guard]
    options = f"--without={guard}", f"--scenario={scenario}", "--trace"
    [[_, _, result, _, length, _], *lines] = run(model, "small", *options)
    trace = [line for line in lines if line[0].rstrip(".").isdigit()]
    assert (result, int(length), len(trace)) == ("violated", steps, steps)
    assert lines[-1][0] == "calendar"


def test_trace_to_a_mistake_is_readable(model: Path) -> None:
    done = subprocess.run(
        [model, "small", "--without=reserve-before-answer", "--scenario=restored", "--trace"],
        capture_output=True,
        text=True,
        check=False,
    )
    _, *lines = done.stdout.splitlines()
    assert lines == [
        "  capacities 1, 1; at most 4 linked",
        "  create of b0: S1",
        "  create of b1: S1",
        "   1. create of b0: request begins",
        "   2. create of b0: fits, decides replica 1",
        "   3. create of b0: lands",
        "   4. create of b1: request begins",
        "   5. create of b1: fits, decides replica 1",
        "   6. create of b1: lands",
        "  calendar 0, slot 0: depth 2, capacity 1",
    ]


def test_scenarios_made_at_random_hold(model: Path) -> None:
    *rows, summary = run(model, "random", "--scenarios=10", "--limit=100000")
    assert summary == ["0", "of", str(len(rows)), "violated"]
    assert len(rows) > 4


def test_after_a_crash_nobody_waits(model: Path) -> None:
    assert run(model, "witness")[0] == ["reached"]


def test_rollout_and_rollback_never_let_both_sides_answer() -> None:
    assert rollout.check(rollout.Guards()).mistake == ""


@pytest.mark.parametrize("guard", rollout.GUARDS)
def test_guard_of_a_rollout_is_needed(guard: str) -> None:
    checked = rollout.check(replace(rollout.Guards(), **{guard: False}))
    assert checked.mistake


def test_docs_name_every_guard_and_its_scenario() -> None:
    row = r"^\| \d+ \| `([a-z-]+)` \|(?:.*\|)? `([a-z-]+)`, (\d+) steps \|$"
    rows = re.findall(row, DOCS.read_text(), re.MULTILINE)
    assert {guard: (scenario, int(steps)) for guard, scenario, steps in rows} == CAUGHT_IN
