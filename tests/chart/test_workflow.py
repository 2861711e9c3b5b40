"""Test that actionlint rejects a workflow that GitHub would reject; `make test-chart` runs it."""

import subprocess
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).parents[2] / ".github/workflows/release.yml"


@pytest.mark.parametrize(
    ("valid", "broken", "reason"),
    [
        ("needs: publish-chart", "needs: publish-charts", "does not exist"),
        ("steps.push.outputs.digest", "steps.pushed.outputs.digest", 'property "pushed"'),
        ("runs-on: ubuntu-24.04", "runs-in: ubuntu-24.04", "runs-in"),
    ],
)
def test_a_broken_workflow_is_rejected(valid: str, broken: str, reason: str) -> None:
    for content, faults in ((WORKFLOW.read_text(), ""), (None, reason)):
        text = content or WORKFLOW.read_text().replace(valid, broken)
        found = subprocess.run(
            ["actionlint", "-no-color", "-"],  # noqa: S607 - build/tools is on PATH
            input=text,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (found.returncode == 0) is (not faults), found.stdout
        assert faults in found.stdout
