"""Settings as text: the tables of the documents, and the help of the commands."""

import textwrap
from typing import Any

from streams.runtime.setting_declaration import Setting, declared

TABLE_HEAD = "| Setting | Default | Value | Meaning |"
_HELP_WIDTH = 100  # characters
_RULE = "|---|---|---|---|"


def table(settings: type[Any]) -> str:
    """The settings that a dataclass declares, as a table in Markdown that ends with a newline."""
    return "\n".join((TABLE_HEAD, _RULE, *(_row(one) for one in declared(settings).values()))) + "\n"


def help_text(settings: type[Any]) -> str:
    """The settings that a dataclass declares, for a command's ``--help``: one line for each, then its meaning."""
    return "\n".join(_help(one) for one in declared(settings).values())


def described(one: Setting) -> str:
    """What a setting does and may be, as plain text."""
    return f"{one.meaning} ({_value(one)})".replace("`", "")


def _row(one: Setting) -> str:
    default = f" `{one.default}`" if one.default else ""
    return f"| `{one.variable}` |{default} | {_value(one)} | {one.meaning} |"


def _value(one: Setting) -> str:
    return f"secret: {one.kind.value}" if one.secret else one.kind.value


def _help(one: Setting) -> str:
    name = f"{one.variable}={one.default}" if one.default else one.variable
    file = f", or {one.file_variable}=PATH of a file that holds it" if one.secret else ""
    return f"  {name}{file}\n{textwrap.indent(textwrap.fill(described(one), _HELP_WIDTH), ' ' * 6)}"
