"""Choosing and checking loopback ports."""

import random
import socket
import time
from collections.abc import Container
from dataclasses import dataclass

from infra.kafka.errors import LocalKafkaError, PortTakenError

HOST = "127.0.0.1"

# Below the range from which the kernel takes ports for outgoing connections, so that a chosen port is still free when
# a broker is restarted on it minutes later.
_LOWEST, _HIGHEST = 27_000, 31_999
# For processes that run side by side and divide it among them; not for the commands that they start.
_LOWEST_SHARED, _HIGHEST_SHARED = 15_000, 26_999
_ATTEMPTS = 200
# After a process is killed, the kernel needs a moment to release its ports.
_RELEASE_S = 1.0


@dataclass
class _Range:
    """The range from which this process chooses ports."""

    lowest: int
    highest: int


_chosen = _Range(_LOWEST, _HIGHEST)
_given: set[int] = set()  # a port that was given away may not be listened on yet


def take_part(number: int, parts: int) -> None:
    """Let this process choose its ports from one of several equal parts of a range that is for such processes alone.

    Processes that run at the same time use different parts, so that none chooses a port that another has chosen but
    does not listen on yet. The commands that they start use another range.

    Args:
        number: The index of the part, from 0.
        parts: The number of parts.
    """
    size = (_HIGHEST_SHARED + 1 - _LOWEST_SHARED) // parts
    _chosen.lowest = _LOWEST_SHARED + number * size
    _chosen.highest = _chosen.lowest + size - 1


def is_free(port: int) -> bool:
    """Whether a server could listen on a loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As the JVM does: connections that remain from an earlier server do not make the port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def accepts(port: int) -> bool:
    """Whether a server accepts connections on a loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def require_free(port: int) -> None:
    """Raise PortTakenError, which names the port, if another process keeps listening on it."""
    deadline = time.monotonic() + _RELEASE_S
    while not is_free(port):
        if time.monotonic() > deadline:
            raise PortTakenError(f"port {port} is taken by another program: stop it, or choose another port")
        time.sleep(0.05)


def free_ports(count: int, avoid: Container[int] = ()) -> int:
    """Return the first of `count` adjacent free ports, chosen at random.

    None of them is in `avoid`, and none was returned before.
    """
    for _ in range(_ATTEMPTS):
        first = random.randint(_chosen.lowest, _chosen.highest - count + 1)  # noqa: S311 - not for security
        ports = range(first, first + count)
        if all(port not in avoid and port not in _given and is_free(port) for port in ports):
            _given.update(ports)
            return first
    raise LocalKafkaError(f"found no {count} adjacent free ports from {_chosen.lowest} to {_chosen.highest}")
