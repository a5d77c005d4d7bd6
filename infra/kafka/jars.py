"""Apache Kafka's jars, downloaded once with Maven."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from infra.directories import cache_directory
from infra.kafka.errors import LocalKafkaError
from infra.locks import locked

POM = Path(__file__).with_name("pom.xml")
_STAMP = ".pom-sha256"
_FETCH_TIMEOUT_S = 900


def silent(_message: str) -> None:
    """Ignore a message."""


def ensure_jars(report: Callable[[str], None] = silent, pom: Path = POM) -> Path:
    """Return the directory of Kafka's jars, after downloading them if they are missing or the pom has changed.

    The directory is named after that of the pom. Concurrent callers wait for one download. The directory is created
    complete, or not at all.
    """
    build = cache_directory()
    libs = build / f"{pom.parent.name}-libs"
    wanted = hashlib.sha256(pom.read_bytes()).hexdigest()
    if _stamp(libs) == wanted:
        return libs
    build.mkdir(parents=True, exist_ok=True)
    with locked(libs.with_suffix(".lock")):
        if _stamp(libs) != wanted:
            report(f"fetching the jars of {pom.parent.name} with Maven")
            _replace(libs, wanted, pom)
    return libs


def _stamp(libs: Path) -> str | None:
    try:
        return (libs / _STAMP).read_text().strip()
    except FileNotFoundError:
        return None


def _replace(libs: Path, stamp: str, pom: Path) -> None:
    with tempfile.TemporaryDirectory(dir=libs.parent, prefix=f"{libs.name}-") as scratch:
        fetched = Path(scratch) / "libs"
        _fetch(fetched, pom)
        (fetched / _STAMP).write_text(stamp + "\n")
        shutil.rmtree(libs, ignore_errors=True)
        fetched.rename(libs)


def _fetch(into: Path, pom: Path) -> None:
    command = ["mvn", "-B", "-q", "-Dstyle.color=never", "--strict-checksums", "-f", str(pom)]
    command += ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={into}"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_FETCH_TIMEOUT_S,
            check=False,
        )
    except FileNotFoundError:
        raise LocalKafkaError("Maven (mvn) is not installed; it fetches the jars") from None
    except subprocess.TimeoutExpired:
        raise LocalKafkaError(f"Maven did not fetch the jars within {_FETCH_TIMEOUT_S} s") from None
    if done.returncode != 0:
        tail = "\n".join(done.stdout.strip().splitlines()[-10:])
        raise LocalKafkaError(f"Maven could not fetch the jars:\n{tail}")
