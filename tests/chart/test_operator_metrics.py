"""Test that alerts, dashboard and runbook use only metrics that the operator exposes.

The exposed metrics are those of the operator's registry with a booking and a review; no cluster is
needed. promtool evaluates the queries on series as Prometheus stores them.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import Metric
from prometheus_client.samples import Sample
from tests.operator.factories import booking, calendar, key, metrics_of, schedule_of

from chart.alert_rules import CASES, groups
from chart.programs import CHART, ROOT, run, tool

NAME = re.compile(r"\bdouble_booked_operator_[a-z_]+")
LABEL = re.compile(r"{{(\w+)}}")
OF_TARGETS = 'namespace="shared",instance="a"'
FAR = 1_000_000
"""Start hour of bookings, in 2139: bookings that have ended do not count as conflicts."""


def exposed() -> list[Metric]:
    """Return all metrics; each must have at least one series."""
    schedule = schedule_of(calendar(), booking("a", 9, FAR), booking("b", 9, FAR))
    metrics = metrics_of(schedule, {key("b"): (key("staging"),)})
    metrics.reviews.labels("bookings", "refused").observe(0.1)
    found = [metric for metric in metrics.registry.collect() if NAME.match(metric.name)]
    assert all(metric.samples for metric in found)
    return found


def names() -> set[str]:
    """Return the names that a query can use."""
    return {sample.name for metric in exposed() for sample in metric.samples}


def named(text: str) -> set[str]:
    found = set(NAME.findall(text))
    assert found
    return found


def stored(sample: Sample) -> dict[str, str]:
    """Return a sample as an input series of promtool; it grows, so that rates are not zero.

    A label that the target has too is stored with the prefix exported_, whatever way of scraping
    is used.
    """
    labels = [
        f"{'exported_' if label == 'namespace' else ''}{label}={json.dumps(value)}"
        for label, value in sample.labels.items()
    ]
    series = f"{sample.name}{{{','.join([OF_TARGETS, *labels])}}}"
    return {"series": series, "values": f"{float(sample.value)}+1x30"}


def row() -> list[dict[str, Any]]:
    """Return the operator's panels in the dashboard."""
    panels = json.loads((CHART / "files/dashboard.json").read_text())["panels"]
    [found] = [panel for panel in panels if panel["title"] == "Operator"]
    return list(found["panels"])


def targets() -> Iterator[tuple[str, list[str]]]:
    """Yield each query, and the labels in its legend."""
    for panel in row():
        for target in panel["targets"]:
            expression = target["expr"].replace("$namespace", "shared")
            labels = LABEL.findall(target["legendFormat"])
            yield expression.replace("$__rate_interval", "5m"), labels


def finds(expression: str) -> dict[str, Any]:
    """Return the promtool test that a query has a result."""
    samples = [{"labels": "{}", "value": 1}]
    return {"expr": f"count({expression}) > bool 0", "eval_time": "20m", "exp_samples": samples}


def test_every_dashboard_query_finds_something(tmp_path: Path) -> None:
    """This checks the syntax, the metric names, and the labels in selectors and legends."""
    tests = []
    for expression, labels in targets():
        tests.append(finds(expression))
        # The vector has no labels, so it removes results in which the label is missing or empty.
        tests += [finds(f"({expression}) unless on ({label}) vector(0)") for label in labels]
    series = [stored(sample) for metric in exposed() for sample in metric.samples]
    assert evaluate(tmp_path, series, tests) == ""


def test_a_query_that_finds_nothing_fails(tmp_path: Path) -> None:
    series = [stored(Sample("known", {"a": "b"}, 1))]
    known = [finds("known"), finds("known unless on (a) vector(0)")]
    assert evaluate(tmp_path, series, known) == ""
    for wrong in ("unknown", "known{a='c'}", "known unless on (c) vector(0)"):
        assert wrong in evaluate(tmp_path, series, [*known, finds(wrong)])


def evaluate(folder: Path, series: list[dict[str, str]], tests: list[dict[str, Any]]) -> str:
    """Return promtool's errors; "" if there are none."""
    test = {"interval": "1m", "input_series": series, "promql_expr_test": tests}
    (folder / "queries.yaml").write_text(json.dumps({"tests": [test]}))
    try:
        run(tool("promtool"), "test", "rules", "queries.yaml", cwd=folder)
    except AssertionError as error:
        return str(error)
    return ""


def test_alerts_and_their_cases_name_exposed_metrics() -> None:
    _, of_operator = groups()
    for rule in of_operator["rules"]:
        assert named(rule["expr"]) <= names()
    assert named(CASES.read_text()) <= names()


def test_the_docs_list_exactly_the_exposed_metrics() -> None:
    listed = named((ROOT / "docs/monitoring.md").read_text())
    families = {metric.name for metric in exposed()}
    assert listed <= names() | families
    missing = {
        metric.name
        for metric in exposed()
        if listed.isdisjoint({metric.name, *(sample.name for sample in metric.samples)})
    }
    assert missing == set()
