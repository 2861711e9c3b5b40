"""Every setting of service and operator: each a flag and an environment variable of its name."""

import functools
import math
import os
import re
from collections.abc import Callable
from dataclasses import Field, dataclass, field, fields
from ipaddress import AddressValueError, IPv6Address
from typing import Any, Self

import click

from double_booked.conflicts.limits import Limits

_HOST_NAME = re.compile(r"[A-Za-z0-9._-]*")
_MAX_PORT = 65535
_ANSWER_FACTOR = 4


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens, written as Go writes it.

    Attributes:
        host: A name, an IPv4 address or an IPv6 address without brackets; empty
            for all interfaces, IPv6 too.
        port: 0 for any port that is free.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads "host:port", "[::1]:port" or ":port".

        Raises:
            ValueError: The text is no such address; the message says why.
        """
        host, colon, port = text.strip().rpartition(":")
        if not colon:
            raise ValueError("it has no port; write :7070, 127.0.0.1:7070 or [::1]:7070")
        if not (port.isascii() and port.isdecimal() and int(port) <= _MAX_PORT):
            raise ValueError(f"the port is not a number from 0 to {_MAX_PORT}")
        return cls(_parse_host(host), int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _parse_host(host: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(IPv6Address(host[1:-1]))
        except AddressValueError:
            raise ValueError(f"{host} is not an IPv6 address in brackets") from None
    if ":" in host:
        raise ValueError("an IPv6 address stands in brackets, as in [::1]:7070")
    if not _HOST_NAME.fullmatch(host):
        raise ValueError("the host is neither a name nor an IP address")
    return host


class AddressType(click.ParamType[Address]):
    """Makes an Address of what the user wrote."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> Address:
        """Answers the address, or says in one line what is wrong with it."""
        if isinstance(value, Address):
            return value
        try:
            return Address.parse(str(value))
        except ValueError as error:
            self.fail(f"'{value}' is not an address to listen on: {error}.", param, ctx)


