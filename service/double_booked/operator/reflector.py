"""Keeps the cache of one kind of object up to date: a list, then a watch."""

import asyncio
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Protocol

import structlog

from double_booked.operator.cluster import GONE, Cluster, ClusterError, path_of
from double_booked.operator.store import Kind

_PAGE = "500"
_WATCH_SECONDS = 240
_SILENCE_SECONDS = 120.0
"""A watch brings a bookmark every minute; without one its connection counts as dead."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0


class Cache(Protocol):
    """What a reflector fills; `Store` describes the methods."""

    def parse(self, kind: Kind, raw: dict[str, Any]) -> Any: ...  # noqa: ANN401, D102
    def upsert(self, kind: Kind, raw: dict[str, Any]) -> object: ...  # noqa: D102
    def on_deleted(self, kind: Kind, raw: dict[str, Any]) -> None: ...  # noqa: D102
    def replace_all(  # noqa: D102
        self, kind: Kind, objects: Sequence[Any], version: int, namespace: str
    ) -> None: ...
    def advance(self, kind: Kind, version: int, namespace: str) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Listing:
    """All objects of a kind at one moment.

    Attributes:
        objects: The parsed objects.
        version: The resourceVersion of the list.
    """

    objects: Sequence[Any]
    version: int


async def list_objects(
    cluster: Cluster, kind: Kind, namespace: str, cache: Cache, tries: int = 5
) -> Listing:
    """List all objects of a kind, and replace the cached ones.

    Args:
        cluster: The API server.
        kind: The kind.
        namespace: The namespace to list; empty for all.
        cache: The cache.
        tries: How often each page is tried.

    Raises:
        ClusterError: A page of the list is missing; nothing was replaced.
    """
    objects: list[Any] = []
    token = ""
    while True:
        params = {"limit": _PAGE} | ({"continue": token} if token else {})
        page = await cluster.get(path_of(kind.plural, namespace=namespace), params, tries)
        objects += (cache.parse(kind, raw) for raw in page["items"])
        token = page["metadata"].get("continue", "")
        if not token:
            break
    listing = Listing(objects, int(page["metadata"]["resourceVersion"]))
    cache.replace_all(kind, objects, listing.version, namespace)
    return listing


class Reflector:
    """Lists and watches a kind, in a namespace or in all.

    Attributes:
        synced: Set once a complete list has been cached.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        namespace: str,
        store: Cache,
        on_error: Callable[[], None] = lambda: None,
    ) -> None:
        self.synced = asyncio.Event()
        self._cluster = cluster
        self._kind = kind
        self._path = path_of(kind.plural, namespace=namespace)
        self._namespace = namespace
        self._store = store
        self._on_error = on_error
        self._version = ""
        self._log = structlog.get_logger().bind(kind=kind.plural, namespace=namespace)

    async def run(self) -> None:
        """List and watch until cancelled; retry after errors, with exponential backoff."""
        pause = _FIRST_PAUSE
        while True:
            started = monotonic()
            try:
                if not self._version:
                    await self.list()
                await self._watch()
                pause = _FIRST_PAUSE
            except ClusterError as error:
                if monotonic() - started > _LONGEST_PAUSE:  # it worked before it failed
                    pause = _FIRST_PAUSE
                self._on_error()
                if error.code == GONE:
                    self._version = ""
                    self._log.info("watch expired, listing again")
                else:
                    self._log.warning("watch failed", code=error.code, reason=str(error))
                # Jitter, so that operators that lost the same API server do not return all at once.
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def list(self) -> None:
        """List all objects and replace the cached ones.

        Raises:
            ClusterError: A page of the list is missing; nothing was replaced.
        """
        listing = await list_objects(self._cluster, self._kind, self._namespace, self._store)
        self._version = str(listing.version)
        self.synced.set()
        self._log.info("listed", objects=len(listing.objects))

    async def _watch(self) -> None:
        """Apply changes from the last resourceVersion on, until the API server ends the watch."""
        params = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        async for line in self._cluster.lines(self._path, params, _SILENCE_SECONDS):
            if line.strip():
                self._apply(_parse(line))

    def _apply(self, event: dict[str, Any]) -> None:
        kind, raw = event["type"], event["object"]
        if kind == "ERROR":
            raise ClusterError(int(raw.get("code") or 0), str(raw.get("message", "")))
        if kind == "DELETED":
            self._store.on_deleted(self._kind, raw)
        elif kind != "BOOKMARK":
            self._store.upsert(self._kind, raw)
        self._version = raw["metadata"]["resourceVersion"]
        self._store.advance(self._kind, int(self._version), self._namespace)


def _parse(line: bytes) -> dict[str, Any]:
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError as error:
        raise ClusterError(0, "a line of the watch is not JSON") from error
    return event
