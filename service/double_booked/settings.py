"""Settings of the service and the operator, with their defaults and meanings."""

import os
from dataclasses import dataclass
from typing import Annotated

from double_booked.conflicts.limits import Limits
from double_booked.runtime.address import Address

_ANSWER_FACTOR = 4


@dataclass(frozen=True, slots=True)
class Setting:
    """Meaning and valid values of a setting; the annotation of its field.

    Attributes:
        help: A noun phrase with the unit; `--help`, docs/settings.md and the chart show it.
        minimum: Smallest valid number.
        maximum: Largest valid number.
        choices: The valid texts; empty if any text is valid.
        is_path: Whether the text is the path of a file.
        default_text: What to show in place of a default that depends on the machine.
    """

    help: str
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    is_path: bool = False
    default_text: str = ""


LOG_LEVEL = Setting("Least severe level to log.", choices=("debug", "info", "warning", "error"))
LOG_FORMAT = Setting(
    "Format of the log; auto is console on a terminal and JSON elsewhere.",
    choices=("auto", "json", "console"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of the service. Durations are in seconds, sizes in bytes."""

    service_host: Annotated[
        Address,
        Setting(
            "Address to serve gRPC on, [HOST]:PORT. Without a host: all interfaces, IPv4 and IPv6."
        ),
    ] = Address("", 7070)
    health_check_host: Annotated[
        Address, Setting("Address to serve /healthz, /readyz and /metrics on.")
    ] = Address("", 8080)
    drain_delay: Annotated[
        float,
        Setting(
            "Seconds to keep serving after SIGTERM while reporting not ready, so that clients"
            " move away."
        ),
    ] = 5.0
    shutdown_grace: Annotated[
        float, Setting("Seconds that open calls may then take before they end with UNAVAILABLE.")
    ] = 10.0
    max_message_bytes: Annotated[
        int,
        Setting(
            "Maximum size of a request in bytes, after decompression.", minimum=1, maximum=2**31 - 1
        ),
    ] = 64 * 1024 * 1024
    max_answer_bytes: Annotated[
        int,
        Setting(
            "Maximum size of a unary answer in bytes; 0: 4 times MAX_MESSAGE_BYTES, at most "
            "MAX_BYTES_IN_FLIGHT.",
            minimum=0,
        ),
    ] = 0
    max_bytes_in_flight: Annotated[
        int,
        Setting(
            "Maximum bytes of large requests (over 64 KiB) and unsent answers at a time;"
            " 0: (memory limit - 128 MiB) / 5.",
            minimum=0,
        ),
    ] = 0
    max_options_bytes: Annotated[
        int, Setting("Maximum bytes of the options of a list, all parts together.", minimum=1)
    ] = 1024 * 1024
    max_events_per_list: Annotated[
        int, Setting("Maximum number of events in a list, or held by a feed.", minimum=1)
    ] = 2_000_000
    max_resources_per_event: Annotated[
        int, Setting("Maximum number of resources of an event.", minimum=1)
    ] = 100
    max_explained_members: Annotated[
        int,
        Setting(
            "Maximum number of members listed in the overlaps of one answer, all lists of a batch"
            " together.",
            minimum=1,
        ),
    ] = 1_000_000
    max_lists_per_batch: Annotated[
        int, Setting("Maximum number of lists in a batch.", minimum=1)
    ] = 10_000
    max_concurrent_rpcs: Annotated[
        int,
        Setting(
            "Maximum number of open calls; streams of health and reflection are counted"
            " separately.",
            minimum=1,
        ),
    ] = 1_000
    max_concurrent_streams: Annotated[
        int,
        Setting(
            "Maximum number of open calls on one connection; clients queue further calls.",
            minimum=1,
        ),
    ] = 100
    receive_timeout: Annotated[
        float,
        Setting(
            "Seconds to wait for the next message of a client, also in an idle feed; 0: no limit."
        ),
    ] = 300.0
    send_timeout: Annotated[
        float,
        Setting(
            "Seconds that a client may take to accept a message, plus one for each MiB of it;"
            " 0: no limit."
        ),
    ] = 30.0
    max_connections: Annotated[
        int, Setting("Maximum number of connections; further ones are closed.", minimum=1)
    ] = 10_000
    max_connection_age: Annotated[
        float,
        Setting(
            "Seconds after which a connection is closed, so that clients reconnect and spread"
            " over the pods; 0: never."
        ),
    ] = 0.0
    max_connection_age_grace: Annotated[
        float, Setting("Seconds that open calls on such a connection may still take.")
    ] = 3600.0
    tls_cert_file: Annotated[
        str,
        Setting(
            "Certificate to serve gRPC over TLS with: a PEM chain, the leaf first, without "
            "the root.",
            is_path=True,
        ),
    ] = ""
    tls_key_file: Annotated[
        str, Setting("Private key of the certificate, PEM without a password.", is_path=True)
    ] = ""
    tls_self_signed: Annotated[
        bool,
        Setting(
            "Self-signed certificate, generated at startup, for clients that do not verify it."
        ),
    ] = False
    tls_client_ca_file: Annotated[
        str,
        Setting(
            "Authorities of client certificates (mutual TLS), PEM; clients without such a"
            " certificate are rejected.",
            is_path=True,
        ),
    ] = ""
    worker_threads: Annotated[
        int,
        Setting(
            "Number of large requests to process at a time; those over a quarter"
            " of MAX_MESSAGE_BYTES share one more thread.",
            minimum=1,
            default_text="number of CPUs",
        ),
    ] = os.cpu_count() or 1
    reflection: Annotated[bool, Setting("Server reflection, which grpcurl uses.")] = True
    log_level: Annotated[str, LOG_LEVEL] = "info"
    log_format: Annotated[str, LOG_FORMAT] = "auto"
    log_calls: Annotated[
        str,
        Setting(
            "Calls to log; errors are those that do not end with OK.",
            choices=("all", "errors", "none"),
        ),
    ] = "all"

    def __post_init__(self) -> None:
        """Check that the TLS settings do not contradict each other.

        Raises:
            ValueError: They do; the message names them.
        """
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("TLS needs both TLS_CERT_FILE and TLS_KEY_FILE; only one is set.")
        if self.tls_self_signed and self.tls_cert_file:
            raise ValueError("TLS_SELF_SIGNED and TLS_CERT_FILE exclude each other.")
        if self.tls_client_ca_file and not (self.tls_cert_file or self.tls_self_signed):
            raise ValueError("TLS_CLIENT_CA_FILE needs TLS_CERT_FILE or TLS_SELF_SIGNED too.")

    def limits(self) -> Limits:
        """Return the limits of one request."""
        return Limits(
            max_message_bytes=self.max_message_bytes,
            max_answer_bytes=self.max_answer_bytes or _ANSWER_FACTOR * self.max_message_bytes,
            max_options_bytes=self.max_options_bytes,
            max_events_per_list=self.max_events_per_list,
            max_resources_per_event=self.max_resources_per_event,
            max_explained_members=self.max_explained_members,
            max_lists_per_batch=self.max_lists_per_batch,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSettings:
    """Settings of the operator."""

    webhook_host: Annotated[Address, Setting("Address to serve the webhook on, over HTTPS.")] = (
        Address("", 10250)
    )
    health_check_host: Annotated[
        Address, Setting("Address to serve /healthz, /readyz and /metrics on.")
    ] = Address("", 8080)
    watch_namespaces: Annotated[
        str, Setting("Namespaces to watch, separated by commas; empty for all.")
    ] = ""
    operator_namespace: Annotated[
        str,
        Setting(
            "Namespace of the Leases and the Secret; empty for that of the pod or the kubeconfig."
        ),
    ] = ""
    lease_name: Annotated[
        str,
        Setting(
            "Lease that all replicas share, so that no older release admits beside them; with"
            " `-leader` that of the replica that writes statuses."
        ),
    ] = "double-booked-operator"
    lease_holder: Annotated[
        str,
        Setting(
            "Name of this process in the leader's Lease, such as the uid of its pod; unique among"
            " running processes. If empty, it is generated."
        ),
    ] = ""
    webhook_configuration: Annotated[
        str, Setting("ValidatingWebhookConfiguration that calls the webhook.")
    ] = "double-booked-operator"
    webhook_secret: Annotated[
        str, Setting("Secret that holds the webhook's path, authority and key pair.")
    ] = "double-booked-operator-webhook"  # noqa: S105 - a name
    webhook_names: Annotated[
        str,
        Setting(
            "DNS names and IP addresses of the webhook, for its certificate and its"
            " configuration, separated by commas."
        ),
    ] = "localhost,127.0.0.1"
    webhook_cert_file: Annotated[
        str,
        Setting(
            "Certificate to serve, maintained externally, such as by cert-manager; the"
            " operator then does not set caBundle.",
            is_path=True,
        ),
    ] = ""
    webhook_key_file: Annotated[
        str, Setting("Private key of the certificate, PEM without a password.", is_path=True)
    ] = ""
    webhook_client_ca_file: Annotated[
        str,
        Setting(
            "Authorities of the API server's client certificate, PEM; read at startup.",
            is_path=True,
        ),
    ] = ""
    log_level: Annotated[str, LOG_LEVEL] = "info"
    log_format: Annotated[str, LOG_FORMAT] = "auto"

    def __post_init__(self) -> None:
        """Check that the certificate and its key are both set, or neither.

        Raises:
            ValueError: Only one of them is set.
        """
        if bool(self.webhook_cert_file) != bool(self.webhook_key_file):
            raise ValueError(
                "TLS needs both WEBHOOK_CERT_FILE and WEBHOOK_KEY_FILE; only one is set."
            )


def split_names(text: str) -> tuple[str, ...]:
    """Return the names in a comma-separated list."""
    return tuple(filter(None, (name.strip() for name in text.split(","))))
