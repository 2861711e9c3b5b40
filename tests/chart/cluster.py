"""A cluster as Helm sees it: an API server that has webhook configurations and nothing else."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from chart.programs import NEWEST

GROUP = "admissionregistration.k8s.io"
KIND = "ValidatingWebhookConfiguration"
_RESOURCES = "validatingwebhookconfigurations"

Answers = dict[str, dict[str, Any]]
"""Bodies by path."""


@contextmanager
def cluster_with(configurations: list[dict[str, Any]]) -> Iterator[str]:
    """Serve the ValidatingWebhookConfigurations; yield the address for `--kube-apiserver`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(answers(configurations)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def answers(configurations: list[dict[str, Any]]) -> Answers:
    """Return what the API server says of itself, and the list."""
    version = {"groupVersion": f"{GROUP}/v1", "version": "v1"}
    group = {"name": GROUP, "versions": [version], "preferredVersion": version}
    resource = {"name": _RESOURCES, "kind": KIND, "namespaced": False, "verbs": ["get", "list"]}
    return {
        "/version": {"major": "1", "minor": "34", "gitVersion": f"v{NEWEST}"},
        "/api": {"kind": "APIVersions", "versions": []},
        "/apis": {"kind": "APIGroupList", "groups": [group]},
        f"/apis/{GROUP}/v1": {
            "kind": "APIResourceList",
            "groupVersion": f"{GROUP}/v1",
            "resources": [resource],
        },
        f"/apis/{GROUP}/v1/{_RESOURCES}": {
            "kind": f"{KIND}List",
            "apiVersion": f"{GROUP}/v1",
            "items": configurations,
        },
    }


def handler(known: Answers) -> type[BaseHTTPRequestHandler]:
    """Return a handler of GET that answers 404 for all but the known paths."""

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
