"""Start the service, find the conflicts of a team's calendars, read its health, and stop it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from time import perf_counter
from zoneinfo import ZoneInfo

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from double_booked import client
from double_booked.api.scheduling_pb2 import ConflictOptions
from double_booked.calendars.file_reader import read_file
from double_booked.calendars.folders import find_files, resource_names
from double_booked.calendars.merging import merge_files
from double_booked.calendars.parsed_calendars import CalendarOptions
from double_booked.calendars.parsed_files import ReadOptions
from double_booked.commands.file_coverage import cover_files
from double_booked.recurrence.calendar_times import Window
from double_booked.report import html, text
from double_booked.view.conflict_report import SourceLocation, build_report

TEAM = Path(__file__).with_name("team")
ROOT = TEAM.parent.parent
PAGE = ROOT / "build" / "demo.html"
BERLIN = ZoneInfo("Europe/Berlin")
WEEK = Window(datetime(2026, 11, 16, tzinfo=BERLIN), datetime(2026, 11, 23, tzinfo=BERLIN))
READING = ReadOptions(CalendarOptions(WEEK, BERLIN))
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
    """A running service, and the addresses that it listens on."""

    process: subprocess.Popen[str]
    grpc: str
    http: str


def main() -> None:
    """Show the service from start to stop."""
    with started() as service:
        show("double-booked serve", f"gRPC on {service.grpc}, HTTP on {service.http}")
        show_conflicts(service)
        show_health(service)
        stop(service)


@contextmanager
def started() -> Iterator[Service]:
    """Start a service on free ports, yield it, and kill it."""
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
    """Return the log entry with which a service reports its ports."""
    lines = []
    for line in process.stderr or ():
        lines.append(line)
        entry = json.loads(line) if line.startswith("{") else {}
        if entry.get("event") == "listening":
            return entry
    sys.exit(f"The service did not start:\n{''.join(lines)}")


def show_conflicts(service: Service) -> None:
    """Find the conflicts of the team's calendars over gRPC, and draw them."""
    files = find_files(str(TEAM))
    names = resource_names(files)
    week = merge_files(
        [read_file(file, names[file], READING) for file in files], ConflictOptions(explain=True)
    )
    begin = perf_counter()
    conflicts = client.get_conflicts(service.grpc, week.request)
    milliseconds = 1000 * (perf_counter() - begin)
    size = f"{len(week.request.events)} events of {len(files)} calendars"
    show("GetConflicts", f"{size}, answered in {milliseconds:.1f} ms")
    console.print()
    report = build_report(
        conflicts, week.request, lambda position: SourceLocation(*week.location(position))
    )
    coverage = cover_files(week, READING)
    text.write(Console(highlight=False), report, coverage, all_overlaps=False)
    console.print()
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(html.render(report, coverage), "utf-8")
    show("as a picture", str(PAGE.relative_to(ROOT)))


def show_health(service: Service) -> None:
    """Read what load balancers and Prometheus read."""
    show("grpc.health.v1", client.check_health(service.grpc))
    show("GET /readyz", get(service.http, "/readyz"))
    for family in text_string_to_metric_families(get(service.http, "/metrics")):
        for name, labels, value, *_ in family.samples:
            if name in METRICS and labels.items() <= ANSWERED.items():
                show("GET /metrics", f"{name} {value:g}")


def get(address: str, path: str) -> str:
    """Return the text at a path of the service's HTTP address."""
    connection = HTTPConnection(address, timeout=SECONDS_TO_STOP)
    connection.request("GET", path)
    content = connection.getresponse().read().decode().strip()
    connection.close()
    return content


def stop(service: Service) -> None:
    """Stop the service as Kubernetes does."""
    service.process.send_signal(signal.SIGTERM)
    service.process.communicate(timeout=SECONDS_TO_STOP)
    show("SIGTERM", f"exit code {service.process.returncode}")
    if service.process.returncode:
        sys.exit(1)


def show(step: str, outcome: str) -> None:
    """Write one step of the demo."""
    console.print(f"[bold green]{step:<21}[/]", end="")
    console.print(outcome, markup=False)


if __name__ == "__main__":
    main()
