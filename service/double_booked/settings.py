"""Every setting of the service and the operator, with its default and what it means."""

import os
from dataclasses import dataclass
from typing import Annotated

from double_booked.conflicts.limits import Limits
from double_booked.runtime.address import Address

_ANSWER_FACTOR = 4


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting means and which values it takes; the annotation of its field.

    Attributes:
        help: A noun phrase, with the unit.
        minimum: The least value of a number.
        maximum: The largest value of a number.
        choices: The values of a text, if it has only these.
        is_path: Whether a text is the path of a file.
    """

    help: str
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()
    is_path: bool = False


LOG_LEVEL = Setting("Least severe level to log.", choices=("debug", "info", "warning", "error"))
LOG_FORMAT = Setting(
    "Format of the log; auto is console on a terminal and JSON elsewhere.",
    choices=("auto", "json", "console"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the service runs. Durations are in seconds, sizes in bytes."""

    service_host: Annotated[
        Address, Setting("Address to serve gRPC on: [HOST]:PORT; without a host, all interfaces.")
    ] = Address("", 7070)
    health_check_host: Annotated[
        Address, Setting("Address to serve /healthz, /readyz and /metrics on.")
    ] = Address("", 8080)
    drain_delay: Annotated[
        float,
        Setting(
            "Seconds to keep serving after SIGTERM while reporting not ready, so that callers"
            " move away."
        ),
    ] = 5.0
    shutdown_grace: Annotated[
        float, Setting("Seconds that calls in flight may then take before they are cut off.")
    ] = 10.0
    max_message_bytes: Annotated[
        int,
        Setting("Largest request, in bytes, after decompression.", minimum=1, maximum=2**31 - 1),
    ] = 64 * 1024 * 1024
    max_answer_bytes: Annotated[
        int,
        Setting(
            "Largest answer in one message, in bytes; 0 for 4 times MAX_MESSAGE_BYTES.", minimum=0
        ),
    ] = 0
    max_bytes_in_flight: Annotated[
        int,
        Setting(
            "Most bytes of large requests and unsent answers at a time; 0 for a fifth of what"
            " the memory limit leaves beside 128 MiB.",
            minimum=0,
        ),
    ] = 0
    max_options_bytes: Annotated[
        int, Setting("Most bytes of the options of a list, all parts together.", minimum=1)
    ] = 1024 * 1024
    max_events_per_list: Annotated[
        int, Setting("Most events of a list, and most events that a feed holds.", minimum=1)
    ] = 2_000_000
    max_resources_per_event: Annotated[int, Setting("Most resources of an event.", minimum=1)] = 100
    max_explained_members: Annotated[
        int, Setting("Most members that the overlaps of one call list in all.", minimum=1)
    ] = 1_000_000
    max_lists_per_batch: Annotated[int, Setting("Most lists of a batch.", minimum=1)] = 10_000
    max_concurrent_rpcs: Annotated[
        int,
        Setting(
            "Most calls at a time; streams of health and reflection are counted separately.",
            minimum=1,
        ),
    ] = 1_000
    max_concurrent_streams: Annotated[
        int, Setting("Most calls that one connection may have open at a time.", minimum=1)
    ] = 100
    receive_timeout: Annotated[
        float,
        Setting(
            "Seconds that a call may wait for the next message of its caller, also in an idle"
            " feed; 0 for no limit."
        ),
    ] = 300.0
    send_timeout: Annotated[
        float,
        Setting(
            "Seconds that a caller may take to accept a message, and a second more for each MiB;"
            " 0 for no limit."
        ),
    ] = 30.0
    max_connections: Annotated[int, Setting("Most connections at a time.", minimum=1)] = 10_000
    max_connection_age: Annotated[
        float,
        Setting(
            "Seconds after which a connection is closed, so that clients reconnect and spread"
            " over the pods; 0 for never."
        ),
    ] = 0.0
    max_connection_age_grace: Annotated[
        float, Setting("Seconds that calls on such a connection may still take.")
    ] = 3600.0
    tls_cert_file: Annotated[
        str, Setting("Certificate to serve gRPC over TLS with, a PEM chain.", is_path=True)
    ] = ""
    tls_key_file: Annotated[
        str, Setting("Private key of the certificate, PEM without a password.", is_path=True)
    ] = ""
    tls_self_signed: Annotated[
        bool,
        Setting(
            "TLS with a self-signed certificate that is generated at startup, for callers that do"
            " not verify it."
        ),
    ] = False
    tls_client_ca_file: Annotated[
        str,
        Setting(
            "Authorities of client certificates, PEM: callers without such a certificate are"
            " refused.",
            is_path=True,
        ),
    ] = ""
    worker_threads: Annotated[int, Setting("Large lists to work on at a time.", minimum=1)] = (
        os.cpu_count() or 1
    )
    reflection: Annotated[bool, Setting("Server reflection, which grpcurl uses.")] = True
    log_level: Annotated[str, LOG_LEVEL] = "info"
    log_format: Annotated[str, LOG_FORMAT] = "auto"
    log_calls: Annotated[
        str,
        Setting(
            "Calls to log a line about; errors are calls that do not end with OK.",
            choices=("all", "errors", "none"),
        ),
    ] = "all"

    def __post_init__(self) -> None:
        """Check that the settings of TLS go together.

        Raises:
            ValueError: They do not; the message names them.
        """
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("TLS needs both TLS_CERT_FILE and TLS_KEY_FILE; only one is set.")
        if self.tls_self_signed and self.tls_cert_file:
            raise ValueError("TLS_SELF_SIGNED and TLS_CERT_FILE exclude each other.")
        if self.tls_client_ca_file and not (self.tls_cert_file or self.tls_self_signed):
            raise ValueError("TLS_CLIENT_CA_FILE needs TLS_CERT_FILE or TLS_SELF_SIGNED too.")

    def limits(self) -> Limits:
        """Return how much one request may ask for."""
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
    """How the operator runs."""

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
            "Namespace of the Lease and the Secret; that of the pod or the kubeconfig if empty."
        ),
    ] = ""
    lease_name: Annotated[str, Setting("Lease of the one process that answers reviews.")] = (
        "double-booked-operator"
    )
    lease_holder: Annotated[
        str,
        Setting(
            "Name of this process in the Lease, such as the uid of its pod; the host and a number"
            " if empty."
        ),
    ] = ""
    webhook_configuration: Annotated[
        str, Setting("ValidatingWebhookConfiguration that calls the webhook.")
    ] = "double-booked-operator"
    webhook_secret: Annotated[
        str, Setting("Secret that holds the webhook's authority and key pair.")
    ] = "double-booked-operator-webhook"  # noqa: S105 - a name
    webhook_names: Annotated[
        str,
        Setting("DNS names and IP addresses for the webhook's certificate, separated by commas."),
    ] = "localhost,127.0.0.1"
    webhook_cert_file: Annotated[
        str,
        Setting("Certificate to serve, maintained by others such as cert-manager.", is_path=True),
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
        """Check that certificate and key are set together.

        Raises:
            ValueError: Only one of them is set.
        """
        if bool(self.webhook_cert_file) != bool(self.webhook_key_file):
            raise ValueError(
                "TLS needs both WEBHOOK_CERT_FILE and WEBHOOK_KEY_FILE; only one is set."
            )


def split_names(text: str) -> tuple[str, ...]:
    """Return the names in a text that separates them by commas."""
    return tuple(filter(None, (name.strip() for name in text.split(","))))
