"""What is in the wheel, and that building it changes nothing."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from infra.docker.image import version as project_version
from tests.support.installed import Installed, Project

pytestmark = pytest.mark.xdist_group("wheels")

IMPORT_EVERYTHING = """
import importlib, pkgutil, hotel_audio
names = [module.name for module in pkgutil.walk_packages(hotel_audio.__path__, "hotel_audio.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
TYPED = """
from hotel_audio.clients import CompressedAudioConsumer
from hotel_audio.schemas import CompressedAudio, Rejection

async def read(consumer: CompressedAudioConsumer) -> None:
    result: CompressedAudio | Rejection = await anext(consumer)
    wrong: int = result
"""


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_building_leaves_nothing_in_the_checkout(project: Project, wheel: Path, plain_wheel: Path) -> None:
    there = {str(path.relative_to(project.directory)) for path in project.directory.rglob("*") if path.is_file()}
    assert there == project.files


def test_an_editable_installation_is_refused(project: Project, tmp_path: Path) -> None:
    code = f"from setuptools import build_meta; build_meta.build_editable({str(tmp_path)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.directory, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "use scripts/NAME there" in done.stderr


def test_everything_is_in_one_package(wheel: Path) -> None:
    assert {name.split("/")[0] for name in names(wheel)} == {
        "hotel_audio",
        f"hotel_audio_streams-{project_version()}.dist-info",
    }


def test_the_kernels_are_compiled_and_data_is_there(wheel: Path, plain_wheel: Path) -> None:
    held = set(names(wheel))
    assert {
        "hotel_audio/py.typed",
        "hotel_audio/compression/quality.json",
        "hotel_audio/console/static/console.css",
        "hotel_audio/console/static/vendor/uPlot.iife.min.js",
        "hotel_audio/console/templates/base.html",
        "hotel_audio/schemas/topics.yaml",
        "hotel_audio/schemas/asyncapi.yaml",
        "hotel_audio/schemas/samples/partitions.json",
        "hotel_audio/infra/kafka/pom.xml",
        "hotel_audio/infra/prometheus/lag.rules.yml",
        "hotel_audio/infra/regions/mirror.properties",
    } <= held
    (kernels,) = (name for name in held if name.startswith("hotel_audio/native/_kernels"))
    assert held - set(names(plain_wheel)) == {kernels}


def test_every_module_is_found_under_its_new_name(worker: Installed) -> None:
    done = worker.run(worker.python, "-c", IMPORT_EVERYTHING)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 200


def test_types_are_part_of_it(client: Installed, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(TYPED)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", client.python, "--no-incremental", program],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.count("error:") == 1, done.stdout
    assert "CompressedAudio | Rejection" in done.stdout
