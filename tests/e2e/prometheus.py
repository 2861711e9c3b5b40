"""A real Prometheus, which scrapes pods through the API server."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from e2e.conftest import Namespace, tool
from ports import free_port
from waiting import wait_until

SECONDS = 60.0
META = "__meta_kubernetes_"
OF_SERVICE = "kubernetes.io/service-name"
Labels = dict[str, str]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus and its API."""

    address: str

    def ask(self, path: str) -> Any:
        """Return the data of an answer of its HTTP API."""
        with urlopen(f"http://{self.address}/api/v1/{path}", timeout=SECONDS) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the current result of a query."""
        return list(self.ask(f"query?query={quote(expression)}")["result"])

    def rules(self) -> list[dict[str, Any]]:
        """Return all rules with their health and state."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def firing(self) -> set[str]:
        """Return the names of the firing alerts."""
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"]}


@contextmanager
def prometheus(
    namespace: Namespace, folder: Path, monitor: dict[str, Any], groups: list[dict[str, Any]]
) -> Iterator[Prometheus]:
    """Run a Prometheus that scrapes by annotations and by a ServiceMonitor, and evaluates rules."""
    (folder / "rules.json").write_text(json.dumps({"groups": groups}))
    port = free_port()
    # kubectl proxy gives access to the API server without credentials.
    with namespace.listening("proxy", "--port=0") as server:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.json"],
            "scrape_configs": [
                by_annotations(pods(namespace), server),
                by_monitor(endpoints(namespace), server, monitor),
            ],
        }
        (folder / "prometheus.json").write_text(json.dumps(config))
        options = (f"--web.listen-address=127.0.0.1:{port}", f"--storage.tsdb.path={folder}/data")
        command = [tool("prometheus"), f"--config.file={folder}/prometheus.json", *options]
        with subprocess.Popen([*command, "--log.level=warn"]) as process:
            try:
                address = f"127.0.0.1:{port}"
                wait_until(lambda: is_ready(address), "Prometheus is ready", SECONDS)
                yield Prometheus(address)
            finally:
                process.terminate()


def is_ready(address: str) -> bool:
    with suppress(URLError), urlopen(f"http://{address}/-/ready"):
        return True
    return False


def pods(namespace: Namespace) -> list[Labels]:
    """Return the targets of discovery role `pod`, which Debian's Prometheus lacks."""
    return [
        pod_labels(pod)
        | prefixed("pod_annotation_", pod["metadata"].get("annotations", {}))
        | {f"{META}pod_container_port_number": str(port["containerPort"])}
        for pod in namespace.get("pods")["items"]
        for container in pod["spec"]["containers"]
        for port in container["ports"]
    ]


def endpoints(namespace: Namespace) -> list[Labels]:
    """Return the targets of discovery role `endpoints`, with the labels used here."""
    services, slices, listed = (
        namespace.get(kind)["items"] for kind in ("services", "endpointslices", "pods")
    )
    of_service = {
        service["metadata"]["name"]: service["metadata"]["labels"] for service in services
    }
    of_pod = {pod["metadata"]["name"]: pod for pod in listed}
    return [
        pod_labels(of_pod[endpoint["targetRef"]["name"]])
        | prefixed("service_label_", of_service[endpoint_slice["metadata"]["labels"][OF_SERVICE]])
        | {
            f"{META}endpoint_port_name": port["name"],
            f"{META}pod_container_port_number": str(port["port"]),
        }
        for endpoint_slice in slices
        for endpoint in endpoint_slice["endpoints"]
        for port in endpoint_slice["ports"]
    ]


def pod_labels(pod: dict[str, Any]) -> Labels:
    metadata = pod["metadata"]
    return {f"{META}namespace": metadata["namespace"], f"{META}pod_name": metadata["name"]}


def prefixed(prefix: str, labels: Labels) -> Labels:
    return {f"{META}{prefix}{snake(key)}": value for key, value in labels.items()}


def by_annotations(targets: list[Labels], server: str) -> dict[str, Any]:
    """Return the common scrape job for pods with prometheus.io/ annotations."""
    annotation = f"{META}pod_annotation_prometheus_io"
    return job("annotations", targets) | {
        "relabel_configs": [
            keep(f"{annotation}_scrape", "true"),
            *through_api(server, f"{annotation}_port", f"{annotation}_path"),
        ]
    }


def by_monitor(targets: list[Labels], server: str, monitor: dict[str, Any]) -> dict[str, Any]:
    """Return the scrape job that the Prometheus operator derives from a ServiceMonitor."""
    [endpoint] = monitor["spec"]["endpoints"]
    selector = prefixed("service_label_", monitor["spec"]["selector"]["matchLabels"])
    return job("monitor", targets) | {
        "relabel_configs": [
            *(keep(label, value) for label, value in selector.items()),
            keep(f"{META}endpoint_port_name", endpoint["port"]),
            {"target_label": "__metrics_path__", "replacement": endpoint["path"]},
            *through_api(server, f"{META}pod_container_port_number", "__metrics_path__"),
        ],
    }


def snake(label: str) -> str:
    """Return the name of a label in Prometheus' meta labels."""
    return re.sub(r"[^a-zA-Z0-9]", "_", label)


def job(name: str, targets: list[Labels]) -> dict[str, Any]:
    found = [{"targets": ["pod"], "labels": labels} for labels in targets]
    return {"job_name": name, "static_configs": found}


def keep(label: str, value: str) -> dict[str, Any]:
    return {"source_labels": [label], "regex": re.escape(value), "action": "keep"}


def through_api(server: str, port: str, path: str) -> list[dict[str, Any]]:
    """Return relabelings that reach a pod through the API server, from outside the cluster too."""
    name, space = f"{META}pod_name", f"{META}namespace"
    return [
        {
            "source_labels": [space, name, port, path],
            "regex": "(.+);(.+);(.+);(.+)",
            "target_label": "__metrics_path__",
            "replacement": "/api/v1/namespaces/$1/pods/$2:$3/proxy$4",
        },
        {"source_labels": [name, port], "separator": ":", "target_label": "instance"},
        {"source_labels": [space], "target_label": "namespace"},
        {"source_labels": [name], "target_label": "pod"},
        {"target_label": "__address__", "replacement": server},
    ]
