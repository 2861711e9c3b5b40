"""Check documents against the JSON Schemas in docs/, for the keywords that those use."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
}


def load_schema(name: str) -> Any:
    return json.loads((Path(__file__).parents[2] / "docs" / name).read_text())


def check(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any]) -> None:
    """Assert that a value matches a schema, whose references are to definitions of the root."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in schema:
        [schema] = [
            part for part in schema["anyOf"] if (part.get("type") == "null") == (value is None)
        ]
        check(value, schema, root)
        return
    assert value == schema.get("const", value)
    assert value in schema.get("enum", [value])
    if "type" in schema:
        names = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        assert any(isinstance(value, TYPES[name]) for name in names), (value, schema)
        assert isinstance(value, bool) <= ("boolean" in names)
    if isinstance(value, dict):
        assert set(schema["required"]) <= set(value) <= set(schema["properties"])
        for name, item in value.items():
            check(item, schema["properties"][name], root)
    if isinstance(value, list):
        _check_items(value, schema, root)
    if isinstance(value, int):
        assert value >= schema.get("minimum", value)
    if schema.get("format") == "date-time":
        assert value.endswith("Z")
        datetime.fromisoformat(value)
    if schema.get("format") == "date":
        date.fromisoformat(value)


def _check_items(values: list[Any], schema: Mapping[str, Any], root: Mapping[str, Any]) -> None:
    first = schema.get("prefixItems", [])
    assert len(values) >= schema.get("minItems", 0)
    assert schema["items"] or len(values) <= len(first)
    for index, item in enumerate(values):
        check(item, first[index] if index < len(first) else schema["items"], root)
