"""Every code of a rejection that the source code can make, read from its syntax trees."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeGuard

_CODE = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z0-9]+)+")
#: Position of the code among the constructor's arguments.
_CONSTRUCTOR = {"Rejection": 1}


class RejectionSite(NamedTuple):
    """A call that makes a rejection.

    Attributes:
        place: File and line.
        codes: The possible codes; empty if they cannot be determined.
        text: The expression for the code.
    """

    place: str
    codes: frozenset[str]
    text: str


def rejection_sites(*folders: Path) -> Iterator[RejectionSite]:
    """Find all calls in the folders that make a rejection, directly or through a function that takes its code."""
    modules = {path: ast.parse(path.read_text()) for folder in folders for path in sorted(folder.rglob("*.py"))}
    makers = _makers(modules)
    for path, module in modules.items():
        for function, call in _calls(module):
            code = _code_argument(call, makers, path)
            if code is not None and not _is_parameter(code, function):
                yield RejectionSite(f"{path}:{call.lineno}", _texts(code, function, module), ast.unparse(code))


def _makers(modules: dict[Path, ast.Module]) -> dict[str, int]:
    """The functions that make rejections, and which of their arguments is the code; methods without ``self``."""
    makers = dict(_CONSTRUCTOR)
    while True:
        found = dict(makers)
        for path, module in modules.items():
            for function, call in _calls(module):
                code = _code_argument(call, makers, path)
                if function is not None and code is not None and _is_parameter(code, function):
                    names = [argument.arg for argument in function.args.args if argument.arg not in {"self", "cls"}]
                    found[_key(function.name, path)] = names.index(code.id)
        if found == makers:
            return makers
        makers = found


def _calls(module: ast.Module) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
    """Every call, with the function around it."""

    def within(node: ast.AST, function: ast.FunctionDef | None) -> Iterator[tuple[ast.FunctionDef | None, ast.Call]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Call):
                yield function, child
            yield from within(child, child if isinstance(child, ast.FunctionDef) else function)

    return within(module, None)


def _key(name: str, path: Path) -> str:
    """A private function belongs to its module: others may have one of the same name."""
    return f"{path}:{name}" if name.startswith("_") else name


def _code_argument(call: ast.Call, makers: dict[str, int], path: Path) -> ast.expr | None:
    name = _key(call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", ""), path)
    if name not in makers:
        return None
    named = [keyword.value for keyword in call.keywords if keyword.arg == "code"]
    return named[0] if named else call.args[makers[name]] if len(call.args) > makers[name] else None


def _is_parameter(code: ast.expr, function: ast.FunctionDef | None) -> TypeGuard[ast.Name]:
    """Whether the code is a parameter of the enclosing function."""
    return (
        isinstance(code, ast.Name)
        and function is not None
        and code.id in {argument.arg for argument in function.args.args}
    )


def _texts(code: ast.expr, function: ast.FunctionDef | None, module: ast.Module) -> frozenset[str]:
    """The possible values of an expression: itself, or the values of its names in the function or the module."""
    if isinstance(code, ast.Constant | ast.IfExp):
        values: list[ast.expr] = [code]
    else:
        names = {one.id for one in ast.walk(code) if isinstance(one, ast.Name)}
        values = [
            node.value
            for scope in (function, module)
            if scope is not None
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign)
            and names & {one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)}
        ]
    constants = {one.value for value in values for one in ast.walk(value) if isinstance(one, ast.Constant)}
    return frozenset(text for text in constants if isinstance(text, str) and _CODE.fullmatch(text))
