"""Alerts, dashboard and runbook ask the operator for nothing that it does not tell.

What it tells is what its own registry exposes, with a booking and a review; no cluster is needed.
Prometheus' promtool answers the queries, as series stored the way Prometheus stores them.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from prometheus_client import Metric
from prometheus_client.samples import Sample
from tests.operator.factories import booking, calendar, key, metrics_of, schedule_of

from chart.programs import CHART, ROOT, run, tool
from chart.test_alerts import CASES, groups

NAME = re.compile(r"\bdouble_booked_operator_[a-z_]+")
LABEL = re.compile(r"{{(\w+)}}")
OF_TARGETS = 'namespace="shared",instance="a"'
FAR = 1_000_000
"""An hour in 2139: what is over by the clock is no conflict."""


def exposed() -> list[Metric]:
    """All metrics, each with at least one series."""
    held = schedule_of(calendar(), booking("a", 9, FAR), booking("b", 9, FAR))
    made = metrics_of(held, {key("b"): (key("staging"),)})
    made.reviews.labels("bookings", "refused").observe(0.1)
    found = [each for each in made.registry.collect() if NAME.match(each.name)]
    assert all(each.samples for each in found)
    return found


def names() -> set[str]:
    """What a query can name."""
    return {sample.name for metric in exposed() for sample in metric.samples}


def named(text: str) -> set[str]:
    found = set(NAME.findall(text))
    assert found
    return found


def stored(sample: Sample) -> dict[str, str]:
    """A series as promtool is told of it; it grows, so that rates are there too.

    A label that the target has too is stored as exported_, with metrics.serviceMonitor as with
    metrics.podMonitoring and with annotations.
    """
    labels = [
        f"{'exported_' if label == 'namespace' else ''}{label}={json.dumps(value)}"
        for label, value in sample.labels.items()
    ]
    series = f"{sample.name}{{{','.join([OF_TARGETS, *labels])}}}"
    return {"series": series, "values": f"{float(sample.value)}+1x30"}


def row() -> list[dict[str, Any]]:
    """The panels of the operator."""
    panels = json.loads((CHART / "files/dashboard.json").read_text())["panels"]
    [found] = [panel for panel in panels if panel["title"] == "Operator"]
    return list(found["panels"])


def targets() -> Iterator[tuple[str, list[str]]]:
    """The queries, and the labels that their legends show."""
    for panel in row():
        for target in panel["targets"]:
            expression = target["expr"].replace("$namespace", "shared")
            labels = LABEL.findall(target["legendFormat"])
            yield expression.replace("$__rate_interval", "5m"), labels


def finds(expression: str) -> dict[str, Any]:
    """What promtool is told to make sure that a query has an answer."""
    samples = [{"labels": "{}", "value": 1}]
    return {"expr": f"count({expression}) > bool 0", "eval_time": "20m", "exp_samples": samples}


def test_every_dashboard_query_finds_something(tmp_path: Path) -> None:
    """It proves syntax, names, labels that are selected by, and labels that legends show."""
    asked = []
    for expression, labels in targets():
        asked.append(finds(expression))
        # Without labels of its own the vector takes away what has no such label, or an empty one.
        asked += [finds(f"({expression}) unless on ({each}) vector(0)") for each in labels]
    series = [stored(sample) for metric in exposed() for sample in metric.samples]
    assert ask(tmp_path, series, asked) == ""


def test_a_query_that_finds_nothing_fails(tmp_path: Path) -> None:
    series = [stored(Sample("known", {"a": "b"}, 1))]
    known = [finds("known"), finds("known unless on (a) vector(0)")]
    assert ask(tmp_path, series, known) == ""
    for wrong in ("unknown", "known{a='c'}", "known unless on (c) vector(0)"):
        assert wrong in ask(tmp_path, series, [*known, finds(wrong)])


def ask(folder: Path, series: list[dict[str, str]], asked: list[dict[str, Any]]) -> str:
    """What promtool complains of."""
    test = {"interval": "1m", "input_series": series, "promql_expr_test": asked}
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
