"""Whether calls are traced: the switch, which costs nothing while it is off."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from double_booked.server.spans import Tracing

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")


class TracingError(Exception):
    """Tracing is asked for and impossible; the message says why in one line."""


def from_environment() -> "Tracing | None":
    """Return what traces calls, as the OTEL_* variables of this process say.

    OpenTelemetry is imported only if they ask for it. Its SDK and exporters read
    `os.environ` themselves, so this function takes no other mapping.

    Returns:
        None if no OTLP endpoint is set, or OTEL_SDK_DISABLED is true.

    Raises:
        TracingError: OpenTelemetry is not installed, or a variable is unusable.
    """
    endpoint = next(filter(os.environ.get, _ENDPOINTS), None)
    if not endpoint or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    try:
        from double_booked.server import spans  # noqa: PLC0415 - 6 MB that most do not need
    except ModuleNotFoundError as error:
        raise TracingError(
            f"{endpoint} is set, but {error.name} is not installed; "
            "install double-booked[otel], or unset it"
        ) from error
    return spans.Tracing()
