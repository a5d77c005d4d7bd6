"""The build context of the broker's image."""

import hashlib
import shutil
from pathlib import Path

from infra.kafka.jars import POM, ensure_jars

_HERE = Path(__file__).parent
_DOCKERFILE = _HERE / "Dockerfile"
_FILES = tuple(_HERE / name for name in ("broker.properties", "entrypoint.sh", "log4j2.properties", "start-broker.sh"))


def image_name() -> str:
    """Return the image's name; its tag follows from the content, so equal content is built once."""
    digest = hashlib.sha256(POM.read_bytes())
    for file in (_DOCKERFILE, *_FILES):
        digest.update(file.read_bytes())
    return f"hotel-audio-kafka:{digest.hexdigest()[:12]}"


def write_context(directory: Path) -> None:
    """Gather in a directory what `docker build` needs: the Dockerfile, its files and Kafka's jars."""
    shutil.copy(_DOCKERFILE, directory)
    software = directory / "kafka"
    shutil.copytree(ensure_jars(), software / "libs", ignore=shutil.ignore_patterns(".*"))
    for file in _FILES:
        shutil.copy(file, software)
    (directory / "node").mkdir()
