"""Images of versions that do not work, made from one that does, in a moment."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from testcontainers.core.docker_client import DockerClient

from tests.chaos.workers import ROOT
from tests.support.containers import BUILD_OPTIONS

BROKEN = ROOT / "tests" / "deployment" / "broken"
#: Python imports `sitecustomize` before everything else.
_DOCKERFILE = """\
FROM {good}
COPY --chmod=0755 broken /opt/broken
ENV PYTHONPATH=/opt/broken
"""
_BUILD_TIMEOUT_S = 300
#: Podman's own format has no health checks.
_FORMAT = {"podman": ["--pull=never", "--format", "docker"], "docker": []}
#: The reason in the dead letters of `refusing`.
REFUSED = "BrokenOnPurpose"


@contextmanager
def broken_image(engine: str, good: str, kind: str) -> Iterator[str]:
    """Derive an image; it is removed at the end.

    Args:
        engine: ``podman`` or ``docker``.
        good: The image that works.
        kind: A module of tests/deployment/broken: ``crashing`` or ``refusing``.

    Yields:
        Its name.
    """
    name = f"{good}-{kind}"
    with tempfile.TemporaryDirectory() as scratch:
        files = Path(scratch) / "broken"
        files.mkdir()
        shutil.copy(BROKEN / f"{kind}.py", files / "sitecustomize.py")
        (Path(scratch) / "Dockerfile").write_text(_DOCKERFILE.format(good=good))
        # The layers stay as they are: only the new one has to be written.
        options = [option for option in BUILD_OPTIONS[engine] if option != "--squash-all"]
        command = [engine, "build", "--quiet", "--tag", name, *_FORMAT[engine], *options, scratch]
        subprocess.run(command, check=True, capture_output=True, timeout=_BUILD_TIMEOUT_S)
    try:
        yield name
    finally:
        DockerClient().client.images.remove(name, force=True)