class SecondsType(click.ParamType[float]):
    """A finite duration in seconds, zero or more; a FloatRange lets NaN and infinity through."""

    name = "seconds"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Answers the duration, or says that it is none."""
        try:
            seconds = float(str(value))
        except ValueError:
            seconds = math.nan
        if not (math.isfinite(seconds) and seconds >= 0):
            self.fail(f"'{value}' is not a number of seconds, zero or more.", param, ctx)
        return seconds


def _option(kind: click.ParamType[Any], text: str) -> dict[str, Any]:
    return {"kind": kind, "help": text}


_LOG_LEVEL = _option(
    click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    "Log nothing below this.",
)
_LOG_FORMAT = _option(
    click.Choice(["auto", "json", "console"], case_sensitive=False),
    "How to log; auto is console on a terminal and JSON elsewhere.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the service runs. Durations are in seconds, sizes in bytes."""

    service_host: Address = field(
        default=Address("", 7070),
        metadata=_option(AddressType(), "Where gRPC listens: [HOST]:PORT, no host for all."),
    )
    health_check_host: Address = field(
        default=Address("", 8080),
        metadata=_option(AddressType(), "Where /healthz, /readyz and /metrics listen."),
    )
    drain_delay: float = field(
        default=5.0,
        metadata=_option(
            SecondsType(),
            "On a stop signal, go on serving as not ready for so long, so that callers move away.",
        ),
    )
    shutdown_grace: float = field(
        default=10.0,
        metadata=_option(
            SecondsType(), "Then let calls in flight finish for so long, before cutting them off."
        ),
    )
    max_message_bytes: int = field(
        default=64 * 1024 * 1024,
        metadata=_option(
            click.IntRange(1, 2**31 - 1), "Refuse requests larger than this, decompressed."
        ),
    )
    max_answer_bytes: int = field(
        default=0,
        metadata=_option(
            click.IntRange(min=0),
            "Refuse to answer with more in one message; 0 for 4 times MAX_MESSAGE_BYTES.",
        ),
    )
    max_bytes_in_flight: int = field(
        default=0,
        metadata=_option(
            click.IntRange(min=0),
            "Most bytes of large requests and unsent answers in all; 0 for a fifth of what the"
            " memory limit leaves beside 128 MiB.",
        ),
    )
    max_options_bytes: int = field(
        default=1024 * 1024,
        metadata=_option(
            click.IntRange(min=1), "Refuse lists whose options are larger, all parts together."
        ),
    )
    max_events_per_list: int = field(
        default=2_000_000,
        metadata=_option(
            click.IntRange(min=1), "Refuse lists of more events, and feeds that hold more."
        ),
    )
    max_resources_per_event: int = field(
        default=100,
        metadata=_option(click.IntRange(min=1), "Refuse events that list more resources."),
    )
    max_explained_members: int = field(
        default=1_000_000,
        metadata=_option(
            click.IntRange(min=1), "Refuse calls whose overlaps list more members in all."
        ),
    )
    max_lists_per_batch: int = field(
        default=10_000, metadata=_option(click.IntRange(min=1), "Refuse batches of more lists.")
    )
    max_concurrent_rpcs: int = field(
        default=1_000,
        metadata=_option(
            click.IntRange(min=1),
            "Refuse more calls at a time; streams of health and reflection count apart.",
        ),
    )
    max_concurrent_streams: int = field(
        default=100,
        metadata=_option(
            click.IntRange(min=1), "Let one connection have no more calls open at a time."
        ),
    )
    receive_timeout: float = field(
        default=300.0,
        metadata=_option(
            SecondsType(),
            "End calls whose next message takes longer to come, idle feeds too; 0 for no limit.",
        ),
    )
    send_timeout: float = field(
        default=30.0,
        metadata=_option(
            SecondsType(),
            "End calls whose caller takes longer to accept a message; 0 for no limit.",
        ),
    )
    max_connections: int = field(
        default=10_000, metadata=_option(click.IntRange(min=1), "Accept no more connections.")
    )
    max_connection_age: float = field(
        default=0.0,
        metadata=_option(
            SecondsType(),
            "Ask callers to connect anew after so long, to spread them; 0 for never.",
        ),
    )
    max_connection_age_grace: float = field(
        default=3600.0,
        metadata=_option(SecondsType(), "Then end what is still open on the old connection."),
    )
    tls_cert_file: str = field(
        default="",
        metadata=_option(
            click.Path(readable=False), "Serve gRPC with TLS and this certificate, a PEM chain."
        ),
    )
    tls_key_file: str = field(
        default="",
        metadata=_option(click.Path(readable=False), "Its private key, PEM without a password."),
    )
    tls_self_signed: bool = field(
        default=False,
        metadata=_option(
            click.BOOL,
            "Serve gRPC with TLS and a certificate made at the start, that proves nothing.",
        ),
    )
    tls_client_ca_file: str = field(
        default="",
        metadata=_option(
            click.Path(readable=False),
            "Let in only callers with a certificate of one of these authorities, PEM.",
        ),
    )
    worker_threads: int = field(
        default=os.cpu_count() or 1,
        metadata=_option(click.IntRange(min=1), "How many large lists to work on at a time."),
    )
    reflection: bool = field(
        default=True, metadata=_option(click.BOOL, "Describe the API to callers that reflect.")
    )
    log_level: str = field(default="info", metadata=_LOG_LEVEL)
    log_format: str = field(default="auto", metadata=_LOG_FORMAT)
    log_calls: str = field(
        default="all",
        metadata=_option(
            click.Choice(["all", "errors", "none"], case_sensitive=False),
            "Calls to log a line about; errors are those that do not end with OK.",
        ),
    )

    def __post_init__(self) -> None:
        """Refuses settings of TLS that are of no use without others, or beside them.

        Raises:
            ValueError: They are; the message names them.
        """
        if bool(self.tls_cert_file) != bool(self.tls_key_file):
            raise ValueError("TLS needs both TLS_CERT_FILE and TLS_KEY_FILE; only one is set.")
        if self.tls_self_signed and self.tls_cert_file:
            raise ValueError("TLS_SELF_SIGNED and TLS_CERT_FILE exclude each other.")
        if self.tls_client_ca_file and not (self.tls_cert_file or self.tls_self_signed):
            raise ValueError("TLS_CLIENT_CA_FILE needs TLS_CERT_FILE or TLS_SELF_SIGNED too.")

    def limits(self) -> Limits:
        """How much one request may ask for."""
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

    webhook_host: Address = field(
        default=Address("", 10250),
        metadata=_option(AddressType(), "Where the API server asks, over HTTPS."),
    )
    health_check_host: Address = field(
        default=Address("", 8080),
        metadata=_option(AddressType(), "Where /healthz, /readyz and /metrics listen."),
    )
    watch_namespaces: str = field(
        default="",
        metadata=_option(click.STRING, "Namespaces to look after, with commas; empty for all."),
    )
    operator_namespace: str = field(
        default="",
        metadata=_option(
            click.STRING,
            "Where Lease and Secret are; by default the pod's or kubeconfig's.",
        ),
    )
    lease_name: str = field(
        default="double-booked-operator",
        metadata=_option(click.STRING, "Lease of the one process that answers reviews."),
    )
    lease_holder: str = field(
        default="",
        metadata=_option(
            click.STRING,
            "Who this process is in it, such as its pod's uid; by default the host and a number.",
        ),
    )
    webhook_configuration: str = field(
        default="double-booked-operator",
        metadata=_option(
            click.STRING, "ValidatingWebhookConfiguration that is to trust the webhook."
        ),
    )
    webhook_secret: str = field(
        default="double-booked-operator-webhook",
        metadata=_option(click.STRING, "Secret to keep the webhook's authority and pair in."),
    )
    webhook_names: str = field(
        default="localhost,127.0.0.1",
        metadata=_option(click.STRING, "Whom its certificate names, with commas."),
    )
    webhook_cert_file: str = field(
        default="",
        metadata=_option(
            click.Path(readable=False), "Serve this certificate, which somebody else keeps."
        ),
    )
    webhook_key_file: str = field(
        default="",
        metadata=_option(click.Path(readable=False), "Its private key, PEM without a password."),
    )
    webhook_client_ca_file: str = field(
        default="",
        metadata=_option(
            click.Path(readable=False),
            "Authorities of which the API server must show a certificate, PEM; read at the start.",
        ),
    )
    log_level: str = field(default="info", metadata=_LOG_LEVEL)
    log_format: str = field(default="auto", metadata=_LOG_FORMAT)

    def __post_init__(self) -> None:
        """Refuses one file of a pair.

        Raises:
            ValueError: Only one is set.
        """
        if bool(self.webhook_cert_file) != bool(self.webhook_key_file):
            raise ValueError(
                "TLS needs both WEBHOOK_CERT_FILE and WEBHOOK_KEY_FILE; only one is set."
            )


def names_of(text: str) -> tuple[str, ...]:
    """The names in a text with commas."""
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def options(kind: type[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Gives a click command an option for each setting of a kind, and passes it them first.

    Args:
        kind: `Settings` or `OperatorSettings`.
    """

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_settings(*arguments: Any, **values: Any) -> Any:  # noqa: ANN401 - click passes any
            chosen = {each.name: values.pop(each.name) for each in fields(kind)}
            try:
                settings = kind(**chosen)
            except ValueError as error:
                raise click.UsageError(str(error)) from error
            return command(settings, *arguments, **values)

        decorated: Callable[..., Any] = with_settings
        for each in reversed(fields(kind)):
            decorated = _click_option(each)(decorated)
        return decorated

    return decorate


def _click_option(setting: Field[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    flag = "--" + setting.name.replace("_", "-")
    switch = f"{flag}/--no-{flag[2:]}" if setting.metadata["kind"] is click.BOOL else flag
    return click.option(
        switch,
        type=setting.metadata["kind"],
        default=setting.default,
        envvar=setting.name.upper(),
        help=setting.metadata["help"],
        show_default=True,
        show_envvar=True,
    )
