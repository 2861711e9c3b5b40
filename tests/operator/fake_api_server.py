"""A fake API server on loopback, so that only tests/e2e need a cluster.

It stores objects with uid, resourceVersion and generation, lists in pages, watches, rejects writes
of old versions, patches by merging, and fails on demand. tests/e2e use a real API server.
"""

import asyncio
import itertools
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import uuid4

import kopf
from aiohttp import web

from double_booked.operator.cluster import Cluster
from double_booked.operator.objects import API_VERSION

LEASES = "/apis/coordination.k8s.io/v1/namespaces/team/leases"
ACCESS_REVIEWS = "/apis/authorization.k8s.io/v1/namespaces/team/localsubjectaccessreviews"
SECRETS = "/api/v1/namespaces/team/secrets"
EVENTS = "/api/v1/namespaces/team/events"
WEBHOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
CALENDARS = f"/apis/{API_VERSION}/namespaces/team/calendars"
BOOKINGS = f"/apis/{API_VERSION}/namespaces/team/bookings"
LEDGERS = f"/apis/{API_VERSION}/namespaces/team/ledgers"
LEDGER = f"{LEDGERS}/bookings"

_COLLECTIONS = {"calendars", "bookings", "ledgers", "validatingwebhookconfigurations"}

Raw = dict[str, Any]


def _resources(version: str, **kinds: str) -> Raw:
    return {
        "groupVersion": version,
        "resources": [
            {
                "name": plural,
                "singularName": kind.lower(),
                "kind": kind,
                "namespaced": True,
                "verbs": ["list", "watch", "patch"],
            }
            for plural, kind in kinds.items()
        ],
    }


_GROUP = {"groupVersion": API_VERSION, "version": "v1alpha1"}
_DISCOVERY: dict[str, Raw] = {
    "/api": {"versions": ["v1"]},
    "/apis": {
        "groups": [
            {"name": "double-booked.io", "preferredVersion": _GROUP, "versions": [_GROUP]},
        ]
    },
    "/api/v1": _resources("v1", events="Event", namespaces="Namespace"),
    f"/apis/{API_VERSION}": _resources(API_VERSION, calendars="Calendar", bookings="Booking"),
}


