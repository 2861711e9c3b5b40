"""A fake API server with webhook configurations and definitions, for Helm's lookups."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from chart.programs import CHART, NEWEST, tool

KIND = "ValidatingWebhookConfiguration"
_KINDS = {KIND: "admissionregistration.k8s.io", "CustomResourceDefinition": "apiextensions.k8s.io"}

Answers = dict[str, dict[str, Any]]
"""Bodies of answers by path."""


@contextmanager
def cluster_with(objects: list[dict[str, Any]]) -> Iterator[str]:
    """Serve webhook configurations and definitions; yield the address for `--kube-apiserver`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(answers(objects)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def rendering_error(objects: list[dict[str, Any]], *options: str, helm: str = "helm") -> str:
    """Return the chart's error for an upgrade in a cluster with these objects; "" if it renders.

    The server knows no other kinds, so Helm always fails, but after the rendering.
    """
    with cluster_with(objects) as address:
        cluster = (f"--kube-apiserver={address}", f"--kube-version={NEWEST}", "--dry-run=server")
        where = ("--namespace=shared", "--disable-openapi-validation")
        command = [tool(helm), "template", "double-booked", str(CHART), *where, *cluster, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    is_refused = "execution error at" in done.stderr
    assert is_refused is not ('no matches for kind "Service"' in done.stderr), done.stderr
    return done.stderr if is_refused else ""


def answers(objects: list[dict[str, Any]]) -> Answers:
    """Return the discovery documents, and the objects both alone and as lists."""
    groups: list[dict[str, Any]] = []
    found: Answers = {
        "/version": {"major": "1", "minor": "34", "gitVersion": f"v{NEWEST}"},
        "/api": {"kind": "APIVersions", "versions": []},
        "/apis": {"kind": "APIGroupList", "groups": groups},
    }
    for kind, group in _KINDS.items():
        version = {"groupVersion": f"{group}/v1", "version": "v1"}
        groups.append({"name": group, "versions": [version], "preferredVersion": version})
        resource: dict[str, Any] = {"name": f"{kind.lower()}s", "kind": kind, "namespaced": False}
        found[f"/apis/{group}/v1"] = {
            "kind": "APIResourceList",
            "groupVersion": f"{group}/v1",
            "resources": [resource | {"verbs": ["get", "list"]}],
        }
        items = [manifest for manifest in objects if manifest["kind"] == kind]
        path = f"/apis/{group}/v1/{resource['name']}"
        found[path] = {"kind": f"{kind}List", "apiVersion": f"{group}/v1", "items": items}
        found |= {f"{path}/{item['metadata']['name']}": item for item in items}
    return found


def handler(known: Answers) -> type[BaseHTTPRequestHandler]:
    """Return a handler for GET that answers 404 to unknown paths."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = known.get(self.path.partition("?")[0])
            body = json.dumps(found or {"kind": "Status", "code": 404}).encode()
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler
