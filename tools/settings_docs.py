"""Write docs/settings.md, and the comments of the chart's `settings`, from settings.py."""

import json
import re
import textwrap
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_type_hints

from double_booked.settings import OperatorSettings, Setting, Settings

ROOT = Path(__file__).parents[1]
CHART = ROOT / "charts/double-booked"
PAGE = ROOT / "docs/settings.md"
VALUES = CHART / "values.yaml"

SERVICE_GROUPS = {
    "Addresses": ("service_host", "health_check_host"),
    "Shutdown": ("drain_delay", "shutdown_grace"),
    "Size of a request": (
        "max_message_bytes",
        "max_answer_bytes",
        "max_options_bytes",
        "max_events_per_list",
        "max_resources_per_event",
        "max_explained_members",
        "max_lists_per_batch",
    ),
    "Load and memory": (
        "max_bytes_in_flight",
        "max_concurrent_rpcs",
        "max_concurrent_streams",
        "max_connections",
        "worker_threads",
    ),
    "Timeouts": (
        "receive_timeout",
        "send_timeout",
        "max_connection_age",
        "max_connection_age_grace",
    ),
    "TLS": ("tls_cert_file", "tls_key_file", "tls_self_signed", "tls_client_ca_file"),
    "Logs and reflection": ("reflection", "log_level", "log_format", "log_calls"),
}
OPERATOR_GROUPS = {
    "Addresses": ("webhook_host", "health_check_host"),
    "Namespaces": ("watch_namespaces", "operator_namespace"),
    "Lease": ("lease_name", "lease_holder"),
    "Webhook": ("webhook_configuration", "webhook_secret", "webhook_names"),
    "TLS": ("webhook_cert_file", "webhook_key_file", "webhook_client_ca_file"),
    "Logs": ("log_level", "log_format"),
}

CHART_TEXTS = {
    # The chart offers no `auto`: a pod has no terminal.
    "log_format": "Format of the log.",
    "max_bytes_in_flight": (
        "{help} A larger value needs a larger `resources.limits.memory`: 128 MiB and five times "
        "this value."
    ),
}
"""Comments of values that say something else, or more, than `--help`."""

_VARIABLE = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")

_INTRODUCTION = """\
# Settings

<!-- Written by `make chart-docs` from service/double_booked/settings.py. -->

Each setting is a flag and an environment variable. The flag takes precedence. The chart sets the
variables from its [values](../charts/double-booked/README.md#values).

- Durations are in seconds, and may have a fraction.
- An address is `HOST:PORT`, `[IPV6]:PORT` or `:PORT`.
- The variable of a switch is `true` or `false`; its flag is turned off as `--no-reflection` is.
"""
_SERVICE = """
## The service

`double-booked serve` reads these settings. Tracing has OpenTelemetry's own variables, such as
`OTEL_EXPORTER_OTLP_ENDPOINT` ([Tracing](monitoring.md#tracing)).
"""
_OPERATOR = """
## The operator

`double-booked operator` reads these settings. It reaches the Kubernetes API with the pod's service
account, or else with `KUBECONFIG`.
"""


def page() -> str:
    """Return docs/settings.md."""
    service, operator = (
        _tables(Settings, SERVICE_GROUPS),
        _tables(OperatorSettings, OPERATOR_GROUPS),
    )
    return f"{_INTRODUCTION}{_SERVICE}{service}{_OPERATOR}{operator}"


def values(text: str) -> str:
    """Return values.yaml with comments of `settings` that say what settings.py says."""
    before, block, after = re.split(
        r"(?<=\nsettings:\n)(.*?\n)(?=\n)", text, maxsplit=1, flags=re.DOTALL
    )
    return before + re.sub(r"(?:  #.*\n)+  (\w+):.*\n", _commented, block) + after


def _tables(kind: type[Any], groups: dict[str, tuple[str, ...]]) -> str:
    by_name = {field.name: field for field in fields(kind)}
    if by_name.keys() != {name for names in groups.values() for name in names}:
        raise ValueError(f"tools/settings_docs.py does not put each setting of {kind} in a group")
    settings = _settings(kind)
    text = ""
    for title, names in groups.items():
        text += f"\n### {title}\n\n| variable | flag | default | meaning |\n|---|---|---|---|\n"
        text += "".join(_row(by_name[name], settings[name]) for name in names)
    return text


def _settings(kind: type[Any]) -> dict[str, Setting]:
    hints = get_type_hints(kind, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def _row(field: Field[Any], setting: Setting) -> str:
    default = setting.default_text or _literal(field.default)
    meaning = _VARIABLE.sub(r"`\g<0>`", setting.help) + _choices(setting.choices)
    flag = f"`--{field.name.replace('_', '-')}`"
    return f"| `{field.name.upper()}` | {flag} | {default} | {meaning} |\n"


def _literal(default: object) -> str:
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{default}`" if str(default) else ""


def _choices(choices: tuple[str, ...]) -> str:
    return f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""


def _commented(match: re.Match[str]) -> str:
    """Return a value of the chart with its comment; its type and default stay as they are."""
    lines = match[0].splitlines(keepends=True)
    kept = [line for line in lines if line.startswith("  # @default") or not line.startswith("  #")]
    kind = "(int) " if "# -- (int) " in match[0] else ""
    return _comment(f"-- {kind}{_chart_text(match[1])}") + "".join(kept)


def _chart_text(value: str) -> str:
    name = re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", value)
    text = CHART_TEXTS.get(name, "{help}").format(help=_settings(Settings)[name].help)
    schema = json.loads((CHART / "values.schema.json").read_text())
    choices = schema["properties"]["settings"]["properties"][value].get("enum", ())
    return _VARIABLE.sub(_value_name, text) + _choices(choices)


def _value_name(variable: re.Match[str]) -> str:
    first, *others = variable[0].lower().split("_")
    return f"`{first}{''.join(map(str.capitalize, others))}`"


def _comment(text: str) -> str:
    return textwrap.indent(textwrap.fill(text, 116, break_on_hyphens=False), "  # ") + "\n"


def main() -> None:
    """Write both files."""
    PAGE.write_text(page())
    VALUES.write_text(values(VALUES.read_text()))


if __name__ == "__main__":
    main()
