"""Keeps the webhook configuration up to date: the path, and the authority to trust."""

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog

from double_booked.operator.cluster import (
    CONFLICT,
    STRATEGIC_MERGE_PATCH,
    Cluster,
    ClusterError,
    url_path,
)
from double_booked.operator.enforcement import KINDS, address_of, path_for
from double_booked.operator.objects import GROUP, RawObject

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
FIELD_MANAGER = "double-booked-operator"

_PLAIN_PATH_READS = 6
"""How many reads in a row must find the path of an older chart before it is replaced. A rollback to
that chart ends this process within seconds, and the older operator answers at no other path."""


@dataclass(frozen=True, slots=True)
class RegisteredWebhooks:
    """This operator's webhooks in the configuration, as it was read.

    Attributes:
        configuration: The ValidatingWebhookConfiguration.
        webhooks: The webhooks that call this operator, each with its kind.
    """

    configuration: RawObject
    webhooks: Sequence[tuple[str, RawObject]]

    def secrets(self) -> Collection[str]:
        """Return the secret parts of the paths to which reviews are sent."""
        paths = [(f"/{kind}/", address_of(raw["clientConfig"])[1]) for kind, raw in self.webhooks]
        return {path.removeprefix(start) for start, path in paths if path.startswith(start)}

    def has_secret(self, secret: str) -> bool:
        """Whether all reviews are sent to the path with a secret part."""
        return all(
            address_of(raw["clientConfig"])[1] == path_for(kind, secret)
            for kind, raw in self.webhooks
        )

    def has_plain_path(self) -> bool:
        """Whether reviews are sent to the path of an older chart."""
        return any(address_of(raw["clientConfig"])[1] == f"/{kind}" for kind, raw in self.webhooks)

    def trusts(self, authorities: bytes) -> bool:
        """Whether exactly these authorities (PEM) are trusted."""
        bundle = base64.b64encode(authorities).decode()
        return all(raw["clientConfig"].get("caBundle") == bundle for _, raw in self.webhooks)


class Registration:
    """The path and the caBundle in a ValidatingWebhookConfiguration, which the operator writes."""

    def __init__(self, cluster: Cluster, configuration: str, hosts: Collection[str]) -> None:
        """Prepare to write them.

        Args:
            cluster: The API server.
            configuration: The name of the ValidatingWebhookConfiguration.
            hosts: The host names of this operator; webhooks that call other hosts stay as they are.
        """
        self._cluster = cluster
        self._path = f"{CONFIGURATIONS}{url_path(configuration)}"
        self._hosts = hosts
        self._had_secret = False
        self._plain_path_reads = 0

    async def read(self) -> RegisteredWebhooks:
        """Read the configuration.

        Raises:
            ClusterError: The request failed.
        """
        configuration: RawObject = await self._cluster.get(self._path)
        registered = RegisteredWebhooks(configuration, _webhooks(configuration, self._hosts))
        is_rolled_back = registered.has_plain_path() and self._had_secret
        self._plain_path_reads = self._plain_path_reads + 1 if is_rolled_back else 0
        self._had_secret = self._had_secret or bool(registered.secrets())
        return registered

    async def write(
        self, registered: RegisteredWebhooks, secret: str, authorities: bytes | None
    ) -> None:
        """Write the path of reviews, and the authorities to trust, where they differ.

        Args:
            registered: The configuration as it was read.
            secret: The secret part of the path.
            authorities: PEM; None if another controller writes the caBundle.

        Raises:
            ClusterError: It has changed since it was read (CONFLICT), or the request failed.
        """
        configuration = registered.configuration
        changes = _changes(registered, secret, authorities)
        # An older chart may just have written its path, and this process will soon end.
        must_wait = 0 < self._plain_path_reads < _PLAIN_PATH_READS
        if changes and not must_wait:
            version = configuration["metadata"]["resourceVersion"]
            configuration = await self._cluster.patch(
                self._path,
                {"metadata": {"resourceVersion": version}, "webhooks": changes},
                STRATEGIC_MERGE_PATCH,
                {"fieldManager": FIELD_MANAGER},
            )
            names = [change["name"] for change in changes]
            structlog.get_logger().info("webhook registered", webhooks=names)
        self._had_secret = True
        await self._disown(configuration)

    async def _disown(self, configuration: RawObject) -> None:
        """Remove this operator from the managers of the written fields.

        An older chart renders `path`, and Helm 4 applies server-side. A rollback to that chart
        would fail on a field that another manager owns with another value.
        """
        owners = configuration["metadata"].get("managedFields") or []
        others = [owner for owner in owners if owner.get("manager") != FIELD_MANAGER]
        # If the last owner is removed, the API server assigns all fields to a new one.
        if len(others) == len(owners) or not others:
            return
        version = configuration["metadata"]["resourceVersion"]
        metadata = {"resourceVersion": version, "managedFields": others}
        try:
            await self._cluster.patch(self._path, {"metadata": metadata})
        except ClusterError as error:
            if error.code != CONFLICT:  # the next write does it
                raise


def _webhooks(configuration: RawObject, hosts: Collection[str]) -> list[tuple[str, RawObject]]:
    """Return the webhooks that call one of some hosts, each with its kind."""
    kinds = {f"{kind}.{GROUP}": kind for kind in KINDS}
    return [
        (kinds[webhook["name"]], webhook)
        for webhook in configuration.get("webhooks") or ()
        if webhook["name"] in kinds and address_of(webhook["clientConfig"])[0] in hosts
    ]


def _changes(
    registered: RegisteredWebhooks, secret: str, authorities: bytes | None
) -> list[dict[str, Any]]:
    """Return the patches of the webhooks that have another path, or trust other authorities."""
    bundle = base64.b64encode(authorities).decode() if authorities else None
    changes = []
    for kind, webhook in registered.webhooks:
        client = webhook["clientConfig"]
        change: dict[str, Any] = {}
        if address_of(client)[1] != path_for(kind, secret):
            change |= _with_path(client, path_for(kind, secret))
        if bundle and client.get("caBundle") != bundle:
            change["caBundle"] = bundle
        if change:
            changes.append({"name": webhook["name"], "clientConfig": change})
    return changes


def _with_path(client: RawObject, path: str) -> dict[str, Any]:
    """Return the patch that gives a clientConfig another path."""
    if "service" in client:
        return {"service": {"path": path}}
    return {"url": urlsplit(client["url"])._replace(path=path).geturl()}
