"""Keeps what is known of one kind of objects equal to the cluster: a list, then a watch."""

import asyncio
import json
import random
from collections.abc import Callable
from time import monotonic
from typing import Any

import structlog

from double_booked.operator.cluster import GONE, Cluster, ClusterError, path_of
from double_booked.operator.store import CachedObject, Kind, Store

_PAGE = "500"
_WATCH_SECONDS = 240
_SILENCE_SECONDS = 120.0
"""Watches bring a bookmark a minute; without one their connection is taken for dead."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0


class Reflector:
    """Lists and watches a kind, in a namespace or in all.

    Attributes:
        synced: Set once a whole list has been taken in.
    """

    def __init__(
        self,
        cluster: Cluster,
        kind: Kind,
        namespace: str,
        store: Store,
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
        """List and watch until it is cancelled; try what fails again, ever more slowly."""
        pause = _FIRST_PAUSE
        while True:
            started = monotonic()
            try:
                if not self._version:
                    await self.list()
                await self._watch()
                pause = _FIRST_PAUSE
            except ClusterError as error:
                if monotonic() - started > _LONGEST_PAUSE:  # it worked for a while
                    pause = _FIRST_PAUSE
                self._on_error()
                if error.code == GONE:
                    self._version = ""
                    self._log.info("watch is too old, listing anew")
                else:
                    self._log.warning("cannot watch", code=error.code, reason=str(error))
                # Many operators that lost one API server do not come back all at once.
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def list(self) -> None:
        """Takes in all that there is now.

        Raises:
            ClusterError: The list could not be had whole; nothing was taken in.
        """
        found: list[CachedObject] = []
        proceed = ""
        while True:
            params = {"limit": _PAGE} | ({"continue": proceed} if proceed else {})
            page = await self._cluster.get(self._path, params)
            found += (self._store.parse(self._kind, raw) for raw in page["items"])
            proceed = page["metadata"].get("continue", "")
            if not proceed:
                break
        version = page["metadata"]["resourceVersion"]
        self._store.replace_all(self._kind, found, int(version), self._namespace)
        self._version = version
        self.synced.set()
        self._log.info("listed", objects=len(found))

    async def _watch(self) -> None:
        """Takes in what changes from the last version on, until the API server ends the watch."""
        params = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(_WATCH_SECONDS),
        }
        async for line in self._cluster.lines(self._path, params, _SILENCE_SECONDS):
            if line.strip():
                self._take(_parse(line))

    def _take(self, event: dict[str, Any]) -> None:
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
        raise ClusterError(0, "the watch holds a line that is no JSON") from error
    return event
