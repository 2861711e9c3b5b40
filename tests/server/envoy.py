"""A real Envoy in front of servers: HTTP/2 on both sides, with active gRPC health checks."""

import json
import subprocess
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from ports import free_port
from waiting import wait_until

BINARY = Path(sysconfig.get_path("scripts")) / "envoy"
SECONDS = 30.0
Address = tuple[str, int]
CHECK_INTERVAL = "0.1s"
_TYPES = "type.googleapis.com/envoy.extensions"


@dataclass(frozen=True, slots=True)
class Envoy:
    """A running proxy, with the addresses for calls and for its admin interface."""

    address: str
    admin: str

    def healthy(self) -> set[int]:
        """Return the ports of the servers that it considers healthy."""
        with urlopen(f"{self.admin}/clusters?format=json", timeout=SECONDS) as answer:  # noqa: S310
            [cluster] = json.load(answer)["cluster_statuses"]
        return {
            host["address"]["socket_address"]["port_value"]
            for host in cluster.get("host_statuses", ())
            if "failed_active_health_check" not in host["health_status"]
            and host["health_status"].get("eds_health_status") == "HEALTHY"
        }

    def until_healthy(self, ports: set[int]) -> None:
        """Wait until exactly these servers are healthy."""
        wait_until(
            lambda: self.healthy() == ports,
            f"{ports} are healthy",
            SECONDS,
            log=lambda: f"healthy are {self.healthy()}",
        )


@contextmanager
def envoy(servers: Sequence[int], folder: Path) -> Iterator[Envoy]:
    """Run Envoy in front of the servers on these loopback ports."""
    port, admin = free_port(), folder / "admin"
    hosts = [("127.0.0.1", server_port) for server_port in servers]
    config = json.dumps(
        configuration(("127.0.0.1", port), cluster(hosts, "STATIC", CHECK_INTERVAL))
    )
    options = ["--config-yaml", config, "--admin-address-path", str(admin), "--log-level", "error"]
    single = ["--use-dynamic-base-id", "--concurrency", "1"]
    with subprocess.Popen([BINARY, *options, *single]) as process:
        try:
            proxy = Envoy(f"127.0.0.1:{port}", f"http://{_content(admin)}")
            proxy.until_healthy(set(servers))
            yield proxy
        finally:
            process.terminate()


def _content(file: Path) -> str:
    return wait_until(
        lambda: file.read_text() if file.exists() else "", f"{file} is written", SECONDS
    )


def configuration(listener: Address, servers: dict[str, Any]) -> dict[str, Any]:
    """Return Envoy's configuration for a listener and a cluster (envoyproxy.io, v3 API)."""
    return {
        "admin": {"address": _address("127.0.0.1", 0)},
        "static_resources": {
            "listeners": [{"address": _address(*listener), "filter_chains": [_filters()]}],
            "clusters": [servers],
        },
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}


def _filters() -> dict[str, Any]:
    router = {"@type": f"{_TYPES}.filters.http.router.v3.Router"}
    # A call that reached no server may go to another; one that reached a server is never retried.
    retries = {
        "retry_on": "connect-failure,refused-stream",
        "num_retries": 3,
        "retry_host_predicate": [
            {
                "name": "envoy.retry_host_predicates.previous_hosts",
                "typed_config": {
                    "@type": f"{_TYPES}.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 3,
    }
    route = {"cluster": "double-booked", "timeout": "0s", "retry_policy": retries}
    manager = {
        "@type": f"{_TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "grpc",
        "codec_type": "HTTP2",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": route}],
                }
            ]
        },
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
    }
    return {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}
        ]
    }


def cluster(servers: Sequence[Address], discovery: str, check_interval: str) -> dict[str, Any]:
    """Return the cluster of servers, with Envoy's discovery type and health checks."""
    endpoints = [{"endpoint": {"address": _address(*server)}} for server in servers]
    protocol = f"{_TYPES}.upstreams.http.v3.HttpProtocolOptions"
    return {
        "name": "double-booked",
        "type": discovery,
        "load_assignment": {
            "cluster_name": "double-booked",
            "endpoints": [{"lb_endpoints": endpoints}],
        },
        "typed_extension_protocol_options": {
            protocol.partition("/")[2]: {
                "@type": protocol,
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        },
        # By default, at most three calls may be retried at a time.
        "circuit_breakers": {"thresholds": [{"max_retries": 1_000}]},
        "common_lb_config": {
            # Never fall back to unhealthy servers.
            "healthy_panic_threshold": {"value": 0},
            # By default, results of health checks may take a second to apply.
            "update_merge_window": "0s",
        },
        "health_checks": [
            {
                "timeout": "2s",
                "interval": check_interval,
                # By default, servers without calls are checked once a minute.
                "no_traffic_interval": check_interval,
                "unhealthy_threshold": 1,
                "healthy_threshold": 1,
                "grpc_health_check": {"service_name": "Scheduling.ConflictService"},
            }
        ],
    }
