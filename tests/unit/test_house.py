"""The limits on files and functions that CONTRIBUTING.md states."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("schemas", "streams", "agents", "scripts", "infra")
FILE_LINES = 300
FUNCTION_LINES = 40


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def line_count(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its decorators and its docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return lines


def long_functions(source: str) -> list[str]:
    functions = [
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [f"{one.name}: {line_count(one)} lines" for one in functions if line_count(one) > FUNCTION_LINES]


def test_files_stay_short() -> None:
    files = sources(*PRODUCT, "tests")
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(lengths) > 300
    assert {name: lines for name, lines in lengths.items() if lines > FILE_LINES} == {}


def test_functions_stay_short() -> None:
    found = {
        str(path.relative_to(ROOT)): long_functions(path.read_text(encoding="utf-8")) for path in sources(*PRODUCT)
    }
    assert {name: functions for name, functions in found.items() if functions} == {}


@pytest.mark.parametrize(("statements", "found"), [(38, []), (39, ["long: 41 lines"])])
def test_a_docstring_does_not_count_as_lines_of_a_function(statements: int, found: list[str]) -> None:
    body = "".join(f"    step({number})\n" for number in range(statements))
    source = f'def long(\n) -> None:\n    """Do it.\n\n    In steps.\n    """\n{body}'
    assert long_functions(source) == found
