"""Test that the attacks of `make bench-hostile` run, and that missed goals are reported."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.hostile.attacks import Shot, fire
from bench.hostile.cgroups import limited
from bench.hostile.costs import Cost
from bench.hostile.requests import COSTLY, GET, MAX_MESSAGE, framed, small
from bench.hostile.server import serving

TESTS = Path(__file__).parents[1]
IMPORTS = (
    "import asyncio\n"
    "from bench.hostile import costs, floods, memory, webhook\n"
    "from bench.hostile.attackers import Attackers\n"
    "from bench.hostile.goals import show_figures\n"
    "from bench.hostile.memory import Case\n"
    "from bench.hostile.requests import GET, SWEEP, Request, small\n"
)
SMALL = {
    "memory": "memory.measure(attackers, [Case('a list', ((GET, lambda _: small()),), (1, 20))])",
    "costs": "costs.measure(attackers, [Request('a list', GET, lambda _: small())])",
    "feeds": "costs.measure_feeds(attackers, [Request('a list', SWEEP, lambda _: small(1))])",
    "resets": "floods.measure_resets(attackers, seconds=0.2)",
    "idle": "floods.measure_idle(attackers, feeds=10, seconds=0.2)",
    "streams": "floods.measure_streams(attackers, seconds=0.2)",
    "burst": "floods.measure_burst(10)",
    "http": "floods.measure_http(3, seconds=1)",
    "webhook": "webhook.measure(kept=40, reconnected=20)",
}


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program that imports the attacks."""
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("topic", SMALL)
def test_a_topic_prints_figures_beside_their_goals(topic: str) -> None:
    ran = run(
        f"{IMPORTS}\n"
        "async def main():\n"
        "    async with Attackers() as attackers:\n"
        f"        show_figures('Hostile callers', await {SMALL[topic]})\n"
        "asyncio.run(main())"
    )
    assert ran.stderr == ""
    assert "| what | goal | figure |" in ran.stdout


@pytest.mark.parametrize(
    ("is_met", "code", "verdict"), [("True", 0, "met"), ("False", 1, "MISSED")]
)
def test_a_missed_goal_sets_the_exit_code(is_met: str, code: int, verdict: str) -> None:
    ran = run(
        "import sys\n"
        "from bench.hostile.__main__ import conclude\n"
        "from bench.hostile.goals import Figure\n"
        f"sys.exit(conclude([Figure('what', 'goal', 'figure', {is_met})]))"
    )
    assert ran.returncode == code
    assert f"| {verdict} |" in ran.stdout


def test_an_unknown_topic_is_rejected_with_the_list_of_topics() -> None:
    program = "import runpy; runpy.run_module('bench.hostile', run_name='__main__')"
    ran = run(program, "--only", "weather")
    assert ran.returncode == 2
    assert "memory" in ran.stderr


@pytest.mark.parametrize("request_name", [request.name for request in COSTLY])
def test_a_costly_request_is_within_the_limit_of_a_message(request_name: str) -> None:
    [request] = [request for request in COSTLY if request.name == request_name]
    eighth, quarter = (len(request.make(share)) for share in (0.125, 0.25))
    assert 4 * quarter <= MAX_MESSAGE * 1.001
    assert quarter > 1.5 * eighth


async def test_a_server_reports_its_calls_and_how_it_ended() -> None:
    with serving() as server:
        shots = [Shot(GET, (framed(small()),))] * 3 + [Shot(GET, (framed(b"\xff"),))] * 2
        outcome = await asyncio.to_thread(fire, server.port, shots, 20)
        assert (outcome.made, outcome.ended) == (5, 5)
        assert await server.codes() == {"OK": 3, "INVALID_ARGUMENT": 2}
        assert server.peak_bytes() > 10_000_000
        assert server.end() == ""
        server.process.kill()
        server.process.wait()
        assert server.end() == "ended by SIGKILL"
        assert await server.codes() == {}
        assert server.cpu_seconds() == 0


def test_an_incomplete_cost_says_so() -> None:
    assert str(Cost(11.0, "given up")) == "over 11.00"
    assert str(Cost(0.5)) == "0.50"


def test_a_cgroup_v2_gets_the_limits(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    with limited(1024, 0.5, tmp_path) as cgroup:
        assert cgroup
        [folder] = cgroup.folders
        assert (folder / "memory.max").read_text() == "1024"
        assert (folder / "cpu.max").read_text() == "50000 100000"
        assert cgroup.peak == folder / "memory.peak"
        empty(folder)
    assert not folder.exists()


def test_a_cgroup_v1_gets_the_limits(tmp_path: Path) -> None:
    for controller in ("memory", "cpu"):
        (tmp_path / controller).mkdir()
    with limited(1024, 2, tmp_path) as cgroup:
        assert cgroup
        memory, cpu = cgroup.folders
        assert (memory / "memory.limit_in_bytes").read_text() == "1024"
        assert (cpu / "cpu.cfs_quota_us").read_text() == "200000"
        empty(memory)
        empty(cpu)
    assert not memory.exists()


def test_limited_yields_none_without_cgroups(tmp_path: Path) -> None:
    with limited(1024, 1, tmp_path / "missing") as cgroup:
        assert cgroup is None


def empty(folder: Path) -> None:
    """Remove the files of a folder, as the system does when a cgroup is removed."""
    for file in folder.iterdir():
        file.unlink()
