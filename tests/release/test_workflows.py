"""The workflows run what the project has, on what the package supports."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(path.name for path in FOLDER.iterdir())
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def read(name: str) -> dict[str, Any]:
    workflow: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return workflow


def commands(name: str) -> str:
    jobs = read(name)["jobs"].values()
    return "\n".join(step.get("run", "") for job in jobs for step in job["steps"])


def test_ci_tests_every_supported_python_on_amd64_and_arm64() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    supported = re.findall(r"Python :: (3\.\d+)", " ".join(classifiers))
    assert read("ci.yml")["jobs"]["test"]["strategy"]["matrix"] == {
        "python": supported,
        "runner": ["ubuntu-24.04", "ubuntu-24.04-arm"],
    }


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_run_targets_that_the_makefile_has(name: str) -> None:
    used = set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", commands(name)))
    assert used
    assert used <= TARGETS


def test_workflows_run_all_that_a_plain_machine_runs() -> None:
    used = set(re.findall(r"\bmake ([a-z][a-z0-9-]*)", commands("ci.yml") + commands("e2e.yml")))
    script = (ROOT / ".ci/run").read_text()
    only_there = {"e2e-failed", "spark-stand-in"}
    assert set(re.findall(r"^ *make ([a-z0-9-]*)", script, re.MULTILINE)) - only_there <= used


@pytest.mark.parametrize("name", WORKFLOWS)
def test_jobs_have_a_time_limit_and_the_least_permissions(name: str) -> None:
    workflow = read(name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert job["permissions"]
        if name != "release.yml":
            assert job["permissions"] == {"contents": "read"}
