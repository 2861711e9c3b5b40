"""Test that the API server stores rendered objects unchanged, so that GitOps finds no drift.

There are two ways to compare: server-side apply, and the three-way merge of `kubectl apply` and
Argo CD. Both ignore fields that the API server adds to a map, or to an element of a list with a
merge key. A field that it adds inside an atomic value shows up as a difference at every apply.
Custom resources have no merge keys, so all their lists are atomic.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any
from uuid import uuid4

import pytest
import yaml

from chart.programs import NAMES, template, values
from e2e.conftest import Namespace, run, tool
from waiting import wait_until

Schema = dict[str, Any]


@cache
def schemas() -> dict[str, Schema]:
    """Return the OpenAPI schemas that the API server publishes."""
    return dict(json.loads(run(tool("kubectl"), "get", "--raw", "/openapi/v2"))["definitions"])


@cache
def schemas_by_kind() -> dict[tuple[str, str], Schema]:
    """Return the schemas of objects by apiVersion and kind."""
    found = {}
    for schema in schemas().values():
        for kind in schema.get("x-kubernetes-group-version-kind", ()):
            version = "/".join(filter(None, (kind["group"], kind["version"])))
            found[version, kind["kind"]] = schema
    return found


def resolved(schema: Schema) -> Schema:
    """Return the schema behind a reference, with the fields beside the reference."""
    beside = {key: value for key, value in schema.items() if key != "$ref"}
    if "$ref" not in schema:
        return schema
    return resolved(schemas()[schema["$ref"].rpartition("/")[2]]) | beside


def differences(
    rendered: Any, stored: Any, schema: Schema, path: str, *, in_atomic: bool = False
) -> Iterator[str]:
    """Yield the differences between a stored and a rendered value, except for harmless additions.

    Args:
        rendered: The rendered value.
        stored: The same value as the API server stores it.
        schema: The schema of the value.
        path: The path of the value, for the messages.
        in_atomic: Whether the value is inside an atomic value.
    """
    schema = resolved(schema)
    if isinstance(rendered, dict) and isinstance(stored, dict):
        is_atomic = in_atomic or schema.get("x-kubernetes-map-type") == "atomic"
        properties = schema.get("properties", {})
        for key in sorted(rendered.keys() | stored.keys()):
            at = f"{path}.{key}"
            if key not in stored:
                yield f"{at} is not stored"
            elif key in rendered:
                inner = properties.get(key) or schema.get("additionalProperties") or {}
                yield from differences(rendered[key], stored[key], inner, at, in_atomic=is_atomic)
            elif is_atomic:
                yield f"{at} is added: {stored[key]}"
    elif isinstance(rendered, list) and isinstance(stored, list):
        is_atomic = in_atomic or not has_keys(schema)
        if len(rendered) != len(stored):
            yield f"{path} has {len(stored)} elements instead of {len(rendered)}"
        for index, (old, new) in enumerate(zip(rendered, stored, strict=False)):
            inner = schema.get("items", {})
            yield from differences(old, new, inner, f"{path}[{index}]", in_atomic=is_atomic)
    elif rendered != stored or type(rendered) is not type(stored):
        yield f"{path} is {stored!r} instead of {rendered!r}"


def has_keys(schema: Schema) -> bool:
    """Return whether both ways to compare merge a list by keys."""
    return schema.get("x-kubernetes-list-type") == "map" and (
        "x-kubernetes-patch-merge-key" in schema
    )


def rendered(namespace: str, name: str, *options: str) -> list[dict[str, Any]]:
    """Return the objects rendered for a feature, without tests."""
    watched = f"--set=operator.watchNamespaces={{{namespace}}}"
    # The port may be in use, and the cluster may support one IP family only.
    everything = "--set=service.nodePort=null,service.ipFamilies={IPv4}"
    own = {"operator-namespaced": watched, "everything-else": everything}
    where = (f"--namespace={namespace}", "--no-hooks", *filter(None, [own.get(name)]))
    return list(filter(None, yaml.safe_load_all(template(values(name), *where, *options))))


def stored(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return an object as the API server would store it (dry run)."""
    command = (tool("kubectl"), "apply", "--server-side", "--force-conflicts", "--dry-run=server")
    return dict(
        json.loads(run(*command, "--output=json", "--filename=-", text=json.dumps(manifest)))
    )


@pytest.fixture
def somewhere() -> Iterator[Namespace]:
    """Create a namespace in which no pods can run, because none are needed."""
    namespace = Namespace(f"drift-{uuid4().hex[:8]}")
    namespace.kubectl("create", "namespace", namespace.name)
    namespace.kubectl("create", "quota", "no-pods", "--hard=pods=0")
    yield namespace
    namespace.kubectl("delete", "namespace", namespace.name, "--wait=false")


@pytest.mark.usefixtures("definitions")
def test_the_api_server_stores_rendered_objects_unchanged(somewhere: Namespace) -> None:
    all_objects = [manifest for name in NAMES for manifest in rendered(somewhere.name, name)]
    objects = list(
        {json.dumps(manifest, sort_keys=True): manifest for manifest in all_objects}.values()
    )
    with ThreadPoolExecutor(4) as pool:
        found = [
            f"{manifest['kind']} {manifest['metadata']['name']}: {difference}"
            for manifest, kept in zip(objects, pool.map(stored, objects), strict=True)
            for difference in differences(
                manifest, kept, schemas_by_kind()[manifest["apiVersion"], manifest["kind"]], ""
            )
        ]
    assert len(objects) > len(NAMES)
    assert found == []


@pytest.mark.usefixtures("definitions")
def test_taking_over_from_kubectl_apply_causes_no_conflict(somewhere: Namespace) -> None:
    """Argo CD does this when it is switched to server-side apply."""
    objects = [
        manifest
        for name in NAMES
        for manifest in rendered(somewhere.name, name, f"--set=fullnameOverride={name}")
        if manifest["metadata"].get("namespace") == somewhere.name
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    run(*somewhere.command("apply", "--filename=-"), text=text)
    server_side = ("--server-side", "--field-manager=argocd-controller", "--filename=-")
    run(*somewhere.command("apply", *server_side), text=text)
    for how in (server_side, ("--filename=-",)):
        # A status that changes between the two requests is a difference too, but only once.
        wait_until(partial(finds_no_difference, somewhere, how, text), "kubectl diff is empty", 60)


def finds_no_difference(somewhere: Namespace, how: tuple[str, ...], text: str) -> bool:
    """Run kubectl diff; the captured output shows the differences."""
    command = somewhere.command("diff", *how)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    sys.stderr.write(done.stdout + done.stderr)
    return done.returncode == 0
