"""Checks the machine of a process: state directory, open files, memory, processors, decoders, HTTP endpoint."""

import asyncio
import http.client
import json
import os
import resource
import shutil
import urllib.request
from pathlib import Path

import psutil

from schemas.topics import load_topics
from scripts.cli import counted
from scripts.diagnosis.checking import API, Installation
from scripts.validation.finding import Finding, failed, passed, warned
from streams.kafka.spoken_protocol import trusting_context
from streams.runtime.api_settings import ApiSettings
from streams.runtime.decoders import demand_problem, start_problem
from streams.runtime.endpoint_url import endpoint_url
from streams.runtime.memory import MemoryGauge
from streams.runtime.setting_declaration import declared
from streams.runtime.settings import DEMANDED, EndpointSettings
from streams.runtime.start_problems import endpoint_problem
from streams.runtime.state_directory import StateDirectoryError, check_state_directory
from streams.sandbox import SandboxError, protections

STATE, FILES, MEMORY, PROCESSORS, DECODERS, ENDPOINT = (
    "state directory", "open files", "memory", "processors", "decoders", "HTTP endpoint",
)  # fmt: skip
_MIB = 2**20
#: A worker without its cache and its inputs, and for each partition; docs/deployment/SIZES.md.
_BASE_BYTES, _PARTITION_BYTES = 230_000_000, 2_000_000
#: For each partition's table (streams/engine/rocksdb_options.py), and for all else.
_TABLE_FILES, _OTHER_FILES = 64, 256
_NETWORK = ("nfs", "cifs", "smb", "ceph", "fuse", "9p", "glusterfs", "lustre", "afs", "virtiofs")
_LOST = ("overlay", "tmpfs", "ramfs", "aufs")
_ANSWER_WITHIN = 3.0  # seconds


async def check_state(installation: Installation) -> list[Finding]:
    """Whether the state directory can be written, has room, and is on a disk of this machine that stays."""
    directory = installation.process.state_dir
    try:
        exists = check_state_directory(directory)
    except StateDirectoryError as error:
        return [failed(STATE, "", str(error), "name a directory that this user may write, on a disk with room")]
    there = next(one for one in (directory.absolute(), *directory.absolute().parents) if one.exists())
    free, kind = shutil.disk_usage(there).free, file_system(there, Path("/proc/self/mountinfo").read_text())
    place = f"{directory}{'' if exists else ' (to be made)'}"
    told = f"{place}, {free // _MIB} MiB free, on {kind or 'an unknown file system'}"
    if kind.startswith(_NETWORK):
        return [warned(STATE, "", f"{told}: tables may be damaged there", "name a directory on a disk of this machine")]
    if installation.role.name == API:  # its index is made anew from the topics
        return [passed(STATE, "", told)]
    if kind in _LOST:
        return [warned(STATE, "", f"{told}: it is lost with the container or the machine", "mount a volume there")]
    if free < installation.worker.cache_bytes:
        return [warned(STATE, "", f"{told}: less than AUDIO_CACHE_SIZE", "make room, or lower AUDIO_CACHE_SIZE")]
    return [passed(STATE, "", told)]


def file_system(path: Path, mounts: str) -> str:
    """The kind of file system that a path is on; empty if it is not known.

    Args:
        path: Absolute.
        mounts: The text of ``/proc/self/mountinfo``.
    """
    found = [
        (len(fields[4]), number, fields[fields.index("-") + 1])
        for number, fields in enumerate(line.split() for line in mounts.splitlines())
        if "-" in fields and path.is_relative_to(fields[4])
    ]
    return max(found)[2] if found else ""


async def check_open_files(_: Installation) -> list[Finding]:
    """Whether a worker may open as many files as its tables and connections need."""
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = _TABLE_FILES * max(spec.partitions for spec in load_topics()) + _OTHER_FILES
    told = f"at most {soft}, and {needed} may be needed"
    remedy = f"ulimit -n {needed}, LimitNOFILE= of systemd, or ulimits of the container"
    return [passed(FILES, "", told) if soft >= needed else warned(FILES, "", told, remedy)]


