"""Reads JSON strictly, and says in plain words what is wrong with it."""

import json
from typing import Any

from schemas.text import shown

#: The beginnings of what Python's parser says, and what is meant.
_MEANINGS = {
    "Expecting ',' delimiter": "a comma or the closing bracket is missing",
    "Expecting ':' delimiter": "the colon after a property's name is missing",
    "Expecting property name": "a property's name in double quotes is missing; there may be a comma too many",
    "Expecting value": "a value is missing",
    "Extra data": "something follows the end",
    "Illegal trailing comma": "there is a comma too many",
    "Invalid \\": "a backslash in a text begins no known escape",
    "Invalid control character": "a text holds a line break or another control character",
    "Unterminated string": "a text has no closing quote",
}


class JsonTextError(ValueError):
    """A text is no JSON. The message says what is wrong, and where."""


def read_json(text: bytes) -> Any:  # noqa: ANN401  any JSON value
    """Read JSON in UTF-8, without numbers that are none and without properties that occur twice.

    Raises:
        JsonTextError: If it is not.
    """
    try:
        return json.loads(text.decode(), object_pairs_hook=_once_each, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise JsonTextError(f"byte {error.start + 1} is not UTF-8") from None
    except json.JSONDecodeError as error:
        if not text.strip():
            raise JsonTextError("there is nothing in it") from None
        meant = next((meant for said, meant in _MEANINGS.items() if error.msg.startswith(said)), "cannot be read")
        raise JsonTextError(f"line {error.lineno}, character {error.colno}: {meant}") from None
    except RecursionError:
        raise JsonTextError("brackets are nested too deeply") from None
    except JsonTextError:
        raise
    except ValueError:  # Python's limit for whole numbers
        raise JsonTextError("a number has too many digits") from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise JsonTextError(f"the property {shown(name)} occurs twice")
        content[name] = value
    return content


def _no_constant(name: str) -> Any:  # noqa: ANN401  the signature that json asks for
    raise JsonTextError(f"{name} is not a number")
