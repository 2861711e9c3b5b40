"""The chart's alerts, as Prometheus' own promtool runs them."""

import json
from pathlib import Path
from typing import Any

import yaml

from chart.programs import ROOT, render, run, tool, values

RUNBOOK = ROOT / "docs/monitoring.md"
CASES = ROOT / "tests/chart/alerts.yaml"


def groups() -> list[dict[str, Any]]:
    rules = render(values("prometheus-operator"), "--set=metrics.prometheusRule.runbookURL=RUNBOOK")
    return list(rules["PrometheusRule", "double-booked"]["spec"]["groups"])


def alerts() -> set[str]:
    return {rule["alert"] for group in groups() for rule in group["rules"]}


def test_each_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(json.dumps({"groups": groups()}))
    (tmp_path / "alerts.yaml").write_text(CASES.read_text())
    run(tool("promtool"), "test", "rules", "alerts.yaml", cwd=tmp_path)


def test_none_is_left_out_of_the_cases() -> None:
    cases = [
        case
        for test in yaml.safe_load(CASES.read_text())["tests"]
        for case in test["alert_rule_test"]
    ]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts()


def test_the_runbook_has_a_section_for_each() -> None:
    sections = {line.removeprefix("### ") for line in RUNBOOK.read_text().splitlines()}
    assert alerts() <= sections
