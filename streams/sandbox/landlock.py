"""Landlock: a process gives up its access to files, to the network and to other processes; see landlock(7)."""

import ctypes
import os
import struct

from streams.sandbox.protection import Protection

_CREATE_RULESET = 444  # these two are the same on every architecture
_RESTRICT_SELF = 446
_GET_VERSION = 1
#: Number of the interface's version, and how many rights to files it knows. Later versions may add more.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_TCP_RIGHTS, _TCP_SINCE = 0b11, 4  # bind and connect
_SCOPES, _SCOPES_SINCE = 0b11, 6  # abstract sockets and signals

_libc = ctypes.CDLL(None, use_errno=True)


def deny_all() -> Protection:
    """Irreversibly deny this process all that the kernel's Landlock knows; it must have set no_new_privs.

    Returns:
        What is in force now.
    """
    version = _version()
    if version < 1:
        return Protection(0)
    fields = [(1 << max(count for since, count in _FILE_RIGHTS.items() if since <= version)) - 1]
    if version >= _TCP_SINCE:
        fields.append(_TCP_RIGHTS)
    if version >= _SCOPES_SINCE:
        fields.append(_SCOPES)
    attributes = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return Protection(0)
    refused = _libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return Protection(0) if refused else _of(version)


def _version() -> int:
    """Version of Landlock's interface; negative if the kernel has no Landlock or it is disabled."""
    return int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _GET_VERSION))


def _of(version: int) -> Protection:
    network = Protection.NETWORK if version >= _TCP_SINCE else Protection(0)
    signals = Protection.SIGNALS if version >= _SCOPES_SINCE else Protection(0)
    return Protection.FILES | network | signals if version >= 1 else Protection(0)
