"""Each defence of the threat model names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/threat-model.md"
HEAD = "| asset | attacker | defence | test |"


def defences(text: str) -> list[str]:
    """Return the rows of the tables of defences."""
    rows, is_inside = [], False
    for line in text.splitlines():
        is_inside = line.startswith("|") and (is_inside or line == HEAD)
        if is_inside and line != HEAD and not line.startswith("|---"):
            rows.append(line)
    return rows


def named_tests(row: str) -> list[str]:
    """Return the tests in the last cell of a row."""
    return re.findall(r"`(tests/\S+\.py::\w+)`", row.split("|")[-2])


def exists(test: str) -> bool:
    """Return whether a file has a test of that name."""
    file, _, name = test.partition("::")
    if not (ROOT / file).is_file():
        return False
    defined = ast.parse((ROOT / file).read_text()).body
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, kinds) and node.name == name for node in defined)


def test_page_has_more_than_forty_defences() -> None:
    assert len(defences(PAGE.read_text())) > 40


@pytest.mark.parametrize("row", defences(PAGE.read_text()))
def test_defence_names_tests_that_exist(row: str) -> None:
    assert len(row.split("|")) == 6, "a row has four cells"
    assert named_tests(row), "no test named like `tests/server/test_tls.py::test_name`"
    assert [test for test in named_tests(row) if not exists(test)] == []


@pytest.mark.parametrize(
    "stale", ["tests/test_threat_model.py::test_that_was_renamed", "tests/gone.py::test_all"]
)
def test_missing_test_is_detected(stale: str) -> None:
    assert not exists(stale)
    assert exists("tests/test_threat_model.py::test_missing_test_is_detected")
