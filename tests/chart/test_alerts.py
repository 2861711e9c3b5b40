"""Test the chart's alerts with promtool."""

import json
from pathlib import Path

import pytest
import yaml

from chart.alert_rules import CASES, groups
from chart.programs import ROOT, render, run, tool, values

RUNBOOK = ROOT / "docs/monitoring.md"


def alerts() -> set[str]:
    return {rule["alert"] for group in groups() for rule in group["rules"]}


def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": groups()}))
    (tmp_path / "alerts.yaml").write_text(CASES.read_text())
    run(tool("promtool"), "test", "rules", "alerts.yaml", cwd=tmp_path)


def test_every_alert_has_a_case() -> None:
    cases = [
        case
        for test in yaml.safe_load(CASES.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts()


def test_the_runbook_has_a_section_for_each_alert() -> None:
    sections = {line.removeprefix("### ") for line in RUNBOOK.read_text().splitlines()}
    assert alerts() <= sections


def test_alerts_cover_only_what_is_installed() -> None:
    """Two alerts fire on absence, so they would always fire without the service or the operator."""
    assert [group["name"] for group in groups()] == ["double-booked", "double-booked-operator"]
    [of_service] = groups("--set=operator.enabled=false")
    assert "operator" not in json.dumps(of_service)
    [of_operator] = groups("--set=service.enabled=false")
    assert of_operator == groups()[1]
    assert ("PrometheusRule", "double-booked") not in render(values("operator"))


@pytest.mark.parametrize(
    ("policy", "consequence"), [("Fail", "are rejected"), ("Ignore", "are admitted unchecked")]
)
def test_the_alert_describes_the_failure_policy(policy: str, consequence: str) -> None:
    _, of_operator = groups(f"--set=operator.failurePolicy={policy}")
    [alert] = [
        rule for rule in of_operator["rules"] if rule["alert"] == "DoubleBookedOperatorNotAdmitting"
    ]
    assert consequence in alert["annotations"]["description"]
