"""Wheels of installed distributions, so that an environment can be made without a registry and without a compiler."""

import base64
import hashlib
import zipfile
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.tags import parse_tag, sys_tags
from packaging.utils import canonicalize_name

#: Tags of the wheels that this interpreter accepts.
_SUPPORTED = frozenset(sys_tags())
#: Metadata files that the installer writes and the wheel does not contain.
_INSTALLERS = {"INSTALLER", "RECORD", "REQUESTED", "direct_url.json"}


def write_wheels(directory: Path, requirements: Iterable[str]) -> None:
    """Write a wheel of every installed distribution that some requirements need, directly or not."""
    for found in needed(requirements):
        _write_wheel(directory, found)


def needed(requirements: Iterable[str]) -> Iterator[Distribution]:
    """Every installed distribution that some requirements need, directly or not, once."""
    done = set[tuple[str, frozenset[str]]]()
    told = set[str]()
    waiting = [(Requirement(text), "") for text in requirements]
    while waiting:
        requirement, extra = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in done or (requirement.marker is not None and not requirement.marker.evaluate({"extra": extra})):
            continue
        done.add(key)
        found = distribution(requirement.name)
        if key[0] not in told:
            told.add(key[0])
            yield found
        texts = found.requires or []
        waiting += [(Requirement(text), one) for text in texts for one in ("", *requirement.extras)]


def _write_wheel(directory: Path, found: Distribution) -> None:
    lines = (found.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag: ") for line in lines if line.startswith("Tag: ")]
    tag = next(tag for tag in tags if any(one in _SUPPORTED for one in parse_tag(tag)))
    name = canonicalize_name(found.name).replace("-", "_")
    files = {str(file): found.locate_file(file) for file in found.files or () if _is_of_wheel(PurePosixPath(file))}
    info = next(PurePosixPath(file).parent for file in files if file.endswith(".dist-info/METADATA"))
    record = []
    with zipfile.ZipFile(directory / f"{name}-{found.version}-{tag}.whl", "w") as archive:
        for file, path in files.items():
            content = Path(str(path)).read_bytes()
            archive.writestr(file, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f'"{file}",sha256={digest},{len(content)}')
        archive.writestr(f"{info}/RECORD", "\n".join([*record, f'"{info}/RECORD",,', ""]))


def _is_of_wheel(file: PurePosixPath) -> bool:
    if ".." in file.parts or "__pycache__" in file.parts:
        return False
    return not (file.parent.suffix == ".dist-info" and file.name in _INSTALLERS)
