"""Test every fuzz target with its seeds and with random bytes."""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

TARGETS = sorted(path.stem for path in Path(__file__).parent.glob("targets/*.py"))


@pytest.fixture(params=TARGETS, scope="module")
def target(request: pytest.FixtureRequest) -> ModuleType:
    return import_module(f"fuzz.targets.{request.param}")


def test_the_seeds_break_nothing(target: ModuleType) -> None:
    assert target.SEEDS
    for seed in target.SEEDS:
        target.check(seed)


@settings(max_examples=50)
@given(data=st.binary(max_size=200))
def test_random_bytes_break_nothing(target: ModuleType, data: bytes) -> None:
    target.check(data)
