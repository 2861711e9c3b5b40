"""Test `double-booked bookings` with a real API server and the real kubectl."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from chart.programs import CHART, ROOT
from e2e.conftest import Namespace, run, tool

EXAMPLES = ROOT / "examples/bookings"
WEEK = ("--from=2026-12-07", "--timezone=UTC")


@pytest.fixture
def place() -> Iterator[Namespace]:
    """Create a namespace with the example week."""
    existing = run(tool("kubectl"), "get", "crds", "--output=name")
    files = f"--filename={CHART}/files/crds"
    if "bookings.double-booked.io" not in existing or "calendars.double-booked.io" not in existing:
        run(tool("kubectl"), "apply", files)
    run(tool("kubectl"), "wait", "--for=condition=Established", "--timeout=60s", files)
    namespace = Namespace(f"week-{uuid4().hex[:8]}")
    namespace.kubectl("create", "namespace", namespace.name)
    try:
        namespace.kubectl("apply", f"--filename={EXAMPLES}/calendars.yaml")
        namespace.kubectl("apply", f"--filename={EXAMPLES}/bookings.yaml")
        yield namespace
    finally:
        namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")


def bookings(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "double_booked", "bookings", *arguments],
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "80"} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def output_of(place: Namespace, *arguments: str) -> str:
    done = bookings("--namespace", place.name, *WEEK, *arguments)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def test_bookings_reports_a_week_with_its_conflicts(place: Namespace) -> None:
    quiet = output_of(place)
    assert quiet.splitlines()[:7] == [
        "Mon 7 Dec 2026 (UTC)",
        "  gpu-pool",
        "    17:00-Wed 9 Dec 05:00  Train the ranking model  train-ranking",
        "  staging",
        "    09:00-12:00  Acceptance of release 41   release-41",
        "    13:00-17:30  Load test of the checkout  load-test-checkout",
        "",
    ]
    assert quiet.endswith("\nNo conflicts among 10 events.\n")

    place.kubectl("apply", f"--filename={EXAMPLES}/double-booking.yaml")
    condition = {
        "type": "DoubleBooked",
        "status": "True",
        "reason": "OverCapacity",
        "message": "Booked too late.",
        "lastTransitionTime": "2026-11-25T00:00:00Z",
    }
    marked = {
        "observedGeneration": 1,
        "conflictsWith": ["load-test-checkout"],
        "conditions": [condition],
    }
    patch = f"--patch={json.dumps({'status': marked})}"
    place.kubectl("patch", "bk", "hotfix-login", "--subresource=status", "--type=merge", patch)
    assert "  staging: 2 events, double-booked for 1h30m\n" in output_of(place)
    found = json.loads(output_of(place, "--format=json", "--calendar=staging"))
    [hotfix] = [booking for booking in found["bookings"] if booking["name"] == "hotfix-login"]
    assert (hotfix["doubleBooked"], hotfix["conflictsWith"]) == ("True", ["load-test-checkout"])
    assert [conflict["bookings"] for conflict in found["conflicts"]] == [
        ["load-test-checkout", "hotfix-login"]
    ]


def test_an_unreachable_server_is_one_line_of_error(tmp_path: Path) -> None:
    config = tmp_path / "config"
    server = ("--server=http://127.0.0.1:1", f"--kubeconfig={config}")
    run(tool("kubectl"), "config", "set-cluster", "nowhere", *server)
    run(tool("kubectl"), "config", "set-context", "nowhere", "--cluster=nowhere", server[1])
    run(tool("kubectl"), "config", "use-context", "nowhere", server[1])
    done = bookings(KUBECONFIG=str(config))
    assert (done.stdout, done.returncode) == ("", 2)
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: kubectl: The connection to the server 127.0.0.1:1 was refused")
