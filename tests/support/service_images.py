"""Images of what runs beside the workers, from Kafka's jars and Debian's programs: official ones cannot always be had.

They are kept under names that are derived from their content, and built again when that changes.
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.debian import fetched
from infra.directories import cache_directory
from infra.kafka.image import image_name, write_context
from infra.monitoring.programs import debian_packages
from tests.support.containers import BUILD_OPTIONS
from tests.support.nginx import debian_package

_RECIPES = Path(__file__).with_name("images")
_TIMEOUT_S = 300
#: Where nginx' access and error logs go, as in the official image.
_STREAMS = {"access.log": "/dev/stdout", "error.log": "/dev/stderr"}


def service_images(engine: str) -> Mapping[str, str]:
    """Build the images that the engine does not have yet; returns their names by Compose's variables."""
    return {
        "KAFKA_IMAGE": kafka_image(engine),
        "PROMETHEUS_IMAGE": _debian_image(engine, "prometheus", _prometheus),
        "ALERTMANAGER_IMAGE": _debian_image(engine, "alertmanager", _alertmanager),
        "NGINX_IMAGE": _debian_image(engine, "nginx", _nginx),
    }


def kafka_image(engine: str) -> str:
    """Build the image of infra/kafka for a user without privileges, unless the engine has it; returns its name."""
    name = f"{image_name()}-pod"
    _ensure(engine, name, write_context)
    return name


def _debian_image(engine: str, program: str, fill: Callable[[Path], None]) -> str:
    recipe = _RECIPES / program
    digest = hashlib.sha256()
    for file in sorted(recipe.iterdir()):
        digest.update(file.read_bytes())
    name = f"hotel-audio-test-{program}:{digest.hexdigest()[:12]}"

    def write(context: Path) -> None:
        shutil.copytree(recipe, context, dirs_exist_ok=True)
        (context / "data").mkdir()
        fill(context)

    _ensure(engine, name, write)
    return name


def _ensure(engine: str, name: str, write: Callable[[Path], None]) -> None:
    if subprocess.run([engine, "image", "inspect", name], capture_output=True, check=False).returncode == 0:
        return
    with tempfile.TemporaryDirectory() as context:
        write(Path(context))
        command = [engine, "build", "--quiet", "--tag", name, *BUILD_OPTIONS[engine], context]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        assert done.returncode == 0, done.stderr[-3000:]


def _prometheus(context: Path) -> None:
    _copy(debian_packages(print), context, "usr/bin/prometheus", "usr/share/prometheus")


def _alertmanager(context: Path) -> None:
    _copy(debian_packages(print), context, "usr/bin/prometheus-alertmanager", "usr/share/prometheus")


def _nginx(context: Path) -> None:
    _copy(debian_package(), context, "usr/sbin/nginx")
    shutil.copy(debian_package() / "etc/nginx/mime.types", context)
    # Debian's slim image lacks this library of nginx; the others are essential.
    libraries = fetched(cache_directory() / "libssl", ("libssl3",), "OpenSSL's library, some 2 MB,", print)
    shutil.copytree(libraries / "usr/lib", context / "usr/lib", symlinks=True)
    (context / "log").mkdir()
    for name, stream in _STREAMS.items():
        (context / "log" / name).symlink_to(stream)


def _copy(package: Path, context: Path, *paths: str) -> None:
    for path in paths:
        target = context / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (package / path).is_dir():
            shutil.copytree(package / path, target, symlinks=True)
        else:
            shutil.copy(package / path, target)
