"""Validates manifests as an API server does that refuses unknown fields, by its schemas and those of the operators."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_SCHEMAS = Path(__file__).parent / "schemas"
_PREFIX = "#/components/schemas/"
_METADATA = {"$ref": f"{_PREFIX}io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
_OF_SEVERAL = ("allOf", "anyOf", "oneOf")
_OF_ONE = ("items", "additionalProperties", "not")


def problems(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with a manifest, a line each."""
    name = _kinds().get((manifest["apiVersion"], manifest["kind"]))
    if name is None:
        return [f"no schema of {manifest['apiVersion']} {manifest['kind']}"]
    schema = {"$ref": _PREFIX + name, "components": {"schemas": _schemas()}}
    errors = Draft202012Validator(schema).iter_errors(manifest)
    return [f"{manifest['kind']} {manifest['metadata']['name']} {one.json_path}: {one.message}" for one in errors]


@cache
def _kinds() -> dict[tuple[str, str], str]:
    """Names of schemas by API version and kind."""
    return {
        ("/".join(filter(None, (one["group"], one["version"]))), one["kind"]): name
        for name, schema in _raw_schemas().items()
        for one in schema.get("x-kubernetes-group-version-kind", ())
    }


@cache
def _schemas() -> dict[str, Any]:
    return {name: _strict(schema) for name, schema in _raw_schemas().items()}


@cache
def _raw_schemas() -> dict[str, Any]:
    own: dict[str, Any] = json.loads((_SCHEMAS / "kubernetes.json").read_text())["components"]["schemas"]
    return own | dict(_defined())


def _defined() -> Iterator[tuple[str, Any]]:
    """The schemas in the definitions of the operators' types."""
    for file in (_SCHEMAS / "crds").glob("*.json"):
        spec = json.loads(file.read_text())["spec"]
        kind = spec["names"]["kind"]
        for version in spec["versions"]:
            schema = version["schema"]["openAPIV3Schema"]
            schema["properties"] |= {"metadata": _METADATA}
            names = {"group": spec["group"], "version": version["name"], "kind": kind}
            yield f"{file.stem}.{version['name']}", schema | {"x-kubernetes-group-version-kind": [names]}


def _strict(schema: Any) -> Any:
    """A schema of OpenAPI as JSON Schema, whose objects have no other properties than those that it names."""
    if not isinstance(schema, dict):
        return schema  # additionalProperties may be true or false
    strict = {name: value for name, value in schema.items() if not name.startswith("x-") and name != "format"}
    if schema.get("x-kubernetes-int-or-string"):
        strict["type"] = ["integer", "string"]
    if "properties" in schema:
        strict["properties"] = {name: _strict(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            strict.setdefault("additionalProperties", False)
    strict |= {name: [_strict(one) for one in schema[name]] for name in _OF_SEVERAL if name in schema}
    strict |= {name: _strict(schema[name]) for name in _OF_ONE if name in schema}
    return strict