@dataclass(slots=True)
class FakeApiServer:
    """The state of the server.

    Attributes:
        objects: The objects, by path.
        requests: Method and path of each request, in order.
        failures: Status codes and headers for the next requests, by method and path.
        held_responses: Events that responses wait for, by method and path; their request was
            acted on.
        watches: The path and the lines of each open watch; None ends it.
        watched_from: The resourceVersion of each watch, in order.
        undeletable: Names of objects that no user may delete.
        access_reviews: The spec of each LocalSubjectAccessReview.
        is_silent: Whether watches miss the events of writes.
    """

    url: str = ""
    objects: dict[str, Raw] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    failures: dict[tuple[str, str], list[tuple[int, dict[str, str]]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    held_responses: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)
    watches: list[tuple[str, asyncio.Queue[str | None]]] = field(default_factory=list)
    watched_from: list[str] = field(default_factory=list)
    undeletable: set[str] = field(default_factory=set)
    access_reviews: list[Raw] = field(default_factory=list)
    is_silent: bool = False
    _versions: Any = field(default_factory=lambda: itertools.count(1))
    _log: list[tuple[int, str, Raw]] = field(default_factory=list)

    def count(self, method: str, path: str) -> int:
        """Return how many requests of a method and path it received."""
        return self.requests.count((method, path))

    def put(self, path: str, raw: Raw) -> Raw:
        """Write an object, as another client would."""
        old = self.objects.get(path)
        new = deepcopy(raw)
        metadata = new.setdefault("metadata", {})
        parts = path.split("/")
        metadata["name"] = parts[-1]
        if "namespaces" in parts:
            metadata["namespace"] = parts[parts.index("namespaces") + 1]
        metadata["uid"] = old["metadata"]["uid"] if old else uuid4().hex
        generation = old["metadata"]["generation"] if old else 0
        changed = not old or old.get("spec") != new.get("spec")
        metadata["generation"] = generation + changed
        metadata.setdefault("creationTimestamp", "2025-11-01T00:00:00Z")
        self._publish(path, "MODIFIED" if old else "ADDED", new)
        self.objects[path] = new
        return new

    def put_open_ledger(self, **fields: Any) -> Raw:
        """Write a ledger that is open, with some more fields."""
        ledger = self.put(LEDGER, {"reservations": [], **fields})
        ledger["openedAs"] = ledger["metadata"]["uid"]
        return ledger

    def delete(self, path: str) -> None:
        """Delete an object, as another client would."""
        self._publish(path, "DELETED", self.objects.pop(path))

    def end_watches(self, line: str = "") -> None:
        """End every watch, after a last line if one is given."""
        for _, queue in self.watches:
            if line:
                queue.put_nowait(line)
            queue.put_nowait(None)

    def fail(self, method: str, path: str, *codes: int, **headers: str) -> None:
        """Fail the next requests of a method and path with some codes."""
        self.failures[method, path] += [(code, headers) for code in codes]

    def _publish(self, path: str, kind: str, raw: Raw) -> None:
        version = next(self._versions)
        raw["metadata"]["resourceVersion"] = str(version)
        self._log.append((version, path, {"type": kind, "object": deepcopy(raw)}))
        if not self.is_silent:
            for prefix, queue in self.watches:
                if _is_in(path, prefix):
                    queue.put_nowait(json.dumps({"type": kind, "object": raw}))

    async def discover(self, content: Raw, request: web.Request) -> web.Response:
        """Answer a request for API discovery, with an empty object if it should fail."""
        codes = self.failures.get(("GET", request.path))
        return (
            web.json_response({}, status=codes.pop(0)[0]) if codes else web.json_response(content)
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer any other request."""
        path = request.path.removesuffix("/status")
        self.requests.append((request.method, request.path))
        if codes := self.failures.get((request.method, request.path)):
            code, headers = codes.pop(0)
            return web.json_response(
                {"message": f"configured to fail with {code}"}, status=code, headers=headers
            )
        content = json.loads(await request.read() or b"null")
        if request.method == "POST":
            return self._create(path, content)
        if request.method == "GET" and path not in self.objects and _is_collection(path):
            watch = request.query.get("watch")
            return await (self._watch(request, path) if watch else self._list(request, path))
        if path not in self.objects:
            return web.json_response({"message": "not found"}, status=404)
        response = self._act_on(path, request.method, content)
        if released := self.held_responses.get((request.method, request.path)):
            await released.wait()
        return response

    def _act_on(self, path: str, method: str, content: Raw) -> web.Response:
        if method == "GET":
            return web.json_response(self.objects[path])
        if method == "DELETE":
            return self._delete(path, content)
        return self._change(path, content, is_patch=method == "PATCH")

    def _create(self, collection: str, content: Raw) -> web.Response:
        if collection == ACCESS_REVIEWS:
            return self._review_access(content)
        path = f"{collection}/{content['metadata']['name']}"
        if path in self.objects:
            return web.json_response({"message": "exists"}, status=409)
        return web.json_response(self.put(path, content), status=201)

    def _review_access(self, content: Raw) -> web.Response:
        self.access_reviews.append(content["spec"])
        name = content["spec"]["resourceAttributes"]["name"]
        status = {"allowed": name not in self.undeletable}
        return web.json_response(content | {"status": status}, status=201)

    def _delete(self, path: str, content: Raw) -> web.Response:
        if rejected := self._reject_other(path, content["preconditions"]):
            return rejected
        self.delete(path)
        return web.json_response({})

    def _change(self, path: str, content: Raw, *, is_patch: bool) -> web.Response:
        if rejected := self._reject_other(path, content.get("metadata", {})):
            return rejected
        stored = self.objects[path]
        return web.json_response(self.put(path, _merge(stored, content) if is_patch else content))

    def _reject_other(self, path: str, wanted: Raw) -> web.Response | None:
        """Reject a write that is meant for another object, or for another state of it."""
        for name in ("uid", "resourceVersion"):
            if wanted.get(name) and wanted[name] != self.objects[path]["metadata"][name]:
                return web.json_response({"message": f"another {name}"}, status=409)
        return None

    async def _list(self, request: web.Request, prefix: str) -> web.Response:
        objects = [raw for path, raw in sorted(self.objects.items()) if _is_in(path, prefix)]
        begin = int(request.query.get("continue") or 0)
        end = begin + int(request.query.get("limit") or len(objects) or 1)
        version = self._log[-1][0] if self._log else 0
        metadata = {"resourceVersion": str(version)}
        if end < len(objects):
            metadata["continue"] = str(end)
        return web.json_response({"metadata": metadata, "items": objects[begin:end]})

    async def _watch(self, request: web.Request, prefix: str) -> web.StreamResponse:
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        since = int(request.query["resourceVersion"])
        self.watched_from.append(request.query["resourceVersion"])
        for version, path, event in self._log:
            if version > since and _is_in(path, prefix):
                queue.put_nowait(json.dumps(event))
        entry = (prefix, queue)
        self.watches.append(entry)
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while (line := await queue.get()) is not None:
                await response.write(line.encode() + b"\n")
        finally:
            self.watches.remove(entry)
        return response


def _is_collection(path: str) -> bool:
    *_, parent, last = path.split("/")
    return last in _COLLECTIONS and parent not in _COLLECTIONS


def _is_in(path: str, prefix: str) -> bool:
    """Whether an object is in a collection, of one namespace or of all."""
    collection = path.rpartition("/")[0]
    group, _, rest = collection.partition("/namespaces/")
    return prefix in {collection, f"{group}/{rest.partition('/')[2]}"}


def _merge(stored: Any, patch: Any) -> Any:
    """Merge a patch (RFC 7386); lists of webhooks merge by name, as in a strategic merge."""
    if isinstance(patch, list) and patch and "clientConfig" in patch[0]:
        by_name = {webhook["name"]: webhook for webhook in patch}
        return [_merge(webhook, by_name.get(webhook["name"], {})) for webhook in stored]
    if not isinstance(patch, dict) or not isinstance(stored, dict):
        return patch
    merged = stored | {name: _merge(stored.get(name), value) for name, value in patch.items()}
    return {name: value for name, value in merged.items() if value is not None}


@asynccontextmanager
async def serving() -> AsyncIterator[tuple[FakeApiServer, Cluster]]:
    """Run a fake API server; yield it and a client of it."""
    api = FakeApiServer()
    app = web.Application()
    for path, content in _DISCOVERY.items():
        app.router.add_get(path, partial(api.discover, content))
    app.router.add_route("*", "/{path:.*}", api.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    cluster = Cluster(lambda: kopf.ConnectionInfo(server=api.url))
    try:
        yield api, cluster
    finally:
        await cluster.close()
        await runner.cleanup()
