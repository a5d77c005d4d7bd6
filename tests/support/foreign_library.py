"""A decoder whose system library needs a system call that the sandbox's filter does not allow, for every file."""

import os

from schemas import MediaType
from streams.audio import Clip, DecodeLimits
from tests.support.misbehaving import CLIP


def decode(audio: bytes, media_type: MediaType, limits: DecodeLimits) -> Clip:
    """Use the call; return the same clip for all inputs."""
    os.getpriority(os.PRIO_PROCESS, 0)
    return CLIP
