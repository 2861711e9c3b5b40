"""What any process of ours tells Prometheus of itself."""

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from double_booked.runtime.version import VERSION, commit

disable_created_metrics()  # type: ignore[no-untyped-call] # it has no types


def registry_of(build: str) -> CollectorRegistry:
    """A registry with metrics of the process, of Python, and of what is running.

    Args:
        build: The name of the last, to which `_info` is added.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    running = {"version": VERSION, "commit": commit()}
    Info(build, "What is running.", registry=registry).info(running)
    return registry
