"""What happens to a module on its way into the wheel."""

import pytest

from infra.packaging.build import commands, packages
from infra.packaging.relocation import RelocationError, relocate, relocated


def moved(source: str) -> str:
    return relocate(source, {"topics", "dead_letters"}.__contains__)


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("streams", "hotel_audio"),
        ("streams.kafka.topics", "hotel_audio.kafka.topics"),
        ("schemas.topics", "hotel_audio.schemas.topics"),
        ("streamsaver", "streamsaver"),
        ("numpy.schemas", "numpy.schemas"),
    ],
)
def test_names(name: str, new: str) -> None:
    assert relocated(name) == new


@pytest.mark.parametrize(
    ("line", "new"),
    [
        ("from schemas import RawAudio", "from hotel_audio.schemas import RawAudio"),
        ("from streams import kafka", "from hotel_audio import kafka"),
        ("from streams.clients import (\n    A,\n)", "from hotel_audio.clients import (\n    A,\n)"),
        ("import streams.kafka as k", "import hotel_audio.kafka as k"),
        ("import os, schemas.topics as t", "import os, hotel_audio.schemas.topics as t"),
        ("if x:\n    from agents import worker", "if x:\n    from hotel_audio.agents import worker"),
        ("from .streams import x", "from .streams import x"),
        ("from streamsaver import schemas", "from streamsaver import schemas"),
        ("streams = 1  # from streams import x", "streams = 1  # from streams import x"),
        ("text = 'from schemas import x'", "text = 'from schemas import x'"),
    ],
)
def test_imports(line: str, new: str) -> None:
    assert moved(line) == new


@pytest.mark.parametrize(
    ("line", "new"),
    [
        ('x = "run ./scripts/topics apply"', 'x = "run hotel-audio topics apply"'),
        ('x = "scripts/dead_letters"', 'x = "hotel-audio dead-letters"'),
        ('f"é{{}} ./scripts/topics {n}, ./scripts/topics"', 'f"é{{}} hotel-audio topics {n}, hotel-audio topics"'),
        ('"""Doc.\n\nRun ./scripts/topics.\n"""', '"""Doc.\n\nRun hotel-audio topics.\n"""'),
        ('x = "./scripts/bench stream"', 'x = "./scripts/bench stream"'),
        ('x = "scripts/topics/readme"', 'x = "scripts/topics/readme"'),
        ('x = "scripts/topics_old"', 'x = "scripts/topics_old"'),
        ("x = 1  # ./scripts/topics", "x = 1  # ./scripts/topics"),
    ],
)
def test_commands_in_strings(line: str, new: str) -> None:
    assert moved(line) == new


@pytest.mark.parametrize(
    "line",
    ["import streams", "import streams.kafka", 'name = "streams.kafka.protocol"', 'name = "streams.audio:decode"'],
)
def test_what_cannot_be_followed_is_told_with_its_line(line: str) -> None:
    with pytest.raises(RelocationError, match=r"^line 2: "):
        moved(f"\n{line}")


def test_what_measures_trains_and_builds_is_left_out() -> None:
    assert packages()["hotel_audio"] == "streams"
    assert packages()["hotel_audio.kafka.protocol"] == "streams/kafka/protocol"
    left_out = ("benchmarks", "docker", "training", "packaging", "tests")
    assert [name for name in packages() if name.endswith(left_out)] == []
    assert {"topics", "worker", "completion"} <= commands()
    assert not commands() & {"compliance", "deploy", "image", "manifests", "release", "settings"}
