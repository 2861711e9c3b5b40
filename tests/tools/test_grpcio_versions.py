"""Test that pyproject.toml allows exactly the versions of grpcio that the tests run on."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from double_booked.api import scheduling_pb2_grpc

ROOT = Path(__file__).parents[2]
GRPCIO = ["grpcio", "grpcio-health-checking", "grpcio-reflection", "grpcio-status"]


def allowed() -> dict[str, Requirement]:
    """Return the dependencies in pyproject.toml by name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        requirement.name: requirement for requirement in map(Requirement, project["dependencies"])
    }


def pinned(lock: str) -> dict[str, Version]:
    """Return the versions in a lock file by package."""
    pins = re.findall(r"^(\S+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {name: Version(version) for name, version in pins}


def bound(package: str, operator: str) -> Version:
    """Return the version in the only bound of a dependency with this operator."""
    [version] = [
        bound.version for bound in allowed()[package].specifier if bound.operator == operator
    ]
    return Version(version)


def test_the_oldest_pins_are_the_lower_bounds() -> None:
    assert pinned("requirements-grpcio-oldest.txt") == {
        package: bound(package, ">=") for package in GRPCIO
    }


@pytest.mark.parametrize("package", GRPCIO)
@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_the_cap_allows_no_series_newer_than_the_lock(lock: str, package: str) -> None:
    newest = pinned(lock)[package]
    assert newest in allowed()[package].specifier
    assert bound(package, "<") == Version(f"{newest.major}.{newest.minor + 1}")


def test_the_generated_code_works_with_the_oldest_grpcio() -> None:
    assert Version(scheduling_pb2_grpc.GRPC_GENERATED_VERSION) <= bound("grpcio", ">=")
