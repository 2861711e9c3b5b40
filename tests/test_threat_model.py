"""Each defence of the threat model is proven by a test that exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/threat-model.md"
HEAD = "| asset | attacker | defence | test |"


def defences(text: str) -> list[str]:
    """The rows of the tables of defences."""
    rows, is_inside = [], False
    for line in text.splitlines():
        is_inside = line.startswith("|") and (is_inside or line == HEAD)
        if is_inside and line != HEAD and not line.startswith("|---"):
            rows.append(line)
    return rows


def proofs_of(row: str) -> list[str]:
    """The tests in the last cell of a row."""
    return re.findall(r"`(tests/\S+\.py::\w+)`", row.split("|")[-2])


def exists(test: str) -> bool:
    """Whether a file has a test of that name."""
    file, _, name = test.partition("::")
    if not (ROOT / file).is_file():
        return False
    defined = ast.parse((ROOT / file).read_text()).body
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(each, kinds) and each.name == name for each in defined)


def test_there_are_defences() -> None:
    assert len(defences(PAGE.read_text())) > 40


@pytest.mark.parametrize("row", defences(PAGE.read_text()))
def test_a_defence_names_tests_that_exist(row: str) -> None:
    assert len(row.split("|")) == 6, "a row has four cells"
    assert proofs_of(row), "it names no test, as `tests/server/test_tls.py::test_name`"
    assert [each for each in proofs_of(row) if not exists(each)] == []


@pytest.mark.parametrize(
    "stale", ["tests/test_threat_model.py::test_that_was_renamed", "tests/gone.py::test_all"]
)
def test_a_test_that_is_gone_is_found(stale: str) -> None:
    assert not exists(stale)
    assert exists("tests/test_threat_model.py::test_a_test_that_is_gone_is_found")
