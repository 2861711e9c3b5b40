"""The chart's alert rules and their test cases."""

from typing import Any

from chart.programs import ROOT, render, values

CASES = ROOT / "tests/chart/alerts.yaml"


def groups(*options: str) -> list[dict[str, Any]]:
    """Return the groups of rules that helm renders with more options."""
    runbook = "--set=metrics.prometheusRule.runbookURL=RUNBOOK"
    rules = render(values("prometheus-operator"), values("operator"), runbook, *options)
    return list(rules["PrometheusRule", "double-booked"]["spec"]["groups"])
