"""Finds out whether a worker that is asked to stop is surplus: its ordinal is beyond the number of replicas wanted."""

import asyncio
import json
import ssl
from http import HTTPStatus
from pathlib import Path

import aiohttp
import structlog

log = structlog.get_logger(__name__)

#: Seconds for the answer. The worker stops meanwhile, and remains a member of its group without an answer.
_TIMEOUT = 2.0
#: Where Kubernetes mounts a pod's token and its own certificate authority.
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
#: Bytes; the scale of a StatefulSet takes less than one kilobyte.
_LARGEST_ANSWER = 64 * 2**10


async def is_surplus(ordinal: int | None, source: str | None) -> bool:
    """Whether a worker that is asked to stop will not be started again, as far as it can be known.

    Args:
        ordinal: The worker's number among its replicas, counted from 0; None if it has none.
        source: Where the number of replicas wanted is read, see `wanted_replicas`; None if it cannot be known.

    Returns:
        Whether its ordinal is beyond that number. False, with a line in the log, if the number cannot be read.
    """
    if ordinal is None or source is None:
        return False
    try:
        replicas = await wanted_replicas(source)
    except (OSError, TimeoutError, ValueError, aiohttp.ClientError) as error:
        log.warning("replicas_unknown", source=source, reason=str(error) or type(error).__name__)
        return False
    return ordinal >= replicas


async def wanted_replicas(source: str, account: Path = _SERVICE_ACCOUNT) -> int:
    """Read how many replicas of the worker are wanted.

    Args:
        source: Path of a file with the number, or the URL of a StatefulSet's scale (``autoscaling/v1``).
        account: Directory with the pod's ``token`` and the API server's ``ca.crt``, for a URL.

    Raises:
        OSError: If a file cannot be read, or the server cannot be reached.
        TimeoutError: If the server does not answer in time.
        aiohttp.ClientError: If the connection to it fails.
        ValueError: If it refuses, or the answer has no such number.
    """
    if not source.startswith("https://"):
        return int(Path(source).read_text(encoding="utf-8"))
    trusted = ssl.create_default_context(cafile=str(account / "ca.crt"))
    token = (account / "token").read_text(encoding="utf-8").strip()  # read anew each time: Kubernetes renews it
    async with (
        asyncio.timeout(_TIMEOUT),
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(source, ssl=trusted, allow_redirects=False) as response,
    ):
        if response.status != HTTPStatus.OK:
            raise ValueError(f"the server answers with status {response.status}")
        return _replicas_of(await response.content.read(_LARGEST_ANSWER))


def _replicas_of(answer: bytes) -> int:
    match json.loads(answer):
        case {"kind": "Scale", "spec": {"replicas": int(replicas)}}:
            return replicas
        case {"kind": "Scale", "spec": {**fields}} if "replicas" not in fields:  # Kubernetes leaves 0 out
            return 0
        case _:
            raise ValueError("the answer is not the scale of a StatefulSet")
