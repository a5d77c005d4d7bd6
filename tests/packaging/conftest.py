"""Wheels of this checkout, environments with nothing else, and the image; each is made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import containers
from tests.support.containers import BuiltImage
from tests.support.installed import Installed, Project, build_wheel, clean_copy, install


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A copy of the checkout."""
    return clean_copy(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def wheel(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel."""
    return build_wheel(project.directory, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def plain_wheel(project: Project, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel that was built, after the other, where nothing can be compiled."""
    return build_wheel(project.directory, tmp_path_factory.mktemp("plain-wheel"), CC="/bin/false")


@pytest.fixture(scope="session")
def client(plain_wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """What a sender or reader installs, on a machine without a compiler."""
    return install(plain_wheel, "client", tmp_path_factory.mktemp("client"))


@pytest.fixture(scope="session")
def worker(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """What runs workers, installed from wheels on a machine without a compiler."""
    return install(wheel, "worker", tmp_path_factory.mktemp("worker"))


@pytest.fixture(scope="session")
def image() -> Iterator[BuiltImage]:
    """The image."""
    with containers.built_image(containers.require_engine()) as built:
        yield built
