"""Starts the service, asks it about a week of a team, reads its health, and stops it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from double_booked import client
from double_booked.calendars.sources import Source, read
from double_booked.report import text
from double_booked.report.findings import Place, gather

WEEK = Path(__file__).with_name("week.json")
SECONDS_TO_STOP = 20
METRICS = (
    "grpc_server_handled_total",
    "double_booked_events_total",
    "double_booked_conflict_groups_total",
)
ANSWERED = {
    "grpc_type": "unary",
    "grpc_service": "Scheduling.ConflictService",
    "grpc_method": "GetConflicts",
    "grpc_code": "OK",
}

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs, and where it listens."""

    process: subprocess.Popen[str]
    grpc: str
    http: str


def main() -> None:
    """Shows the service from start to stop."""
    with started() as service:
        tell("double-booked serve", f"gRPC on {service.grpc}, HTTP on {service.http}")
        show_conflicts(service, read(str(WEEK)))
        show_health(service)
        stop(service)


@contextmanager
def started() -> Iterator[Service]:
    """Runs a service on free ports; none is left running, whatever happens."""
    settings = {
        "SERVICE_HOST": "127.0.0.1:0",
        "HEALTH_CHECK_HOST": "127.0.0.1:0",
        "DRAIN_DELAY": "0",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "info",
    }
    command = [sys.executable, "-m", "double_booked", "serve"]
    with subprocess.Popen(
        command, env=os.environ | settings, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            ports = read_ports(process)
            yield Service(
                process, f"127.0.0.1:{ports['grpc_port']}", f"127.0.0.1:{ports['http_port']}"
            )
        finally:
            process.kill()


def read_ports(process: subprocess.Popen[str]) -> dict[str, int]:
    """The line of its log in which a service says that it is listening."""
    lines = []
    for line in process.stderr or ():
        lines.append(line)
        entry = json.loads(line) if line.startswith("{") else {}
        if entry.get("event") == "listening":
            return entry
    sys.exit(f"The service did not start:\n{''.join(lines)}")


def show_conflicts(service: Service, week: Source) -> None:
    """Asks over gRPC which events conflict."""
    begin = perf_counter()
    week.events.options.explain = True
    conflicts = client.get_conflicts(service.grpc, week.events)
    milliseconds = 1000 * (perf_counter() - begin)
    asked = f"{len(week.events.events)} events of {WEEK.name}, answered in {milliseconds:.1f} ms"
    tell("GetConflicts", asked)
    console.print()
    findings = gather(
        conflicts, week.events, lambda position: Place(week.name, None, f"events[{position}]")
    )
    text.write(Console(highlight=False), findings, UTC, all_overlaps=False)
    console.print()


def show_health(service: Service) -> None:
    """Reads back what load balancers and Prometheus read."""
    tell("grpc.health.v1", client.check_health(service.grpc))
    tell("GET /readyz", get(service.http, "/readyz"))
    for family in text_string_to_metric_families(get(service.http, "/metrics")):
        for name, labels, value, *_ in family.samples:
            if name in METRICS and labels.items() <= ANSWERED.items():
                tell("GET /metrics", f"{name} {value:g}")


def get(address: str, path: str) -> str:
    """The text at a path of the service's HTTP side."""
    connection = HTTPConnection(address, timeout=SECONDS_TO_STOP)
    connection.request("GET", path)
    answer = connection.getresponse().read().decode().strip()
    connection.close()
    return answer


def stop(service: Service) -> None:
    """Stops the service as Kubernetes does."""
    service.process.send_signal(signal.SIGTERM)
    service.process.communicate(timeout=SECONDS_TO_STOP)
    tell("SIGTERM", f"exit code {service.process.returncode}")
    if service.process.returncode:
        sys.exit(1)


def tell(what: str, outcome: str) -> None:
    """Writes one step of the demonstration."""
    console.print(f"[bold green]{what:<21}[/]", end="")
    console.print(outcome, markup=False)


if __name__ == "__main__":
    main()
