"""Builds the product's image with Docker or Podman."""

import ast
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

BASE_IMAGE = "python:3.11-slim-bookworm"
NAME = "hotel-audio"
ENGINES = ("podman", "docker")
_PROJECT = Path(__file__).resolve().parents[2]
_DOCKERFILE = Path(__file__).with_name("Dockerfile")
#: Podman's own format has no health checks.
_OPTIONS = {"podman": ("--format", "docker"), "docker": ()}
#: pip's options that say where packages come from; the certificate is a file of its own.
_REGISTRY = ("index-url", "extra-index-url", "trusted-host", "proxy", "default-timeout")
_CERTIFICATE = "/run/secrets/ca.crt"
_SETTING = re.compile(r"(\S+)\.([a-z-]+)=(.*)")


class ImageError(Exception):
    """The image cannot be built. The message is one line for whoever builds it."""


@dataclass(frozen=True, slots=True)
class Image:
    """A built image.

    Attributes:
        name: Its name and tag.
        digest: Its id, ``sha256:`` and 64 hexadecimal digits.
        size: Bytes of its files.
        base_size: Bytes of the files of its base image.
    """

    name: str
    digest: str
    size: int
    base_size: int


def version() -> str:
    """The package's version, which is the image's tag."""
    return str(tomllib.loads((_PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def available_engine() -> str:
    """Find a program that builds images.

    Raises:
        ImageError: If there is none.
    """
    for engine in ENGINES:
        if shutil.which(engine):
            return engine
    raise ImageError("neither podman nor docker is installed")


def build(engine: str, name: str, base: str = BASE_IMAGE, options: Sequence[str] = ()) -> Image:
    """Build the image of this checkout. The engine reports its steps on standard error.

    Packages come from where this machine's pip gets them.

    Args:
        engine: ``podman`` or ``docker``.
        name: Name and tag of the image.
        base: Image with Python 3.11 or newer and apt on which it is based.
        options: Further options of the engine's `build`.

    Raises:
        ImageError: If the engine fails.
    """
    arguments = {"BASE_IMAGE": base, "VERSION": version(), "REVISION": _revision()}
    with _secrets() as secrets:
        command = [engine, "build", "--file", str(_DOCKERFILE), "--tag", name, *_OPTIONS[engine]]
        command += [f"--build-arg={key}={value}" for key, value in arguments.items()]
        command += [f"--secret=id={file.name},src={file}" for file in secrets]
        done = subprocess.run([*command, *options, str(_PROJECT)], stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise ImageError(f"{engine} build ended with {done.returncode}; its last lines say why")
    digest, size = _inspected(engine, name)
    return Image(name, digest, size, _inspected(engine, base)[1])


def _revision() -> str:
    command = ["git", "-C", str(_PROJECT), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()  # nothing if this is no clone


def _inspected(engine: str, name: str) -> tuple[str, int]:
    """Id and size in bytes of a local image."""
    command = [engine, "image", "inspect", "--format", "{{.Id}} {{.Size}}", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ImageError(f"{engine} has no image {name} after the build")
    digest, size = done.stdout.split()
    return f"sha256:{digest.removeprefix('sha256:')}", int(size)


@contextmanager
def _secrets() -> Iterator[list[Path]]:
    """Files with the registry's address, which may hold a password, and its certificate; they stay out of the image."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "config", "list"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    settings = pip_settings(done.stdout)
    with tempfile.TemporaryDirectory() as scratch:
        lines = [f"{name} = {settings[name]}" for name in _REGISTRY if name in settings]
        files = []
        if "cert" in settings and Path(settings["cert"]).is_file():
            files.append(Path(shutil.copy(settings["cert"], Path(scratch) / "ca.crt")))
            lines.append(f"cert = {_CERTIFICATE}")
        configuration = Path(scratch) / "pip.conf"
        configuration.write_text("\n".join(["[global]", *lines, ""]))
        yield [configuration, *files]


def pip_settings(listed: str) -> dict[str, str]:
    """Read what `pip config list` prints: the options that hold for `pip install`, those of the environment first.

    Several values of one option are on lines of their own, indented, as in pip's configuration files.
    """
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.splitlines():
        if (match := _SETTING.fullmatch(line)) is not None and match[1] in found:
            found[match[1]][match[2]] = "\n    ".join(str(ast.literal_eval(match[3])).split())
    return found["global"] | found["install"] | found[":env:"]
