"""Prometheus metrics that the service and the operator share."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from double_booked.runtime.version import VERSION, commit

disable_created_metrics()  # type: ignore[no-untyped-call] # it has no types


def new_registry(build_info: str) -> CollectorRegistry:
    """Return a registry with the metrics of the process, the Python runtime and the build.

    Args:
        build_info: Name of the build's metric, to which Prometheus adds `_info`.
    """
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    build = {"version": VERSION, "commit": commit()}
    Info(build_info, "Version and commit that are running.", registry=registry).info(build)
    return registry


class CertificateMetrics:
    """Expiry of the served certificate, and how often another took its place."""

    def __init__(self, registry: CollectorRegistry, prefix: str) -> None:
        """Register the counters, which start at zero.

        Args:
            registry: Where to register the metrics.
            prefix: First part of their names, such as "double_booked".
        """
        self._registry = registry
        self._prefix = prefix
        self._reloads = Counter(
            f"{prefix}_tls_reloads_total",
            "Certificates replaced: served, or ignored because unusable.",
            ("result",),
            registry=registry,
        )
        for result in ("success", "failure"):
            self._reloads.labels(result)
        self._expiry: Gauge | None = None

    def count_reload(self, *, succeeded: bool) -> None:
        """Count a replacement that is served, or one that cannot be used."""
        self._reloads.labels("success" if succeeded else "failure").inc()

    def set_expiry(self, timestamp: float) -> None:
        """Set when the served certificate expires, in seconds since 1970.

        The first call registers the metric: a process without TLS must not export an expiry
        of 1970, which would raise an alert.
        """
        if not self._expiry:
            self._expiry = Gauge(
                f"{self._prefix}_tls_expiry_timestamp_seconds",
                "When the served certificate expires.",
                registry=self._registry,
            )
        self._expiry.set(timestamp)
