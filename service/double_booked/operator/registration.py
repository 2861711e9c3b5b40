"""The webhook's registration: the part of its configuration that the operator keeps."""

import base64
from collections.abc import Collection
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

_PLAIN_LOOKS = 3
"""How many looks in a row find the path of an older chart before it is replaced. A rollback to
that chart ends this process within seconds, and the former operator answers at no other path."""


class Registration:
    """What a ValidatingWebhookConfiguration says of where to ask, and whom to trust there."""

    def __init__(self, cluster: Cluster, configuration: str, hosts: Collection[str]) -> None:
        """Make it.

        Args:
            cluster: The API server.
            configuration: The name of the ValidatingWebhookConfiguration.
            hosts: The names of this operator; webhooks that call others are left alone.
        """
        self._cluster = cluster
        self._path = f"{CONFIGURATIONS}{url_path(configuration)}"
        self._hosts = hosts
        self._has_written = False
        self._plain_looks = 0

    async def write(self, secret: str, authorities: bytes | None) -> bool:
        """Write the path of reviews, and the authorities to trust.

        Args:
            secret: The secret part of the path.
            authorities: PEM; None where somebody else writes them.

        Returns:
            Whether the configuration said so already.

        Raises:
            ClusterError: The API server does not answer, or refuses.
        """
        found = await self._cluster.get(self._path)
        changes = self._changes(found, secret, authorities)
        is_left = self._is_left_plain(found)
        if changes and not is_left:
            found = await self._cluster.patch(
                self._path,
                {"webhooks": changes},
                STRATEGIC_MERGE_PATCH,
                {"fieldManager": FIELD_MANAGER},
            )
            names = [each["name"] for each in changes]
            structlog.get_logger().info("webhook registered", webhooks=names)
        self._has_written = True
        await self._disown(found)
        return not changes

    def _changes(
        self, found: RawObject, secret: str, authorities: bytes | None
    ) -> list[dict[str, Any]]:
        bundle = base64.b64encode(authorities).decode() if authorities else None
        changes = []
        for kind, webhook in _webhooks(found, self._hosts):
            client = webhook["clientConfig"]
            change: dict[str, Any] = {}
            if address_of(client)[1] != path_for(kind, secret):
                change |= _with_path(client, path_for(kind, secret))
            if bundle and client.get("caBundle") != bundle:
                change["caBundle"] = bundle
            if change:
                changes.append({"name": webhook["name"], "clientConfig": change})
        return changes

    def _is_left_plain(self, found: RawObject) -> bool:
        """Whether an older chart has just written its path, and this process is about to end."""
        webhooks = _webhooks(found, self._hosts)
        is_plain = any(address_of(each["clientConfig"])[1] == f"/{kind}" for kind, each in webhooks)
        self._plain_looks = self._plain_looks + 1 if is_plain and self._has_written else 0
        return 0 < self._plain_looks < _PLAIN_LOOKS

    async def _disown(self, found: RawObject) -> None:
        """Give up the ownership of the fields that were written.

        An older chart renders `path`, and Helm 4 applies server-side: a rollback to that chart
        would fail on a field that somebody owns with another value.
        """
        owners = found["metadata"].get("managedFields") or []
        others = [each for each in owners if each.get("manager") != FIELD_MANAGER]
        # Without any owner, the API server takes all fields for somebody's.
        if len(others) == len(owners) or not others:
            return
        version = found["metadata"]["resourceVersion"]
        metadata = {"resourceVersion": version, "managedFields": others}
        try:
            await self._cluster.patch(self._path, {"metadata": metadata})
        except ClusterError as error:
            if error.code != CONFLICT:  # else the next look does it
                raise


def _webhooks(found: RawObject, hosts: Collection[str]) -> list[tuple[str, RawObject]]:
    """Return the webhooks that call an operator of some names, each with the kind it is for."""
    kinds = {f"{kind}.{GROUP}": kind for kind in KINDS}
    return [
        (kinds[each["name"]], each)
        for each in found.get("webhooks") or ()
        if each["name"] in kinds and address_of(each["clientConfig"])[0] in hosts
    ]


def _with_path(client: RawObject, path: str) -> dict[str, Any]:
    """Return the change that gives a clientConfig another path."""
    if "service" in client:
        return {"service": {"path": path}}
    return {"url": urlsplit(client["url"])._replace(path=path).geturl()}
