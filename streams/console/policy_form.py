"""The form of a hotel's policy: its fields, explained by the published schema, and what was filled in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.policy import policy_schema

_TITLES = {
    "floorLevel": "Lowest level",
    "ceilingLevel": "Highest level",
    "defaultLevel": "Usual level",
    "accept": "Accepted formats",
    "legalHold": "Legal hold",
    "minQuality": "Lowest quality",
    "maxBytesPerMinute": "Bytes a minute",
    "cacheChannels": "Cached channels",
    "archive": "Archive",
    "retentionDays": "Days until expiry",
    "sealed": "Seal results and dead letters",
}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form.

    Attributes:
        name: The policy's JSON property.
        title: For people.
        about: What it does.
        kind: ``level``, ``flag``, ``choices`` or ``number``.
        value: What it has now.
        options: What may be chosen.
        low: Lowest number.
        high: Highest number.
        step: Of numbers.
    """

    name: str
    title: str
    about: str
    kind: str
    value: Any
    options: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    step: str = "1"


def form_of(properties: Mapping[str, Any]) -> list[Field]:
    """The fields of a form.

    Args:
        properties: The policy as JSON; what it does not have is at its default.
    """
    described = policy_schema()["properties"]
    return [_field(name, title, described[name], properties) for name, title in _TITLES.items()]


def _field(name: str, title: str, described: Mapping[str, Any], properties: Mapping[str, Any]) -> Field:
    value = properties.get(name, described.get("default"))
    about = described["description"]
    match described.get("type"):
        case "boolean":
            return Field(name, title, about, "flag", value)
        case "array":
            return Field(name, title, about, "choices", value, tuple(described["items"]["enum"]))
        case "integer" | "number" as kind:
            step = "1" if kind == "integer" else "0.01"
            return Field(name, title, about, "number", value, (), described["minimum"], described["maximum"], step)
    return Field(name, title, about, "level", value)


def properties_of(form: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The policy that was filled in, as JSON without hotel and version; `schemas.policy` checks it.

    Args:
        form: Values by the fields' names.
    """
    return {
        field.name: value for field in form_of({}) if (value := _filled_in(field, form.get(field.name, ()))) is not None
    }


def _filled_in(field: Field, given: Sequence[str]) -> Any:  # noqa: ANN401  JSON
    match field.kind:
        case "flag":
            return bool(given)
        case "choices":
            return list(given)
    text = given[0] if given else ""
    try:
        return (float(text) if "." in text else int(text)) if text else None
    except ValueError:
        return text  # the policy's rules say what is wrong with it
