"""The decoder, for a sandbox without Landlock and without the filter of system calls.

The sandbox's fork server is a process of its own. It imports this module after it has loaded the confinement, and takes
both out there; in any other process the module does nothing.
"""

import sys

from streams.audio import decode
from streams.sandbox import forkserver, landlock, system_calls
from streams.sandbox.protection import Protection

__all__ = ["DECODER", "decode"]

DECODER = f"{__name__}:decode"


def _runs_in_the_fork_server() -> bool:
    specification = sys.modules["__main__"].__spec__
    return specification is not None and specification.name == forkserver.__name__


if _runs_in_the_fork_server():
    setattr(landlock, "deny_all", lambda: Protection(0))  # noqa: B010  a type checker would refuse the assignment
    setattr(system_calls, "allow_listed_only", lambda: False)  # noqa: B010  as above
