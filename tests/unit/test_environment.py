"""Settings are declared once: nothing else looks up a variable in the environment."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: These look up what is no setting of ours, and why.
OTHERS = {"streams/sandbox/pool.py": "hands PATH, the locale and the like on to its decoders"}
LOOKUPS = {"getenv", "environb", "getenvb"}


def test_nothing_but_the_declarations_looks_up_a_variable() -> None:
    found = {
        str(path.relative_to(ROOT)): lines
        for folder in ("agents", "infra", "schemas", "scripts", "streams")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := list(lookups(path.read_text())))
    }
    assert found.keys() == OTHERS.keys(), "declare a setting, and read it as streams/runtime/settings.py does"


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos.environ['A']",
        "import os\nos.environ.get('A')",
        "import os\n'A' in os.environ",
        "import os\nos.getenv('A')",
        "from os import environ",
        "from os import getenv as g",
        "import os\nhere = os.environ",
        "import os as system\nsystem.environ['A']",
    ],
)
def test_a_lookup_is_found(code: str) -> None:
    assert list(lookups(code)) == [len(code.splitlines())]


@pytest.mark.parametrize(
    "code", ["import os\nread(Settings, os.environ)", "import os\nchild = {**os.environ, 'A': '1'}"]
)
def test_handing_the_whole_environment_on_is_no_lookup(code: str) -> None:
    assert list(lookups(code)) == []


def lookups(code: str) -> Iterator[int]:
    """Lines where a variable may be looked up: wherever the environment is not handed on as a whole."""
    tree = ast.parse(code)
    whole = {id(given) for node in ast.walk(tree) for given in handed_on(node)}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr="environ") if id(node) not in whole:
                yield node.lineno
            case ast.Attribute(attr=name) if name in LOOKUPS:
                yield node.lineno
            case ast.ImportFrom(module="os", names=names) if {one.name for one in names} & {"environ", *LOOKUPS}:
                yield node.lineno


def handed_on(node: ast.AST) -> list[ast.expr]:
    """What a call gets as arguments, or a dictionary with ``**``."""
    match node:
        case ast.Call():
            return [*node.args, *(keyword.value for keyword in node.keywords)]
        case ast.Dict():
            return [value for key, value in zip(node.keys, node.values, strict=True) if key is None]
        case _:
            return []
