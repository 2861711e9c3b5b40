"""Schemas that rendered objects are checked against: those of Kubernetes, and of CRDs.

The schemas are read from released Go modules, which `go mod download` fetches.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from chart.programs import CHART, ROOT, run, tool

LOCATION = ROOT / "build/schemas"
TEMPLATE = (
    "{{.NormalizedKubernetesVersion}}/{{.ResourceKind}}_{{.Group}}_{{.ResourceAPIVersion}}.json"
)
PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"
CRDS = (
    ("sigs.k8s.io/gateway-api@v1.4.0", "config/crd/standard/*_*routes.yaml"),
    ("github.com/cert-manager/cert-manager@v1.19.1", "deploy/crds/*_certificates.yaml"),
    (PROMETHEUS_OPERATOR, "example/prometheus-operator-crd/*_servicemonitors.yaml"),
    (PROMETHEUS_OPERATOR, "example/prometheus-operator-crd/*_podmonitors.yaml"),
    (PROMETHEUS_OPERATOR, "example/prometheus-operator-crd/*_prometheusrules.yaml"),
    ("github.com/kubeflow/spark-operator/v2@v2.5.2", "config/crd/bases/*_*sparkapplications.yaml"),
)
"""Go modules, and the paths of definitions in them; no module has those of GKE and Apache."""

Schema = dict[str, Any]


def crd_files() -> list[Path]:
    """Return the files of all definitions that the chart may need and does not contain."""
    found = [file for module, pattern in CRDS for file in module_folder(module).glob(pattern)]
    return [*found, *sorted((ROOT / "tests/chart/crds").glob("*.yaml"))]


@cache
def module_folder(module: str) -> Path:
    """Return the folder of a module in Go's cache; Go downloads it once."""
    module_info = json.loads(run(tool("go"), "mod", "download", "-json", module, cwd=Path("/")))
    return Path(module_info["Dir"])


@cache
def write_schemas(version: str) -> str:
    """Write the schemas of a Kubernetes version; return their location for kubeconform."""
    folder = LOCATION / f"v{version}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in (*kubernetes_schemas(version), *crd_schemas()):
        (folder / name).write_text(json.dumps(schema))
    return f"{LOCATION}/{TEMPLATE}"


def kubernetes_schemas(version: str) -> Iterator[tuple[str, Schema]]:
    """Yield file names and schemas of the built-in kinds."""
    folder = module_folder(f"k8s.io/kubernetes@v{version}")
    definitions = json.loads((folder / "api/openapi-spec/swagger.json").read_text())["definitions"]
    definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = {"type": ["integer", "string"]}
    strict = {name: refuse_unknown(definition) for name, definition in definitions.items()}
    for name, definition in definitions.items():
        for kind in definition.get("x-kubernetes-group-version-kind", ()):
            used = reachable(name, strict)
            file = (
                f"{kind['kind'].lower()}_{kind['group'] or kind['version']}_{kind['version']}.json"
            )
            yield file, {"$ref": f"#/definitions/{name}", "definitions": used}


def crd_schemas() -> Iterator[tuple[str, Schema]]:
    """Yield file names and schemas of the kinds that CRDs define."""
    for file in (*crd_files(), *CHART.glob("files/crds/*.yaml")):
        for document in filter(None, yaml.safe_load_all(file.read_text())):
            spec = document["spec"]
            for version in spec["versions"]:
                name = f"{spec['names']['kind'].lower()}_{spec['group']}_{version['name']}.json"
                yield name, refuse_unknown(version["schema"]["openAPIV3Schema"])


def refuse_unknown(schema: Any) -> Any:
    """Return the schema without additional properties; an API server warns about them, too."""
    if isinstance(schema, list):
        return [refuse_unknown(element) for element in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {key: refuse_unknown(value) for key, value in schema.items()}
    is_closed = isinstance(schema.get("properties"), dict) and "type" in schema
    if is_closed and not schema.get("x-kubernetes-preserve-unknown-fields"):
        strict.setdefault("additionalProperties", False)
    return strict


def reachable(name: str, definitions: Schema) -> Schema:
    """Return a definition and all definitions that it refers to."""
    found: Schema = {}
    waiting = [name]
    while waiting:
        current = waiting.pop()
        found[current] = definitions[current]
        texts = json.dumps(found[current]).split("#/definitions/")[1:]
        waiting += [other for other in (text.split('"')[0] for text in texts) if other not in found]
    return found