async def check_memory(installation: Installation) -> list[Finding]:
    """Whether cache and inputs fit into the memory that the worker may use."""
    settings = installation.worker
    use = MemoryGauge(settings.memory_limit).read()
    limit = psutil.virtual_memory().total if use is None else use.limit
    partitions = max(spec.partitions for spec in load_topics())
    needed = _BASE_BYTES + _PARTITION_BYTES * partitions + settings.cache_bytes + settings.max_in_flight_bytes
    source = "this machine's" if use is None else "the limit's"
    told = f"{needed // _MIB} MiB needed with a full cache, of {source} {limit // _MIB} MiB"
    remedy = "raise the limit, or lower AUDIO_CACHE_SIZE; near its limit a worker keeps less in its cache"
    return [passed(MEMORY, "", told) if needed <= limit else warned(MEMORY, "", told, remedy)]


async def check_processors(_: Installation) -> list[Finding]:
    """How many records are processed at the same time, and whether the control group lets them."""
    threads = len(os.sched_getaffinity(0))
    quota = cpu_quota(Path("/sys/fs/cgroup/cpu.max"))
    if quota is None:
        return [passed(PROCESSORS, "", f"{counted(threads, 'core')}, without a limit")]
    told = f"{counted(threads, 'core')}, of which the control group gives {quota:g}"
    return [
        warned(PROCESSORS, "", told, "give a worker at least one core") if quota < 1 else passed(PROCESSORS, "", told)
    ]


def cpu_quota(file: Path) -> float | None:
    """The cores that a control group gives; None without a limit.

    Args:
        file: Its ``cpu.max``.
    """
    try:
        quota, period = file.read_text().split()
        return int(quota) / int(period)
    except (OSError, ValueError):  # there is none, or it says max
        return None


async def check_decoders(installation: Installation) -> list[Finding]:
    """Whether decoders start, and how they are confined."""
    try:
        found = await asyncio.to_thread(protections)
    except SandboxError as error:
        return [failed(DECODERS, "", start_problem(error), "the worker's log has more; is /proc mounted?")]
    missing = [kind for kind, holds in found.items() if not holds]
    told = f"confined by {', '.join(kind for kind, holds in found.items() if holds) or 'nothing'}"
    if missing and installation.process.sandbox_protections == DEMANDED:
        return [failed(DECODERS, "", demand_problem(missing), "run it on a newer kernel, or demand less")]
    if missing:
        remedy = "a newer kernel, or a container engine's profile that allows it, has them"
        return [warned(DECODERS, "", f"{told}; not by {', '.join(missing)}", remedy)]
    return [passed(DECODERS, "", told)]


async def check_endpoint(installation: Installation) -> list[Finding]:
    """Whether HTTP can be served, or a process serves it already."""
    settings = installation.process
    variable, port = _port(settings)
    url = endpoint_url(settings.http_host, port, tls=settings.http_tls is not None)
    try:
        server = await asyncio.start_server(lambda *_: None, settings.http_host, port)
    except OSError as error:
        if await asyncio.to_thread(_lives, url):
            return [passed(ENDPOINT, "", f"a process answers at {url}")]
        remedy = "give the process another port or host, or end what listens there"
        return [failed(ENDPOINT, "", endpoint_problem(error, settings.http_host, variable, port), remedy)]
    server.close()
    return [passed(ENDPOINT, "", f"{url} is free")]


def _port(settings: EndpointSettings) -> tuple[str, int]:
    """The variable that sets the port, and the port."""
    field = "api_port" if isinstance(settings, ApiSettings) else "http_port"
    port: int = getattr(settings, field)
    return declared(type(settings))[field].variable, port


def _lives(url: str) -> bool:
    try:
        tls, live = trusting_context(), f"{url}/health/live"
        with urllib.request.urlopen(live, timeout=_ANSWER_WITHIN, context=tls) as answer:  # noqa: S310  # nosec B310 # ours
            return bool(json.loads(answer.read(_MIB)) == {"live": True})
    except (OSError, ValueError, http.client.HTTPException):  # the latter if something else than HTTP is spoken there
        return False
