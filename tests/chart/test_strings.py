"""Test that strings which YAML parsers may misread are rendered as strings.

A rendering with a unique word for each value shows where the values go. With other strings in place
of the words, everything else must stay the same.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chart.programs import CHART, NEWEST, tool

WORD = re.compile(r"tok\d+x")
MISREAD = (
    *("n", "y", "N", "Y", "on", "off", "no", "yes", "true", "false", "null", "Null", "nan"),
    *("123", "007", "0", "1e3", "0x1f", "0b1", "0o7", "1_000", "1.5", "2001-01-01", "e1", "1.e3"),
)
"""Texts that some YAML parser reads as booleans, nulls or numbers."""
MARKED = (
    *("~", "=", "<<", ".inf", "-.INF", ".nan", "12:30:45", "+1", "- a", "-", "a: b", "a:"),
    *("# a", "a #b", "'", '"', "{a", "[a", "*a", "&a", "!a", "%a", "@a", "`a", "|", ">", "?", ",a"),
    *(" a", "a ", "a\nb", "a\n", "\ta", "a\tb", "\u00e9", "\u2028", "\\n", "{{ a }}", "$(a)"),
)
"""Texts for values without a pattern. "" is left out because it means the default."""

Values = dict[str, Any]
Path = tuple[str, ...]

CLIENTS = [{"podSelector": {"matchLabels": {"a": ""}}}]
SHAPES: dict[str, Any] = {
    "extraEnv": [{"name": "A", "value": ""}],
    "extraEnvFrom": [{"configMapRef": {"name": ""}}],
    "extraVolumes": [{"name": "more", "secret": {"secretName": ""}}],
    "extraVolumeMounts": [{"name": "more", "mountPath": ""}],
    "tolerations": [{"key": "", "value": ""}],
    "affinity": {"nodeAffinity": {"a": ""}},
    "topologySpreadConstraints": [
        {"topologyKey": "", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    ],
    "operator.namespaceSelector.matchExpressions": [{"key": "", "operator": "In", "values": [""]}],
    "networkPolicy.clients": CLIENTS,
    "networkPolicy.scrapers": CLIENTS,
    "gateway.parentRefs": [{"name": "", "sectionName": ""}],
    "operator.extraEnv": [{"name": "A", "value": ""}],
    "operator.tolerations": [{"key": "", "value": ""}],
    "operator.affinity": {"nodeAffinity": {"a": ""}},
    "operator.topologySpreadConstraints": [
        {"topologyKey": "", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    ],
    "initContainers": [{"name": "first", "image": ""}],
    "extraContainers": [{"name": "beside", "image": ""}],
    "hostAliases": [{"ip": "192.0.2.1", "hostnames": [""]}],
    "extraObjects": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "type": ""}],
    "podSecurityContext": {"fsGroupChangePolicy": ""},
    "securityContext": {"procMount": ""},
    "spark.podSecurityContext": {"fsGroupChangePolicy": ""},
    "spark.sparkConf": {"spark.a": ""},
    "spark.driver.tolerations": [{"key": "", "value": ""}],
    "spark.executor.tolerations": [{"key": "", "value": ""}],
}
"""Examples for objects of Kubernetes that the schema does not describe, with "" as strings."""

EVERYTHING: Values = {
    "networkPolicy": {"enabled": True},
    "autoscaling": {"enabled": True},
    "headlessService": {"enabled": True},
    "metrics": {
        "podMonitoring": {"enabled": True},
        "prometheusRule": {"enabled": True},
        "dashboard": {"enabled": True},
    },
}
WITH_SECRETS = EVERYTHING | {
    "metrics": EVERYTHING["metrics"] | {"serviceMonitor": {"enabled": True}},
    "tls": {"source": "existingSecret"},
    "gateway": {"enabled": True, "gkePolicies": False},
    "operator": {"enabled": True, "certificate": {"source": "operator"}},
    "spark": {"enabled": True, "schedule": "@daily"},
}
WITH_CERT_MANAGER = EVERYTHING | {
    "metrics": EVERYTHING["metrics"] | {"podMonitor": {"enabled": True}},
    "tls": {"source": "certManager"},
    "ingress": {"enabled": True},
    "operator": {"enabled": True, "certificate": {"source": "certManager"}},
    "spark": {"enabled": True, "operator": "apache"},
}
BASES: dict[str, tuple[Values, tuple[str, ...]]] = {
    "secrets": (
        WITH_SECRETS,
        (
            "tls.certManager",
            "ingress",
            "operator.watchNamespaces",
            "image.reference",
            "global.imagePullSecrets",
        ),
    ),
    "cert-manager": (
        WITH_CERT_MANAGER,
        (
            "tls.existingSecret",
            "tls.clientCA",
            "gateway",
            "operator.namespaceSelector",
            "fullnameOverride",
            "namespaceOverride",
            "image.tag",
            "imagePullSecrets",
            "spark.timeZone",
        ),
    ),
}
"""Values that can be combined, and the paths to leave out for each combination."""


class AnyParser(yaml.SafeLoader):
    """A loader that reads a scalar as a string only if every parser of YAML 1.1 and 1.2 does."""


_NO_STRING = re.compile(r"^(?:[yYnN]|[-+]?[0-9][0-9_.]*[eE][-+]?[0-9]+|0o[0-7]+)$")
# Null represents anything but a string.
AnyParser.add_implicit_resolver("tag:yaml.org,2002:null", _NO_STRING, None)
# Only PyYAML reads these as something other than a string.
for tag in ("value", "merge"):
    AnyParser.add_constructor(f"tag:yaml.org,2002:{tag}", AnyParser.construct_yaml_str)


@cache
def schema() -> Values:
    """Return the schema of the values."""
    return dict(json.loads((CHART / "values.schema.json").read_text()))


def resolved(node: Any) -> Values:
    """Return a schema, or the definition in its `$ref`."""
    if not isinstance(node, dict):
        return {}
    name = node.get("$ref", "").rpartition("/")[2]
    return dict(schema()["definitions"][name]) if name else node


def kinds(node: Values) -> str:
    """Return the type of a schema, or the joined types of its alternatives."""
    node = resolved(node)
    return " ".join(
        str(alternative.get("type"))
        for alternative in (node, *map(resolved, node.get("anyOf", ())))
    )


def leaves(node: Values, path: Path) -> Iterator[tuple[Path, Values]]:
    """Yield the path and the schema of every string in a schema."""
    node = resolved(node)
    if "anyOf" in node:
        node = next(
            (alternative for alternative in node["anyOf"] if alternative.get("type") != "integer"),
            node,
        )
        if "anyOf" not in node:
            yield from leaves(node, path)
        return
    shape = SHAPES.get(".".join(path))
    if shape is not None:
        for inner in strings(shape):
            yield path + inner, {"type": "string", "is_label": inner[-1] != "value"}
    elif "string" in node.get("type", ()) and "enum" not in node:
        yield path, node
    elif "items" in node and "string" in kinds(node["items"]):
        yield from leaves(node["items"], (*path, "0"))
    elif "string" in resolved(node.get("additionalProperties")).get("type", ()):
        yield (*path, f"key.example/{len(path)}"), {"type": "string", "is_label": True}
    for key, child in node.get("properties", {}).items():
        yield from leaves(child, (*path, key))


def strings(shape: Any) -> Iterator[Path]:
    """Yield the path of each "" in lists and maps."""
    if shape == "":
        yield ()
        return
    items = enumerate(shape) if isinstance(shape, list) else getattr(shape, "items", tuple)()
    for key, item in items:
        yield from ((str(key), *inner) for inner in strings(item))


def allowed(leaf: Values, texts: tuple[str, ...]) -> list[str]:
    """Return the texts that the schema of a string allows."""
    most, least = leaf.get("maxLength", 1000), leaf.get("minLength", 0)
    pattern = re.compile(leaf.get("pattern", ""))
    never = re.compile(leaf.get("not", {}).get("pattern", "(?!)"))
    return [
        candidate
        for candidate in texts
        if least <= len(candidate) <= most
        and pattern.search(candidate)
        and not never.search(candidate)
    ]


def put(values: Any, path: Path, text: str) -> None:
    """Set a string in nested maps and lists, and create missing ones."""
    for key, following in zip(path, (*path[1:], None), strict=True):
        is_list = isinstance(values, list)
        if is_list and len(values) <= int(key):
            values.append({})
        place: Any = int(key) if is_list else key
        if following is None:
            values[place] = text
            return
        current = values[place] if is_list else values.get(key)
        if not isinstance(current, dict | list) or (is_list and current == {}):
            values[place] = [] if following.isdigit() else {}
        values = values[place]


def merged(base: str, texts: dict[Path, str]) -> Values:
    """Return the values of a base with strings set in them."""
    values: Values = json.loads(json.dumps(BASES[base][0]))
    for path, text in texts.items():
        shape = next(
            (key for key in SHAPES if path[: key.count(".") + 1] == tuple(key.split("."))), ""
        )
        if shape:
            inside: Any = values
            *outer, last = shape.split(".")
            for key in outer:
                inside = inside.setdefault(key, {})
            inside.setdefault(last, json.loads(json.dumps(SHAPES[shape])))
        put(values, path, text)
    return values


def is_tried(leaf: Values) -> bool:
    """Return whether a string can be one that a parser misreads; an address range cannot."""
    return "pattern" not in leaf or bool(allowed(leaf, MISREAD))


@cache
def places(base: str) -> dict[Path, Values]:
    """Return the paths and schemas of the strings that a base can set."""
    left_out = BASES[base][1]
    found = dict(leaves(schema(), ()))
    return {
        path: leaf
        for path, leaf in found.items()
        if is_tried(leaf) and not ".".join(path).startswith(left_out)
    }


def rendered(values: Values, release: str, namespace: str) -> list[str]:
    """Return each rendered object as JSON, read with the strictest rules."""
    command = [tool("helm"), "template", release, str(CHART), f"--namespace={namespace}"]
    done = subprocess.run(
        [*command, f"--kube-version={NEWEST}", "--values=-"],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    objects = yaml.load_all(done.stdout, AnyParser)
    return [
        json.dumps(manifest, sort_keys=True, ensure_ascii=False) for manifest in objects if manifest
    ]


RELEASE, NAMESPACE = ("release",), ("namespace",)
NAME = {"pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"}
SPACE = {"pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"}


@cache
def words(base: str) -> dict[Path, str]:
    """Return a unique word for each string of a base, including release name and namespace."""
    return {path: f"tok{i}x" for i, path in enumerate((RELEASE, NAMESPACE, *places(base)))}


@cache
def template_of(base: str) -> tuple[str, ...]:
    """Return the objects rendered with words as strings."""
    chosen = dict(words(base))
    release, namespace = chosen.pop(RELEASE), chosen.pop(NAMESPACE)
    return tuple(rendered(merged(base, chosen), release, namespace))


def texts(base: str) -> st.SearchStrategy[dict[Path, str]]:
    """Return a strategy for the strings of a base."""
    everywhere = {RELEASE: NAME, NAMESPACE: SPACE, **places(base)}
    return st.fixed_dictionaries({path: text(leaf) for path, leaf in everywhere.items()})


def text(leaf: Values) -> st.SearchStrategy[str]:
    """Return a strategy for a string that the schema allows, mostly one that is easily misread."""
    free = "pattern" not in leaf and not leaf.get("is_label")
    return st.sampled_from(allowed(leaf, MISREAD + (MARKED if free else ())))


@pytest.mark.parametrize("base", BASES)
def test_every_string_is_rendered_unchanged(base: str) -> None:
    @settings(max_examples=15, derandomize=True)
    @given(texts(base))
    def holds(chosen: dict[Path, str]) -> None:
        by_word = {
            words(base)[path]: json.dumps(text, ensure_ascii=False)[1:-1]
            for path, text in chosen.items()
        }
        expected = [WORD.sub(lambda found: by_word[found[0]], text) for text in template_of(base)]
        values = {path: text for path, text in chosen.items() if path not in {RELEASE, NAMESPACE}}
        found = rendered(merged(base, values), chosen[RELEASE], chosen[NAMESPACE])
        different = set(canonical(found)) ^ set(canonical(expected))
        assert sorted(different) == []

    holds()


def canonical(objects: list[str]) -> list[str]:
    """Return the objects as JSON with sorted keys."""
    return [json.dumps(json.loads(manifest), sort_keys=True) for manifest in objects]


def test_a_string_that_a_parser_may_misread_is_found() -> None:
    for misread in sorted({*MISREAD} - {"nan", "e1"}):
        assert yaml.load(f"a: {misread}", AnyParser)["a"] != misread  # noqa: S506 - a SafeLoader


def test_every_string_of_the_schema_is_tested() -> None:
    """If this fails, add the value to a base."""
    unseen = [
        {
            path
            for path, word in words(base).items()
            if not any(word in manifest for manifest in objects)
        }
        | ({RELEASE, NAMESPACE, *dict(leaves(schema(), ()))} - words(base).keys())
        for base, objects in ((base, template_of(base)) for base in BASES)
    ]
    # `helm template` does not render the pod of helm test.
    fixed = {
        path for path, leaf in leaves(schema(), ()) if not is_tried(leaf) or path[0] == "helmTest"
    }
    assert {".".join(path) for path in set.intersection(*unseen) - fixed} == set()
