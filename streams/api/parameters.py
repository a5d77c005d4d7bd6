"""Parameters of operations: what the document says of one, and how its text is read."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from schemas.text import CONTROL

Place = Literal["path", "query", "header"]
Value = str | int | datetime
#: Text without control characters, as all text of the contract; in the dialect of JSON Schema, too.
PRINTABLE = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"
_INTEGER = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation.

    Attributes:
        name: Its name.
        place: Where it is.
        schema: Its JSON Schema: ``type``, and of the others those that `read` knows.
        description: What it means, in one sentence.
        required: Whether it has to be there.
        example: A value.
    """

    name: str
    place: Place
    schema: Mapping[str, Any]
    description: str
    required: bool = False
    example: str | int | None = None

    @property
    def wanted(self) -> str:
        """What it has to be, in words."""
        choices = self.schema.get("enum")
        return self.description if choices is None else f"{self.description} It is one of {', '.join(choices)}."

    def read(self, text: str) -> Value | None:
        """The value of a text; None if the schema does not allow it."""
        schema = self.schema
        if schema["type"] == "integer":
            return _integer(text, schema)
        if (self.place != "header" and CONTROL.search(text)) or not _allowed(text, schema):
            return None
        match schema.get("format"):
            case "uuid":
                return _uuid(text)
            case "date-time":
                return _time(text)
        return text

    def document(self) -> dict[str, Any]:
        """The parameter as OpenAPI has it."""
        described = {
            "name": self.name,
            "in": self.place,
            "required": self.required,
            "description": self.description,
            "schema": dict(self.schema),
        }
        return described if self.example is None else {**described, "example": self.example}


def _integer(text: str, schema: Mapping[str, Any]) -> int | None:
    if not _INTEGER.fullmatch(text):
        return None
    value = int(text)
    return value if schema.get("minimum", value) <= value <= schema.get("maximum", value) else None


def _allowed(text: str, schema: Mapping[str, Any]) -> bool:
    return (
        schema.get("minLength", 0) <= len(text) <= schema.get("maxLength", len(text))
        and text in schema.get("enum", (text,))
        and re.fullmatch(schema.get("pattern", ".*"), text) is not None
    )


def _uuid(text: str) -> str | None:
    try:
        number = uuid.UUID(text)
    except ValueError:
        return None
    return text.lower() if str(number) == text.lower() else None


def _time(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    try:
        return None if moment.tzinfo is None or "T" not in text.upper() else moment.astimezone(UTC)
    except OverflowError:
        return None
