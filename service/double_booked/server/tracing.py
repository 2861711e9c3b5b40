"""The switch for tracing, which costs nothing while tracing is off."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from double_booked.server.spans import Tracing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class TracingError(Exception):
    """Tracing is configured and cannot work; the message says why in one line."""


def from_environment() -> "Tracing | None":
    """Return the tracing that the OTEL_* variables of this process configure.

    OpenTelemetry is imported only if it is needed. Its SDK and exporters read `os.environ`
    themselves, so this function takes no other mapping.

    Returns:
        The tracing; None if no OTLP endpoint is set, or OTEL_SDK_DISABLED is true.

    Raises:
        TracingError: OpenTelemetry is not installed, or a variable is unusable.
    """
    endpoint = next(filter(os.environ.get, _ENDPOINTS), None)
    if not endpoint or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        from double_booked.server import spans  # noqa: PLC0415 - saves 6 MB without tracing
    except ModuleNotFoundError as error:
        raise TracingError(
            f"{endpoint} is set, but {error.name} is not installed; "
            "install double-booked[otel], or unset it"
        ) from error
    return spans.Tracing()
