"""The page of Markdown that describes the API, made from the declarations of the operations."""

from collections.abc import Sequence

from streams.api.openapi import answers_of
from streams.api.operations import Operation
from streams.security.roles import ROLES, Role

_HEAD = """\
# API reference

Written from the declarations in `streams/api/routes/`; change them there, then
`./scripts/api --reference > docs/API_REFERENCE.md`. [HTTP_API.md](HTTP_API.md) says what is promised.

"""


def reference(operations: Sequence[Operation]) -> str:
    """The page: who may do what, then each operation."""
    return _HEAD + _matrix(operations) + "\n".join(_section(one) for one in operations)


def allowed(one: Operation, role: Role) -> bool:
    """Whether a role may use an operation."""
    return one.permission is None or one.permission in ROLES[role]


def _matrix(operations: Sequence[Operation]) -> str:
    lines = [f"| Operation | {' | '.join(Role)} |", f"|---|{'---|' * len(Role)}"]
    for one in operations:
        cells = ("x" if allowed(one, role) else " " for role in Role)
        lines.append(f"| `{one.method} {one.path}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n\n"


def _section(one: Operation) -> str:
    text = f"## {one.method} {one.path}\n\n{one.summary}. {one.description}".rstrip() + "\n\n"
    text += f"Permission: {'none' if one.permission is None else f'`{one.permission.value}`'}.\n\n"
    if one.body is not None:
        text += f"Body: {one.body.description} {', '.join(f'`{kind}`' for kind in one.body.media_types)}.\n\n"
    if one.parameters:
        text += "| Parameter | In | Meaning |\n|---|---|---|\n"
        for parameter in one.parameters:
            needed = ", required" if parameter.required else ""
            text += f"| `{parameter.name}` | {parameter.place}{needed} | {parameter.description} |\n"
        text += "\n"
    text += "| Status | Meaning | Body |\n|---|---|---|\n"
    for status, answer in sorted(answers_of(one).items()):
        text += f"| {status} | {answer.description} | {answer.schema or ''} |\n"
    return text
