"""Requirements of strict readers of schemas, such as compilers and code generators, beyond validity."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import yaml

SCHEMAS = files("schemas")
POLICY: dict[str, Any] = json.loads((SCHEMAS / "policy.schema.json").read_text(encoding="utf-8"))
DOCUMENT: dict[str, Any] = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
COMPONENTS: dict[str, Any] = DOCUMENT["components"]["schemas"]

#: Keywords and the types that they judge; beside each, one of its types has to be said.
TYPES = {
    keyword: set(types.split())
    for types, keywords in {
        "number integer": "maximum minimum exclusiveMaximum exclusiveMinimum multipleOf",
        "string": "maxLength minLength pattern format",
        "array": "maxItems minItems uniqueItems items contains",
        "object": "required properties additionalProperties maxProperties minProperties",
    }.items()
    for keyword in keywords.split()
}
KNOWN = TYPES.keys() | {
    *("$schema", "$id", "$ref", "$defs", "title", "description", "default", "examples", "type", "enum", "const"),
    *("allOf", "anyOf", "oneOf", "not", "if", "then", "else"),
}
Found = Iterator[tuple[str, dict[str, Any], set[str]]]


def walk(schema: dict[str, Any], place: str, types: set[str]) -> Found:
    """Yield every nested schema, its path, and the types that it or an enclosing schema gives for the same value."""
    own = schema.get("type", ())
    types = types | ({own} if isinstance(own, str) else set(own))
    yield place, schema, types
    for keyword in ("allOf", "anyOf", "oneOf"):
        for at, one in enumerate(schema.get(keyword, ())):
            yield from walk(one, f"{place}/{keyword}/{at}", types)
    for keyword in ("not", "if", "then", "else"):
        if keyword in schema:
            yield from walk(schema[keyword], f"{place}/{keyword}", types)
    for keyword in ("properties", "$defs"):
        for name, one in schema.get(keyword, {}).items():
            yield from walk(one, f"{place}/{keyword}/{name}", set())
    for keyword in ("items", "contains", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from walk(schema[keyword], f"{place}/{keyword}", set())


ALL = [
    *walk(POLICY, "policy", set()),
    *(found for name, schema in COMPONENTS.items() for found in walk(schema, name, set())),
]


@pytest.mark.parametrize(("place", "schema", "types"), ALL, ids=[place for place, *_ in ALL])
def test_every_keyword_is_known_and_has_its_type_beside_it(place: str, schema: dict[str, Any], types: set[str]) -> None:
    assert schema.keys() <= KNOWN
    assert isinstance(schema.get("type", ""), str), "a union of types: give each a schema of its own"
    assert [keyword for keyword in schema if keyword in TYPES and not types & TYPES[keyword]] == []
    assert ("then" in schema or "else" in schema) == ("if" in schema)
    assert set(schema.get("required", ())) <= schema.get("properties", {}).keys(), "what is required is described"


def references(part: object) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part
        for one in part.values():
            yield from references(one)
    elif isinstance(part, list):
        for one in part:
            yield from references(one)


def test_nothing_stands_beside_a_reference_where_it_would_be_ignored() -> None:
    """AsyncAPI and code generators ignore keywords beside ``$ref``: a description would be lost."""
    found = list(references(DOCUMENT))
    assert found
    assert [one for one in found if one.keys() != {"$ref"}] == []
