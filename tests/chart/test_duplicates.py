"""Test that no key or name is rendered twice; the user's value wins."""

from collections import Counter
from collections.abc import Hashable, Iterator
from typing import Any

import pytest
import yaml

from chart.programs import NAMES, container, environment, render, template, values

SAME = values("same-names")
KEYS = {
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "containers": "name",
    "initContainers": "name",
    "imagePullSecrets": "name",
    "ports": "name",
}
"""Lists of Kubernetes whose entries are identified by a field."""


class StrictLoader(yaml.SafeLoader):
    """A YAML loader that rejects duplicate keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        keys = Counter(self.construct_object(key, deep=True) for key, _ in node.value)
        repeated = [key for key, count in keys.items() if count > 1]
        assert not repeated, f"{repeated} twice, {node.start_mark}"
        return super().construct_mapping(node, deep)


def repeated(value: Any, path: str = "") -> Iterator[str]:
    """Yield the paths of lists with duplicate names or duplicate strings."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from repeated(child, f"{path}.{key}")
    if isinstance(value, list):
        last = path.rpartition(".")[2]
        names = [
            element.get(KEYS.get(last, ""), index) if isinstance(element, dict) else element
            for index, element in enumerate(value)
        ]
        yield from (f"{path}: {name}" for name, count in Counter(names).items() if count > 1)
        for element in value:
            yield from repeated(element, path)


@pytest.mark.parametrize("name", NAMES)
def test_no_key_or_name_is_rendered_twice(name: str) -> None:
    for manifest in filter(None, yaml.load_all(template(values(name)), StrictLoader)):
        assert list(repeated(manifest, manifest["kind"])) == []


def test_the_checks_find_duplicates() -> None:
    with pytest.raises(AssertionError, match="'a'"):
        yaml.load("{a: 1, b: {a: 1, a: 2}}", StrictLoader)  # noqa: S506 - a safe loader
    assert list(repeated({"env": [{"name": "A"}, {"name": "A"}]})) == [".env: A"]


def test_the_users_environment_wins() -> None:
    objects = render(SAME)
    settings = environment(objects)
    assert (settings["LOG_CALLS"], settings["WORKER_THREADS"]) == ("errors", "3")
    [format_] = [
        variable
        for variable in container(objects, "double-booked-operator")["env"]
        if variable["name"] == "LOG_FORMAT"
    ]
    assert format_["value"] == "console"


def test_the_users_labels_and_annotations_win() -> None:
    objects = render(SAME)
    name = "app.kubernetes.io/name"
    pod = objects["Deployment", "double-booked"]["spec"]["template"]["metadata"]
    assert pod["labels"][name] == "conflicts"
    assert pod["annotations"]["prometheus.io/port"] == "9090"
    pod = objects["Deployment", "double-booked-operator"]["spec"]["template"]["metadata"]
    assert pod["labels"][name] == "bookings"
    assert pod["annotations"]["prometheus.io/path"] == "/other"
    labels = {
        kind: objects[kind, key]["metadata"]["labels"][name]
        for kind, key in (
            ("Service", "double-booked"),
            ("ServiceMonitor", "double-booked"),
            ("ServiceMonitor", "double-booked-operator"),
            ("PrometheusRule", "double-booked"),
            ("ConfigMap", "double-booked-dashboard"),
        )
    }
    assert labels == {
        "Service": "conflicts",
        "ServiceMonitor": "monitors",
        "PrometheusRule": "rules",
        "ConfigMap": "dashboards",
    }
    annotations = objects["Ingress", "double-booked"]["metadata"]["annotations"]
    assert annotations["networking.gke.io/managed-certificates"] == "one,two"
    assert "HTTPS" in str(objects["Service", "double-booked"]["metadata"]["annotations"])


def test_the_operators_ports_and_network_are_values() -> None:
    objects = render(SAME)
    key = "double-booked-operator"
    spec = objects["Deployment", key]["spec"]["template"]["spec"]
    assert (spec["hostNetwork"], spec["dnsPolicy"]) == (True, "ClusterFirstWithHostNet")
    operator = container(objects, key)
    settings = {variable["name"]: variable.get("value") for variable in operator["env"]}
    assert (settings["WEBHOOK_HOST"], settings["HEALTH_CHECK_HOST"]) == (":9443", ":9090")
    ports = {port["name"]: port["containerPort"] for port in operator["ports"]}
    assert ports == {"webhook": 9443, "http": 9090}
    assert objects["Service", key]["spec"]["ports"][0]["targetPort"] == 9443
    assert objects["Service", f"{key}-metrics"]["spec"]["ports"][0]["targetPort"] == 9090
    policy = render(
        "--set=operator.enabled=true,networkPolicy.enabled=true,operator.webhookPort=9443"
    )
    ports = [rule["ports"][0]["port"] for rule in policy["NetworkPolicy", key]["spec"]["ingress"]]
    assert ports == [9443, 8080]
