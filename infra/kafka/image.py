"""The build context of the broker's image."""

import hashlib
import shutil
from pathlib import Path

from infra.kafka.jars import POM, ensure_jars

_HERE = Path(__file__).parent
_DOCKERFILE = _HERE / "Dockerfile"
_FILES = tuple(_HERE / name for name in ("broker.properties", "entrypoint.sh", "log4j2.properties", "start-broker.sh"))


def image_name() -> str:
    """Return the image's name. Its tag is derived from the content, so that equal content is built once."""
    digest = hashlib.sha256(POM.read_bytes())
    for file in (_DOCKERFILE, *_FILES):
        digest.update(file.read_bytes())
    return f"hotel-audio-kafka:{digest.hexdigest()[:12]}"


def write_context(directory: Path) -> None:
    """Write the build context into a directory: the Dockerfile, the files that it copies, and Kafka's jars."""
    shutil.copy(_DOCKERFILE, directory)
    software = directory / "kafka"
    shutil.copytree(ensure_jars(), software / "libs", ignore=shutil.ignore_patterns(".*"))
    for file in _FILES:
        shutil.copy(file, software)
    (directory / "node").mkdir()
