"""Structured logs on standard error, one line per event, including those of libraries."""

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import orjson
import structlog
from structlog.typing import Processor

_RENDERED = ("exception", "stack")
"""Fields that the console prints below the line."""


def configure(level: str, log_format: str) -> None:
    """Send the logs of this process to standard error.

    Args:
        level: The least severe level to log: "debug", "info", "warning" or "error".
        log_format: "json", "console", or "auto" for console on a terminal and JSON elsewhere.
    """
    least = logging.getLevelNamesMapping()[level.upper()]
    if log_format == "json" or (log_format == "auto" and not sys.stderr.isatty()):
        _configure_json(least)
    else:
        _configure_console(least)


def _configure_json(level: int) -> None:
    binary = getattr(sys.stderr, "buffer", None)
    if binary:
        _configure_structlog(level, [_json_line], structlog.BytesLoggerFactory(binary))
    else:
        # Standard error was replaced by a text stream.
        factory = structlog.WriteLoggerFactory(sys.stderr)
        _configure_structlog(level, [_json_line, _text], factory)
    _configure_standard_logging(level, [], [_json_line, _text])


def _configure_console(level: int) -> None:
    shared: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        _quote,
    ]
    renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    factory = structlog.WriteLoggerFactory(sys.stderr)
    _configure_structlog(level, [*shared, renderer], factory)
    _configure_standard_logging(level, shared, [renderer])


class _Quoted:
    """Text that the console prints as a Python literal."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return repr(self._text)


def _quote(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Quote text with control characters, such as a method name that a client made up.

    The console itself quotes text with spaces or line feeds, and JSON quotes all text.
    """
    for key, value in event.items():
        if key not in _RENDERED and isinstance(value, str) and not value.isprintable():
            event[key] = _Quoted(value)
    return event


def _configure_structlog(level: int, processors: list[Processor], factory: Any) -> None:  # noqa: ANN401 - structlog has no type for factories
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
        cache_logger_on_first_use=True,
    )


def _json_line(_logger: object, method: str, event: MutableMapping[str, Any]) -> bytes:
    """Return an event with its level and time as a line of JSON.

    This is a single processor, because each further one takes a microsecond per line.
    """
    event["level"] = "error" if method == "exception" else method
    now = event["timestamp"] = datetime.now(UTC)
    if "exc_info" in event:
        structlog.processors.format_exc_info(_logger, method, event)
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_UTC_Z)
    except TypeError:
        # For example text with half a surrogate pair, or an integer of more than 64 bits.
        return json.dumps({**event, "timestamp": f"{now:%FT%TZ}"}, default=repr).encode()


def _text(_logger: object, _method: str, line: Any) -> str:  # noqa: ANN401 - as structlog types it
    text: str = line.decode()
    return text


def _configure_standard_logging(
    level: int, foreign: list[Processor], processors: list[Processor]
) -> None:
    handler = logging.StreamHandler(sys.stderr)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *foreign],
            processors=[remove_meta, *processors],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
