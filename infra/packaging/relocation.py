"""Translates the names of packages in the checkout into their names in the wheel.

In the wheel everything lives in one package, so that a user's own `schemas.py` or `streams.py` does not shadow ours:
`streams` becomes `hotel_audio` itself and the others packages in it.
"""

import ast
import re
import token as tokens
import tokenize
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from typing import NamedTuple

#: The packages of the checkout that the wheel contains, and their names there.
PACKAGES: Mapping[str, str] = {
    "streams": "hotel_audio",
    "schemas": "hotel_audio.schemas",
    "agents": "hotel_audio.agents",
    "scripts": "hotel_audio.scripts",
    "infra": "hotel_audio.infra",
}

_ROOTS = "|".join(PACKAGES)
_DOTTED = re.compile(rf"(?:{_ROOTS})(?:\.\w+)+(?::\w+)?")
_COMMAND = re.compile(r"(?:\./)?\bscripts/([a-z]\w*(?:-\w+)*)(?![\w/])")
#: Token types of strings; from Python 3.12 on, f-strings consist of several tokens.
_TEXT = {tokens.STRING, getattr(tokens, "FSTRING_MIDDLE", tokens.STRING)}


class RelocationError(Exception):
    """A module cannot be moved as it is written. The message names the line and says what to write instead."""


class _Change(NamedTuple):
    line: int  # from 1
    column: int  # characters from the beginning of the line
    old: str
    new: str


def relocated(name: str) -> str:
    """The name in the wheel of a package or module of the checkout."""
    root, _, rest = name.partition(".")
    moved = PACKAGES.get(root, root)
    return f"{moved}.{rest}" if rest else moved


def relocate(source: str, is_command: Callable[[str], bool]) -> str:
    """The text of a module in the wheel.

    Imports of our packages get their new names. In messages and help texts, ``./scripts/NAME`` becomes
    ``hotel-audio NAME``.

    Args:
        source: The module's text in the checkout.
        is_command: Whether an installation has a command of the given name.

    Raises:
        RelocationError: If the module names one of our packages in a way that is not supported.
    """
    lines = source.splitlines(keepends=True)
    changes = [*_changes_of_imports(source), *_changes_of_strings(source, is_command)]
    for line, column, old, new in sorted(changes, reverse=True):
        text = lines[line - 1]
        if not text.startswith(old, column):
            raise RelocationError(f"line {line}: {old!r} is not where it has to be")
        lines[line - 1] = text[:column] + new + text[column + len(old) :]
    return "".join(lines)


def _changes_of_imports(source: str) -> Iterator[_Change]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.ImportFrom(module=str(module), level=0) if _is_ours(module):
                yield _Change(node.lineno, node.col_offset + len("from "), module, relocated(module))
            case ast.Import(names=names):
                for one in filter(lambda one: _is_ours(one.name), names):
                    if one.asname is None:  # the import would bind the package's name, which the module uses elsewhere
                        raise RelocationError(f"line {one.lineno}: write `from ... import ...` or `import ... as ...`")
                    yield _Change(one.lineno, one.col_offset, one.name, relocated(one.name))
            case ast.Constant(value=str(text)) if _DOTTED.fullmatch(text):
                raise RelocationError(f"line {node.lineno}: take the name {text!r} from the module itself")


def _changes_of_strings(source: str, is_command: Callable[[str], bool]) -> Iterator[_Change]:
    lines = source.splitlines()
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type not in _TEXT:
            continue
        (first, begin), (last, end) = token.start, token.end
        for number in range(first, last + 1):
            line = lines[number - 1]
            span = (begin if number == first else 0, end if number == last else len(line))
            for found in _COMMAND.finditer(line, *span):
                if is_command(found[1].replace("-", "_")):
                    name = f"hotel-audio {found[1].replace('_', '-')}"
                    yield _Change(number, found.start(), found[0], name)


def _is_ours(module: str) -> bool:
    return module.partition(".")[0] in PACKAGES
