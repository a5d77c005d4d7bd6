"""Every Kafka client is made by `KafkaConnection`."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from streams.clients.connecting import connection_to
from streams.kafka.connection import KafkaConnection
from streams.runtime.settings import Settings

ROOT = Path(__file__).parents[3]
CONNECTION = ROOT / "streams" / "kafka" / "connection.py"
#: What measures and trains may use clients of its own, as others would.
FOLDERS = ("streams", "agents", "scripts/commands", "scripts/demonstration", "scripts/processes")
CLIENTS = frozenset({"AIOKafkaProducer", "AIOKafkaConsumer", "AIOKafkaAdminClient", "AIOKafkaClient"})


def test_no_other_module_makes_a_client() -> None:
    paths = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")] + [*(ROOT / "scripts").glob("*.py")]
    modules = {path: ast.parse(path.read_text()) for path in paths}
    classes = CLIENTS | set(subclasses(modules.values()))
    assert "TolerantConsumer" in classes
    made = {str(path.relative_to(ROOT)): [*constructions(module, classes)] for path, module in modules.items()}
    assert len(made.pop(str(CONNECTION.relative_to(ROOT)))) == 4
    assert {path: lines for path, lines in made.items() if lines} == {}, "use KafkaConnection's methods"


@pytest.mark.parametrize(
    "code",
    [
        "from aiokafka import AIOKafkaConsumer\nAIOKafkaConsumer('topic')",
        "from aiokafka import AIOKafkaConsumer as Consumer\nConsumer()",
        "import aiokafka\naiokafka.AIOKafkaProducer()",
        "from aiokafka.admin import AIOKafkaAdminClient\nmake = partial(AIOKafkaAdminClient)",
        "class Own(AIOKafkaClient): pass\nOwn()",
    ],
)
def test_a_client_that_is_made_elsewhere_is_found(code: str) -> None:
    module = ast.parse(code)
    assert list(constructions(module, CLIENTS | set(subclasses([module])))) == [2]


def test_a_class_may_be_named_without_making_a_client() -> None:
    code = "def read(consumer: AIOKafkaConsumer) -> None:\n    assert isinstance(consumer, AIOKafkaConsumer)"
    assert not list(constructions(ast.parse(code), CLIENTS))


def subclasses(modules: Iterable[ast.Module]) -> Iterator[str]:
    """Names of classes that are derived from a client."""
    for module in modules:
        for node in ast.walk(module):
            if isinstance(node, ast.ClassDef) and CLIENTS & {name(base) for base in node.bases}:
                yield node.name


def constructions(module: ast.Module, classes: Iterable[str]) -> Iterator[int]:
    """Lines that call one of the classes, or hand it to somebody who may."""
    imported = (alias for node in ast.walk(module) if isinstance(node, ast.ImportFrom) for alias in node.names)
    known = {*classes, *(alias.asname for alias in imported if alias.asname and alias.name in classes)}
    for node in ast.walk(module):
        if isinstance(node, ast.Call):
            handed = [] if name(node.func) in {"isinstance", "issubclass", "cast"} else node.args
            if known & {name(node.func), *map(name, handed)}:
                yield node.lineno


def name(node: ast.expr) -> str | None:
    """The last part of a name."""
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None


@pytest.mark.parametrize("text", ["one:9092,two:9093", " one:9092 , two:9093 "])
async def test_every_client_gets_the_brokers(text: str) -> None:
    connection = KafkaConnection(text)
    consumer, producer, client = connection.consumer("topic"), connection.producer(), connection.client()
    admin = connection.admin()
    try:
        for each in (consumer._client, producer.client, client, admin._client):  # noqa: SLF001  it has no public name
            assert sorted((host, port) for host, port, _ in each.hosts) == [("one", 9092), ("two", 9093)]
    finally:
        await consumer.stop()
        await producer.stop()


async def test_options_are_handed_on() -> None:
    client = KafkaConnection("one:9092").client(request_timeout_ms=1234)
    assert client._request_timeout_ms == 1234  # noqa: SLF001  nothing public shows it


def test_settings_and_callers_give_a_connection() -> None:
    connection = KafkaConnection("one:9092")
    assert Settings.from_environment({"KAFKA_BOOTSTRAP_SERVERS": "one:9092"}).connection == connection
    assert connection_to("one:9092") == connection
    assert connection_to(connection) is connection
